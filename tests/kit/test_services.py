"""Services by name: who is called, what they are told, and what comes of back ends that are dead, slow or mad."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kit.backend import Backend, Request, Waiting, answers, backend, reply
from tests.kit.servers import free_port

from howdah.kit import context
from howdah.kit.errors import NotConfigured, OutsideRequest
from howdah.kit.identity import write_keys
from howdah.kit.internal_token import sign_internal_token
from howdah.kit.relay import relayed_of
from howdah.kit.services import AsyncClient, Client, Services
from howdah.kit.services.addresses import address_of
from howdah.kit.services.errors import (
    BadPath,
    BadServices,
    CallError,
    ServiceBadAnswer,
    ServiceRefused,
    ServiceTimeout,
    ServiceUnreachable,
    ServiceUnwell,
    UnknownService,
)
from howdah.session import Session

KEY = b"k" * 32
ANN = Session("user", {"x-hasura-user-id": "7"})
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["sync", "async"])
def registry(request: pytest.FixtureRequest, loop: asyncio.Runner) -> Iterator[Callable[..., Any]]:
    """Makes registries whose clients wait; both kinds do the same."""
    made: list[Any] = []

    def make(environment: dict[str, str] | None = None) -> Services[Any]:
        def client(settings: Any) -> Any:
            one = Client(settings) if request.param == "sync" else Waiting(AsyncClient(settings), loop)
            made.append(one)
            return one

        return Services(client, environment or {})

    yield make
    for one in made:
        one.close()


@contextmanager
def acting(headers: list[tuple[str, str]], session: Session = ANN) -> Iterator[None]:
    tokens = context.enter(context.Exchange(session, "r-1", 0.0, relayed_of(headers)))
    try:
        yield
    finally:
        context.leave(tokens)


def told() -> list[tuple[str, str]]:
    word = sign_internal_token(KEY, ANN, audience="app", now=time.time())
    return [("X-Howdah-Internal-Token", word), ("traceparent", TRACE)]


# -- by name (M1, M2) --------------------------------------------------------------------------------------------------


def test_a_service_is_called_by_its_name(registry: Callable[..., Any]) -> None:
    """M1: add and get by name; the base URL is in front of each path; any option of the client is obeyed."""
    with backend(answers(reply(b'{"hello": "x"}'))) as there:
        services = registry()
        services.add("billing", f"{there.url}/v2/", headers={"X-Api-Key": "k"}, params={"lang": "de"}, auth=["me", "x"])
        answer = services.get("billing").get("/hello/x", params={"page": 2, "tag": ["a", "b"]})
        assert (answer.status_code, answer.json()) == (200, {"hello": "x"})
        (seen,) = there.requests
    assert seen.target == "/v2/hello/x?lang=de&page=2&tag=a&tag=b"
    assert seen.headers["x-api-key"] == "k"
    assert seen.headers["authorization"].startswith("Basic ")
    assert services.names() == ("billing",)


def test_an_unknown_name_says_which_there_are(registry: Callable[..., Any]) -> None:
    """M2: where the seed had an undefined index."""
    services = registry()
    services.add("billing", "http://127.0.0.1:9")
    with pytest.raises(UnknownService) as caught:
        services.get("biling")
    assert "biling" in caught.value.message
    assert caught.value.hint == "There is: billing."
    with pytest.raises(UnknownService):
        registry().get("x")


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


GOOD = {
    "services.yml": "flask:\n  base_url: http://127.0.0.1:1\n  timeout: 2\nslim:\n  base_url: http://127.0.0.1:2\n",
    "services.yaml": "flask: {base_url: http://127.0.0.1:1}\nslim: {base_url: 'http://127.0.0.1:2'}\n",
    "services.toml": '[flask]\nbase_url = "http://127.0.0.1:1"\n[slim]\nbase_url = "http://127.0.0.1:2"\n',
}


@pytest.mark.parametrize("name", GOOD)
def test_a_file_says_which_services_there_are(name: str, tmp_path: Path) -> None:
    """M1, M2: YAML or TOML, loaded by hand or named by the environment."""
    path = written(tmp_path, name, GOOD[name])
    services = Services(Client, {})
    assert services.load(path) == ("flask", "slim")
    assert services.get("slim").settings.base_url == "http://127.0.0.1:2"
    assert Services(Client, {"HOWDAH_SERVICES_FILE": str(path)}).names() == ("flask", "slim")


@pytest.mark.parametrize("name", ["empty.yml", "empty.toml", "comment.yml"])
def test_an_empty_file_says_that_there_are_none(name: str, tmp_path: Path) -> None:
    """M2: no services, and no error."""
    text = "# nothing yet\n" if name.startswith("comment") else ""
    assert Services(Client, {}).load(written(tmp_path, name, text)) == ()


BAD: list[tuple[str, str | bytes, str]] = [
    ("services.json", "{}", "is not a file of services"),
    ("services", "a: {base_url: http://x}", "is not a file of services"),
    ("list.yml", "- a\n- b\n", "must be a mapping"),
    ("text.yml", "hello", "must be a mapping"),
    ("number.yml", "7", "must be a mapping"),
    ("broken.yml", "a: {base_url: [", ":1 is not YAML"),
    ("broken.toml", "[a\n", "is not TOML"),
    ("tag.yml", "a: !!python/object/apply:os.system ['true']", "is not YAML"),
    ("latin.yml", "a: {base_url: 'http://ä'}".encode("latin-1"), "is not UTF-8"),
    ("no.yml", "a: http://x", "must be a mapping of options"),
    ("none.yml", "a:\n", "must be a mapping of options"),
    ("nowhere.yml", "a: {timeout: 3}", "has no base_url"),
    ("relative.yml", "a: {base_url: /x}", "is no URL"),
    ("ftp.yml", "a: {base_url: 'ftp://x'}", "is no URL"),
    ("port.yml", "a: {base_url: 'http://x:99999'}", "is no URL"),
    ("password.yml", "a: {base_url: 'http://me:secret@x'}", "holds more than"),
    ("query.yml", "a: {base_url: 'http://x?y=1'}", "holds more than"),
    ("option.yml", "a: {base_url: 'http://x', timout: 3}", "unknown option 'timout'"),
    ("time.yml", "a: {base_url: 'http://x', timeout: soon}", "a.timeout must be a number of seconds"),
    ("never.yml", "a: {base_url: 'http://x', timeout: 0}", "a.timeout must be a number of seconds"),
    ("verify.yml", "a: {base_url: 'http://x', verify: 3}", "a.verify must be true, false"),
    ("variable.yml", "a: {base_url: 'http://x', headers: {K: '${NOT_SET}'}}", "needs the variable NOT_SET"),
    ("name.yml", "'a b': {base_url: 'http://x'}", "cannot be a service's name"),
]


@pytest.mark.parametrize(("name", "text", "expected"), BAD)
def test_a_file_that_says_something_else_is_refused(
    name: str, text: str | bytes, expected: str, tmp_path: Path
) -> None:
    """M2: which file, which place, what is wrong; no password of it, and nothing of the file is taken."""
    services = Services(Client, {})
    with pytest.raises(BadServices) as caught:
        services.load(written(tmp_path, name, text))
    assert expected in caught.value.message
    assert "secret" not in caught.value.message
    assert services.names() == ()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """M2: also where the environment names it, when a service is first asked for."""
    with pytest.raises(BadServices, match="cannot be read"):
        Services(Client, {}).load(tmp_path / "none.yml")
    with pytest.raises(BadServices, match="cannot be read"):
        Services(Client, {"HOWDAH_SERVICES_FILE": str(tmp_path / "none.yml")}).get("a")


def test_secrets_come_from_the_environment() -> None:
    """``${NAME}`` is filled in, and shown by no repr."""
    services = Services(Client, {"KEY": "hunter2"})
    client = services.add("a", "http://x", headers={"X-Key": "key ${KEY}"})
    assert client.settings.options["headers"] == {"X-Key": "key hunter2"}
    assert "hunter2" not in repr(client.settings)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"own": "app"}', '{"own": [7]}', '{"foreign": []}', '{"foreign": {"a": 1}}']
)
def test_an_environment_that_is_not_in_order_is_refused(text: str) -> None:
    """The variable is named; a good one is taken."""
    good = {"HOWDAH_SERVICES": '{"own": ["b"], "foreign": {"a": {"base_url": "http://x"}}}'}
    assert Services(Client, good | {"HOWDAH_GATEWAY_URL": "http://gate:8080"}).names() == ("a", "b")
    with pytest.raises(BadServices):
        Services(Client, {"HOWDAH_SERVICES": text}).get("a")
    with pytest.raises(NotConfigured):
        Services(Client, good).get("b")


# -- addresses ---------------------------------------------------------------------------------------------------------

ESCAPES = [
    "http://evil/x",
    "HTTPS://evil",
    "//evil/x",
    "file:///etc/passwd",
    "\\\\evil\\x",
    "/\\evil",
    "/../admin",
    "/a/../../b",
    "..",
    "/a/..",
    "/./a",
    "/%2e%2e/admin",
    "/a/%2E%2e/b",
    "/%252e%252e/admin",
    "/a%2f..%2f..%2fadmin",
    "/a%5c..%5cb",
    "/a b",
    "/a\r\nHost: evil",
    "/a\x00",
    "/a#b",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leads_out_of_a_service(path: str, registry: Callable[..., Any]) -> None:
    """An absolute URL, a host, dot segments in any spelling: refused before anything is sent."""
    with backend(answers(reply())) as there:
        client = registry().add("a", f"{there.url}/base")
        assert client.get("/in/order?x=../y").status_code == 200
        with pytest.raises(BadPath):
            client.get(path)
        assert len(there.requests) == 1


@given(st.text(alphabet="/.\\%@:?#[]25eEfFcC ab\r\n", max_size=14))
def test_whatever_the_path_the_url_is_below_the_base(path: str) -> None:
    """Either it is refused, or host, port and prefix are those of the service."""
    try:
        url = address_of("http://bills:81/v2", path)
    except BadPath:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("http", "bills:81")
    assert parts.path.startswith("/v2/")
    assert not {".", ".."} & set(parts.path.split("/"))


# -- what is told, and to whom -----------------------------------------------------------------------------------------


def test_a_foreign_service_hears_nothing_of_who_calls(registry: Callable[..., Any]) -> None:
    """Request id and trace go along; identity, cookies and what belongs to the connection never do."""
    with backend(answers(reply(b"{}", "200 OK", "Set-Cookie: a=b"))) as there, acting(told()):
        client = registry({"HOWDAH_INTERNAL_KEY": write_keys([KEY])}).add("weather", there.url, cookies={"mine": "1"})
        passed_on = {
            "X-Hasura-Role": "admin",
            "X_Hasura_User_Id": "7",
            "X-Howdah-Internal-Token": "x.y.z",
            "Cookie": "howdah-session=secret",
            "Host": "evil",
            "Content-Length": "999",
            "X-Mine": "kept",
        }
        for _ in range(2):
            client.get("/", headers=passed_on)
        for seen in there.requests:
            said = " ".join([*seen.headers, *seen.headers.values()]).lower()
            for word in ("hasura", "howdah", "secret", "bearer", "x.y.z"):
                assert word not in said
            assert seen.headers["host"] == f"127.0.0.1:{there.port}"
            assert seen.headers["x-mine"] == "kept"
            assert seen.headers["cookie"] == "mine=1"  # the configured one, not the one that was answered
            assert seen.headers["x-request-id"] == "r-1"
            assert seen.headers["traceparent"] == TRACE
        assert len(there.requests) == 2
        client = registry().add("quiet", there.url, trace=False)
        client.get("/")
        assert "x-request-id" not in there.requests[-1].headers
    with pytest.raises(CallError, match="never told"):
        client.as_caller()


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOWDAH_INTERNAL_KEY", write_keys([KEY]))
    monkeypatch.setenv("HOWDAH_SERVICE", "app")


def own(there: Backend) -> dict[str, str]:
    return {"HOWDAH_SERVICES": '{"own": ["bills"]}', "HOWDAH_GATEWAY_URL": there.url}


@pytest.mark.usefixtures("keyed")
def test_a_service_of_the_project_is_called_through_the_gateway(registry: Callable[..., Any]) -> None:
    """R36: with this service's word for its caller, or for itself outside of a request."""
    with backend(answers(reply())) as there:
        bills = registry(own(there)).get("bills")
        with acting(told()):
            bills.get("/due", headers={"Authorization": "Bearer mine", "X-Hasura-Role": "admin"})
        bills.get("/due")
        bills.as_service().get("/due")
        with pytest.raises(OutsideRequest):
            bills.as_caller().get("/due")
        for_caller, *for_itself = (seen.headers["authorization"] for seen in there.requests)
        assert there.requests[0].target == "/-/services/bills/due"
        assert "x-hasura-role" not in there.requests[0].headers
    assert for_caller.startswith("Bearer ey")
    assert len(for_caller) > len(for_itself[0]) + 100  # the caller's token is in it
    assert len(for_itself) == 2


