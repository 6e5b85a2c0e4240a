"""Sessions carried by tokens: signed in, refreshed, raced for, ended."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.auth.support import PASSWORD, Client, Platform, Reply, platform_on

from howdah.project.sections import AuthSection


def a_name() -> str:
    return f"tom_{secrets.token_hex(4)}"


def signed_in(platform: Platform, name: str | None = None) -> tuple[Client, dict[str, Any]]:
    """A client that shows its access token, and what sign-in answered."""
    reply = platform.client().sign_up(name or a_name(), session="tokens")
    assert reply.status == 200, reply.body
    return bearer(platform, reply.json), reply.json


def bearer(platform: Platform, pair: dict[str, Any]) -> Client:
    return platform.client(Authorization=f"Bearer {pair['access_token']}")


def refresh(platform: Platform, token: str) -> Reply:
    return platform.client().post("/auth/v1/token", {"grant_type": "refresh_token", "refresh_token": token})


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def forget(platform: Platform) -> None:
    """The gateway asks again: what it remembers lasts for half a minute, and nobody is told that time passes."""
    platform.served.loop.call_soon_threadsafe(platform.served.application.gateway._resolver.forget)


def test_a_session_is_carried_by_a_pair_of_tokens(platform: Platform) -> None:
    """R34: no cookie; the access token says who, for whom, until when; the refresh token is opaque, stored hashed."""
    name = a_name()
    reply = platform.client().sign_up(name, session="tokens")
    assert reply.values("set-cookie") == []
    pair = reply.json
    assert (pair["username"], pair["auth_token"], pair["token_type"]) == (name, None, "Bearer")
    assert pair["expires_in"] == 600
    header, claims = parts(pair["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "EdDSA")
    site = platform.served.application.auth.site.url  # type: ignore[union-attr]
    assert (claims["iss"], claims["aud"]) == (f"{site}/auth", site)
    assert (claims["sub"], claims["role"], claims["roles"]) == (str(pair["hasura_id"]), "user", ["user"])
    assert claims["exp"] - claims["iat"] == 600
    assert claims["jti"] and claims["sid"]
    assert pair["refresh_token"].startswith("hwr_")
    assert len(base64.urlsafe_b64decode(pair["refresh_token"][4:] + "=")) == 32
    stored = platform.rows("select token_hash, session_id::text from howdah_auth.refresh_tokens")
    assert [row for row in stored if row["session_id"] == claims["sid"]]
    assert pair["refresh_token"] not in str(stored)
    told = bearer(platform, pair).get("/auth/v1/user/info").json
    assert (told["hasura_id"], told["session"]["id"]) == (pair["hasura_id"], claims["sid"])


def test_a_refresh_token_is_good_once_and_gives_the_next(platform: Platform) -> None:
    """R38: rotated at each use; both pairs are the same session; OAuth's member may be left out."""
    _, first = signed_in(platform)
    second = refresh(platform, first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    third = platform.client().post("/auth/v1/token", {"refresh_token": second["refresh_token"]}).json
    assert parts(third["access_token"])[1]["sid"] == parts(first["access_token"])[1]["sid"]
    assert bearer(platform, third).get("/auth/v1/user/info").status == 200
    for wrong in (secrets.token_hex(24), "hwr_" + secrets.token_urlsafe(32), "", "x" * 4000):
        reply = refresh(platform, wrong)
        assert (reply.status, reply.code) == (401, "invalid-refresh-token")
    reply = platform.client().post("/auth/v1/token", {"grant_type": "password", "refresh_token": "x"})
    assert reply.status == 400


def test_twenty_at_once_get_one_successor(platform: Platform) -> None:
    """R38: exactly one live branch, whoever was first; nobody is signed out for having asked twice."""
    client, pair = signed_in(platform)
    gate = threading.Barrier(20)

    def ask(_: int) -> str:
        gate.wait()
        reply = refresh(platform, pair["refresh_token"])
        assert reply.status == 200, reply.body
        return str(reply.json["refresh_token"])

    with ThreadPoolExecutor(20) as pool:
        successors = set(pool.map(ask, range(20)))
    assert len(successors) == 1
    sid = parts(pair["access_token"])[1]["sid"]
    live = platform.rows(
        "select 1 from howdah_auth.refresh_tokens where session_id = %s::uuid and used_at is null", sid
    )
    assert len(live) == 1
    assert refresh(platform, successors.pop()).status == 200
    assert client.get("/auth/v1/user/info").status == 200


def test_a_token_that_comes_back_later_ends_the_session(platform: Platform) -> None:
    """R38: after the grace it was stolen, from or by whoever shows it: all of the family is over, and audited."""
    client, first = signed_in(platform)
    _, other = signed_in(platform)
    second = refresh(platform, first["refresh_token"]).json
    again = refresh(platform, first["refresh_token"])
    assert again.json["refresh_token"] == second["refresh_token"]
    platform.rows(
        "update howdah_auth.refresh_tokens set used_at = used_at - interval '11 seconds'"
        " where session_id = %s::uuid and used_at is not null",
        parts(first["access_token"])[1]["sid"],
    )
    assert refresh(platform, first["refresh_token"]).code == "invalid-refresh-token"
    assert refresh(platform, second["refresh_token"]).status == 401
    assert client.get("/auth/v1/user/info").status == 401
    assert platform.events(first["hasura_id"])[-1] == "refresh-token-reused"
    assert refresh(platform, other["refresh_token"]).status == 200


def test_the_successor_is_sealed_where_it_is_stored(platform: Platform) -> None:
    """R40: whoever reads the table learns no token."""
    _, first = signed_in(platform)
    second = refresh(platform, first["refresh_token"]).json
    stored = platform.rows("select successor from howdah_auth.refresh_tokens where successor is not null")
    assert stored
    assert all(second["refresh_token"].encode() not in bytes(row["successor"]) for row in stored)


def test_logging_out_ends_both_tokens_at_once(platform: Platform) -> None:
    """R37, R39: with the access token, and with the refresh token alone."""
    client, pair = signed_in(platform)
    assert client.post("/auth/v1/user/logout").status == 200
    assert client.get("/auth/v1/user/info").status == 401
    assert refresh(platform, pair["refresh_token"]).status == 401
    client, pair = signed_in(platform)
    revoke = {"token": pair["refresh_token"]}
    assert platform.client().post("/auth/v1/token/revoke", revoke).json == {"message": "success"}
    assert client.get("/auth/v1/user/info").status == 401
    assert refresh(platform, pair["refresh_token"]).status == 401
    assert platform.client().post("/auth/v1/token/revoke", revoke).status == 200
    assert platform.events(pair["hasura_id"]).count("logout") == 1


def test_a_ban_ends_both_tokens_at_once(platform: Platform) -> None:
    """R37, R39: no matter how the row was changed; and another user's tokens go on."""
    client, pair = signed_in(platform)
    other, others = signed_in(platform)
    assert client.get("/auth/v1/user/info").status == 200
    platform.rows("update howdah_auth.users set is_active = false where id = %s", pair["hasura_id"])
    assert client.get("/auth/v1/user/info").status == 401
    assert refresh(platform, pair["refresh_token"]).status == 401
    assert other.get("/auth/v1/user/info").status == refresh(platform, others["refresh_token"]).status == 200


def test_a_changed_role_is_noticed_at_once(platform: Platform) -> None:
    """R37, R46: the token still says the old one; the gateway says the one that is."""
    client, pair = signed_in(platform)
    assert client.get("/auth/v1/user/info").json["session"]["role"] == "user"
    platform.rows("update howdah_auth.users set roles = '{editor,user}' where id = %s", pair["hasura_id"])
    assert client.get("/auth/v1/user/info").json["session"]["role"] == "editor"
    assert client.get("/auth/v1/user/info", **{"X-Hasura-Role": "user"}).json["session"]["role"] == "user"
    assert client.get("/auth/v1/user/info", **{"X-Hasura-Role": "admin"}).status == 403
    renewed = refresh(platform, pair["refresh_token"]).json
    assert parts(renewed["access_token"])[1]["roles"] == ["editor", "user"]


def test_a_new_password_ends_every_token_there_was(platform: Platform) -> None:
    """R6, R31, R39: also those of the session that changed it, which gets new ones."""
    name = a_name()
    client, pair = signed_in(platform, name)
    laptop = platform.client().log_in(name, session="tokens").json
    change = {"old_password": PASSWORD, "new_password": "nine amber foxes asleep"}
    renewed = client.post("/auth/v1/user/change-password", change)
    assert renewed.status == 200
    for over in (pair, laptop):
        assert bearer(platform, over).get("/auth/v1/user/info").status == 401
        assert refresh(platform, over["refresh_token"]).status == 401
    assert bearer(platform, renewed.json).get("/auth/v1/user/info").status == 200
    assert refresh(platform, renewed.json["refresh_token"]).status == 200


@pytest.mark.parametrize("over", ["expires_at = now()", "seen_at = now() - interval '15 days'"])
def test_a_family_does_not_last_for_ever(platform: Platform, over: str) -> None:
    """R39: however often it is refreshed, the session has an end; unused it ends sooner."""
    _, pair = signed_in(platform)
    sid = parts(pair["access_token"])[1]["sid"]
    (before,) = platform.rows("select expires_at from howdah_auth.sessions where id = %s::uuid", sid)
    pair = refresh(platform, pair["refresh_token"]).json
    (after,) = platform.rows("select expires_at from howdah_auth.sessions where id = %s::uuid", sid)
    assert before == after
    assert bearer(platform, pair).get("/auth/v1/user/info").status == 200
    platform.rows(f"update howdah_auth.sessions set {over} where id = %s::uuid", sid)
    forget(platform)
    assert refresh(platform, pair["refresh_token"]).status == 401
    assert bearer(platform, pair).get("/auth/v1/user/info").status == 401


def test_an_access_token_is_believed_as_it_was_signed_and_no_other(platform: Platform) -> None:
    """R35: changed claims, no signature, the refresh token in its place: 401 each, and never anonymous."""
    client, pair = signed_in(platform)
    header, claims, signature = pair["access_token"].split(".")
    said = parts(pair["access_token"])[1] | {"role": "admin", "roles": ["admin"]}
    forged = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    for wrong in (
        f"{header}.{forged}.{signature}",
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        pair["refresh_token"],
        f"{header}.{claims}",
    ):
        reply = platform.client(Authorization=f"Bearer {wrong}").get("/auth/v1/user/info")
        assert reply.status == 401, wrong
        assert "invalid_token" in reply.values("www-authenticate")[0]
    assert client.get("/auth/v1/user/info").status == 200


def test_an_access_token_ends_by_itself(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """R34: after ten minutes it is over although the session goes on; the next one is good."""
    real = time.time
    monkeypatch.setattr("howdah.auth.tokens.time.time", lambda: real() - 601)
    client, pair = signed_in(platform)
    monkeypatch.undo()
    assert client.get("/auth/v1/user/info").status == 401
    renewed = refresh(platform, pair["refresh_token"]).json
    assert bearer(platform, renewed).get("/auth/v1/user/info").status == 200


def test_lives_and_algorithm_are_settings(database: str) -> None:
    """R34: five minutes and P-256, for clients that know no Ed25519; without grace a second use ends the session."""
    section = AuthSection(access_token_lifetime=300.0, refresh_grace=0.0, token_algorithm="ES256")
    with platform_on(database, auth=section) as platform:
        client, pair = signed_in(platform)
        header, claims = parts(pair["access_token"])
        assert (header["alg"], claims["exp"] - claims["iat"]) == ("ES256", 300)
        assert client.get("/auth/v1/user/info").status == 200
        assert refresh(platform, pair["refresh_token"]).status == 200
        assert refresh(platform, pair["refresh_token"]).status == 401
        assert client.get("/auth/v1/user/info").status == 401


def test_nothing_survives_a_logout_that_races_with_refreshes(platform: Platform) -> None:
    """R37, R39: nineteen refresh while one logs out; whoever was first, no pair is good afterwards."""
    client, pair = signed_in(platform)
    gate = threading.Barrier(20)

    def ask(number: int) -> Reply:
        gate.wait()
        return client.post("/auth/v1/user/logout") if number == 7 else refresh(platform, pair["refresh_token"])

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(ask, range(20)))
    assert replies[7].status == 200
    assert {reply.status for reply in replies} <= {200, 401}
    given = [reply.json for reply in replies if "refresh_token" in reply.json]
    for each in (pair, *given):
        assert refresh(platform, each["refresh_token"]).status == 401
        assert bearer(platform, each).get("/auth/v1/user/info").status == 401
    assert platform.events(pair["hasura_id"])[-1] == "logout"
