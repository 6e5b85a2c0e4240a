"""Tokens of other issuers at the gateway: verified, mapped to a role, refused; and an issuer that is down."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.auth.support import Client, Platform, platform_on
from tests.gateway.support import upstream
from tests.support import Cluster

from howdah.auth.compact import write_compact
from howdah.auth.fetch import MOST, fetch_json
from howdah.auth.issuers import build_issuers
from howdah.auth.key_sets import RemoteKeys
from howdah.auth.keys import SigningKey, generate_signing_key, public_jwk, public_key_set
from howdah.auth.setting_errors import Unfetched, UnusableClaimsMapping, UnusableKey
from howdah.observe.secret import Secret
from howdah.project.sections import AuthSection, IssuerSection, Route, ServiceSection
from howdah.session import IdentityUnavailable

ISSUER = "https://login.example.com/"
AUDIENCE = "https://api.example.com"


@dataclass
class Site:
    """Somebody else's site that publishes a key set; it can be changed, broken, and counts who asks."""

    keys: list[SigningKey]
    asked: int = 0
    status: int = 200
    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)


@contextmanager
def site(*keys: SigningKey) -> Iterator[Site]:
    there = Site(list(keys))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.asked += 1
            body = json.dumps(public_key_set(there.keys)).encode()
            if self.path == "/large":
                body = b'"' + b"x" * MOST + b'"'
            self.send_response(302 if self.path == "/elsewhere" else there.status)
            self.send_header("Location", "/jwks")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token(key: SigningKey, **claims: Any) -> str:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|7", "iat": now, "exp": now + 600, **claims}
    return write_compact(key, type_="JWT", claims={name: value for name, value in said.items() if value is not None})


def hasura(**claims: Any) -> dict[str, Any]:
    said = {"x-hasura-allowed-roles": ["editor", "user"], "x-hasura-default-role": "user", "x-hasura-org-id": "9"}
    return {"https://hasura.io/jwt/claims": said | claims}


@dataclass
class World:
    """A platform that believes three issuers: a live one, a dead one, and one whose file it has."""

    platform: Platform
    key: SigningKey
    other: SigningKey
    live: Site
    dead: Site

    def client(self, shown: str, **fields: str) -> Client:
        return self.platform.client(Authorization=f"Bearer {shown}", **fields)

    def seen(self, shown: str, **fields: str) -> tuple[int, dict[str, str]]:
        """The status, and the identity headers that a service gets."""
        reply = self.client(shown, **fields).get("/app/x")
        if reply.status != 200:
            return reply.status, {}
        return 200, {
            name.lower(): value for name, value in reply.json["headers"] if name.lower().startswith("x-hasura")
        }


