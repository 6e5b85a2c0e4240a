"""Who answers which host and path."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.support import RunningGateway

import howdah.gateway.answer
import howdah.gateway.match
import howdah.gateway.page
import howdah.gateway.target
import howdah.services.registry
from howdah.gateway.errors import MalformedTarget, RouteInvalid, UnknownHost, UnknownPath
from howdah.gateway.match import RequestHead, Route, RouteTable, part_routes, strip_prefix, subdomain_of
from howdah.gateway.target import parse_target

ROUTES = (
    *part_routes("data"),
    *part_routes("auth"),
    Route(None, "/", "service", "web"),
    Route("app", "/", "service", "web"),
    Route(None, "/shop", "service", "shop"),
    Route(None, "/shop/admin", "service", "back-office", strip_prefix=True),
    Route("api", "/shipping", "service", "shipping", strip_prefix=True),
    Route("api", "/", "service", "api"),
    Route("eu.api", "/", "service", "api-eu"),
)
TABLE = RouteTable("example.com", ROUTES)


@pytest.mark.parametrize(
    "module",
    [
        howdah.gateway.answer,
        howdah.gateway.match,
        howdah.gateway.page,
        howdah.gateway.target,
        howdah.services.registry,
    ],
)
def test_examples_in_the_documentation_hold(module: ModuleType) -> None:
    """Every doctest of the pure modules passes."""
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        # a part has a path and a subdomain
        ("example.com", "/data/v1/query", "data"),
        ("data.example.com", "/v1/query", "data"),
        ("example.com", "/data", "data"),
        # a service may have several addresses
        ("example.com", "/", "web"),
        ("app.example.com", "/", "web"),
        ("app.example.com", "/data/v1/query", "web"),
        # the longest path wins, and a path covers whole segments only
        ("example.com", "/shop", "shop"),
        ("example.com", "/shop/", "shop"),
        ("example.com", "/shop/admin", "back-office"),
        ("example.com", "/shop/admin/users", "back-office"),
        ("example.com", "/shop/administrator", "shop"),
        ("example.com", "/shopping", "web"),
        ("example.com", "/database", "web"),
        ("api.example.com", "/shipping/1", "shipping"),
        ("api.example.com", "/shippings", "api"),
        ("eu.api.example.com", "/shipping", "api-eu"),
        # a doubled slash leads past no route
        ("example.com", "//shop//admin", "back-office"),
        ("example.com", "//data/v1/query", "data"),
        # names are what they are in any spelling
        ("EXAMPLE.com:8080", "/data", "data"),
        ("App.Example.Com.", "/", "web"),
        # addresses, localhost and machine names are the domain itself
        ("127.0.0.1:8080", "/data", "data"),
        ("[::1]:8080", "/data", "data"),
        ("10.0.0.3", "/data", "data"),
        ("localhost", "/data", "data"),
        ("app.localhost:8080", "/", "web"),
        ("platform:8080", "/data", "data"),
        # HTTP/1.0 may name no host
        ("", "/data", "data"),
    ],
)
def test_the_most_specific_route_answers(host: str, path: str, name: str) -> None:
    """Host first, then the longest path of whole segments."""
    assert TABLE.match(RequestHead("GET", host, path, ())).name == name


@pytest.mark.parametrize(
    "host",
    [
        "unknown.example.com",  # no such subdomain
        "unknown.localhost",
        "example.org",  # not ours, e.g. a name somebody else pointed here
        "notexample.com",
        "example.com.evil.org",
        "app.example.com:port",
        "app example.com",
        "app..example.com",
        ".example.com",
        "-app.example.com",
        "app.example.com/data",
        "user@example.com",
        "example.com,localhost",
        "\0",
    ],
)
def test_an_unknown_host_is_refused(host: str) -> None:
    """The twin: no other name leads anywhere."""
    with pytest.raises(UnknownHost):
        TABLE.match(RequestHead("GET", host, "/", ()))


def test_a_subdomain_without_a_route_for_the_path_is_refused() -> None:
    """Without a route for ``/`` there is nothing at most paths."""
    table = RouteTable("localhost", [Route("api", "/v1", "service", "api")])
    assert table.match(RequestHead("GET", "api.localhost", "/v1/x", ())).name == "api"
    for host, path in (("api.localhost", "/"), ("api.localhost", "/v10"), ("localhost", "/v1")):
        with pytest.raises(UnknownPath):
            table.match(RequestHead("GET", host, path, ()))


@pytest.mark.parametrize(
    "route",
    [
        Route(None, "shop", "service", "web"),
        Route(None, "/shop?x", "service", "web"),
        Route(None, "/a/../b", "service", "web"),
        Route(None, "/a//b", "service", "web"),
        Route(None, "/caf%C3%A9", "service", "web"),
        Route(None, "/-", "service", "web"),
        Route(None, "/-/live", "service", "web"),
        Route("a b", "/", "service", "web"),
        Route(None, "/data", "service", "web"),  # the data part's
        Route("data", "/", "service", "web"),
        Route(None, "/data/", "service", "web"),
    ],
)
def test_a_route_that_cannot_be_meant_is_refused_at_the_start(route: Route) -> None:
    """Not a path, reserved, or somebody else's."""
    with pytest.raises(RouteInvalid):
        RouteTable("localhost", [*part_routes("data"), route])


