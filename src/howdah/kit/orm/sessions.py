"""Sessions that commit once, say when that fails, and find no row that was deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy.orm
from sqlalchemy import event, exc
from sqlalchemy.ext import asyncio as aio
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria

from howdah.kit.db.errors import Mistake
from howdah.kit.db.settings import DEFAULT
from howdah.kit.orm.engines import async_engine, engine
from howdah.kit.orm.failures import explain
from howdah.kit.orm.models import Deletable, current_user

INCLUDE_DELETED: Final = "include_deleted"
PURGE: Final = "purge"


class Session(sqlalchemy.orm.Session):
    """SQLAlchemy's, in which a `Deletable` row that was deleted is not found."""

    def get(self, entity: Any, ident: Any, **options: Any) -> Any:
        """The row with this key, None when there is none or it was deleted; SQLAlchemy's ``get`` otherwise."""
        found = super().get(entity, ident, **options)
        wanted = (options.get("execution_options") or {}).get(INCLUDE_DELETED)
        return None if not wanted and isinstance(found, Deletable) and found.deleted_at is not None else found

    def delete(self, instance: object) -> None:
        """The row is deleted when the session is flushed; a `Deletable` one stays, with when and by whom."""
        if isinstance(instance, Deletable):
            instance.deleted_at = datetime.now(UTC)
            instance.deleted_by = current_user()
        else:
            super().delete(instance)

    def purge(self, instance: object) -> None:
        """The row is really deleted when the session is flushed, whatever it is."""
        super().delete(instance)


class AsyncSession(aio.AsyncSession):
    """SQLAlchemy's for event loops, over a `Session` of ours."""

    sync_session_class = Session

    async def purge(self, instance: object) -> None:
        """The row is really deleted when the session is flushed, whatever it is."""
        session = self.sync_session
        assert isinstance(session, Session)
        await self.run_sync(lambda _: session.purge(instance))


@event.listens_for(Session, "do_orm_execute")
def _find_no_deleted(state: ORMExecuteState) -> None:
    """Every statement of a session finds what was not deleted, relationships and subqueries too.

    Not when the columns of a row that one has are read again: it would be gone as soon as it is deleted. A DELETE of
    many rows is refused where it would really delete, unless that is said.
    """
    options = state.execution_options
    if state.is_delete and not options.get(PURGE):
        mapper = state.bind_mapper
        if mapper is not None and issubclass(mapper.class_, Deletable):
            raise Mistake(
                f"This would really delete rows of {mapper.class_.__name__}.",
                hint="Set deleted_at instead, or say execution_options(purge=True).",
            )
    if (state.is_select or state.is_update or state.is_delete) and not (
        state.is_column_load or options.get(INCLUDE_DELETED)
    ):
        state.statement = state.statement.options(
            with_loader_criteria(Deletable, lambda cls: cls.deleted_at.is_(None), include_aliases=True)
        )


@contextmanager
def session(name: str = DEFAULT) -> Iterator[Session]:
    """A session of the database ``name``: what it did is stored when the block ends, nothing of it where it raises.

    Raises DbError for whatever the database refuses, in the block or at the commit.
    """
    with translated(), Session(engine(name), expire_on_commit=False) as one:
        yield one
        one.commit()


@asynccontextmanager
async def async_session(name: str = DEFAULT) -> AsyncIterator[AsyncSession]:
    """As `session`, for event loops."""
    with translated():
        async with AsyncSession(async_engine(name), expire_on_commit=False) as one:
            yield one
            await one.commit()


@contextmanager
def translated() -> Iterator[None]:
    """Whatever SQLAlchemy raises in the block is raised as an error of ours."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise explain(error) from None
