"""What a service's models are made of: a base with names for constraints, and the columns that nobody should forget.

    class Article(Entity):
        title: Mapped[str]

has a UUID as key, says who created, changed and deleted it and when, and is not found any more once it is deleted.
Each of these can be had alone: `Identified`, `Stamped`, `Deletable`, `Versioned` beside `Base`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Text, func, inspect, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from howdah.kit.context import exchange
from howdah.kit.orm.uuids import uuid7
from howdah.session import USER_ID_HEADER

NAMES: Final = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""How constraints are called, so that a migration can name what an earlier one has made."""

_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def table_name(class_name: str) -> str:
    """What the table of a class is called.

    >>> table_name("HTTPRequestLog"), table_name("Article")
    ('http_request_log', 'article')
    """
    return _WORDS.sub("_", class_name).lower()


def current_user() -> str | None:
    """The id of the user on whose behalf the current request is; None outside of one, or for nobody."""
    one = exchange.get()
    return None if one is None else one.session.variables.get(USER_ID_HEADER)


class Base(DeclarativeBase):
    """The base of a service's models.

    A table is called as its class, unless ``__tablename__`` says otherwise. Times are with their zone, a ``dict`` is
    ``jsonb``, a ``str`` is ``text``. A service with a schema of its own, as it should have, says so once:
    ``Base.metadata.schema = "billing"``, before its first model.
    """

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        str: Text,
    }

    @declared_attr.directive
    def __tablename__(cls) -> str | None:  # noqa: N805 - a class, to SQLAlchemy
        """The table's name, made of the class's."""
        return None if cls.__dict__.get("__abstract__") else table_name(cls.__name__)

    def to_dict(self, *, only: Iterable[str] = (), exclude: Iterable[str] = ()) -> dict[str, Any]:
        """The values of the row by column: of all, ``only`` of these, or of all but those to ``exclude``.

        Raises ValueError: both are said, or a name is no column's.
        """
        names = tuple(inspect(type(self)).column_attrs.keys())
        if only and exclude:
            raise ValueError("to_dict() takes only or exclude, not both")
        if unknown := {*only, *exclude}.difference(names):
            raise ValueError(f"{type(self).__name__} has no column {', '.join(sorted(unknown))}")
        chosen = [name for name in names if name not in set(exclude)]
        return {name: getattr(self, name) for name in (tuple(only) or chosen)}

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - a class, to SQLAlchemy
        """What Postgres made of a row comes back with the statement; a version is looked at in every update."""
        version = getattr(cls, "version", None) if Versioned in getattr(cls, "__mro__", ()) else None
        return {"eager_defaults": True} if version is None else {"eager_defaults": True, "version_id_col": version}


class Identified:
    """The key is a UUID that grows with time, made when the row is; by Postgres for rows that others insert."""

    id: Mapped[UUID] = mapped_column(
        primary_key=True, default=uuid7, server_default=text("gen_random_uuid()"), sort_order=-100
    )


class Stamped:
    """When the row was made and last changed, and on whose behalf: the user's id of the current request."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=100)
    created_by: Mapped[str | None] = mapped_column(default=current_user, sort_order=101)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now(), sort_order=102)
    updated_by: Mapped[str | None] = mapped_column(default=current_user, onupdate=current_user, sort_order=103)


class Deletable:
    """A row that is deleted stays, and is not found: no select of a session sees it, nor does a relationship.

    ``execution_options(include_deleted=True)`` sees all; ``session.purge(row)`` really deletes.
    """

    deleted_at: Mapped[datetime | None] = mapped_column(default=None, sort_order=104)
    deleted_by: Mapped[str | None] = mapped_column(default=None, sort_order=105)


class Versioned:
    """Whoever changes a row that somebody else has changed meanwhile is refused (`Stale`, 409)."""

    version: Mapped[int] = mapped_column(default=1, server_default=text("1"), sort_order=106)


class Entity(Identified, Stamped, Deletable, Base):
    """A base with all of it, but for the version."""

    __abstract__ = True


MANAGED: Final = frozenset(
    {"created_at", "created_by", "updated_at", "updated_by", "deleted_at", "deleted_by", "version"}
)
"""Columns that are set by the kit and by nobody else."""