def problem(code: str, status: str) -> bytes:
    body = f'{{"type": "urn:howdah:error:{code}", "code": "{code}", "message": "m"}}'.encode()
    return reply(body, status, "Content-Type: application/problem+json", "Retry-After: 1")


SAID: list[tuple[str, str, type[CallError]]] = [
    ("service-down", "502 Bad Gateway", ServiceUnreachable),
    ("unknown-service", "502 Bad Gateway", UnknownService),
    ("service-starting", "503 Service Unavailable", ServiceUnwell),
    ("upstream-timeout", "504 Gateway Timeout", ServiceTimeout),
]


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize(("code", "status", "error"), SAID)
def test_what_the_gateway_says_of_a_service_is_an_error(
    registry: Callable[..., Any], code: str, status: str, error: type[CallError]
) -> None:
    """As if the service itself had not answered; what the service says with the same status is an answer."""
    with backend(answers(problem(code, status))) as there, pytest.raises(error):
        registry(own(there)).get("bills").post("/x")
    with backend(answers(reply(b'{"code": "mine"}', status))) as there:
        assert registry(own(there)).get("bills").post("/x").status_code == int(status[:3])


# -- bodies ------------------------------------------------------------------------------------------------------------


def test_bodies_are_sent_as_what_they_are(registry: Callable[..., Any]) -> None:
    """JSON, a form, bytes; one of them."""
    with backend(answers(reply())) as there:
        client = registry().add("a", there.url)
        client.post("/", json={"a": "ü"})
        client.put("/", data={"a": "b c"})
        client.patch("/", content=b"\x00", headers={"Content-Type": "application/x"})
        client.delete("/")
        client.head("/")
        with pytest.raises(ValueError, match="one body"):
            client.post("/", json={}, content=b"")
        with pytest.raises(ValueError, match="JSON"):
            client.post("/", json=float("nan"))
        seen = [(one.method, one.headers.get("content-type"), one.body) for one in there.requests]
    assert seen == [
        ("POST", "application/json", '{"a": "ü"}'.encode()),
        ("PUT", "application/x-www-form-urlencoded", b"a=b+c"),
        ("PATCH", "application/x", b"\x00"),
        ("DELETE", None, b""),
        ("HEAD", None, b""),
    ]


