"""What one line, ``Howdah(app)``, brings to a Flask app and to a FastAPI app: the same, under real servers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kit.actions_bearer import BEARER
from tests.kit.servers import Running, response, service, telling

from howdah.kit.access import allow
from howdah.kit.answers import of_status
from howdah.kit.context import accept_request_id, acting, current
from howdah.kit.errors import NotAllowed, OutsideRequest, SignInRequired
from howdah.kit.flask import Howdah
from howdah.session import ADMIN, ANONYMOUS, Session

HERE = Path(__file__).parent
SERVERS = {
    "gunicorn": [
        "-m",
        "gunicorn",
        "--bind",
        "127.0.0.1:$PORT",
        "--threads",
        "4",
        "--no-control-socket",
        "flask_app:app",
    ],
    "werkzeug": ["-m", "flask", "--app", "flask_app", "run", "--host", "127.0.0.1", "--port", "$PORT"],
    "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "$PORT", "fastapi_app:app"],
}


@pytest.fixture(scope="module", params=sorted(SERVERS))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app under a server, in production."""
    folder = tmp_path_factory.mktemp(request.param)
    environment = {"HOWDAH_SERVICE": "app", "PYTHONPATH": str(HERE)}
    with service(SERVERS[request.param], folder, folder / "log", environment) as running:
        yield running


def logged(running: Running, request_id: str, **fields: Any) -> dict[str, Any]:
    """The first JSON log line of a request that has these fields."""
    found: list[dict[str, Any]] = []

    def search(text: str) -> bool:
        for line in text.splitlines():
            if request_id in line and line.startswith("{"):
                record = json.loads(line)
                if all(record.get(name) == value for name, value in fields.items()):
                    found.append(record)
        return bool(found)

    running.lines(search)
    return found[0]


def test_the_caller_is_who_the_gateway_says(running: Running) -> None:
    """Role and variables come from the identity headers, the request's id from its own."""
    headers = {"X-Hasura-Role": "user", "X-Hasura-User-Id": "7", "X-Request-Id": "abc-1"}
    status, got, body = running.get("/whoami", headers=headers)
    assert (status, got["x-request-id"]) == (200, "abc-1")
    assert json.loads(body) == {"role": "user", "variables": {"x-hasura-user-id": "7"}, "request_id": "abc-1"}


def test_without_headers_the_caller_is_anonymous(running: Running) -> None:
    """No identity is anonymous, and a request without an id gets one."""
    body = json.loads(running.get("/whoami")[2])
    assert (body["role"], body["variables"]) == ("anonymous", {})
    assert len(body["request_id"]) == 32


def test_an_id_that_could_break_a_log_is_replaced(running: Running) -> None:
    """Only ids that can stand in logs and headers are taken over."""
    _, got, _ = running.get("/whoami", headers={"X-Request-Id": 'a" b'})
    assert got["x-request-id"] != 'a" b'


def test_a_request_is_one_log_line(running: Running) -> None:
    """Method, path without its query, status, role and duration, findable by the request's id (R75)."""
    running.get("/whoami?token=hidden", headers={"X-Request-Id": "line-1", "X-Hasura-Role": "user"})
    record = logged(running, "line-1", event="RequestServed")
    assert record["service"] == "app"
    assert [record[name] for name in ("method", "path", "status", "role")] == ["GET", "/whoami", 200, "user"]
    assert 0 < record["seconds"] < 20
    assert "hidden" not in json.dumps(record)


def test_what_is_logged_meanwhile_has_the_requests_id(running: Running) -> None:
    """A line of the app's own logger belongs to its request."""
    running.get("/whoami", headers={"X-Request-Id": "line-2"})
    assert logged(running, "line-2", level="warning")["message"] == "asked by anonymous"


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/stream", "GET", 200), ("/whoami", "HEAD", 200), ("/x", "GET", 404)]
)
def test_every_kind_of_answer_is_logged_once(running: Running, path: str, method: str, status: int) -> None:
    """Streams, answers without a body and errors each have their line."""
    name = f"kind-{method}-{path[1:]}"
    running.get(path, method, {"X-Request-Id": name})
    assert logged(running, name, event="RequestServed")["status"] == status
    running.get("/whoami", headers={"X-Request-Id": f"{name}-after"})
    logged(running, f"{name}-after", event="RequestServed")
    lines = [line for line in running.log.read_text().splitlines() if f'"{name}"' in line and "RequestServed" in line]
    assert len(lines) == 1


