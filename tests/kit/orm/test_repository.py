"""Repositories, by threads and by event loops alike."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.kit.db.blocking import Blocking
from tests.kit.orm.models import BlogArticle, Tag

from howdah.kit.db import errors as e
from howdah.kit.orm import AsyncRepository, NotFound, Repository, Stale, UnknownColumn, async_session, session
from howdah.kit.orm.engines import close_engines


class Articles(Repository[BlogArticle]):
    model = BlogArticle


class AsyncArticles(AsyncRepository[BlogArticle]):
    model = BlogArticle


class Tags(Repository[Tag]):
    model = Tag


class AsyncTags(AsyncRepository[Tag]):
    model = Tag


class Shouted(Articles):
    def query(self) -> Any:
        return super().query().where(BlogArticle.title.like("%!"))


class AsyncShouted(AsyncArticles):
    def query(self) -> Any:
        return super().query().where(BlogArticle.title.like("%!"))


KINDS = {"sync": (Articles, Tags, Shouted), "async": (AsyncArticles, AsyncTags, AsyncShouted)}


@pytest.fixture(params=["sync", "async"])
def rooms(request: pytest.FixtureRequest, shop: str) -> Iterator[tuple[Any, Any, Any]]:
    """The repositories of articles, of tags, and of articles that end with an exclamation mark; in one session."""
    kinds = KINDS[request.param]
    with ExitStack() as stack:
        if request.param == "sync":
            one = stack.enter_context(session())
            yield tuple(kind(one) for kind in kinds)  # type: ignore[misc]
            return
        runner = stack.enter_context(asyncio.Runner())
        manager = async_session()
        opened = runner.run(manager.__aenter__())
        yield tuple(Blocking(kind(opened), runner) for kind in kinds)  # type: ignore[misc, arg-type]
        runner.run(manager.__aexit__(None, None, None))
        runner.run(_close())


async def _close() -> None:
    close_engines()


def test_both_have_the_same_words() -> None:
    """Every public method takes the same arguments, and says the same of itself."""

    def words(kind: type) -> dict[str, tuple[list[str], str | None]]:
        return {
            name: ([f"{p.name} {p.default!r}" for p in inspect.signature(one).parameters.values()], inspect.getdoc(one))
            for name, one in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert words(Repository) == words(AsyncRepository)


def test_rows_are_made_found_and_changed(rooms: Any) -> None:
    """L20: create, get, update; who has no such row is told so (404)."""
    articles, _, _ = rooms
    made = articles.create(title="A", about={"n": 1})
    assert (made.version, made.created_at.tzinfo is not None) == (1, True)
    assert articles.get(made.id).title == "A"
    changed = articles.update(made.id, title="B", version=1)
    assert (changed.title, changed.version) == ("B", 2)
    with pytest.raises(Stale):
        articles.update(made.id, title="C", version=1)
    for key in (uuid4(), made.id):
        if key != made.id:
            assert articles.find(key) is None
            with pytest.raises(NotFound) as missing:
                articles.get(key)
            assert missing.value.status == 404
            with pytest.raises(NotFound):
                articles.update(key, title="x")


def test_rows_are_listed(rooms: Any) -> None:
    """L20: filters, order, range, all of them, how many; in an order that pages do not overlap in."""
    articles, _, _ = rooms
    for n in range(7):
        articles.create(title=f"t{n % 3}", about=None if n else {"first": True})

    def titles(*where: Any, **more: Any) -> list[str]:
        return [one.title for one in articles.list(*where, **more)]

    assert titles(order="title") == ["t0", "t0", "t0", "t1", "t1", "t2", "t2"]
    assert titles(order=["-title"], limit=3) == ["t2", "t2", "t1"]
    assert titles(title="t2") == ["t2", "t2"]
    assert titles(title=["t1", "t2", None], order="title") == ["t1", "t1", "t2", "t2"]
    assert titles(BlogArticle.title > "t1", order="title") == ["t2", "t2"]
    assert titles(writer_id=None, title="t1") == ["t1", "t1"]
    pages = [articles.page(order="title", limit=3, offset=offset) for offset in (0, 3, 6)]
    assert [page.total for page in pages] == [7, 7, 7]
    assert len({one.id for page in pages for one in page.items}) == 7
    assert (articles.count(), articles.count(title="t0"), len(titles(limit=None))) == (7, 3, 7)
    for wrong in ({"nothing": 1}, {"order": "nothing"}, {"order": "writer"}, {"metadata": 1}):
        with pytest.raises(UnknownColumn) as unknown:
            articles.list(**wrong)
        assert unknown.value.status == 400


def test_what_was_deleted_is_not_found_and_can_be_restored(rooms: Any) -> None:
    """L19, L20: by nothing the repository does; purged where its model keeps none."""
    articles, tags, _ = rooms
    made = articles.create(title="A")
    assert articles.delete(made.id).deleted_at is not None
    assert articles.find(made.id) is None
    assert articles.find(made.id, deleted=True) is made
    assert (articles.list(), articles.count()) == ([], 0)
    with pytest.raises(NotFound):
        articles.delete(made.id)
    assert articles.restore(made.id).deleted_at is None
    assert articles.get(made.id) is made
    tag = tags.create(word="w")
    tags.delete(tag.id)
    assert tags.find(tag.id, deleted=True) is None
    other = tags.create(word="w")
    with pytest.raises(e.Mistake):
        tags.restore(other.id)


def test_what_is_not_for_callers_to_set_is_refused(rooms: Any) -> None:
    """F11: unknown keys were ignored; and nobody says who made a row, or which version it is."""
    articles, _, _ = rooms
    made = articles.create(title="A")
    for values in ({"nothing": 1}, {"created_by": "me"}, {"deleted_at": None}, {"version": 7}, {"metadata": 1}):
        with pytest.raises(UnknownColumn):
            articles.create(title="B", **values)
        if "version" not in values:
            with pytest.raises(UnknownColumn):
                articles.update(made.id, **values)
    with pytest.raises(UnknownColumn):
        articles.update(made.id, id=uuid4())
    assert articles.create(title="C", id=(key := uuid4())).id == key


def test_a_refusal_of_the_database_is_raised_where_it_was_done(rooms: Any) -> None:
    """F7: a duplicate is a conflict, and no success with an empty id."""
    _, tags, _ = rooms
    tags.create(word="w")
    with pytest.raises(e.Duplicate) as duplicate:
        tags.create(word="w")
    assert (duplicate.value.status, duplicate.value.path) == (409, "word")
    session = tags.session
    undone = session.rollback()
    if inspect.iscoroutine(undone):
        tags._runner.run(undone)


def test_a_repository_knows_the_rows_of_its_query(rooms: Any) -> None:
    """L20: an overridable base query; by key too."""
    articles, _, shouted = rooms
    quiet, loud = articles.create(title="hey"), articles.create(title="hey!")
    assert [one.id for one in shouted.list()] == [loud.id]
    assert (shouted.count(), shouted.find(quiet.id)) == (1, None)
    with pytest.raises(NotFound):
        shouted.delete(quiet.id)


def test_nothing_of_it_commits(shop: str) -> None:
    """L20: each call committed by itself; here the session does, once."""
    with pytest.raises(ZeroDivisionError), session() as one:  # noqa: PT012
        Articles(one).create(title="A")
        raise ZeroDivisionError
    with session() as one:
        assert one.scalars(select(BlogArticle)).all() == []
