"""The models of these tests."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from howdah.kit.orm import Base, Entity, Identified, Versioned


class Writer(Entity):
    email: Mapped[str] = mapped_column(unique=True)
    articles: Mapped[list[BlogArticle]] = relationship(back_populates="writer", order_by="BlogArticle.title")


class BlogArticle(Versioned, Entity):
    title: Mapped[str]
    about: Mapped[dict[str, Any] | None]
    writer_id: Mapped[UUID | None] = mapped_column(ForeignKey("writer.id"))
    writer: Mapped[Writer | None] = relationship(back_populates="articles")


class Tag(Identified, Base):
    word: Mapped[str] = mapped_column(unique=True)