FORM = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nann\r\n--b--\r\n'
ERRORS: list[tuple[str, str, dict[str, str], bytes, int, str]] = [
    ("GET", "/nothing", {}, b"", 404, "not-found"),
    ("PUT", "/things", {}, b"", 405, "method-not-allowed"),
    ("POST", "/things", {"Content-Type": "text/plain"}, b"{}", 415, "unsupported-media-type"),
    ("POST", "/things", {"Content-Type": "application/json"}, b"{", 400, "unreadable-body"),
    ("POST", "/things", {"Content-Type": "application/json"}, b"", 400, "unreadable-body"),
    ("POST", "/things", {"Content-Type": "application/json"}, b"\xff", 400, "unreadable-body"),
    ("POST", "/things", {"Content-Type": "application/json"}, b"[" * 100_000, 400, "unreadable-body"),
    ("POST", "/things", {"Content-Type": "application/json"}, b"9" * 10_000, 400, "unreadable-body"),
    ("GET", "/crash", {}, b"", 500, "internal"),
    ("GET", "/refuse", {}, b"", 409, "too-many"),
    ("GET", "/articles", {}, b"", 500, "kit-not-configured"),
    # a browser gets the same
    ("GET", "/nothing", {"Accept": "text/html"}, b"", 404, "not-found"),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code"), ERRORS, ids=range(len(ERRORS)))
def test_every_error_is_json_of_one_shape(
    running: Running, method: str, path: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    """Code, message and request id, whatever went wrong."""
    got_status, got, answer = running.get(path, method, headers, body)
    error = json.loads(answer)
    assert (got_status, got["content-type"], error["code"]) == (status, "application/json", code)
    assert error["message"]
    assert error["request_id"] == got["x-request-id"]


STATUSES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "content-too-large",
    415: "unsupported-media-type",
    422: "unprocessable-content",
    429: "too-many-requests",
    500: "internal",
    501: "not-implemented",
    503: "service-unavailable",
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_has_one_code_and_one_message(running: Running, status: int) -> None:
    """The same in both frameworks, whatever they call it themselves."""
    got, _, body = running.get(f"/abort/{status}", headers={"X-Request-Id": "same"})
    assert (got, json.loads(body)) == (status, of_status(status).body | {"request_id": "same"})
    assert json.loads(body)["code"] == STATUSES[status]


def test_an_error_of_ones_own_words_keeps_them(running: Running) -> None:
    """And the headers that say more of it, without those of an HTML page."""
    error = json.loads(running.get("/refused-because")[2])
    assert (error["code"], error["message"]) == ("bad-request", "Not a number.")
    status, headers, body = running.get("/gone")
    assert (status, json.loads(body)["message"], headers["retry-after"]) == (410, "It was sold.", "7")
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("role", "status", "code"), [("anonymous", 401, "sign-in-required"), ("user", 403, "not-allowed")]
)
def test_only_those_who_are_allowed_get_through(running: Running, role: str, status: int, code: str) -> None:
    """Nobody's caller is told to sign in, somebody's that it is not for them; before anything is said of the body."""
    as_json = {"Content-Type": "application/json", "X-Hasura-Role": role}
    for body in (b'{"n": 1}', b'{"n": "wrong"}'):
        got, _, answer = running.get("/edit", "POST", as_json, body)
        assert (got, json.loads(answer)["code"]) == (status, code)
    got, _, answer = running.get("/edit", "POST", as_json | {"X-Hasura-Role": "editor"}, b'{"n": 1}')
    assert (got, json.loads(answer)) == (200, {"by": "editor", "thing": {"n": 1}})


TYPES = [
    ("POST", "/things", "application/json", b"1", 200),
    ("POST", "/things", "application/json; charset=utf-8", b"1", 200),
    ("POST", "/things", "APPLICATION/JSON ;charset=utf-8", b"1", 200),
    ("POST", "/things", "application/vnd.things+json", b"1", 200),
    ("POST", "/things", "text/json", b"1", 415),
    ("POST", "/things", None, b"1", 415),
    ("POST", "/nothing-read", None, None, 200),  # no body is of no type
    ("POST", "/nothing-read", "text/plain", b"x", 415),
    ("DELETE", "/nothing-read", "text/plain", b"x", 200),
    ("GET", "/whoami", "text/plain", b"x", 200),
    ("POST", "/form", "application/x-www-form-urlencoded", b"name=ann", 200),
    ("POST", "/form", "multipart/form-data; boundary=b", FORM, 200),
    ("POST", "/form", "text/plain", b"name=ann", 415),
    ("POST", "/note", "text/plain; charset=utf-8", b"x", 200),
    ("POST", "/note", "text/markdown", b"x", 200),
    ("POST", "/note", "image/png", b"x", 415),
    ("POST", "/missing", "image/png", b"x", 404),
]


@pytest.mark.parametrize(("method", "path", "content_type", "body", "status"), TYPES)
def test_a_body_is_json_unless_its_route_says_otherwise(
    running: Running, method: str, path: str, content_type: str | None, body: bytes | None, status: int
) -> None:
    """The type alone counts, not its parameters; methods without a body are left alone."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    got, _, answer = running.get(path, method, headers, body)
    assert got == status, answer
    if status == 415:
        assert json.loads(answer)["code"] == "unsupported-media-type"


KINDS = ["schema", "marshmallow", "pydantic"]
GOOD = {"name": "nginx", "stars": 3, "tags": ["web"]}


def ask_json(running: Running, path: str, body: Any, method: str = "POST") -> tuple[int, Any]:
    """Status and JSON of a request with a body of JSON."""
    status, _, answer = running.get(path, method, {"Content-Type": "application/json"}, json.dumps(body).encode())
    return status, json.loads(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_body_is_what_the_function_gets(running: Running, kind: str) -> None:
    """The schema's file is found from the code: the service runs in another folder."""
    assert ask_json(running, f"/{kind}", GOOD) == (200, {"body": GOOD})


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_wrong_with_a_body_is_said_at_once(running: Running, kind: str) -> None:
    """In one shape, each with its place, whichever library looked."""
    wrong = {"name": "far too long", "tags": ["a", 1], "more": True}
    status, error = ask_json(running, f"/{kind}", wrong)
    assert (status, error["code"], "request_id" in error) == (422, "invalid-request", True)
    places = {(problem["in"], problem["path"]) for problem in error["problems"]}
    assert places == {("body", path) for path in ("$.name", "$.stars", "$.tags[1]", "$.more")}
    assert error["path"] == error["problems"][0]["path"]
    assert all(problem["message"] and problem["code"] for problem in error["problems"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"null", b"{"])
def test_a_body_that_is_no_object_is_a_clear_400(running: Running, kind: str, body: bytes) -> None:
    """Also a list, and none at all; nothing of it reaches the function."""
    status, _, answer = running.get(f"/{kind}", "POST", {"Content-Type": "application/json"}, body)
    assert (status, json.loads(answer)["code"]) == (400, "unreadable-body")


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_string_becomes_values(running: Running, kind: str) -> None:
    """Numbers, booleans and lists are what the schema says; what cannot be one is refused."""
    status, _, answer = running.get(f"/{kind}?limit=10&sold=true&tag=1&tag=2")
    assert (status, json.loads(answer)) == (200, {"query": {"limit": 10, "sold": True, "tag": [1, 2]}})
    status, _, answer = running.get(f"/{kind}?limit=ten&tag=1&tag=x&odd=1")
    problems = {(problem["in"], problem["path"]) for problem in json.loads(answer)["problems"]}
    assert (status, problems) == (422, {("query", "$.limit"), ("query", "$.tag[1]"), ("query", "$.odd")})
    status, _, answer = running.get(f"/{kind}?limit=1&limit=2")
    assert (status, json.loads(answer)["problems"][0]["code"]) == (422, "repeated")


def test_what_fastapi_checks_itself_has_the_same_shape(running: Running) -> None:
    """An endpoint's annotations, a parameter of its path."""
    if running.get("/openapi.json")[0] == 404:
        pytest.skip("Flask")
    status, error = ask_json(running, "/native", {"name": "far too long", "more": 1})
    assert (status, error["code"]) == (422, "invalid-request")
    assert {problem["path"] for problem in error["problems"]} == {"$.name", "$.stars", "$.more"}
    assert ask_json(running, "/native", [])[1]["code"] == "unreadable-body"
    problem = json.loads(running.get("/abort/nine")[2])["problems"][0]
    assert (problem["in"], problem["path"]) == ("path", "$.status")


VALUES = {
    "there": "2026-07-01T12:30:00+02:00",
    "utc": "2026-07-01T12:30:00.250000Z",
    "nowhere": "2026-07-01T12:30:00",
    "day": "2026-07-01",
    "id": "00000000-0000-0000-0000-000000000007",
    "price": "9.90",
}


@pytest.mark.parametrize("path", ["/values", "/untyped-values"])
def test_times_have_their_own_zone(running: Running, path: str) -> None:
    """None is made up, UTC or not; UUID and Decimal are text, with every digit."""
    assert json.loads(running.get(path)[2]) == VALUES


def call(running: Running, path: str, body: bytes = b"{}", *headers: tuple[str, str]) -> tuple[int, Any]:
    """Status and JSON of a call of an action, with the bearer unless there are other headers."""
    shown = dict(headers or [("Authorization", f"Bearer {BEARER}")])
    status, _, answer = running.get(path, "POST", {"Content-Type": "application/json", **shown}, body)
    return status, json.loads(answer)


def test_a_route_is_an_action(running: Running) -> None:
    """The members of the body are its arguments, as its schema loads them; the empty route answers true."""
    assert call(running, "/example/foo", b'{"name": "ann", "stars": 1}') == (
        200,
        {"name": "ann", "stars": 1, "tags": None},
    )
    assert call(running, "/example/later", b'{"name": "ann", "stars": 1}') == (
        200,
        {"name": "ann", "stars": 1, "tags": []},
    )
    assert call(running, "/example/deep/plain", b'{"n": 3, "by": 2}') == (200, 6)
    assert call(running, "/example/values") == (200, VALUES)
    assert call(running, "/example/") == call(running, "/example") == call(running, "/example", b"") == (200, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/example/foo", b'{"name": "ann", "stars": 1, "more": 1}', 422, "invalid-request"),
        ("/example/deep/plain", b'{"more": 1}', 422, "invalid-request"),
        ("/example/foo", b"[]", 400, "unreadable-body"),
        ("/example/foo", b"", 400, "unreadable-body"),
        ("/example/foo", b"{", 400, "unreadable-body"),
        ("/example/nothing", b"{}", 404, "unknown-action"),
        ("/example/deep", b"{}", 404, "unknown-action"),
        ("/nothing/foo", b"{}", 404, "not-found"),
    ],
)
def test_what_is_wrong_with_a_call_is_said_in_json(
    running: Running, path: str, body: bytes, status: int, code: str
) -> None:
    """With the right status, never 200."""
    got, error = call(running, path, body)
    assert (got, error["code"]) == (status, code)


