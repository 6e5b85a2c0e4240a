"""Which pages of other origins may call, and what their browsers are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.gateway.support import Answer, Received, RunningGateway, gateway, upstream

from howdah.gateway.match import Route
from howdah.gateway.origins import Pages
from howdah.gateway.site import Site
from howdah.project.sections import Cors, Policy

LISTED = "https://app.example.com"
LIST = Policy(cors=Cors(origins=(LISTED, "http://localhost:3000")))
OWN = Policy(cors=Cors(own=True))
ALL = Policy(cors=Cors("allow_all"))
UPSTREAM = Policy(cors=Cors("upstream"))
ROUTES = (
    Route(None, "/none", "service", "web"),
    Route(None, "/list", "service", "web", policy=LIST),
    Route(None, "/own", "service", "web", policy=OWN),
    Route(None, "/all", "service", "web", policy=ALL),
    Route(None, "/upstream", "service", "web", policy=UPSTREAM),
    Route(None, "/closed", "service", "web", policy=Policy(("admin",), False, cors=LIST.cors)),
    Route(None, "/says", "service", "web", policy=LIST),
    Route(None, "/says-more", "service", "web", policy=UPSTREAM),
    Route("app", "/", "service", "web"),
    Route(None, "/", "service", "web", host="shop.example.org"),
)
SAYS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n"
    b"Access-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: X-Total\r\n\r\n"
)


async def says(request: Received, reader: Any, writer: Any) -> bool:
    writer.write(SAYS)
    return True


@pytest.fixture(scope="module", params=[None, "httptools"], ids=["edge", "plain ASGI"])
def pages(request: pytest.FixtureRequest) -> Iterator[RunningGateway]:
    """A gateway with a route for each policy."""
    with (
        upstream(says=says, says_more=says) as up,
        gateway(
            service=up.port, http=request.param, routes=ROUTES, policies={"data": LIST}, domain="example.com"
        ) as running,
    ):
        yield running


def preflight(server: RunningGateway, path: str, origin: str, *fields: str, host: str = "example.com") -> Answer:
    asks = (f"Origin: {origin}", "Access-Control-Request-Method: PUT", *fields)
    return server.request("OPTIONS", path, *asks, host=host)


def said(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("access-control-") or name == "vary"}


@pytest.mark.parametrize("path", ["/list", "/data/x"])
def test_a_listed_origin_may_call_with_cookies(pages: RunningGateway, path: str) -> None:
    """Its own name comes back, never a star, and caches keep answers apart (R55)."""
    answer = pages.get(path, f"Origin: {LISTED}", host="example.com")
    assert answer.status == 200
    assert said(answer) == {
        "access-control-allow-origin": LISTED,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Request-Id, ETag, Location, Retry-After, Content-Disposition",
        "vary": "Origin",
    }
    assert said(pages.get(path, host="example.com")) == {"vary": "Origin"}


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://app-example.com",
        "https://app.example.com:8443",
        "http://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "https://app.example.com/",
        "https://app.example.com@evil.example",
        "*",
        "",
        "https://app.example.com, https://evil.example",
    ],
)
def test_any_other_origin_is_told_nothing(pages: RunningGateway, origin: str) -> None:
    """R55: what is not exactly listed is not reflected, neither in an answer nor to a preflight."""
    answer = pages.get("/list", f"Origin: {origin}", host="example.com")
    assert answer.status == 200 and said(answer) == {"vary": "Origin"}
    answer = preflight(pages, "/list", origin)
    assert (answer.status, answer.json()["code"]) == (403, "origin-refused")
    assert said(answer) == {"vary": "Origin"}


def test_two_origins_are_none(pages: RunningGateway) -> None:
    """R55: a request that says two things is told nothing."""
    answer = pages.get("/list", f"Origin: {LISTED}", f"Origin: {LISTED}", host="example.com")
    assert said(answer) == {"vary": "Origin"}


@pytest.mark.parametrize("path", ["/list", "/data/x", "/closed"])
def test_a_preflight_is_answered_for_everybody_behind(pages: RunningGateway, path: str) -> None:
    """Methods and fields, without asking who it is: a browser does not say so yet (R55)."""
    answer = preflight(pages, path, LISTED, "Access-Control-Request-Headers: content-type, x-hasura-role")
    assert (answer.status, answer.body) == (204, b"")
    assert said(answer) == {
        "access-control-allow-origin": LISTED,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        "access-control-allow-headers": "content-type, x-hasura-role",
        "access-control-max-age": "600",
        "vary": "Origin, Access-Control-Request-Headers",
    }
    assert pages.get("/closed", f"Origin: {LISTED}", host="example.com").status == 401  # the twin: then it says so


def test_an_error_can_be_read_by_the_page(pages: RunningGateway) -> None:
    """A page that may call learns why it was refused."""
    answer = pages.get("/closed", f"Origin: {LISTED}", host="example.com")
    assert answer.status == 401 and said(answer)["access-control-allow-origin"] == LISTED


@pytest.mark.parametrize("names", ["a\x7fb", "a;b", "x" * 2000, "a,,b", "ä"])
def test_names_that_are_none_are_not_repeated(pages: RunningGateway, names: str) -> None:
    """The fields a page asks for come back only if they are names."""
    answer = preflight(pages, "/list", LISTED, f"Access-Control-Request-Headers: {names}")
    assert answer.status in (204, 400) and "access-control-allow-headers" not in said(answer)


def test_everybody_may_call_without_cookies(pages: RunningGateway) -> None:
    """R55: a star goes without credentials, so no page reads what belongs to its visitor."""
    for fields in ((), ("Origin: https://evil.example",), ("Origin: null",)):
        answer = pages.get("/all", *fields, host="example.com")
        assert said(answer)["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in said(answer)
    answer = preflight(pages, "/all", "https://evil.example")
    assert answer.status == 204 and said(answer)["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in said(answer)


def test_without_a_policy_nobody_may(pages: RunningGateway) -> None:
    """R55: the default lets no page of another origin in, and its answers do not depend on one."""
    assert said(pages.get("/none", f"Origin: {LISTED}", host="example.com")) == {}
    assert preflight(pages, "/none", LISTED).status == 403
    # OPTIONS without a page behind it is a request like any other.
    assert pages.request("OPTIONS", "/none", host="example.com").json()["method"] == "OPTIONS"


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://app.example.com", "example.com", True),
        ("http://data.example.com", "app.example.com", True),
        ("http://shop.example.org", "example.com", True),
        ("http://app.example.com:8080", "example.com:8080", True),
        ("http://evil.example.com", "example.com", False),  # a subdomain, and not one of ours
        ("http://app.example.com:81", "example.com", False),
        ("https://app.example.com", "example.com", False),  # it did not come the way this request came
        ("http://app.example.com.evil.example", "example.com", False),
        ("http://10.0.0.1", "10.0.0.1", False),
        ("http://platform", "platform", False),
        ("null", "example.com", False),
    ],
)
def test_our_own_hosts_are_those_that_are_routed(pages: RunningGateway, origin: str, host: str, own: bool) -> None:
    """R55: exactly the names under which something is served, by the same scheme and port."""
    path = "/own" if host.startswith(("example", "10", "platform")) else "/"
    if path == "/own":
        found = said(pages.get(path, f"Origin: {origin}", host=host)).get("access-control-allow-origin")
        assert found == (origin if own else None)
    names = {"example.com", "app.example.com", "data.example.com", "shop.example.org"}
    assert Pages(Cors(own=True), "http", host, names.__contains__).include(origin) is own


def test_a_service_does_not_speak_for_the_gateway(pages: RunningGateway) -> None:
    """R55: what it says of CORS is dropped, but for the fields it shows; unless it was left to it."""
    answer = pages.get("/says", "Origin: https://evil.example", host="example.com")
    assert answer.values("access-control-allow-origin") == answer.values("access-control-allow-credentials") == []
    assert answer.values("vary") == ["Accept", "Origin"]
    answer = pages.get("/says", f"Origin: {LISTED}", host="example.com")
    assert answer.values("access-control-allow-origin") == [LISTED]
    assert "X-Total" in answer.values("access-control-expose-headers")
    answer = pages.get("/says-more", "Origin: https://evil.example", host="example.com")
    assert answer.values("access-control-allow-origin") == ["*"] and answer.values("vary") == ["Accept"]


def test_a_preflight_that_is_left_to_the_service_says_nothing_of_anybody(pages: RunningGateway) -> None:
    """It reaches the service as an anonymous request without a body, or is no preflight."""
    answer = preflight(pages, "/upstream", "https://evil.example", "Authorization: Bearer nonsense")
    assert answer.status == 200 and answer.json()["method"] == "OPTIONS"
    assert answer.fields()["x-hasura-role"] == ["anonymous"] and "authorization" not in answer.fields()


def test_a_service_cannot_set_the_sessions_cookie() -> None:
    """R49: a service that is broken into signs nobody in as somebody else; its own cookies pass."""

    async def sets(request: Received, reader: Any, writer: Any) -> bool:
        cookies = (
            "__Host-session=stolen; Path=/",
            "__host-Session =x; Path=/",
            "__Host-session-device=x",
            "__Host-session-oauth=x",
            "mine=1",
            "x__Host-session=2",
        )
        lines = "".join(f"Set-Cookie: {each}\r\n" for each in cookies)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n".encode())
        return True

    with upstream(sets=sets) as up, gateway(service=up.port, site=Site(session_cookie=b"__Host-session")) as running:
        assert running.get("/sets").values("set-cookie") == ["mine=1", "x__Host-session=2"]
