"""One's own account: made, entered, looked at, changed, left."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.auth.support import COOKIE, DEVICE, PASSWORD, Client, Platform, platform_on
from tests.gateway.support import eventually
from tests.serving import ADMIN

from howdah.project.sections import AuthSection


def a_name() -> str:
    return f"ann_{secrets.token_hex(4)}"


def test_a_user_signs_up_and_is_known(platform: Platform) -> None:
    """The user object, a cookie and a token of which either shows the session; the role is the default one."""
    name, client = a_name(), platform.client()
    reply = client.sign_up(name)
    assert reply.status == 200
    user = reply.json
    assert (user["username"], user["hasura_roles"]) == (name, ["user"])
    assert len(user["auth_token"]) == 48
    assert client.cookies[COOKIE] == user["auth_token"]
    told = client.get("/auth/v1/user/info").json
    assert (told["hasura_id"], told["auth_token"]) == (user["hasura_id"], None)
    bearer = platform.client(Authorization=f"Bearer {user['auth_token']}")
    assert bearer.get("/auth/v1/user/info").json["hasura_id"] == user["hasura_id"]
    assert platform.client().get("/auth/v1/user/info").status == 401
    assert platform.events(user["hasura_id"]) == ["signup", "login"]


def test_what_shows_the_session_is_stored_as_a_hash_and_sent_as_a_strict_cookie(platform: Platform) -> None:
    """R31, R32: 192 random bits, only their hash in the database; HttpOnly, Lax, the whole site and no other."""
    client = platform.client()
    reply = client.sign_up(a_name())
    (cookie,) = [line for line in reply.values("set-cookie") if line.startswith(f"{COOKIE}=")]
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert attributes == {"Max-Age=1814400", "Path=/", "HttpOnly", "SameSite=Lax"}
    token = reply.json["auth_token"]
    stored = platform.rows("select encode(token_hash, 'hex') as hash from howdah_auth.sessions")
    assert len({len(row["hash"]) for row in stored} | {64}) == 1
    assert token not in str(stored)
    assert reply.values("cache-control") == ["no-store"]


def test_a_session_is_carried_as_the_client_wants(platform: Platform) -> None:
    """A browser needs no token that scripts can read, and a program no cookie."""
    name = a_name()
    browser = platform.client()
    reply = browser.sign_up(name, session="cookie")
    assert (reply.json["auth_token"], list(browser.cookies)) == (None, [COOKIE, DEVICE])
    program = platform.client()
    reply = program.log_in(name, session="token")
    assert (len(reply.json["auth_token"]), program.cookies) == (48, {})


def test_a_name_has_one_owner_in_all_its_spellings(platform: Platform) -> None:
    """R12: letter case and width make no other name; sign-in takes any spelling."""
    name = a_name()
    assert platform.client().sign_up(name).status == 200
    for spelling in (name, name.upper(), name.replace("ann", "ａｎｎ")):
        reply = platform.client().sign_up(spelling)
        assert (reply.status, reply.code) == (409, "user-already-exists")
        assert platform.client().log_in(spelling).status == 200


def test_one_of_many_gets_the_name(platform: Platform) -> None:
    """Twenty at once: one account, nineteen refusals."""
    name = a_name()
    gate = threading.Barrier(20)

    def sign_up(_: int) -> int:
        gate.wait()
        return platform.client().sign_up(name).status

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(sign_up, range(20)))
    assert statuses == [200] + [409] * 19


def test_a_wrong_password_and_an_unknown_name_are_told_alike(platform: Platform) -> None:
    """R8: status, body, header names; and both are in the audit."""
    name = a_name()
    platform.client().sign_up(name)
    wrong = platform.client().log_in(name, "eight purple otters dance")
    unknown = platform.client().log_in(a_name())
    assert wrong.status == unknown.status == 401
    said = [{key: value for key, value in reply.json.items() if key != "request_id"} for reply in (wrong, unknown)]
    assert said[0] == said[1]
    names = [[key for key, _ in reply.headers] for reply in (wrong, unknown)]
    assert names[0] == names[1]
    assert platform.client().log_in(name).status == 200


@pytest.mark.parametrize(
    ("password", "code"),
    [("fourteen chars", "short-password"), ("Password123456789", "common-password"), ("x" * 257, "long-password")],
)
def test_passwords_that_protect_nothing_are_refused(platform: Platform, password: str, code: str) -> None:
    """R3, R5: and no account is made."""
    name = a_name()
    reply = platform.client().sign_up(name, password)
    assert (reply.status, reply.code) == (400, code)
    assert platform.client().log_in(name, password).status == 401


def test_logging_out_ends_the_session_at_once(platform: Platform) -> None:
    """R37: the cookie opens nothing any more, here and in every other process, and the browser forgets it."""
    client = platform.client()
    client.sign_up(a_name())
    other = Client(platform.url, cookies=dict(client.cookies))
    assert other.get("/auth/v1/user/info").status == 200
    reply = client.post("/auth/v1/user/logout")
    assert (reply.status, COOKIE in client.cookies) == (200, False)
    refused = other.get("/auth/v1/user/info")
    assert refused.status == 401
    assert COOKIE not in other.cookies


def test_a_browser_with_a_cookie_of_long_ago_can_sign_in(platform: Platform) -> None:
    """R45: it is told to forget that one, but not in the answer that gives it another."""
    name, client = a_name(), platform.client()
    user = client.sign_up(name).json["hasura_id"]
    platform.rows("delete from howdah_auth.sessions where user_id = %s", user)
    reply = client.log_in(name)
    lines = [line for line in reply.values("set-cookie") if line.startswith(f"{COOKIE}=")]
    assert (reply.status, len(lines)) == (200, 1)
    assert client.get("/auth/v1/user/info").json["hasura_id"] == user
    platform.rows("delete from howdah_auth.sessions where user_id = %s", user)
    assert client.log_in(name, "not this one at all").status == 401
    assert COOKIE not in client.cookies


def test_signing_in_again_ends_the_session_before(platform: Platform) -> None:
    """R31: nobody can be given a session beforehand; another browser's is not touched."""
    name = a_name()
    browser, laptop = platform.client(), platform.client()
    browser.sign_up(name)
    laptop.log_in(name)
    before = Client(platform.url, cookies=dict(browser.cookies))
    browser.log_in(name)
    assert browser.cookies != before.cookies
    assert before.get("/auth/v1/user/info").status == 401
    assert browser.get("/auth/v1/user/info").status == laptop.get("/auth/v1/user/info").status == 200


