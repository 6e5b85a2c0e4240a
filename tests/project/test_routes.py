"""Routes, their policies and the addresses in them, as they are written and as they are refused."""

# ruff: noqa: E501 - in the table of cases, a row is a line

from __future__ import annotations

from ipaddress import ip_network

import pytest
from tests.project.test_parse import parse, problems

from howdah.project.sections import Cors, PartPolicy, Policy, Route

SERVICE = '[services.app]\nurl = "http://a:1"\n'


def test_a_route_has_an_address_and_a_policy() -> None:
    """Every key of a route is read, in either way TOML writes a list of tables."""
    text = """
        [services.app]
        url = "http://a:1"
        [[services.app.routes]]
        host = "shop.example.com"
        path = "/admin"
        strip_prefix = true
        restrict_to_roles = ["admin", "editor"]
        no_session_redirect_url = "/auth/ui/login"
        no_access_redirect_url = "https://example.com/sorry?why=role"
        cors = ["https://app.example.com", "http://localhost:3000", "own_subdomains"]
        max_body = "1 KiB"
        timeout = 5
        websockets = false
    """
    policy = Policy(
        ("admin", "editor"),
        False,
        "/auth/ui/login",
        "https://example.com/sorry?why=role",
        Cors(origins=("https://app.example.com", "http://localhost:3000"), own=True),
        1024,
        5.0,
        False,
    )
    app = parse(text).service("app")
    assert app is not None
    assert app.routes == (Route(None, "/admin", strip_prefix=True, host="shop.example.com", policy=policy),)
    inline = parse(SERVICE + 'routes = [{ subdomain = "a", allow_anonymous = false }, "/b"]').service("app")
    assert inline is not None
    assert inline.routes == (Route("a", "/", policy=Policy(allow_anonymous=False)), Route(None, "/b"))


def test_roles_say_whether_anonymous_callers_may_pass() -> None:
    """Where roles are asked for, anonymous callers pass when theirs is among them."""
    app = parse(
        SERVICE
        + 'routes = [{ path = "/a", restrict_to_roles = ["user"] }, { path = "/b", restrict_to_roles = ["anonymous"] }]'
    ).service("app")
    assert app is not None
    assert [route.policy.allow_anonymous for route in app.routes] == [False, True]


def test_parts_have_policies_and_more_addresses() -> None:
    """``[gateway.parts.<name>]`` is a route's policy, and addresses besides the part's own."""
    project = parse(
        """
        [gateway]
        cors = "own_subdomains"
        [gateway.parts.data]
        allow_anonymous = false
        cors = "allow_all"
        routes = [{ host = "shop.example.com", path = "/data" }]
        """
    )
    route = Route(None, "/data", strip_prefix=True, host="shop.example.com")
    assert project.gateway.cors == Cors(own=True)
    assert project.gateway.parts == {
        "data": PartPolicy(Policy(allow_anonymous=False, cors=Cors("allow_all")), (route,)),
    }
    environment = {"HOWDAH_GATEWAY_CORS": '["https://a.example"]', "HOWDAH_GATEWAY_TRUSTED_PROXIES": "2"}
    gateway = parse(environment=environment).gateway
    assert (gateway.cors, gateway.trusted_proxies) == (Cors(origins=("https://a.example",)), 2)
    assert parse(environment={"HOWDAH_GATEWAY_CORS": "upstream"}).gateway.cors == Cors("upstream")


def test_where_the_server_is() -> None:
    """The public URL is a scheme and a host as browsers write them; domains and proxies are names and networks."""
    server = parse('[server]\npublic_url = "https://Example.com:443/"\ndomains = ["example.org"]').server
    assert (server.public_url, server.domains) == ("https://example.com", ("example.org",))
    networks = parse('[gateway]\ntrusted_proxies = ["10.0.0.0/8", "::1"]').gateway.trusted_proxies
    assert networks == (ip_network("10.0.0.0/8"), ip_network("::1"))


