"""SQLAlchemy for a service: models that keep books, sessions that commit once, repositories.

    from howdah.kit.orm import Entity, Repository, session

    with session() as one:
        one.add(Article(title="Hello"))

Needs ``howdah[sqlalchemy]``. docs/orm.md tells all of it.
"""

from howdah.kit.orm.async_repository import AsyncRepository
from howdah.kit.orm.engines import async_engine, close_engines, engine
from howdah.kit.orm.errors import NotFound, Stale, UnknownColumn
from howdah.kit.orm.models import Base, Deletable, Entity, Identified, Stamped, Versioned
from howdah.kit.orm.queries import Page
from howdah.kit.orm.repository import Repository
from howdah.kit.orm.sessions import AsyncSession, Session, async_session, session
from howdah.kit.orm.uuids import uuid7

__all__ = [
    "AsyncRepository",
    "AsyncSession",
    "Base",
    "Deletable",
    "Entity",
    "Identified",
    "NotFound",
    "Page",
    "Repository",
    "Session",
    "Stale",
    "Stamped",
    "UnknownColumn",
    "Versioned",
    "async_engine",
    "async_session",
    "close_engines",
    "engine",
    "session",
    "uuid7",
]