def test_actions_take_post_only(running: Running) -> None:
    """Everything else is 405, in JSON."""
    for method in ("GET", "PUT", "DELETE"):
        status, headers, body = running.get("/example/foo", method, {"Authorization": f"Bearer {BEARER}"})
        assert (status, json.loads(body)["code"]) == (405, "method-not-allowed")
        assert "POST" in headers["allow"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer wrong",
        BEARER,
        f"Basic {BEARER}",
        f"Bearer {BEARER}x",
        f"Bearer {BEARER[:-1]}",
        f"Bearer {BEARER} x",
    ],
)
@pytest.mark.parametrize("path", ["/example/foo", "/example/", "/example/nothing", "/guarded/plain"])
def test_every_call_needs_the_bearer(running: Running, path: str, header: str) -> None:
    """Also the empty route and what is not there; identity headers nobody has proven open nothing."""
    assert call(running, path, b"{}", ("Authorization", f"bearer {BEARER}"))[0] != 401
    status, error = call(running, path, b"{}", ("Authorization", header), ("X-Hasura-Role", "editor"))
    assert (status, error["code"]) == (401, "bearer-required")


def test_an_error_keeps_the_headers_that_belong_to_it(running: Running) -> None:
    """A 405 says what is allowed; a path of ours has path and hint."""
    assert "POST" in running.get("/things", "PUT")[1]["allow"]
    assert {"path": "$.n", "hint": "Fewer."}.items() <= json.loads(running.get("/refuse")[2]).items()


