"""What clients send and get: camelCase for them, snake_case here."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from howdah.kit.camel import CamelModel
from pydantic import StringConstraints

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NewNote(CamelModel):
    title: Title
    body: str = ""


class NoteChange(CamelModel):
    title: Title | None = None
    body: str | None = None


class ShownNote(CamelModel):
    id: UUID
    title: str
    body: str
    created_at: datetime
    created_by: str | None
    updated_at: datetime


class NotePage(CamelModel):
    total: int
    items: list[ShownNote]
