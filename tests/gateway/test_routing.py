"""Settings become routes: which there are, and under which policy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.support import Received, answer, gateway, upstream
from tests.gateway.websocket import accepting, echo, handshake, websocket

from howdah.gateway.errors import RouteInvalid, UnknownHost
from howdah.gateway.match import RequestHead, Route, RouteTable, Target, part_routes
from howdah.gateway.pool import PoolLimits
from howdah.gateway.routing import route_table
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import Cors, Policy, Secrets

SERVICE = '[services.{0}]\nurl = "http://{0}:1"\n'


def table(toml: str, *names: str) -> RouteTable:
    """The routes of a project with these services."""
    text = "".join(SERVICE.format(name) for name in names) + toml
    read = parse_project(Sources(text), root=Path("/home/me/shop"), secrets=Secrets())
    return route_table(read.server, read.gateway, read.services, ("data",))


def find(routes: RouteTable, host: str, path: str = "/") -> Target:
    return routes.match(RequestHead("GET", host, path, ()))


def test_a_service_is_at_the_subdomain_of_its_name() -> None:
    """And so it is beside the routes it has, unless somebody else took that subdomain, or a part has it."""
    routes = table('routes = ["/", { subdomain = "www" }]\n', "shop", "web")
    hosts = ("localhost", "www.localhost", "web.localhost", "shop.localhost")
    assert [find(routes, host).name for host in hosts] == ["web", "web", "web", "shop"]
    taken = 'routes = ["/x"]\n[services.shop]\nurl = "http://a:1"\nroutes = [{ subdomain = "web" }]\n'
    assert find(table(taken, "web"), "web.localhost").name == "shop"


@pytest.mark.parametrize(
    "policy",
    ['restrict_to_roles = ["admin"]', "allow_anonymous = false", 'cors = "allow_all"', "websockets = false"],
)
def test_nothing_that_was_not_written_leads_past_a_policy(policy: str) -> None:
    """The subdomain of its name is under the one policy a service has, and there is none where it has several."""
    one = table(f'routes = [{{ path = "/office", {policy} }}, {{ path = "/bureau", {policy} }}]\n', "office")
    written = find(one, "localhost", "/office").policy
    assert find(one, "office.localhost").policy == written != find(table("", "open"), "open.localhost").policy
    for several in (f'["/", {{ path = "/office", {policy} }}]', f'[{{ path = "/office", {policy} }}, "/open"]'):
        with pytest.raises(UnknownHost):
            find(table(f"routes = {several}\n", "office"), "office.localhost")


@pytest.mark.parametrize(
    ("route", "url"),
    [
        # a path of the same host that asks for a session too, or is not there
        ('path = "/"', "/login"),
        ('subdomain = "app"', "/auth/ui/login"),
        ('host = "shop.example"', "/auth/ui/login"),
        ('host = "shop.example", path = "/shop"', "/login"),
    ],
)
def test_nobody_is_sent_in_circles(route: str, url: str) -> None:
    """A policy that sends browsers where they are sent away again does not start; where they may pass it does."""
    closed = f'routes = [{{ {route}, allow_anonymous = false, no_session_redirect_url = "URL" }}]\n'
    with pytest.raises(RouteInvalid, match="no_session_redirect_url of service 'web' leads to"):
        table(closed.replace("URL", url), "web")
    assert table(closed.replace("URL", "https://login.example/"), "web")
    for address in ('subdomain = "app"', 'host = "shop.example"'):
        if route.startswith(address):
            page = f'[gateway.parts.data]\nroutes = [{{ {address}, path = "/auth" }}]'
            assert table(closed.replace("URL", "/auth/x") + page, "web")
    restricted = 'routes = [{ path = "/", restrict_to_roles = ["a"], no_access_redirect_url = "URL" }]\n'
    with pytest.raises(RouteInvalid):
        table(restricted.replace("URL", "/sorry"), "web")
    assert table(restricted.replace("URL", "/data/sorry"), "web")


def test_the_subdomain_of_a_name_sends_nobody_to_a_page_it_has_not() -> None:
    """A policy with a path for signing in holds at the routes that were written, and nowhere else."""
    written = 'routes = [{ path = "/x", allow_anonymous = false, no_session_redirect_url = "/data/login" }]\n'
    with pytest.raises(UnknownHost):
        find(table(written, "web"), "web.localhost")


def test_what_a_policy_leaves_open_is_as_the_gateways() -> None:
    """``gateway.cors`` holds where nothing else is written, for parts too; a part leaves CORS to the gateway."""
    routes = table(
        """
        routes = ["/", { path = "/maps", cors = "allow_all" }]
        [gateway]
        cors = ["https://app.example"]
        """,
        "web",
    )
    listed = Cors(origins=("https://app.example",))
    assert [find(routes, "localhost", path).policy.cors for path in ("/", "/maps", "/data/x")] == [
        listed,
        Cors("allow_all"),
        listed,
    ]
    assert find(table('[gateway]\ncors = "upstream"'), "localhost", "/data/x").policy.cors == Cors()


def test_a_part_is_under_its_policy_wherever_it_is_reached() -> None:
    """At its path, its subdomain, every domain and every address that was added."""
    routes = table(
        """
        [server]
        domain = "example.com"
        domains = ["example.org"]
        [gateway.parts.data]
        restrict_to_roles = ["user"]
        routes = [{ host = "shop.example", path = "/api" }, { subdomain = "app", path = "/data" }]
        """,
        "app",
    )
    for host, path in (
        ("example.com", "/data/v1/query"),
        ("data.example.com", "/v1/query"),
        ("data.example.org", "/v1/query"),
        ("example.org", "/data/v1/query"),
        ("localhost", "/data/v1/query"),
        ("10.0.0.1", "/data/v1/query"),
        ("shop.example", "/api/v1/query"),
        ("SHOP.example.:443", "//api/v1/query"),
        ("app.example.com", "/data/v1/query"),
    ):
        target = find(routes, host, path)
        assert (target.kind, target.name, target.policy.restrict_to_roles) == ("part", "data", ("user",)), host
    assert find(routes, "shop.example", "/api/v1/query").prefix == "/api"
    for host in ("shop.example.com", "www.shop.example", "example.net", "xshop.example"):
        with pytest.raises(UnknownHost):
            find(routes, host, "/api/v1/query")


def test_hosts_and_domains_are_kept_apart() -> None:
    """A host of ours is a subdomain: written as a host it would be two addresses with one name."""
    for host in ("example.com", "shop.example.com", "a.example.org", "shop.localhost"):
        with pytest.raises(RouteInvalid):
            RouteTable("example.com", [Route(None, "/", "service", "web", host=host)], ("example.org",))
    with pytest.raises(RouteInvalid):
        RouteTable("a.example", [Route(None, "/", "service", name, host="b.example") for name in ("a", "b")])
    routes = RouteTable("example.com", part_routes("data"), ("example.org",))
    assert [routes.domain_of(host) for host in ("data.example.org", "example.com:80", "10.0.0.1", "localhost", "")] == [
        "example.org",
        "example.com",
        "example.com",
        "example.com",
        "example.com",
    ]


def test_a_route_has_limits_of_its_own() -> None:
    """Body and time are the route's, beside the same service's with the gateway's."""

    async def silent(request: Received, reader: Any, writer: Any) -> bool:
        await asyncio.sleep(0.6)
        writer.write(answer(b"late"))
        return True

    routes = (
        Route(None, "/", "service", "web"),
        Route(None, "/small", "service", "web", policy=Policy(max_body=1024, timeout=0.1)),
        Route(None, "/large", "service", "web", policy=Policy(max_body=30 << 20)),
    )
    with (
        upstream(silent=silent, small_silent=silent) as up,
        gateway(service=up.port, routes=routes, pool=PoolLimits(upstream_timeout=0.4)) as running,
    ):
        up.behaviours["/small/silent"] = silent
        assert running.request("POST", "/small", body=b"x" * 1024).status == 200
        refused = running.request("POST", "/small", body=b"x" * 1025)
        assert (refused.status, refused.json()["code"]) == (413, "body-too-large")
        assert running.request("POST", "/", body=b"x" * 1025).status == 200
        assert running.request("POST", "/large", body=b"x" * (21 << 20)).status == 200
        late = running.get("/small/silent")
        assert (late.status, late.json()["message"]) == (504, "The service was silent for 0.1 seconds.")