def test_an_answer_is_taken_for_json_when_it_is_asked_as_such(registry: Callable[..., Any]) -> None:
    """2xx with JSON is its value, an empty body None; anything else an error that holds the answer."""
    bodies = [reply(b'{"a": 1}'), reply(b"", "204 No Content"), reply(b"<html>"), reply(b'{"e": 1}', "404 Not Found")]
    with backend(answers(*bodies)) as there:
        client = registry().add("a", there.url)
        assert client.ask("GET", "/") == {"a": 1}
        assert client.ask("DELETE", "/") is None
        with pytest.raises(ServiceBadAnswer):
            client.ask("GET", "/")
        with pytest.raises(ServiceRefused) as caught:
            client.ask("GET", "/")
    assert (caught.value.answer_status, caught.value.response.json()) == (404, {"e": 1})


def test_an_answer_that_is_packed_is_unpacked_once(registry: Callable[..., Any]) -> None:
    """gzip; and one that becomes too large by it is given up."""
    packed = reply(gzip.compress(b'{"a": 1}'), "200 OK", "Content-Encoding: gzip")
    bomb = reply(gzip.compress(b"0" * 5_000_000), "200 OK", "Content-Encoding: gzip")
    with backend(answers(packed, bomb)) as there:
        client = registry().add("a", there.url, max_body=1_000_000)
        assert client.get("/").json() == {"a": 1}
        with pytest.raises(ServiceBadAnswer, match="too much"):
            client.get("/")


