"""The rows of one model, for code that waits in threads: found, listed, made, changed, deleted.

`async_repository` is its twin for event loops.

    class Articles(Repository[Article]):
        model = Article

        def query(self):
            return super().query().where(Article.published)

Nothing here commits: that is the session's, once for all of a request. Each change is sent at once, so that whatever
the database refuses is raised where it was done.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, select

from howdah.kit.orm import queries
from howdah.kit.orm.errors import NotFound, Stale
from howdah.kit.orm.queries import Order, Page
from howdah.kit.orm.sessions import INCLUDE_DELETED, Session, translated

M = TypeVar("M")
Rows = list  # `list` is a word of the repository


class Repository(Generic[M]):
    """The rows of ``model`` in a session; ``query`` may be overridden to say which of them it knows."""

    model: ClassVar[type[Any]]

    def __init__(self, session: Session) -> None:
        self.session = session

    def query(self) -> Select[M]:
        """The rows that the repository knows; everything it does is about those."""
        return select(self.model)

    def find(self, key: Any, *, deleted: bool = False) -> M | None:
        """The row with this key, None when there is none; with ``deleted`` also one that was deleted."""
        statement = queries.found_by_key(self.query(), self.model, key)
        with translated():
            return self.session.scalars(statement, execution_options={INCLUDE_DELETED: deleted}).one_or_none()

    def get(self, key: Any, *, deleted: bool = False) -> M:
        """The row with this key. Raises NotFound."""
        found = self.find(key, deleted=deleted)
        if found is None:
            raise NotFound(f"There is no such {self.model.__name__}.")
        return found

    def list(
        self, *where: ColumnElement[bool], order: Order = (), limit: int | None = 100, offset: int = 0, **filters: Any
    ) -> Rows[M]:
        """The rows that are as the conditions and the filters by column say. Raises UnknownColumn."""
        statement = queries.filtered(self.query().where(*where), self.model, filters)
        with translated():
            return [*self.session.scalars(queries.paged(queries.ordered(statement, self.model, order), limit, offset))]

    def count(self, *where: ColumnElement[bool], **filters: Any) -> int:
        """How many rows are so. Raises UnknownColumn."""
        statement = queries.filtered(self.query().where(*where), self.model, filters)
        with translated():
            return self.session.scalars(queries.counted(statement)).one()

    def page(
        self, *where: ColumnElement[bool], order: Order = (), limit: int = 100, offset: int = 0, **filters: Any
    ) -> Page[M]:
        """What `list` finds, and how many there are without limit and offset."""
        items = self.list(*where, order=order, limit=limit, offset=offset, **filters)
        return Page(items, self.count(*where, **filters))

    def create(self, **values: Any) -> M:
        """A new row. Raises UnknownColumn: a value is for no column, or one that the kit sets."""
        made: M = self.model(**queries.checked(self.model, values, new=True))
        self.session.add(made)
        self._send()
        return made

    def update(self, key: Any, *, version: int | None = None, **values: Any) -> M:
        """The row with this key has these values; where ``version`` is given, only if it still is that one.

        Raises NotFound, Stale, UnknownColumn.
        """
        row = self.get(key)
        if version is not None and getattr(row, "version", version) != version:
            raise Stale(hint="Read it again, and change what is there now.")
        for name, value in queries.checked(self.model, values, new=False).items():
            setattr(row, name, value)
        self._send()
        return row

    def delete(self, key: Any) -> M:
        """The row with this key is deleted; a `Deletable` one can be restored. Raises NotFound."""
        row = self.get(key)
        self.session.delete(row)
        self._send()
        return row

    def restore(self, key: Any) -> M:
        """A row that was deleted is there again. Raises NotFound."""
        row = self.get(key, deleted=True)
        queries.restored(row)
        self._send()
        return row

    def _send(self) -> None:
        """What was done is in the database, and what that made of it is in the rows."""
        with translated():
            self.session.flush()
