"""What administrators do with accounts: by the secret, or as users who have the role; and nobody else."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest
from tests.auth.sending import token_in
from tests.auth.support import COOKIE, PASSWORD, Client, Platform

from howdah.auth.cleanup import clean_up
from howdah.auth.routes.calls import CALLS


def a_name() -> str:
    return f"ann_{secrets.token_hex(4)}"


def made(platform: Platform, **more: Any) -> dict[str, Any]:
    """A user made by the admin."""
    name = a_name()
    data = {"username": name, "password": PASSWORD}
    reply = platform.admin().post("/auth/v1/admin/create-user", {"provider": "username", "data": data, **more})
    assert reply.status == 200, reply.body
    user: dict[str, Any] = reply.json
    return user


def administrator(platform: Platform) -> Client:
    """Somebody who signed in and has the role."""
    user = made(platform, roles=["admin", "user"])
    client = platform.client()
    assert client.log_in(user["username"]).status == 200
    return client


def test_a_user_is_made_without_a_session(platform: Platform) -> None:
    """The object that administrators see: with what was, and no token."""
    user = made(platform, roles=["editor", "user"])
    assert set(user) == {
        "auth_token", "hasura_id", "hasura_roles", "username", "created", "last_login", "is_active", "extra_info",
    }  # fmt: skip
    assert (user["auth_token"], user["hasura_roles"], user["last_login"]) == (None, ["editor", "user"], None)
    told = platform.admin().get(f"/auth/v1/admin/user/{user['hasura_id']}").json
    assert told == {**user, "variables": {}}
    assert platform.client().log_in(user["username"]).json["hasura_roles"] == ["editor", "user"]


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "username", "data": {"username": "x", "role": "admin"}},
        {"provider": "username", "data": {"email": "a@example.com"}},
        {"provider": "username", "data": {"username": "some_body", "password": 7}},
        {"provider": "username", "data": {"username": "some_body"}, "roles": []},
        {"provider": "username", "data": {"username": "some_body"}, "roles": ["anonymous"]},
        {"provider": "username", "data": {"username": "some_body"}, "roles": ["a,b"]},
        {"provider": "smoke", "data": {}},
    ],
)
def test_users_that_cannot_be_are_refused(platform: Platform, body: dict[str, Any]) -> None:
    """And nothing is made of them."""
    before = platform.rows("select count(*) as n from howdah_auth.users")
    roles = body.get("roles")
    reply = platform.admin().post("/auth/v1/admin/create-user", body)
    assert reply.status == (200 if roles == [] else 400)
    if roles != []:
        assert platform.rows("select count(*) as n from howdah_auth.users") == before
    else:
        platform.admin().post("/auth/v1/admin/delete-user", {"hasura_id": reply.json["hasura_id"]})


def test_only_administrators_may(platform: Platform) -> None:
    """Every such call: a stranger is asked to sign in, a user is refused, and neither learns what there is."""
    user, stranger = platform.client(), platform.client()
    user.sign_up(a_name())
    for call in CALLS:
        if call.access == "admin":
            path = "/auth" + call.path.replace("{user_id:int}", "1")
            assert stranger.send(call.method, path, {}).status == 401, path
            assert user.send(call.method, path, {}).status == 403, path


def test_a_user_with_the_role_is_an_administrator(platform: Platform) -> None:
    """And only in that role; the audit names them."""
    client, user = administrator(platform), made(platform)
    assert client.get("/auth/v1/admin/users").status == 200
    assert client.get("/auth/v1/admin/users", **{"X-Hasura-Role": "user"}).status == 403
    assert client.post("/auth/v1/admin/user/add-role", {"hasura_id": user["hasura_id"], "role": "x"}).status == 200
    own = client.get("/auth/v1/user/info").json["hasura_id"]
    event = client.get(f"/auth/v1/admin/audit?user_id={user['hasura_id']}&limit=1").json["events"][0]
    assert (event["event"], event["actor"], event["detail"]) == (
        "roles-changed",
        f"user:{own}",
        {"before": ["user"], "after": ["user", "x"]},
    )


def test_roles_are_added_and_removed_and_end_sessions(platform: Platform) -> None:
    """R37: who was signed in signs in again; the last role stays."""
    user, client = made(platform), platform.client()
    client.log_in(user["username"])
    admin, choice = platform.admin(), {"hasura_id": user["hasura_id"], "role": "editor"}
    assert admin.post("/auth/v1/admin/user/add-role", choice).json["hasura_roles"] == ["user", "editor"]
    assert client.get("/auth/v1/user/info").status == 401
    client.log_in(user["username"])
    assert admin.post("/auth/v1/admin/user/add-role", choice).status == 200
    assert client.get("/auth/v1/user/info").status == 200  # nothing changed
    assert admin.post("/auth/v1/admin/user/remove-role", {**choice, "role": "user"}).json["hasura_roles"] == ["editor"]
    assert admin.post("/auth/v1/admin/user/remove-role", choice).status == 400
    assert admin.post("/auth/v1/admin/user/add-role", {**choice, "hasura_id": 999_999}).code == "no-such-user"


def test_variables_reach_the_session_at_once(platform: Platform) -> None:
    """They are the administrator's to set, and cannot stand for the user's number or role."""
    user, client = made(platform), platform.client()
    client.log_in(user["username"])
    admin, path = platform.admin(), "/auth/v1/admin/user/set-variables"
    choice = {"hasura_id": user["hasura_id"], "variables": {"X-Hasura-Org-Id": "7"}}
    assert admin.post(path, choice).json["variables"] == {"x-hasura-org-id": "7"}
    caller = platform.served.run(_caller(platform, client))
    assert caller["x-hasura-org-id"] == "7"
    for variables in ({"X-Hasura-User-Id": "1"}, {"X-Hasura-Role": "admin"}, {"Cookie": "1"}, {"X-Hasura-A": "a\r\nb"}):
        assert admin.post(path, {**choice, "variables": variables}).status == 400


async def _caller(platform: Platform, client: Client) -> dict[str, str]:
    auth = platform.served.application.auth
    assert auth is not None
    identity = await auth.find_by_cookie(client.cookies[COOKIE])
    assert identity is not None
    return dict(identity.variables)


def test_a_user_who_is_deactivated_is_out_until_activated(platform: Platform) -> None:
    """R37: at once, for sessions and for sign-in; and told nothing of it."""
    user, client = made(platform), platform.client()
    client.log_in(user["username"])
    admin, choice = platform.admin(), {"hasura_id": user["hasura_id"]}
    assert admin.post("/auth/v1/admin/user/deactivate", choice).json["is_active"] is False
    assert client.get("/auth/v1/user/info").status == 401
    assert platform.client().log_in(user["username"]).code == "invalid-user"
    assert admin.post("/auth/v1/admin/user/activate", choice).json["is_active"] is True
    assert platform.client().log_in(user["username"]).status == 200


def test_sessions_are_made_and_ended(platform: Platform) -> None:
    """R33: a token for somebody else, one session or all of them ended."""
    user, admin = made(platform), platform.admin()
    choice = {"hasura_id": user["hasura_id"]}
    begun = [admin.post("/auth/v1/admin/user/create-session", {**choice, "expiry_time": 60}).json for _ in range(3)]
    holders = [platform.client(Authorization=f"Bearer {each['auth_token']}") for each in begun]
    assert {holder.get("/auth/v1/user/info").status for holder in holders} == {200}
    ended = admin.post("/auth/v1/admin/user/remove-session", {**choice, "session_id": begun[0]["session_id"]})
    assert ended.json["ended"] == 1
    assert [holder.get("/auth/v1/user/info").status for holder in holders] == [401, 200, 200]
    assert admin.post("/auth/v1/admin/user/remove-all-sessions", choice).json["ended"] == 2
    assert {holder.get("/auth/v1/user/info").status for holder in holders} == {401}
    assert admin.post("/auth/v1/admin/user/create-session", {**choice, "expiry_time": 0}).status == 400


def test_a_password_is_reset_by_who_shows_their_own(platform: Platform) -> None:
    """By the secret alone, or by an administrator with their password; the user's sessions end."""
    user, client = made(platform), platform.client()
    client.log_in(user["username"])
    reset = {"hasura_id": user["hasura_id"], "new_password": "nine amber foxes asleep"}
    admin = administrator(platform)
    assert admin.post("/auth/v1/admin/user/reset-password", reset).status == 401
    assert admin.post("/auth/v1/admin/user/reset-password", {**reset, "admin_password": PASSWORD}).status == 200
    assert client.get("/auth/v1/user/info").status == 401
    assert platform.client().log_in(user["username"], reset["new_password"]).status == 200
    weak = platform.admin().post("/auth/v1/admin/user/reset-password", {**reset, "new_password": "password"})
    assert weak.code == "short-password"


