"""Models: keys, names, who and when; what was deleted is found by nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.orm import aliased, joinedload, selectinload
from tests.kit.orm.models import Base, BlogArticle, Tag, Writer

from howdah.kit.context import acting
from howdah.kit.db import errors as e
from howdah.kit.orm import NotFound, Stale, session, uuid7
from howdah.kit.orm.sessions import translated
from howdah.session import Session

ANN = Session("user", {"x-hasura-user-id": "ann"})
BEN = Session("user", {"x-hasura-user-id": "ben"})


def test_keys_grow_with_time() -> None:
    """L20: UUIDs; of version 7, so that an index grows at its end."""
    keys = []
    for _ in range(50):
        keys.append(uuid7())
        time.sleep(0.00001)
    assert keys == sorted(keys)
    assert {key.version for key in keys} == {7}
    assert len({uuid7(0) for _ in range(1000)}) == 1000


def test_tables_and_constraints_have_names() -> None:
    """F11: a table's name is made of its class's; each constraint can be named by a later migration."""
    table = Base.metadata.tables["blog_article"]
    assert {str(one.name) for one in table.constraints} == {
        "pk_blog_article",
        "fk_blog_article_writer_id_writer",
    }
    assert {str(one.name) for one in Base.metadata.tables["writer"].constraints} == {"pk_writer", "uq_writer_email"}


def test_who_and_when_are_known(shop: str) -> None:
    """L19, L20: created, updated and deleted, at and by; by nobody outside of a request."""
    with acting(ANN), session() as one:
        one.add(article := BlogArticle(title="A", about={"n": 1}))
    assert (article.created_by, article.updated_by, article.version) == ("ann", "ann", 1)
    made = article.created_at
    assert made.tzinfo is not None
    with acting(BEN), session() as one:
        found = one.get(BlogArticle, article.id)
        found.title = "B"
    assert (found.created_by, found.updated_by, found.created_at) == ("ann", "ben", made)
    assert found.updated_at > made
    with acting(ANN), session() as one:
        one.execute(update(BlogArticle).values(title="C"))
    with session() as one:
        assert one.scalars(select(BlogArticle.updated_by)).one() == "ann"
        one.execute(text("INSERT INTO tag (word) VALUES ('by hand')"))
        one.add(quiet := BlogArticle(title="Q"))
    assert quiet.created_by is None
    with acting(BEN), session() as one:
        one.delete(one.get(BlogArticle, article.id))
    with session() as one:
        gone = one.get(BlogArticle, article.id, execution_options={"include_deleted": True})
    assert gone.deleted_by == "ben"
    assert gone.deleted_at is not None


def seeded() -> dict[str, Any]:
    """Ann with two articles of which one is deleted, and Ben, deleted, with one."""
    with session() as one:
        ann, ben = Writer(email="ann"), Writer(email="ben")
        one.add_all([ann, ben])
        kept, gone = BlogArticle(title="kept", writer=ann), BlogArticle(title="gone", writer=ann)
        orphan = BlogArticle(title="orphan", writer=ben)
        one.add_all([kept, gone, orphan])
        one.flush()
        one.delete(gone)
        one.delete(ben)
        return {"ann": ann.id, "ben": ben.id, "kept": kept.id, "gone": gone.id, "orphan": orphan.id}


def test_no_select_finds_what_was_deleted(shop: str) -> None:
    """L19: `deleted_at` was never applied. By column, joined, aliased, counted, nested, by key; and all when asked."""
    ids = seeded()
    other = aliased(BlogArticle)
    titles: list[tuple[Any, list[Any]]] = [
        (select(BlogArticle), ["kept", "orphan"]),
        (select(BlogArticle.title), ["kept", "orphan"]),
        (select(other.title), ["kept", "orphan"]),
        (select(BlogArticle.title).join(BlogArticle.writer), ["kept"]),
        (select(BlogArticle.title).where(BlogArticle.id.in_(select(other.id))), ["kept", "orphan"]),
        (select(Writer.email).where(exists().where(BlogArticle.writer_id == Writer.id)), ["ann"]),
        (select(Writer.email).where(Writer.articles.any(BlogArticle.title == "gone")), []),
        (select(BlogArticle.title).where(BlogArticle.writer.has(Writer.email == "ben")), []),
        (select(select(BlogArticle).subquery().c.title), ["kept", "orphan"]),
        (select(select(BlogArticle).cte().c.title), ["kept", "orphan"]),
    ]
    with session() as one:
        for statement, found in titles:
            values = [row.title if isinstance(row, BlogArticle) else row for row in one.scalars(statement)]
            assert sorted(values) == found, str(statement)
            everything = one.scalars(statement, execution_options={"include_deleted": True}).all()
            assert len(everything) >= len(found)
        assert one.scalar(select(func.count()).select_from(BlogArticle)) == 2
        assert one.scalar(select(func.count(BlogArticle.id))) == 2
        everyone = select(BlogArticle).execution_options(include_deleted=True)
        assert len(one.scalars(everyone).all()) == 3
        assert one.get(BlogArticle, ids["gone"]) is None  # although the session knows it by now
    with session() as one:
        assert one.get(BlogArticle, ids["gone"]) is None
        assert one.get(BlogArticle, ids["kept"]) is not None


@pytest.mark.parametrize("load", [None, selectinload, joinedload])
def test_no_relationship_finds_what_was_deleted(shop: str, load: Any) -> None:
    """However it is loaded: lazily, beside it, joined."""
    ids = seeded()
    options = [] if load is None else [load(Writer.articles)]
    with session() as one:
        ann = one.scalars(select(Writer).options(*options)).unique().one()
        assert [article.title for article in ann.articles] == ["kept"]
        orphan = one.get(BlogArticle, ids["orphan"])
        assert orphan.writer is None
    with session() as one:
        one.add(fresh := BlogArticle(title="fresh", writer_id=ids["ben"]))
        one.flush()
        assert fresh.writer is None
    with session() as one:
        known = select(Writer).options(*options).order_by(Writer.email).execution_options(include_deleted=True)
        ann, ben = one.scalars(known).unique()
        if load is not None:
            assert [article.title for article in ann.articles] == ["gone", "kept"]
        assert ben.deleted_at is not None


def test_deleting_many_really_is_refused_unless_it_is_said(shop: str) -> None:
    """And an update of many does not reach what was deleted."""
    seeded()
    with session() as one:
        assert one.execute(update(BlogArticle).values(title="x")).rowcount == 2
    with pytest.raises(e.Mistake, match="really delete"), session() as one:
        one.execute(delete(BlogArticle))
    with session() as one:
        one.execute(delete(BlogArticle), execution_options={"purge": True, "include_deleted": True})
        one.execute(delete(Tag))
        assert one.scalar(select(func.count()).select_from(text("blog_article"))) == 0


def test_a_row_can_really_be_deleted(shop: str) -> None:
    """`purge`, and `delete` where the model keeps none."""
    ids = seeded()
    with session() as one:
        one.purge(one.get(BlogArticle, ids["kept"]))
        one.add(tag := Tag(word="w"))
        one.flush()
        one.delete(tag)
    with session() as one:
        assert one.scalar(select(func.count()).select_from(text("blog_article"))) == 2
        assert one.scalar(select(func.count()).select_from(Tag)) == 0


def test_a_deleted_row_can_be_read_again_by_who_has_it(shop: str) -> None:
    """Its columns are refreshed, or nobody could look at what they have just deleted."""
    ids = seeded()
    with session() as one:
        row = one.get(BlogArticle, ids["kept"])
        one.delete(row)
        one.flush()
        one.refresh(row)
        one.expire(row)
        assert row.deleted_at <= datetime.now(UTC)


def test_who_changes_what_somebody_else_changed_is_refused(shop: str) -> None:
    """A version that is counted up, in every update."""
    ids = seeded()
    with session() as one:
        mine = one.get(BlogArticle, ids["kept"])
        with session() as other:
            other.get(BlogArticle, ids["kept"]).title = "theirs"
        mine.title = "mine"
        with pytest.raises(Stale) as stale, translated():
            one.flush()
        assert stale.value.status == 409
        one.rollback()
        assert mine.title == "theirs"


def test_a_session_stores_all_or_nothing_and_says_what_failed(shop: str) -> None:
    """F7, F9: in the block or at the end; without a value."""
    with pytest.raises(e.Duplicate) as duplicate, session() as one:  # noqa: PT012
        one.add_all([Tag(word="secret"), Tag(word="other")])
        one.flush()
        one.add(Tag(word="secret"))
    assert (duplicate.value.status, duplicate.value.path) == (409, "word")
    assert "secret" not in str(duplicate.value.to_json())
    assert duplicate.value.__suppress_context__
    with pytest.raises(e.BadValue), session() as one:
        one.execute(text("SELECT CAST(:x AS int)"), {"x": "secret"})
    with pytest.raises(e.Mistake), session() as one:
        one.execute(text("SELECT nothing"))
    with pytest.raises(NotFound), session() as one:
        one.scalars(select(Tag)).one()
    with pytest.raises(ZeroDivisionError), session() as one:  # noqa: PT012
        one.add(Tag(word="a"))
        one.flush()
        raise ZeroDivisionError
    with session() as one:
        assert one.scalar(select(func.count()).select_from(Tag)) == 0


def test_a_row_is_a_dict_of_the_columns_that_are_wanted() -> None:
    """F10: all, only some, or all but some; never both, and no column that there is not."""
    row = Tag(id=uuid7(0), word="a")
    assert row.to_dict() == {"id": row.id, "word": "a"}
    assert row.to_dict(only=["word"]) == {"word": "a"}
    assert row.to_dict(exclude=["word"]) == {"id": row.id}
    with pytest.raises(ValueError, match="not both"):
        row.to_dict(only=["id"], exclude=["word"])
    with pytest.raises(ValueError, match="words"):
        row.to_dict(exclude=["words"])