def test_a_new_password_ends_every_other_session(platform: Platform) -> None:
    """R6: it needs the old one; others are out, this one goes on under another cookie."""
    name = a_name()
    browser, laptop = platform.client(), platform.client()
    browser.sign_up(name)
    laptop.log_in(name)
    before = dict(browser.cookies)
    new = "nine amber foxes asleep"
    change = {"old_password": "not this one at all", "new_password": new}
    assert browser.post("/auth/v1/user/change-password", change).status == 401
    assert laptop.get("/auth/v1/user/info").status == 200
    assert browser.post("/auth/v1/user/change-password", {**change, "old_password": PASSWORD}).status == 200
    assert laptop.get("/auth/v1/user/info").status == 401
    assert browser.get("/auth/v1/user/info").status == 200
    assert browser.cookies != before
    assert Client(platform.url, cookies=before).get("/auth/v1/user/info").status == 401
    assert platform.client().log_in(name).status == 401
    assert platform.client().log_in(name, new).status == 200


def test_a_user_sees_and_ends_their_sessions(platform: Platform) -> None:
    """R33: all of one's own and nobody else's."""
    name = a_name()
    browser, laptop, stranger = platform.client(), platform.client(**{"User-Agent": "laptop"}), platform.client()
    browser.sign_up(name)
    laptop.log_in(name)
    stranger.sign_up(a_name())
    listed = browser.get("/auth/v1/user/sessions").json["sessions"]
    assert [each["current"] for each in listed].count(True) == 1
    (other,) = [each for each in listed if not each["current"]]
    assert other["user_agent"] == "laptop"
    assert stranger.post("/auth/v1/user/end-session", {"session_id": other["id"]}).json["ended"] == 0
    assert laptop.get("/auth/v1/user/info").status == 200
    assert browser.post("/auth/v1/user/end-session", {"session_id": other["id"]}).json["ended"] == 1
    assert laptop.get("/auth/v1/user/info").status == 401
    laptop.log_in(name)
    assert browser.post("/auth/v1/user/end-session").json["ended"] == 1
    assert browser.get("/auth/v1/user/info").status == 200


@pytest.mark.parametrize("over", ["expires_at = now()", "seen_at = now() - interval '15 days'"])
def test_sessions_do_not_last_for_ever(platform: Platform, over: str) -> None:
    """R33: after their time, or unused for long."""
    client = platform.client()
    user = client.sign_up(a_name()).json["hasura_id"]
    assert client.get("/auth/v1/user/info").status == 200
    platform.rows(f"update howdah_auth.sessions set {over} where user_id = %s", user)
    if "seen_at" in over:  # nobody is told that time passes; what is remembered lasts for half a minute
        platform.served.loop.call_soon_threadsafe(platform.served.application.gateway._resolver.forget)
    eventually(lambda: client.get("/auth/v1/user/info").status == 401)