def test_the_password_an_administrator_shows_is_counted(platform: Platform) -> None:
    """R9: a stolen session of an administrator's is no place to try passwords; the sixth is not looked at."""
    admin, user = administrator(platform), made(platform)
    reset = {"hasura_id": user["hasura_id"], "new_password": "nine amber foxes asleep"}
    statuses = [
        admin.post("/auth/v1/admin/user/reset-password", {**reset, "admin_password": password}).status
        for password in (*["seven lilac otters sing"] * 5, PASSWORD)
    ]
    assert statuses == [401] * 5 + [429]


def test_a_password_that_an_administrator_sets_ends_a_lock(platform: Platform) -> None:
    """R10: after a hundred wrong ones in a row strangers are let in no more; with the new password its owner is."""
    user = made(platform)
    assert platform.client().log_in(user["username"], "seven lilac otters sing").status == 401
    platform.rows("update howdah_auth.throttle set count = 99 where key like 'login-account:%%' and count = 1")
    assert platform.client().log_in(user["username"], "seven lilac otters sing").status == 401
    assert platform.client().log_in(user["username"]).status == 429
    reset = {"hasura_id": user["hasura_id"], "new_password": "nine amber foxes asleep"}
    assert platform.admin().post("/auth/v1/admin/user/reset-password", reset).status == 200
    assert platform.client().log_in(user["username"], reset["new_password"]).status == 200