@pytest.fixture(scope="module")
def world(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    key, other = generate_signing_key("ES256"), generate_signing_key("EdDSA")
    folder = tmp_path_factory.mktemp("keys")
    (folder / "other.json").write_text(json.dumps({"keys": [public_jwk(other)]}))
    name = f"issuers_{secrets.token_hex(4)}"
    dsn = cluster.create_database(name)
    with site(key) as live, site(key) as dead, upstream() as service:
        dead.status = 500
        issuers = (
            IssuerSection("live", ISSUER, (AUDIENCE,), jwks_url=f"{live.url}/jwks"),
            IssuerSection("dead", "https://dead.example.com/", (AUDIENCE,), jwks_url=f"{dead.url}/jwks"),
            IssuerSection(
                "file",
                "https://file.example.com/",
                (AUDIENCE,),
                key_file=str(folder / "other.json"),
                role="/realm/role",
                default_role="guest",
                variables={"x-hasura-org-id": "org"},
                admin=True,
            ),
            IssuerSection(
                "secret",
                "https://secret.example.com/",
                (AUDIENCE,),
                secret=Secret("s" * 32),
                algorithms=("HS256",),
                role="role",
            ),
        )
        services = (ServiceSection("app", url=f"http://127.0.0.1:{service.port}", routes=(Route(None, "/app"),)),)
        with platform_on(dsn, auth=AuthSection(issuers=issuers), services=services) as platform:
            yield World(platform, key, other, live, dead)
    cluster.drop_database(name)


def test_a_token_of_another_issuer_is_an_identity_without_an_account(world: World) -> None:
    """R35, R46: the role and variables of Hasura's claims; a role may be chosen among those allowed, and no other."""
    shown = token(world.key, **hasura())
    status, headers = world.seen(shown)
    assert (status, headers["x-hasura-role"], headers["x-hasura-org-id"]) == (200, "user", "9")
    assert headers["x-hasura-user-id"] == "auth0|7"
    assert world.seen(shown, **{"X-Hasura-Role": "editor"})[1]["x-hasura-role"] == "editor"
    assert world.seen(shown, **{"X-Hasura-Role": "admin"})[0] == 403
    assert world.client(shown).get("/auth/v1/user/info").status == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example.com"},
        {"aud": None},
        {"iss": "https://nobody.example.com/"},
        {"exp": 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"nbf": 9999999999},
        {"https://hasura.io/jwt/claims": None},
        hasura(**{"x-hasura-default-role": "admin", "x-hasura-allowed-roles": ["admin"]}),
        hasura(**{"x-hasura-default-role": "boss"}),
        hasura(**{"x-hasura-org-id": "a\r\nx-hasura-role: admin"}),
    ],
)
def test_what_it_does_not_say_rightly_is_not_believed(world: World, claims: dict[str, Any]) -> None:
    """R35: 401, and never anonymous; its neighbour with right claims passes."""
    assert world.seen(token(world.key, **(hasura() | claims)))[0] == 401
    assert world.seen(token(world.key, **hasura()))[0] == 200


def test_another_key_signs_nothing_for_it(world: World) -> None:
    """R35: neither another issuer's, nor a shared secret where a public key is."""
    assert world.seen(token(world.other, **hasura()))[0] == 401
    assert world.seen(token(world.key, **hasura(), iss="https://file.example.com/"))[0] == 401
    assert world.seen(token(world.other, iss="https://file.example.com/"))[0] == 200


def test_claims_are_mapped_as_the_project_says(world: World) -> None:
    """The role by a pointer, a default one, variables by name; the admin only where that is said."""
    issuer = "https://file.example.com/"
    shown = token(world.other, iss=issuer, realm={"role": "editor"}, org=["a", "b"])
    headers = world.seen(shown)[1]
    assert (headers["x-hasura-role"], headers["x-hasura-org-id"]) == ("editor", '{"a","b"}')
    assert world.seen(token(world.other, iss=issuer))[1]["x-hasura-role"] == "guest"
    assert world.seen(token(world.other, iss=issuer, realm={"role": "admin"}))[1]["x-hasura-role"] == "admin"
    assert world.seen(token(world.key, **hasura(**{"x-hasura-default-role": "admin"})))[0] == 401


def test_a_dead_issuer_stops_nobody_else(world: World) -> None:
    """R47: whoever cannot be checked is told to come again, never let in as nobody; nor is it asked each time."""
    before = world.dead.asked
    for _ in range(5):
        reply = world.client(token(world.key, iss="https://dead.example.com/", **hasura())).get("/app/x")
        assert (reply.status, reply.code) == (503, "accounts-unavailable")
        assert world.seen(token(world.key, **hasura()))[0] == 200
    assert world.dead.asked - before <= 1


def test_keys_are_not_asked_for_at_every_request(world: World) -> None:
    """R35: known keys are kept, and unknown ones make nobody ask again and again."""
    assert world.seen(token(world.key, **hasura()))[0] == 200
    before = world.live.asked
    for _ in range(10):
        assert world.seen(token(world.key, **hasura(**{"x-hasura-org-id": secrets.token_hex(4)})))[0] == 200
        assert world.seen(token(generate_signing_key(), **hasura()))[0] == 401
    assert world.live.asked - before <= 1


