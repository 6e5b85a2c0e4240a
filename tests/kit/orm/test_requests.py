"""A session for each request: the same behaviour under Flask and FastAPI, sync and async."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastapi
import flask
import psycopg
import pytest
from starlette.testclient import TestClient
from tests.kit.orm.models import BlogArticle, Tag

from howdah.kit.orm import Repository
from howdah.kit.orm import fastapi as orm_fastapi
from howdah.kit.orm.flask import Sessions

Ask = Callable[[str], tuple[int, Any]]


class Tags(Repository[Tag]):
    model = Tag


def flask_app() -> Ask:
    from howdah.kit.flask import Howdah

    app = flask.Flask("shop")
    Howdah(app)
    sessions = Sessions(app)

    @app.get("/add/<word>/<status>")
    def add(word: str, status: str) -> Any:
        sessions.current.add(Tag(word=word))
        sessions.current.flush()
        if status == "throw":
            raise ZeroDivisionError
        if int(status) >= 400:
            flask.abort(int(status))
        return {"added": word}, int(status)

    @app.get("/later/<word>")
    def later(word: str) -> Any:
        sessions.current.add(Tag(word=word))
        return {"added": word}

    @app.get("/lazy")
    def lazy() -> Any:
        return {"lazy": True}

    @app.get("/missing")
    def missing() -> Any:
        Tags(sessions.current).get("00000000-0000-7000-8000-000000000000")

    @app.get("/who")
    def who() -> Any:
        sessions.current.add(article := BlogArticle(title="A"))
        sessions.current.flush()
        return {"by": article.created_by}

    client = app.test_client()

    def ask(path: str) -> tuple[int, Any]:
        answer = client.get(path, headers={"X-Hasura-Role": "user", "X-Hasura-User-Id": "ann"})
        return answer.status_code, answer.json

    return ask


def fastapi_app(asynchronous: bool) -> Callable[[], Ask]:
    from howdah.kit.fastapi import Howdah

    app = fastapi.FastAPI()
    Howdah(app)

    async def added(session: Any, word: str, status: str, flush: bool) -> Any:
        session.add(Tag(word=word))
        if flush:
            found = session.flush()
            if found is not None:
                await found
        if status == "throw":
            raise ZeroDivisionError
        if int(status) >= 400:
            raise fastapi.HTTPException(int(status))
        return {"added": word}

    if asynchronous:

        @app.get("/add/{word}/{status}")
        async def add(word: str, status: str, session: orm_fastapi.AsyncSession) -> Any:
            return await added(session, word, status, flush=True)

        @app.get("/later/{word}")
        async def later(word: str, session: orm_fastapi.AsyncSession) -> Any:
            return await added(session, word, "200", flush=False)

        @app.get("/missing")
        async def missing(session: orm_fastapi.AsyncSession) -> Any:
            from sqlalchemy import select

            (await session.scalars(select(Tag))).one()

        @app.get("/who")
        async def who(session: orm_fastapi.AsyncSession) -> Any:
            session.add(article := BlogArticle(title="A"))
            await session.flush()
            return {"by": article.created_by}

    else:

        @app.get("/add/{word}/{status}")
        def add_sync(word: str, status: str, session: orm_fastapi.Session) -> Any:
            session.add(Tag(word=word))
            session.flush()
            if status == "throw":
                raise ZeroDivisionError
            if int(status) >= 400:
                raise fastapi.HTTPException(int(status))
            return {"added": word}

        @app.get("/later/{word}")
        def later_sync(word: str, session: orm_fastapi.Session) -> Any:
            session.add(Tag(word=word))
            return {"added": word}

        @app.get("/missing")
        def missing_sync(session: orm_fastapi.Session) -> Any:
            Tags(session).get("00000000-0000-7000-8000-000000000000")

        @app.get("/who")
        def who_sync(session: orm_fastapi.Session) -> Any:
            session.add(article := BlogArticle(title="A"))
            session.flush()
            return {"by": article.created_by}

    @app.get("/lazy")
    def lazy() -> Any:
        return {"lazy": True}

    client = TestClient(app, raise_server_exceptions=False)

    def ask(path: str) -> tuple[int, Any]:
        answer = client.get(path, headers={"X-Hasura-Role": "user", "X-Hasura-User-Id": "ann"})
        return answer.status_code, answer.json()

    return ask


@pytest.fixture(params=["flask", "fastapi sync", "fastapi async"])
def ask(request: pytest.FixtureRequest, shop: str) -> Ask:
    if request.param == "flask":
        return flask_app()
    return fastapi_app(request.param.endswith(" async"))


def words(shop: str) -> list[str]:
    with psycopg.connect(shop) as other:
        return [row[0] for row in other.execute("SELECT word FROM tag ORDER BY word")]


def test_what_a_request_did_is_stored_once_it_succeeded(ask: Ask, shop: str) -> None:
    """F9: below 400 it is, else it is not: an error that is raised, an answer that is one, a bug."""
    assert ask("/add/a/200") == (200, {"added": "a"})
    assert words(shop) == ["a"]
    for status in ("400", "404", "409", "500", "throw"):
        code, body = ask(f"/add/b{status}/{status}")
        assert (code, "code" in body) == (500 if status == "throw" else int(status), True)
    assert words(shop) == ["a"]
    assert ask("/lazy") == (200, {"lazy": True})


def test_a_commit_that_fails_is_the_answer(ask: Ask, shop: str) -> None:
    """F7, F9: 409, where a seed answered 200 and stored nothing; whether at a flush or at the very end."""
    assert ask("/later/secret")[0] == 200
    for path in ("/add/secret/200", "/later/secret"):
        status, body = ask(path)
        assert (status, body["code"], body["path"]) == (409, "db-duplicate", "word")
        assert "secret" not in str({**body, "request_id": ""})
    assert words(shop) == ["secret"]
    with psycopg.connect(shop, autocommit=True) as other:
        other.execute("ALTER TABLE tag DROP CONSTRAINT uq_tag_word, ADD UNIQUE (word) DEFERRABLE INITIALLY DEFERRED")
    assert ask("/add/secret/200")[0] == 409
    assert words(shop) == ["secret"]


def test_connections_come_back_whatever_happens(ask: Ask, shop: str) -> None:
    """Forty requests, good and bad; the pool has ten."""
    for n in range(10):
        for status in ("200", "404", "throw"):
            ask(f"/add/{n}{status}/{status}")
        ask(f"/later/{n}200")
    assert ask("/add/last/200")[0] == 200


def test_what_is_missing_is_404_and_who_asked_is_known(ask: Ask) -> None:
    """L20: from the request's session."""
    assert ask("/missing")[0] == 404
    assert ask("/who") == (200, {"by": "ann"})


def test_after_postgres_ended_its_connections_the_next_request_works(ask: Ask, shop: str) -> None:
    assert ask("/add/a/200")[0] == 200
    with psycopg.connect(shop, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert ask("/add/b/200")[0] == 200