# -- back ends that are not well ---------------------------------------------------------------------------------------


def test_nobody_there(registry: Callable[..., Any]) -> None:
    """An error at once, not after the timeout."""
    started = time.monotonic()
    with pytest.raises(ServiceUnreachable):
        registry().add("a", f"http://127.0.0.1:{free_port()}", timeout=30).get("/")
    assert time.monotonic() - started < 10


def hang(_: Request, connection: socket.socket) -> None:
    connection.settimeout(20)
    connection.recv(1)


def drip(_: Request, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _number in range(1000):
        connection.sendall(b" ")
        time.sleep(0.02)


def drip_head(_: Request, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        connection.sendall(b"X-%d: y\r\n" % number)
        time.sleep(0.02)


@pytest.mark.parametrize("behave", [hang, drip, drip_head])
def test_a_call_is_over_when_its_time_is(behave: Any, registry: Callable[..., Any]) -> None:
    """Silence, a body and a head that never end: the deadline is for all of it, also when it is given with the call."""
    with backend(behave) as there:
        services = registry()
        for client, more in (
            (services.add("a", there.url, timeout=0.3), {}),
            (services.add("b", there.url, timeout=60), {"timeout": 0.3}),
        ):
            started = time.monotonic()
            with pytest.raises(ServiceTimeout):
                client.get("/", **more)
            assert time.monotonic() - started < 5


GARBAGE = [
    b"SSH-2.0-OpenSSH_9\r\n",
    b"\x00\x01\x02",
    b"HTTP/1.1 banana\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
]


@pytest.mark.parametrize("answer", GARBAGE)
def test_what_is_no_http_is_no_answer(answer: bytes, registry: Callable[..., Any]) -> None:
    """Nor is half of one."""
    with backend(lambda _, connection: connection.sendall(answer)) as there, pytest.raises(ServiceUnreachable):
        registry().add("a", there.url, retries=0).get("/")


def test_an_answer_that_is_too_large_is_given_up(registry: Callable[..., Any]) -> None:
    """While it comes, not when it is there."""

    def behave(_: Request, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _number in range(100_000):
            connection.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")

    with backend(behave) as there, pytest.raises(ServiceBadAnswer, match="too much"):
        registry().add("a", there.url, max_body=100_000, timeout=20).get("/")


def test_redirects_are_followed_where_that_is_wanted_and_never_elsewhere(registry: Callable[..., Any]) -> None:
    """Not by default, not to another host or out of the base, not with a POST, not in circles."""

    def behave(request: Request, connection: socket.socket) -> bool:
        to = {
            "/v/here": "/v/there",
            "/v/away": f"http://localhost:{there.port}/v/there",
            "/v/out": "/admin",
            "/v/up": "/v/../admin",
            "/v/round": "/v/round",
        }.get(request.target)
        connection.sendall(reply() if to is None else reply(b"", "302 Found", f"Location: {to}"))
        return True

    with backend(behave) as there:
        services = registry()
        plain, following = (
            services.add("a", f"{there.url}/v"),
            services.add("b", f"{there.url}/v", follow_redirects=True),
        )
        assert plain.get("/here").status_code == 302
        assert following.get("/here").status_code == 200
        for path in ("/away", "/out", "/up", "/round"):
            assert following.get(path).status_code == 302
        assert following.post("/here").status_code == 302
        assert not [request for request in there.requests if "admin" in request.target]


# -- again, or not -----------------------------------------------------------------------------------------------------

BUSY = reply(b"{}", "503 Service Unavailable")


@pytest.mark.parametrize(("method", "headers", "tries"), [
    ("GET", {}, 2), ("PUT", {}, 2), ("DELETE", {}, 2), ("POST", {}, 1), ("PATCH", {}, 1),
    ("POST", {"Idempotency-Key": "7"}, 2),
])  # fmt: skip
@pytest.mark.parametrize("first", [BUSY, b""])
def test_what_may_be_sent_twice_is_tried_again(
    method: str, headers: dict[str, str], tries: int, first: bytes, registry: Callable[..., Any]
) -> None:
    """RFC 9110, section 9.2.2: a lost answer, or 503, and the method decides; an idempotency key makes any safe."""
    left = [first]

    def behave(_: Request, connection: socket.socket) -> bool:
        answer = left.pop() if left else reply()
        connection.sendall(answer)
        return bool(answer)

    with backend(behave) as there:
        client = registry().add("a", there.url)
        if tries == 1 and not first:
            with pytest.raises(ServiceUnreachable):
                client.request(method, "/", headers=headers)
        else:
            status = client.request(method, "/", headers=headers).status_code
            assert status == (200 if tries == 2 else 503)
        assert len(there.requests) == tries


def test_an_error_of_the_service_is_an_answer(registry: Callable[..., Any]) -> None:
    """500 and 404 are not tried again."""
    for status in ("500 Internal Server Error", "404 Not Found", "400 Bad Request", "504 Gateway Timeout"):
        with backend(answers(reply(b"{}", status))) as there:
            assert registry().add("a", there.url).get("/").status_code == int(status[:3])
            assert len(there.requests) == 1


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_retry_after_is_obeyed_where_there_is_time(kind: str, registry: Callable[..., Any]) -> None:
    """The pause is the one asked for; when it goes beyond the deadline, the answer there is counts at once."""
    after = "1" if kind == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=1.9), usegmt=True)
    with backend(answers(reply(b"{}", "503 Service Unavailable", f"Retry-After: {after}"), reply())) as there:
        started = time.monotonic()
        assert registry().add("a", there.url).get("/").status_code == 200
        assert time.monotonic() - started > (0.9 if kind == "seconds" else 0.3)
    with backend(answers(reply(b"{}", "503 Service Unavailable", "Retry-After: 3600"), reply())) as there:
        started = time.monotonic()
        assert registry().add("a", there.url).get("/").status_code == 503
        assert time.monotonic() - started < 3


def test_a_service_that_keeps_failing_is_left_alone(registry: Callable[..., Any]) -> None:
    """After so many failures in a row it is not asked; then one call finds out, and all is well again."""
    port = free_port()
    client = registry().add(
        "a", f"http://127.0.0.1:{port}", retries=0, breaker_failures=3, breaker_seconds=0.4, connect_timeout=0.5
    )
    for _ in range(3):
        with pytest.raises(ServiceUnreachable):
            client.get("/")
    with pytest.raises(ServiceUnwell) as caught:
        client.get("/")
    assert 0 < caught.value.retry_after <= 0.4
    assert (caught.value.status, caught.value.headers) == (503, (("Retry-After", "1"),))
    with backend(answers(reply()), port) as there:
        with pytest.raises(ServiceUnwell):
            client.get("/")
        assert not there.requests
        time.sleep(0.45)
        assert client.get("/").status_code == 200
        assert client.get("/").status_code == 200


def test_answers_keep_a_circuit_closed(registry: Callable[..., Any]) -> None:
    """500 is an answer; so are answers between failures."""
    with backend(answers(reply(b"{}", "500 Internal Server Error"))) as there:
        client = registry().add("a", there.url, breaker_failures=1)
        for _ in range(3):
            assert client.get("/").status_code == 500


def test_many_threads_share_one_client() -> None:
    """Each gets its own answer, over connections that are kept."""

    def behave(request: Request, connection: socket.socket) -> bool:
        connection.sendall(reply(request.target.encode()))
        return True

    with backend(behave) as there:
        client = Services(Client, {}).add("a", there.url)
        wrong: list[str] = []

        def ask(number: int) -> None:
            for turn in range(20):
                if client.get(f"/{number}/{turn}").text != f"/{number}/{turn}":
                    wrong.append(f"{number}/{turn}")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(there.requests) == 200
        assert there.connections <= 20
        client.close()
    assert not wrong


def test_a_ping_says_whether_a_service_is_well(registry: Callable[..., Any]) -> None:
    """What a check of health needs: it returns, or raises."""
    with backend(answers(reply(b"", "404 Not Found"), reply(b"", "500 Internal Server Error"))) as there:
        client = registry().add("a", there.url, ping="/status")
        client.ping()
        assert there.requests[0].target == "/status"
        with pytest.raises(CallError):
            client.ping()
    with pytest.raises(CallError):
        client.ping()


def test_a_call_that_is_given_up_gives_its_connection_back() -> None:
    """A coroutine that is cancelled: the next call goes through, and the breaker is not stuck."""

    async def run() -> None:
        with backend(hang) as there:
            client = Services(AsyncClient, {}).add("a", there.url, limits={"max_connections": 1})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get("/"), 0.2)
            with pytest.raises(ServiceTimeout):
                await client.get("/", timeout=0.3)
            await client.close()

    asyncio.run(run())
