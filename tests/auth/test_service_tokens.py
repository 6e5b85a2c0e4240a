"""Service tokens: made, shown once, limited, used, revoked."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.auth.support import Client, Platform, platform_on
from tests.gateway.support import upstream
from tests.support import Cluster

from howdah.auth.keys import internal_token_keys
from howdah.kit.errors import CallerUnproven
from howdah.kit.internal_token import verify_internal_token
from howdah.project.sections import Route, ServiceSection

CREATE = "/auth/v1/admin/service-token/create"
LIST = "/auth/v1/admin/service-token/list"
REVOKE = "/auth/v1/admin/service-token/revoke"


def made(platform: Platform, **asked: Any) -> tuple[dict[str, Any], Client]:
    """A new token as it was answered, and a client that shows it."""
    body = {"name": f"robot {secrets.token_hex(4)}", "roles": ["robot"], **asked}
    reply = platform.admin().post(CREATE, body)
    assert reply.status == 200, reply.body
    return reply.json, platform.client(Authorization=f"Bearer {reply.json['token']}")


def query(client: Client, **fields: str) -> tuple[int, str]:
    """What the Data API answers to a query about a table that is not there: a role in the message shows who asked."""
    reply = client.send("POST", "/data/v1/query", {"type": "count", "args": {"table": "nothing"}}, fields)
    return reply.status, str(reply.json.get("code"))


def test_a_token_is_shown_once_and_stored_as_a_hash(platform: Platform) -> None:
    """R38, R16: 256 random bits behind a prefix that scanners of secrets know; the list does not show it."""
    told, _ = made(platform, name="nightly import", variables={"X-Hasura-Org-Id": "7"}, scopes=["data"])
    assert told["token"].startswith("hwd_")
    assert len(told["token"]) == 4 + 43
    stored = platform.rows("select * from howdah_auth.service_tokens")
    assert told["token"] not in str(stored)
    reply = platform.admin().get(LIST)
    assert told["token"].encode() not in reply.body
    (shown,) = [each for each in reply.json["service_tokens"] if each["id"] == told["id"]]
    assert (shown["name"], shown["roles"], shown["scopes"]) == ("nightly import", ["robot"], ["data"])
    assert (shown["variables"], shown["used"], shown["revoked"]) == ({"x-hasura-org-id": "7"}, None, None)
    again = platform.admin().post(CREATE, {"name": "nightly import", "roles": ["robot"]})
    assert (again.status, again.code) == (409, "service-token-exists")
    assert "service-token-created" in platform.events()
    assert told["token"] not in str(platform.rows("select detail from howdah_auth.audit"))


def test_only_an_administrator_makes_lists_and_revokes(platform: Platform) -> None:
    """Nobody, a user, and a token that is no administrator's are refused each."""
    user = platform.client()
    user.sign_up(f"una_{secrets.token_hex(4)}")
    _, robot = made(platform)
    _, ruler = made(platform, roles=["admin"])
    for method, path, body in (
        ("POST", CREATE, {"name": "x", "roles": ["admin"]}),
        ("GET", LIST, None),
        ("POST", REVOKE, {"id": "00000000-0000-0000-0000-000000000000"}),
    ):
        assert platform.client().send(method, path, body).status == 401
        assert user.send(method, path, body).status == robot.send(method, path, body).status == 403
    assert ruler.get(LIST).status == 200
    assert platform.admin().post(REVOKE, {"id": "00000000-0000-0000-0000-000000000000"}).status == 404


def test_a_token_has_its_roles_and_no_other(platform: Platform) -> None:
    """R46: the first unless it asks for another of its own; it is no user's."""
    _, client = made(platform, roles=["robot", "editor"], variables={"x-hasura-org-id": "7"})
    assert query(client) == query(client, **{"X-Hasura-Role": "editor"}) == (400, "permission-denied")
    assert query(client, **{"X-Hasura-Role": "admin"})[0] == 403
    assert client.get("/auth/v1/user/info").status == 401


def test_a_revoked_token_is_worth_nothing_at_once(platform: Platform) -> None:
    """R37: also where the gateway remembers it; and one that has ended, or was made up, is worth nothing either."""
    told, client = made(platform)
    _, other = made(platform)
    assert query(client)[0] == query(other)[0] == 400
    assert platform.admin().post(REVOKE, {"id": told["id"]}).status == 200
    assert query(client)[0] == 401
    assert query(other)[0] == 400
    assert platform.admin().post(REVOKE, {"id": told["id"]}).status == 404
    short, ending = made(platform, expires_in=3600)
    assert query(ending)[0] == 400
    platform.rows("update howdah_auth.service_tokens set expires_at = now() where id = %s::uuid", short["id"])
    assert query(ending)[0] == 401
    assert query(platform.client(Authorization=f"Bearer hwd_{secrets.token_urlsafe(32)}"))[0] == 401