def test_what_is_no_error_of_ours_is_left_alone(running: Running) -> None:
    """A redirect stays one, an abort with a response of its own too."""
    assert running.get("/slash")[0] in {307, 308}
    assert running.get("/teapot")[::2] == (418, b"short and stout")


def test_a_crash_tells_the_log_and_not_the_caller(running: Running) -> None:
    """The traceback is logged under the request's id; the answer names neither exception nor text (R76)."""
    _, _, body = running.get("/crash", headers={"X-Request-Id": "crash-1"})
    assert b"ingredient" not in body
    assert b"ZeroDivision" not in body
    assert "the secret ingredient" in logged(running, "crash-1", level="error")["exception"]


def test_health_asks_what_the_service_needs(running: Running) -> None:
    """200 while the checks pass, 503 with their names when not; no reason for the public, no line per probe."""
    folder = running.log.parent
    assert json.loads(running.get("/-/health")[2]) == {"status": "ok"}
    (folder / "down").touch()
    try:
        status, _, body = running.get("/-/health")
    finally:
        (folder / "down").unlink()
    failed = {"database": "failed", "queue": "failed"}
    assert (status, json.loads(body)) == (503, {"status": "failed", "checks": failed})
    for path in ("/-/live", "/-/ready"):
        assert running.get(path)[0] == 200
    assert '"/-/health"' not in running.log.read_text()
    assert "hidden" not in running.log.read_text()


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_in_development_a_crash_is_named(server: str, tmp_path: Path) -> None:
    """`howdah dev` tells the service so; then the answer says which exception it was, and a failed query why."""
    environment = {"HOWDAH_ENVIRONMENT": "development", "HOWDAH_DATA_URL": "nowhere", "PYTHONPATH": str(HERE)}
    with service(SERVERS[server], tmp_path, tmp_path / "log", environment) as running:
        assert json.loads(running.get("/crash")[2])["exception"] == "ZeroDivisionError: the secret ingredient"
        assert "nowhere" in json.loads(running.get("/articles")[2])["message"]