@pytest.mark.parametrize(
    ("path", "prefix", "rest"),
    [
        ("/data/v1/query", "/data", "/v1/query"),
        ("/data/", "/data", "/"),
        ("/data", "/data", "/"),
        ("//data//v1", "/data", "//v1"),
        ("/shop/admin/x", "/shop/admin", "/x"),
        ("/%73hop/a%64min/%78", "/shop/admin", "/%78"),
        ("/d%61ta", "/data", "/"),
    ],
)
def test_the_matched_prefix_is_cut_off_segment_by_segment(path: str, prefix: str, rest: str) -> None:
    """Decoded and raw path lose the same segments."""
    assert strip_prefix(path, prefix) == rest


@given(st.text(alphabet="/.%25cCfFeE\\;ab\0ä ", min_size=1, max_size=24))
def test_a_path_that_passes_means_the_same_encoded_and_decoded(text: str) -> None:
    """R44: no accepted path grows, loses or resolves segments when an upstream decodes it, even twice."""
    raw = b"/" + text.encode()
    try:
        target = parse_target(raw, b"localhost")
    except MalformedTarget:
        return
    encoded = target.raw_path.decode("ascii")
    assert raw.split(b"?")[0] == target.raw_path
    assert encoded.count("/") == target.path.count("/")
    assert not {".", ".."} & {segment.split(";")[0] for segment in target.path.split("/")}
    assert "\0" not in target.path and "\\" not in target.path
    assert "%2f" not in target.path.lower() and "%2e" not in target.path.lower()


@given(st.text(max_size=30))
def test_no_host_header_is_a_surprise(host: str) -> None:
    """Any text is a subdomain, the domain itself or refused, and never another exception."""
    try:
        subdomain = subdomain_of(host, "localhost")
    except UnknownHost:
        return
    assert subdomain is None or host.lower().startswith(subdomain + ".localhost")


@pytest.mark.parametrize(
    ("host", "target", "seen"),
    [
        ("localhost", "/data/v1/query?x=1", ("/v1/query", "/data", "x=1")),
        ("data.localhost:8080", "/v1/query?x=1", ("/v1/query", "", "x=1")),
        ("localhost", "/data", ("/", "/data", "")),
        ("localhost", "/data/caf%C3%A9", ("/café", "/data", "")),
    ],
)
def test_a_part_sees_its_own_path(server: RunningGateway, host: str, target: str, seen: tuple[str, str, str]) -> None:
    """The prefix moves to ``root_path``."""
    answer = server.get(target, host=host).json()
    assert (answer["path"], answer["root_path"], answer["query"]) == seen


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "app.localhost:8080", "127.0.0.1"])
def test_a_service_sees_path_query_and_host_as_they_were_sent(server: RunningGateway, host: str) -> None:
    """Nothing is normalised on the way."""
    answer = server.get("/a%20b//c;d?x=%2F&y", host=host)
    assert answer.json()["target"] == "/a%20b//c;d?x=%2F&y"
    assert answer.fields()["host"] == [host]


def test_an_unknown_subdomain_is_a_json_404(server: RunningGateway) -> None:
    """With a hint that names those there are."""
    answer = server.get("/", host="nobody.localhost")
    assert answer.status == 404
    assert answer.header("content-type") == "application/problem+json; charset=utf-8"
    assert answer.json() | {"request_id": ""} == {
        "type": "urn:howdah:error:unknown-host",
        "title": "Nothing is served under this host name.",
        "status": 404,
        "detail": "There is no subdomain 'nobody'.",
        "code": "unknown-host",
        "message": "There is no subdomain 'nobody'.",
        "hint": "Subdomains: app, data.",
        "request_id": "",
    }
