"""Whom a service believes: with a key the gateway's token alone, without one the headers."""

from __future__ import annotations

import time
from typing import Any

import fastapi
import flask
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from howdah.kit import current
from howdah.kit.errors import CallerUnproven, NotConfigured
from howdah.kit.fastapi import Howdah as FastAPIHowdah
from howdah.kit.flask import Howdah, session
from howdah.kit.identity import Callers, write_keys
from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER, sign_internal_token
from howdah.session import Session

KEY, OLD = b"k" * 32, b"o" * 32
ANN = Session("user", {"x-hasura-user-id": "7"})
PLAIN = [("X-Hasura-Role", "admin"), ("X-Hasura-User-Id", "1")]
KEYED = {"HOWDAH_INTERNAL_KEY": write_keys([KEY, OLD]), "HOWDAH_SERVICE": "app"}


def token(key: bytes = KEY, audience: str = "app", at: float | None = None) -> str:
    return sign_internal_token(key, ANN, audience=audience, now=time.time() if at is None else at)


def test_with_a_key_only_the_gateway_says_who_calls() -> None:
    """R36: plain headers count for nothing, beside a token or without one; both keys are good while one is replaced."""
    callers = Callers(KEYED)
    for key in (KEY, OLD):
        assert callers.read([*PLAIN, (INTERNAL_TOKEN_HEADER, token(key))]) == ANN
    for headers in (
        PLAIN,
        [],
        [(INTERNAL_TOKEN_HEADER, token()), (INTERNAL_TOKEN_HEADER, token())],
        [(INTERNAL_TOKEN_HEADER, token(b"x" * 32))],
        [(INTERNAL_TOKEN_HEADER, token(audience="bills"))],
        [(INTERNAL_TOKEN_HEADER, token(at=time.time() - 61))],
    ):
        with pytest.raises(CallerUnproven):
            callers.read(headers)


def test_without_a_key_the_headers_are_believed() -> None:
    """As for a service that nobody else can reach."""
    assert Callers({}).read(PLAIN) == Session("admin", {"x-hasura-user-id": "1"})


@pytest.mark.parametrize(
    "wrong", [{"HOWDAH_SERVICE": ""}, {"HOWDAH_INTERNAL_KEY": "no!"}, {"HOWDAH_INTERNAL_KEY": "c2hvcnQ"}]
)
def test_a_key_that_is_none_is_noticed_at_the_start(wrong: dict[str, str]) -> None:
    """R36: a service that cannot check does not start, rather than believe everybody."""
    assert Callers(KEYED)
    with pytest.raises(NotConfigured):
        Callers(KEYED | wrong)


def test_a_flask_service_refuses_who_comes_around_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """R36: 401 in the shape of every error; its health is asked by whoever started it."""
    for name, value in KEYED.items():
        monkeypatch.setenv(name, value)
    app = flask.Flask("app")
    Howdah(app)

    @app.get("/whoami")
    def whoami() -> Any:
        return {"role": session().role}

    client = app.test_client()
    refused = client.get("/whoami", headers=PLAIN)
    assert (refused.status_code, refused.json and refused.json["code"]) == (401, "kit-caller-unproven")
    assert client.get("/whoami", headers=[*PLAIN, (INTERNAL_TOKEN_HEADER, token())]).json == {"role": "user"}
    assert client.get("/-/health").status_code == 200


def test_a_fastapi_service_refuses_who_comes_around_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """R36: the same 401, and no WebSocket is opened; with the gateway's token both are."""
    for name, value in KEYED.items():
        monkeypatch.setenv(name, value)
    app = fastapi.FastAPI()
    FastAPIHowdah(app)

    @app.get("/whoami")
    async def whoami() -> Any:
        return {"role": current.session.role}

    @app.websocket("/ws")
    async def echo(socket: fastapi.WebSocket) -> None:
        await socket.accept()
        await socket.send_text(current.session.role)
        await socket.close()

    client = TestClient(app)
    refused = client.get("/whoami", headers=PLAIN)
    assert (refused.status_code, refused.json()["code"]) == (401, "kit-caller-unproven")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws", headers=dict(PLAIN)) as socket:
        socket.receive_text()
    proven = [*PLAIN, (INTERNAL_TOKEN_HEADER, token())]
    assert client.get("/whoami", headers=proven).json() == {"role": "user"}
    with client.websocket_connect("/ws", headers=dict(proven)) as socket:
        assert socket.receive_text() == "user"
    assert client.get("/-/health").status_code == 200