def test_a_banned_user_and_a_changed_role_are_noticed_at_once(platform: Platform) -> None:
    """R37: whoever changes the row, by whatever way."""
    client = platform.client()
    user = client.sign_up(a_name()).json["hasura_id"]
    assert client.get("/auth/v1/user/info").json["session"]["role"] == "user"
    platform.rows("update howdah_auth.users set roles = '{editor,user}' where id = %s", user)
    eventually(lambda: client.get("/auth/v1/user/info").json["session"]["role"] == "editor")
    assert client.get("/auth/v1/user/info", **{"X-Hasura-Role": "user"}).json["session"]["role"] == "user"
    assert client.get("/auth/v1/user/info", **{"X-Hasura-Role": "admin"}).status == 403
    platform.rows("update howdah_auth.users set is_active = false where id = %s", user)
    eventually(lambda: client.get("/auth/v1/user/info").status == 401)


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b'{"provider": "username"', "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"provider": "username", "data": {}, "data": {}}', "application/json", 400),
        (b'{"provider": "username", "data": {"username": "x"}}', "application/json", 400),
        (
            b'{"provider": "username", "data": {"username": "x", "password": "y", "roles": ["admin"]}}',
            "application/json",
            400,
        ),
        (
            b'{"provider": "username", "data": {"username": "x", "password": "y"}, "is_active": true}',
            "application/json",
            400,
        ),
        (b'{"provider": "username", "data": {"username": "a\\u0000b", "password": "y"}}', "application/json", 400),
        (b'{"provider": "username", "data": {"username": "\\ud800", "password": "y"}}', "application/json", 400),
        (b'{"provider": "smoke", "data": {}}', "application/json", 400),
        (b'{"provider": "username", "data": ' + b"[" * 5000 + b"]" * 5000 + b"}", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"{}" + b" " * 70_000, "application/json", 413),
        (b'{"provider": "username", "data": {}}', "text/plain", 415),
        (b"provider=username", "application/x-www-form-urlencoded", 415),
    ],
)
def test_what_is_no_request_is_refused_in_one_shape(platform: Platform, raw: bytes, kind: str, status: int) -> None:
    """R54, R67, R68, R76: problem+json with a stable type, a code and the request's id."""
    reply = platform.client().send("POST", "/auth/v1/signup", raw=raw, fields={"Content-Type": kind})
    assert reply.status == status
    assert reply.values("content-type") == ["application/problem+json; charset=utf-8"]
    told = reply.json
    assert told["type"] == f"urn:howdah:error:{told['code']}"
    assert told["status"] == status
    assert told["request_id"] == reply.values("x-request-id")[0]


def test_other_addresses_and_methods_are_told_so(platform: Platform) -> None:
    """404 and 405 look like every other error."""
    assert platform.client().get("/auth/v1/nothing").code == "unknown-path"
    reply = platform.client().get("/auth/v1/signup")
    assert (reply.status, reply.code, reply.values("allow")) == (405, "method-not-allowed", ["POST"])


def test_the_api_cannot_read_accounts(platform: Platform) -> None:
    """R66: the tables belong to another role; not even the administrator can track them by name."""
    track = {"type": "track_table", "args": {"schema": "howdah_auth", "name": "users"}}
    assert platform.admin().post("/data/v1/query", track).status == 400
    roles = platform.rows(
        "select rolname, rolsuper, rolcanlogin, rolbypassrls from pg_roles where rolname like 'howdah_a%%'"
    )
    assert all(not (row["rolsuper"] or row["rolcanlogin"] or row["rolbypassrls"]) for row in roles)
    (allowed,) = platform.rows(
        "select has_schema_privilege('howdah_api_' || current_database(), 'howdah_auth', 'usage') as api,"
        " has_table_privilege('howdah_auth_' || current_database(), 'howdah_auth.audit', 'delete') as audit,"
        " has_table_privilege('howdah_auth_' || current_database(), 'howdah_auth.users', 'delete') as users"
    )
    assert allowed == {"api": False, "audit": False, "users": True}


def test_sign_up_can_be_closed(database: str) -> None:
    """Then only the admin makes accounts; and a way to sign in that is off is off."""
    with platform_on(database, auth=AuthSection(signup=False, providers=("email",))) as platform:
        reply = platform.client().sign_up(a_name())
        assert (reply.status, reply.code) == (403, "signup-closed")
        assert platform.client().log_in(a_name()).code == "provider-off"


def test_without_a_key_there_are_no_accounts(database: str) -> None:
    """The platform runs, says why, and believes no cookie."""
    with platform_on(database, auth=AuthSection(enabled=False)) as platform:
        reply = platform.client().sign_up(a_name())
        assert (reply.status, reply.code) == (503, "no-accounts")
        assert "HOWDAH_SECRET_KEY" in reply.json["hint"]
        shown = Client(platform.url, cookies={COOKIE: "0" * 48})
        assert shown.get("/data/healthz").status == 200
        assert platform.client(**ADMIN).get("/data/v1/version").status == 200