REFUSED = [
    # keys nobody knows, on their line
    (SERVICE + 'routes = [\n  "/",\n  { path = "/a", restrict_to_role = ["a"] },\n]', 5, "services.app.routes[1].restrict_to_role: unknown key restrict_to_role; did you mean restrict_to_roles?"),
    (SERVICE + '[[services.app.routes]]\npath = "/"\nheaders = 1', 5, "services.app.routes[0].headers: unknown key headers; known here: subdomain, host, path, strip_prefix, restrict_to_roles, allow_anonymous, no_session_redirect_url, no_access_redirect_url, cors, max_body, timeout, websockets"),
    ('[gateway.parts.shop]\ncors = "upstream"', 1, "gateway.parts.shop: there is no part shop; parts are data, auth"),
    ("[gateway.parts.data]\nmax_body = 1", 2, "gateway.parts.data.max_body: unknown key max_body; known here: routes, restrict_to_roles, allow_anonymous, no_session_redirect_url, no_access_redirect_url, cors"),
    ("[gateway.parts.auth]\nallow_anonymous = false", 1, "gateway.parts.auth: nobody could sign in: accounts are for callers who are not signed in, too"),
    # what cannot be
    (SERVICE + 'routes = [{ subdomain = "a", host = "b.example" }]', 3, "services.app.routes[0].host: a route has either a subdomain or a host"),
    (SERVICE + 'routes = [{ host = "shop" }]', 3, 'services.app.routes[0].host: a host is a name such as shop.example.com, in lower case and without a port; not "shop"'),
    (SERVICE + 'routes = [{ host = "10.0.0.1" }]', 3, 'services.app.routes[0].host: a host is a name such as shop.example.com, in lower case and without a port; not "10.0.0.1"'),
    (SERVICE + 'routes = [{ path = "/", restrict_to_roles = ["a,b"] }]', 3, 'services.app.routes[0].restrict_to_roles[0]: "a,b" cannot be the name of a role'),
    (SERVICE + 'routes = [{ path = "/", max_body = 3 }]', 3, "services.app.routes[0].max_body: this must be 1024 or more, not 3"),
    # what says two things
    (SERVICE + 'routes = [{ path = "/", restrict_to_roles = ["a"], allow_anonymous = true }]', 3, "services.app.routes[0].allow_anonymous: restrict_to_roles says who may pass: anonymous callers if it names anonymous"),
    (SERVICE + 'routes = [{ path = "/", no_session_redirect_url = "/login" }]', 3, "services.app.routes[0].no_session_redirect_url: nobody is asked for a session here: set restrict_to_roles, or allow_anonymous = false"),
    (SERVICE + 'routes = [{ path = "/", allow_anonymous = false, no_access_redirect_url = "/sorry" }]', 3, "services.app.routes[0].no_access_redirect_url: nobody is asked for a role here: set restrict_to_roles"),
    # one address, two services
    (SERVICE + 'routes = [{ host = "a.example" }]\n[services.b]\nurl = "http://a:1"\nroutes = [{ host = "a.example" }]', 6, "services.b.routes: a.example/ already leads to app"),
    # proxies and names
    ("[gateway]\ntrusted_proxies = -1", 2, "gateway.trusted_proxies: this must be between 0 and 16, not -1"),
    ('[gateway]\ntrusted_proxies = ["10.0.0.1/8"]', 2, 'gateway.trusted_proxies[0]: "10.0.0.1/8" is neither an address nor a network: 10.0.0.1/8 has host bits set'),
    ('[server]\npublic_url = "https://example.com/shop"', 2, 'server.public_url: this must be https://host or http://host:port, without a path; not "https://example.com/shop"'),
    ('[server]\ndomains = ["Example.com"]', 2, 'server.domains: a host is a name such as shop.example.com, in lower case and without a port; not "Example.com"'),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "line", "message"), REFUSED)
def test_what_cannot_be_routed_is_refused_with_its_line(toml: str, line: int, message: str) -> None:
    """The problem names the very key and the line it is on."""
    assert problems(toml) == [(f"howdah.toml:{line}", message)]


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "https://*.example.com",
        "example.com",
        "https://example.com/",
        "https://example.com/app",
        "https://user@example.com",
        "https://example.com:0",
        "https://example.com:",
        "https://exa mple.com",
        "ftp://example.com",
        "https://",
        r"https://app\.example\.com",
        "https://[::1",
        "",
    ],
)
def test_only_exact_origins_may_be_listed(origin: str) -> None:
    """A pattern, ``*`` or ``null`` is refused while starting: each would let pages in that nobody listed (R55)."""
    (problem,) = problems(f"[gateway]\ncors = ['https://fine.example', '{origin}']")
    assert problem[0] == "howdah.toml:2"
    assert problem[1].startswith(f'gateway.cors[1]: "{origin}" is not an origin: ')


def test_origins_are_as_browsers_send_them() -> None:
    """Case and the scheme's own port do not matter, and an address is an origin too (R55)."""
    cors = parse(
        '[gateway]\ncors = ["HTTPS://Example.com:443", "http://[::1]:3000", "http://127.0.0.1:80"]'
    ).gateway.cors
    assert cors == Cors(origins=("https://example.com", "http://[::1]:3000", "http://127.0.0.1"))


@pytest.mark.parametrize(
    "url",
    ["//evil.example", "/\\\\evil.example", "javascript:alert(1)", "https://user@evil.example/", "https://a.example\\\\@b.example", "https://a.example/#x", "login", "https:///login"],
)  # fmt: skip
def test_a_redirect_leads_where_it_seems_to(url: str) -> None:
    """Scheme-relative, backslash and user-information tricks are refused, and their twins are not (R57)."""
    route = 'routes = [{{ path = "/", allow_anonymous = false, no_session_redirect_url = "{}" }}]'
    (problem,) = problems(SERVICE + route.format(url))
    assert problem[1].startswith("services.app.routes[0].no_session_redirect_url: this must be a path")
    for fine in ("/login", "/auth/ui/login?to=shop", "https://example.com/login", "https://example.com"):
        assert parse(SERVICE + route.format(fine)).services[0].routes[0].policy.no_session_redirect_url == fine