def test_when_it_was_used_last_is_written_down(platform: Platform) -> None:
    """So that tokens nobody needs can be found."""
    told, client = made(platform)
    query(client)
    (row,) = platform.rows("select used_at from howdah_auth.service_tokens where id = %s::uuid", told["id"])
    assert row["used_at"] is not None


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"scopes": ["everything"]}, "$.scopes[0]"),
        ({"scopes": ["data", "service:"]}, "$.scopes[1]"),
        ({"roles": []}, "$.roles"),
        ({"roles": ["anonymous"]}, "$.roles"),
        ({"roles": ["a b"]}, "$.roles"),
        ({"variables": {"x-hasura-role": "admin"}}, "$.variables.x-hasura-role"),
        ({"variables": {"x-hasura-admin-secret": "s"}}, "$.variables.x-hasura-admin-secret"),
        ({"variables": {"x_hasura_org": "s"}}, "$.variables.x_hasura_org"),
        ({"variables": {"x-hasura-org": "a\nb"}}, "$.variables.x-hasura-org"),
        ({"expires_in": 0}, "$.expires_in"),
        ({"admin": True}, "$"),
    ],
)
def test_what_no_token_can_have_is_refused(platform: Platform, wrong: dict[str, Any], path: str) -> None:
    """R68: with the place of the mistake, and nothing is made."""
    reply = platform.admin().post(CREATE, {"name": "wrong", "roles": ["robot"], **wrong})
    assert reply.status == 400
    assert reply.json["path"] == path
    assert "wrong" not in {each["name"] for each in platform.admin().get(LIST).json["service_tokens"]}


@pytest.fixture(scope="module")
def guarded(cluster: Cluster) -> Iterator[Platform]:
    """A platform with two services behind it."""
    name = f"scopes_{secrets.token_hex(4)}"
    dsn = cluster.create_database(name)
    with upstream() as service:
        services = tuple(
            ServiceSection(each, url=f"http://127.0.0.1:{service.port}", routes=(Route(None, f"/{each}"),))
            for each in ("app", "bills")
        )
        with platform_on(dsn, services=services) as running:
            yield running
    cluster.drop_database(name)


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (None, {"query", "version", "list", "create", "get app", "post app", "get bills", "post bills"}),
        (["data"], {"query", "version"}),
        (["data:read"], {"version"}),
        (["auth"], {"list", "create"}),
        (["auth:read"], {"list"}),
        (["service:app"], {"get app", "post app"}),
        (["service:app:read"], {"get app"}),
        (["service:*"], {"get app", "post app", "get bills", "post bills"}),
        (["service:*:read", "data"], {"get app", "get bills", "query", "version"}),
    ],
)
def test_a_scope_allows_what_it_names(guarded: Platform, scopes: list[str] | None, allowed: set[str]) -> None:
    """R45, R46: each scope opens what it names, and everything else is refused with 403, on the short way too."""
    _, client = made(guarded, roles=["admin"], scopes=scopes)
    asked = {
        "query": ("POST", "/data/v1/query", {"type": "count", "args": {"table": "nothing"}}),
        "version": ("GET", "/data/v1/version", None),
        "list": ("GET", LIST, None),
        "create": ("POST", CREATE, {"name": secrets.token_hex(8), "roles": ["robot"]}),
        "get app": ("GET", "/app/x", None),
        "post app": ("POST", "/app/x", {}),
        "get bills": ("GET", "/bills/x", None),
        "post bills": ("POST", "/bills/x", {}),
    }
    for _ in range(2):  # the second time the gateway knows the head and the token
        replies = {name: client.send(*request) for name, request in asked.items()}
        refused = {name for name, reply in replies.items() if reply.status == 403}
        assert set(asked) - refused == allowed
        assert {replies[name].code for name in refused} <= {"scope-missing"}


def test_a_service_is_proven_who_calls(guarded: Platform) -> None:
    """R36, R49: on the long way and on the short one, of this caller; what a client sends by that name is dropped."""
    told, client = made(guarded, roles=["robot"], variables={"x-hasura-org-id": "7"})
    auth = guarded.served.application.auth
    assert auth is not None
    for _ in range(3):
        reply = client.get("/app/x", **{"X-Howdah-Internal-Token": "forged"})
        assert reply.values("x-howdah-internal-token") == []
        (token,) = [value for name, value in reply.json["headers"] if name.lower() == "x-howdah-internal-token"]
        session = verify_internal_token(token, internal_token_keys(auth.keyring, "app"), audience="app")
        assert (session.role, session.variables["x-hasura-org-id"]) == ("robot", "7")
        with pytest.raises(CallerUnproven):
            verify_internal_token(token, internal_token_keys(auth.keyring, "bills"), audience="bills")
    assert guarded.admin().post(REVOKE, {"id": told["id"]}).status == 200