def test_a_deleted_user_leaves_what_happened(platform: Platform) -> None:
    """R75: sessions and names are gone, the name can be taken again, the audit stays."""
    user, client = made(platform), platform.client()
    client.log_in(user["username"])
    told = platform.admin().post("/auth/v1/admin/delete-user", {"hasura_id": user["hasura_id"]}).json
    assert told["details"] == {"username": "deleted", "email": "not-found", "mobile": "not-found"}
    assert client.get("/auth/v1/user/info").status == 401
    assert platform.admin().get(f"/auth/v1/admin/user/{user['hasura_id']}").status == 404
    assert platform.client().sign_up(user["username"]).json["hasura_id"] != user["hasura_id"]
    assert platform.events(user["hasura_id"]) == ["user-created", "login", "user-deleted"]


def test_users_are_searched_page_by_page(platform: Platform) -> None:
    """In the order of their numbers."""
    mark = secrets.token_hex(3)
    admin = platform.admin()
    for number in range(3):
        data = {"username": f"search_{mark}_{number}"}
        admin.post("/auth/v1/admin/create-user", {"provider": "username", "data": data})
    path = f"/auth/v1/admin/users?search={mark.upper()}&limit=2"
    first = admin.get(path).json
    assert [user["username"][-1] for user in first["users"]] == ["0", "1"]
    rest = admin.get(f"{path}&after={first['after']}").json
    assert ([user["username"][-1] for user in rest["users"]], rest["after"]) == (["2"], None)


def test_rows_that_are_over_are_removed(platform: Platform) -> None:
    """By one process at a time; what is not over stays."""
    user, client = made(platform), platform.client()
    client.log_in(user["username"])
    token = platform.client().log_in(user["username"]).json["auth_token"]
    assert token
    rows = "select id from howdah_auth.sessions where user_id = %s order by created_at"
    over, kept = platform.rows(rows, user["hasura_id"])
    platform.rows("update howdah_auth.sessions set expires_at = now() - interval '1 s' where id = %s", over["id"])
    auth = platform.served.application.auth
    assert auth is not None

    async def twice() -> list[Any]:
        return await asyncio.gather(*(clean_up(auth.store, idle=60.0 * 60 * 24) for _ in range(2)))

    gone = [each for each in platform.served.run(twice()) if each is not None]
    assert sum(each["sessions"] for each in gone) >= 1
    assert platform.rows(rows, user["hasura_id"]) == [kept]


def test_accounts_that_nobody_confirmed_are_removed(platform: Platform) -> None:
    """After so many days, unless there is a link still that could; confirmed ones stay, and the audit has it."""
    emails = {name: f"{name}{secrets.token_hex(4)}@example.com" for name in ("old", "fresh", "waiting", "confirmed")}
    client = platform.client()
    for email in emails.values():
        data = {"email": email, "password": PASSWORD}
        assert client.post("/auth/v1/signup", {"provider": "email", "data": data}).status == 200
    client.post("/auth/v1/providers/email/verify-email", {"token": token_in(platform.mail(emails["confirmed"]))})
    by_email = "(select user_id from howdah_auth.identities where subject = %s)"
    for name in ("old", "waiting", "confirmed"):
        back = "update howdah_auth.users set created_at = now() - interval '40 days'"
        platform.rows(f"{back} where id = {by_email}", emails[name])
    for name in ("old", "fresh", "confirmed"):
        platform.rows(f"update howdah_auth.codes set expires_at = now() where user_id = {by_email}", emails[name])
    (old,) = platform.rows(f"select id from howdah_auth.users where id = {by_email}", emails["old"])
    auth = platform.served.application.auth
    assert auth is not None
    for unconfirmed, expected in ((None, None), (50 * 86400.0, 0), (30 * 86400.0, 1), (30 * 86400.0, 0)):
        gone = platform.served.run(clean_up(auth.store, idle=86400.0, unconfirmed=unconfirmed))
        assert gone is not None
        assert gone.get("users") == expected
    left = platform.rows("select subject from howdah_auth.identities where subject = any(%s)", list(emails.values()))
    assert {row["subject"] for row in left} == set(emails.values()) - {emails["old"]}
    assert platform.events(old["id"]) == ["signup", "unconfirmed-removed"]