def test_a_query_of_a_service_carries_the_callers_request_id(tmp_path: Path) -> None:
    """Gateway, service and Data API log one request under one id."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(response(b"[]"))

    with telling(answer) as data:
        environment = {"HOWDAH_DATA_URL": data.url, "PYTHONPATH": str(HERE)}
        with service(SERVERS["gunicorn"], tmp_path, tmp_path / "log", environment) as running:
            assert json.loads(running.get("/articles", headers={"X-Request-Id": "one-id"})[2]) == {"data": []}
        assert b"X-Request-Id: one-id" in data.received[0]


def test_the_kit_leaves_a_tests_logging_alone() -> None:
    """Where logging is set up already, as pytest does, the kit only listens in; `init_app` is the other spelling."""
    app = flask.Flask("mine")
    Howdah().init_app(app)
    client = app.test_client()
    assert client.get("/-/health").get_json() == {"status": "ok"}
    assert client.get("/missing").get_json()["code"] == "not-found"


def test_outside_of_a_request_there_is_no_caller() -> None:
    """`current` says so, rather than anonymous; `acting` makes one, for tests and scripts."""
    for ask in (lambda: current.session, lambda: current.request_id):
        with pytest.raises(OutsideRequest):
            ask()
    with acting(Session("editor"), request_id="r-1"):
        assert (current.session.role, current.request_id) == ("editor", "r-1")


@pytest.mark.parametrize("wrong", [(), ("",), (print,)])
def test_allow_needs_the_names_of_roles(wrong: tuple[Any, ...]) -> None:
    """`@allow` without brackets would let everybody in if it were not refused."""
    with pytest.raises(ValueError, match="names of roles"):
        allow(*wrong)


def test_allow_guards_any_function() -> None:
    """Plain and async; the role admin has no short cut."""

    @allow("editor")
    def plain() -> str:
        return "plain"

    @allow("editor")
    async def later() -> str:
        return "later"

    with acting(Session("editor")):
        assert (plain(), asyncio.run(later())) == ("plain", "later")
    for session, error in ((ANONYMOUS, SignInRequired), (Session("user"), NotAllowed), (ADMIN, NotAllowed)):
        with acting(session):
            with pytest.raises(error):
                plain()
            with pytest.raises(error):
                asyncio.run(later())


@given(st.text())
def test_an_accepted_id_is_always_safe(given_id: str) -> None:
    """Whatever comes, the id is printable ASCII without quotes or blanks, at most 128 characters."""
    accepted = accept_request_id(given_id)
    assert accepted.isascii()
    assert accepted.isprintable()
    assert 0 < len(accepted) <= 128
    assert not set(accepted) & set(" \"'\\<>")