def test_a_route_may_be_closed_to_websockets() -> None:
    """400 where they are not for, and for pages that may not call; where they are they open (R48)."""
    listed = Policy(cors=Cors(origins=("https://app.example",)))
    routes = (
        Route(None, "/", "service", "web", policy=listed),
        Route(None, "/closed", "service", "web", policy=Policy(websockets=False)),
        Route(None, "/members", "service", "web", policy=Policy(allow_anonymous=False)),
        Route(None, "/all", "service", "web", policy=Policy(cors=Cors("allow_all"))),
    )
    with upstream(ws=accepting(echo)) as up, gateway(service=up.port, routes=routes) as running:
        up.behaviours["/all/ws"] = up.behaviours["/ws"]
        for path, fields, status in (
            ("/closed/ws", (), 400),
            ("/members/ws", (), 401),
            ("/data/ws", (), 400),
            ("/ws", ("Origin: https://evil.example",), 403),
            ("/ws", ("Origin: null",), 403),
            ("/ws", ("Origin: https://app.example", "Origin: https://app.example"), 403),
        ):
            assert running.raw(handshake(path, *fields))[0].status == status, path
        for path, fields in (
            ("/ws", ()),
            ("/ws", ("Origin: https://app.example",)),
            ("/ws", ("Origin: http://localhost",)),
            ("/all/ws", ("Origin: https://anybody.example",)),
        ):
            with websocket(running, path, *fields) as client:
                client.send(b"hello")
                assert client.read()[1] == b"hello"