# -- the key set by itself ---------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """What an issuer's address answers, counted."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.broken = False

    async def __call__(self, _: str) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise Unfetched("It is down.")
        return public_key_set(self.keys)


def test_a_new_key_is_found_once_and_not_more_often_than_in_half_a_minute() -> None:
    """R35: an unknown kid makes us look again, many at once make us look once; a flood of them does not."""

    async def run() -> None:
        first, second = generate_signing_key(), generate_signing_key()
        source, clock = Source(first), Clock()
        remote = RemoteKeys("https://x.example/jwks", source, clock=clock)
        sets = await asyncio.gather(*(remote.keys() for _ in range(20)))
        assert source.asked == 1
        assert {key.kid for key in sets[0]} == {first.kid}
        source.keys.append(second)
        await asyncio.gather(*(remote.keys_anew() for _ in range(20)))
        assert source.asked == 1, "it was asked a moment ago"
        clock.now += 31
        sets = await asyncio.gather(*(remote.keys_anew() for _ in range(20)))
        assert source.asked == 2
        assert {key.kid for key in sets[-1]} == {first.kid, second.kid}

    asyncio.run(run())


def test_a_key_set_that_cannot_be_read_is_believed_for_a_day(world: World) -> None:
    """R35: tried again later and later; then its tokens cannot be checked, and nobody is let in on old keys."""

    async def run() -> None:
        source, clock = Source(generate_signing_key()), Clock()
        remote = RemoteKeys("https://x.example/jwks", source, clock=clock)
        await remote.keys()
        source.broken = True
        clock.now += 601
        assert await remote.keys()
        await asyncio.sleep(0.01)
        assert source.asked == 2
        for _ in range(100):
            assert await remote.keys()
        assert source.asked == 2
        clock.now += 6
        assert await remote.keys()
        await asyncio.sleep(0.01)
        assert source.asked == 3
        clock.now += 86400
        with pytest.raises(IdentityUnavailable):
            await remote.keys()
        source.broken = False
        clock.now += 301
        assert await remote.keys()

    asyncio.run(run())
    assert world.live.asked


def test_documents_are_read_from_where_they_are_configured_alone() -> None:
    """No redirect, no plain http to another machine, no document without end, no file."""
    with site(generate_signing_key()) as there:
        assert asyncio.run(fetch_json(f"{there.url}/jwks"))["keys"]
        for wrong in (
            f"{there.url}/elsewhere",
            f"{there.url}/large",
            "http://example.com/jwks",
            "file:///etc/passwd",
            "https://user:password@example.com/",
        ):
            with pytest.raises(Unfetched):
                asyncio.run(fetch_json(wrong))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, UnusableKey),
        ({"jwks_url": "https://x.example/jwks", "secret": Secret("s" * 32)}, UnusableKey),
        ({"jwks_url": "http://x.example/jwks"}, Unfetched),
        ({"secret": Secret("short")}, UnusableKey),
        ({"key_file": "missing.pem"}, UnusableKey),
        ({"secret": Secret("s" * 32), "role": "/a//b"}, UnusableClaimsMapping),
        ({"secret": Secret("s" * 32), "variables": {"x-hasura-role": "role"}}, UnusableClaimsMapping),
        ({"secret": Secret("s" * 32), "default_role": "admin"}, UnusableClaimsMapping),
        ({"secret": Secret("s" * 32), "audience": ()}, UnusableClaimsMapping),
        ({"secret": Secret("s" * 32), "issuer": ""}, UnusableClaimsMapping),
    ],
)
def test_an_issuer_that_cannot_be_used_is_refused_at_the_start(
    tmp_path: Path, given: dict[str, Any], error: type[Exception]
) -> None:
    """Each beside the same issuer without the mistake, which is taken."""
    right = {"issuer": ISSUER, "audience": (AUDIENCE,)}
    assert build_issuers([IssuerSection("x", **right, secret=Secret("s" * 32))], tmp_path)
    with pytest.raises(error):
        build_issuers([IssuerSection("x", **(right | given))], tmp_path)
