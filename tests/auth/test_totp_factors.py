"""Authenticator apps: set up, asked for at sign-in, good once, removed."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.auth.factors import Owner, a_name, an_owner, make_stale, pending, set_up_app, settled_clock
from tests.auth.support import COOKIE, PASSWORD, Client, Platform

from howdah.auth.totp import secret_to_text

FINISH = "/auth/v1/login/second-factor"


def test_an_app_counts_once_it_has_shown_a_code(platform: Platform) -> None:
    """R26: shown once, sealed, of no effect before; then the session is of level 2 under another cookie."""
    name, client = a_name(), platform.client()
    user = client.sign_up(name).json["hasura_id"]
    app, begun = set_up_app(client)
    assert begun.values("cache-control") == ["no-store"]
    uri = urlsplit(begun.json["uri"])
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", f"/served:{name}")
    assert parse_qs(uri.query)["secret"] == [begun.json["secret"]] == [secret_to_text(app.secret)]
    assert begun.json["qr"].startswith("<svg ")
    assert begun.json["secret"] not in begun.json["qr"]
    (stored,) = platform.rows("select secret from howdah_auth.totp_factors where user_id = %s", user)
    assert app.secret not in stored["secret"]
    assert client.get("/auth/v1/user/factors").json == {"totp": [], "passkeys": [], "recovery_codes": 0}
    assert platform.client().log_in(name).json["auth_token"] is not None
    before = dict(client.cookies)
    settled_clock()
    confirmed = client.post("/auth/v1/user/totp/confirm", {"code": app.code()})
    assert confirmed.status == 200
    assert len(set(confirmed.json["recovery_codes"])) == 10
    assert Client(platform.url, cookies=before).get("/auth/v1/user/info").status == 401
    assert client.get("/auth/v1/user/info").json["session"]["level"] == 2
    factors = client.get("/auth/v1/user/factors").json
    assert ([each["name"] for each in factors["totp"]], factors["recovery_codes"]) == (["telephone"], 10)
    assert begun.json["secret"] not in json.dumps(factors)
    noted = platform.rows("select * from howdah_auth.audit where user_id = %s order by id", user)
    assert [row["event"] for row in noted][-3:] == ["totp-begun", "login", "factor-added"]
    assert begun.json["secret"] not in str(noted)


def test_sessions_without_the_factor_are_over_once_there_is_one(platform: Platform) -> None:
    """V7.4.3: what a thief of the password has begun does not outlive the second factor."""
    name, client, thief = a_name(), platform.client(), platform.client()
    client.sign_up(name)
    thief.log_in(name)
    app, _ = set_up_app(client)
    assert thief.get("/auth/v1/user/info").status == 200
    settled_clock()
    assert client.post("/auth/v1/user/totp/confirm", {"code": app.code()}).status == 200
    assert thief.get("/auth/v1/user/info").status == 401
    assert client.get("/auth/v1/user/info").status == 200


def test_a_wrong_first_code_confirms_nothing_and_a_new_secret_replaces_the_old(platform: Platform) -> None:
    """R26: an app that was begun before the last one, or too long ago, cannot be confirmed."""
    client = platform.client()
    user = client.sign_up(a_name()).json["hasura_id"]
    first, _ = set_up_app(client)
    second, _ = set_up_app(client)
    settled_clock()
    refused = client.post("/auth/v1/user/totp/confirm", {"code": first.code()})
    assert (refused.status, refused.code) == (401, "invalid-factor")
    began = "update howdah_auth.totp_factors set created_at = created_at - interval '%s' where user_id = %%s"
    platform.rows(began % "16 minutes", user)
    assert client.post("/auth/v1/user/totp/confirm", {"code": second.code()}).status == 401
    platform.rows(began % "-16 minutes", user)
    assert client.post("/auth/v1/user/totp/confirm", {"code": second.code()}).status == 200


@pytest.mark.parametrize("carry", ["both", "cookie", "token", "tokens"])
def test_a_sign_in_ends_with_the_factor_and_the_session_its_beginning_asked_for(platform: Platform, carry: str) -> None:
    """R27, R31: first no session at all, then one of level 2, carried as the first request wanted."""
    owner, client = an_owner(platform), platform.client()
    begun = client.log_in(owner.name, session=carry)
    assert (begun.status, client.cookies, begun.json["auth_token"]) == (200, {}, None)
    owed = begun.json["second_factor"]
    assert (owed["factors"], owed["expires_in"]) == (["totp", "recovery"], 600)
    assert set(begun.json) == {"auth_token", "second_factor"}
    settled_clock()
    finished = client.post(FINISH, {"token": owed["token"], "code": owner.app.code()})
    assert (finished.status, finished.json["hasura_id"]) == (200, owner.id)
    assert (COOKIE in client.cookies) == (carry in ("both", "cookie"))
    assert (finished.json["auth_token"] is not None) == (carry in ("both", "token"))
    shown = finished.json["access_token"] if carry == "tokens" else finished.json["auth_token"]
    known = client if carry == "cookie" else platform.client(Authorization=f"Bearer {shown}")
    assert known.get("/auth/v1/user/info").json["session"]["level"] == 2
    assert client.post(FINISH, {"token": owed["token"], "code": owner.app.code(1)}).code == "sign-in-expired"


def test_a_pending_sign_in_can_do_nothing_else(platform: Platform) -> None:
    """R27: no cookie, no bearer token, no refresh token, no way to the factors; finished, it is one."""
    owner = an_owner(platform)
    token = pending(platform, owner)
    bearer = platform.client(Authorization=f"Bearer {token}")
    cookie = Client(platform.url, cookies={COOKIE: token})
    for path in ("/auth/v1/user/info", "/auth/v1/user/factors", "/auth/v1/user/sessions"):
        assert (bearer.get(path).status, cookie.get(path).status) == (401, 401)
    for path, body in (
        ("/auth/v1/user/recovery-codes", {}),
        ("/auth/v1/user/totp", {}),
        ("/auth/v1/user/step-up", {"password": PASSWORD}),
        ("/auth/v1/token", {"refresh_token": token}),
    ):
        assert bearer.post(path, body).status == cookie.post(path, body).status == 401, path
    assert bearer.post("/data/v1/query", {"type": "select", "args": {"table": "nothing"}}).status == 401
    settled_clock()
    finished = platform.client().post(FINISH, {"token": token, "code": owner.app.code()})
    known = platform.client(Authorization=f"Bearer {finished.json['auth_token']}")
    assert known.get("/auth/v1/user/factors").status == 200


def test_a_pending_sign_in_ends_with_its_time_and_with_the_password(platform: Platform) -> None:
    """R27: ten minutes; and whoever changes the password ends what the old one began."""
    owner = an_owner(platform)
    late, early = pending(platform, owner), pending(platform, owner)
    platform.rows("update howdah_auth.challenges set expires_at = now() where user_id = %s", owner.id)
    settled_clock()
    assert platform.client().post(FINISH, {"token": late, "code": owner.app.code()}).code == "sign-in-expired"
    early = pending(platform, owner)
    new = {"old_password": PASSWORD, "new_password": "eight more otters"}
    assert owner.client.post("/auth/v1/user/change-password", new).status == 200
    assert platform.client().post(FINISH, {"token": early, "code": owner.app.code()}).code == "sign-in-expired"
    begun = platform.client().log_in(owner.name, "eight more otters").json["second_factor"]
    assert platform.client().post(FINISH, {"token": begun["token"], "code": owner.app.code()}).status == 200


def test_a_code_is_good_once_however_many_use_it_at_once(platform: Platform) -> None:
    """R23: twenty sign-ins with one code, and one of them ends in a session; the next code is good again."""
    owner = an_owner(platform)
    tokens = [pending(platform, owner) for _ in range(20)]
    settled_clock()
    code, gate = owner.app.code(), threading.Barrier(20)

    def finish(token: str) -> int:
        gate.wait()
        return platform.client().post(FINISH, {"token": token, "code": code}).status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(finish, tokens))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}
    platform.rows("delete from howdah_auth.throttle")
    again = platform.client().post(FINISH, {"token": pending(platform, owner), "code": code})
    assert (again.status, again.code) == (401, "invalid-factor")
    fresh = {"token": pending(platform, owner), "code": owner.app.code(1)}
    assert platform.client().post(FINISH, fresh).status == 200


def test_the_counter_is_taken_by_one_of_many_statements(platform: Platform) -> None:
    """R23: without any throttle before it: twenty connections, one update."""
    owner = an_owner(platform)
    counter, gate = int(time.time()) // 30 + 5, threading.Barrier(20)
    use = (
        "with done as (update howdah_auth.totp_factors set last_counter = %s where user_id = %s and last_counter < %s"
        " returning id) select count(*) from done"
    )

    def take(_: int) -> int:
        gate.wait()
        return int(platform.rows(use, counter, owner.id, counter)[0]["count"])

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(take, range(20))) == 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "12345a", " 123456", "٠١٢٣٤٥"])
def test_what_is_no_code_is_refused_like_a_wrong_one(platform: Platform, code: str) -> None:
    """R24: never an error of ours."""
    owner = an_owner(platform)
    reply = platform.client().post(FINISH, {"token": pending(platform, owner), "code": code})
    assert (reply.status, reply.code) == (401, "invalid-factor")


def test_the_window_is_one_step(platform: Platform) -> None:
    """R22: one step before and after; two are none. A code that is older than the last accepted is over."""
    owner = an_owner(platform)
    settled_clock()
    for steps, status in ((2, 401), (-2, 401), (1, 200), (0, 401)):
        answer = platform.client().post(FINISH, {"token": pending(platform, owner), "code": owner.app.code(steps)})
        assert answer.status == status, steps


def test_guessing_is_slowed_whatever_it_comes_through(platform: Platform) -> None:
    """R25: five wrong codes, each in a sign-in of its own, and then the right one waits; so does step-up."""
    owner = an_owner(platform)
    wrong = f"{(int(owner.app.code()) + 1) % 10**6:06d}"
    statuses = [
        platform.client().post(FINISH, {"token": pending(platform, owner), "code": wrong}).status for _ in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2
    settled_clock()
    right = {"token": pending(platform, owner), "code": owner.app.code()}
    reply = platform.client().post(FINISH, right)
    assert (reply.status, reply.code) == (429, "too-many-attempts")
    assert owner.client.post("/auth/v1/user/step-up", {"code": owner.app.code()}).status == 429
    platform.rows("update howdah_auth.throttle set blocked_until = now()")
    assert platform.client().post(FINISH, right).status == 200
    events = platform.events(owner.id)
    assert events.count("factor-failed") == 5


def test_recovery_codes_are_good_once_each(platform: Platform) -> None:
    """R28: twenty at once with one code, one session; the count goes down; new ones kill the old set."""
    owner = an_owner(platform)
    tokens, gate = [pending(platform, owner) for _ in range(20)], threading.Barrier(20)
    code = owner.recovery_codes[0].upper().replace("-", " ")

    def finish(token: str) -> int:
        gate.wait()
        return platform.client().post(FINISH, {"token": token, "recovery_code": code}).status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(finish, tokens))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}
    platform.rows("delete from howdah_auth.throttle")
    assert owner.client.get("/auth/v1/user/factors").json["recovery_codes"] == 9
    renewed = owner.client.post("/auth/v1/user/recovery-codes")
    assert len(renewed.json["recovery_codes"]) == 10
    for shown, status in ((owner.recovery_codes[1], 401), (renewed.json["recovery_codes"][1], 200)):
        body = {"token": pending(platform, owner), "recovery_code": shown}
        assert platform.client().post(FINISH, body).status == status
    stored = str(platform.rows("select encode(code_hash, 'escape') as h from howdah_auth.recovery_codes"))
    assert renewed.json["recovery_codes"][0] not in stored
    assert platform.events(owner.id).count("recovery-code-used") == 2


def test_one_factor_is_shown_at_a_time(platform: Platform) -> None:
    """R68: none, or two at once, is no request; nothing is used up by it."""
    owner = an_owner(platform)
    token = pending(platform, owner)
    for body in ({}, {"code": "123456", "recovery_code": owner.recovery_codes[0]}, {"password": PASSWORD}):
        assert platform.client().post(FINISH, {"token": token, **body}).status == 400
    shown = {"token": token, "recovery_code": owner.recovery_codes[0]}
    assert platform.client().post(FINISH, shown).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/v1/user/totp", {}),
        ("/auth/v1/user/recovery-codes", {}),
        ("/auth/v1/user/remove-factor", {"factor_id": "00000000-0000-0000-0000-000000000000"}),
    ],
)
def test_what_is_sensitive_needs_a_fresh_proof(platform: Platform, path: str, body: dict[str, str]) -> None:
    """R26, R28, R29: a stale session is told how to show a factor, and with one it may; a password is none."""
    owner = an_owner(platform)
    make_stale(platform, owner)
    refused = owner.client.post(path, body)
    assert (refused.status, refused.code, refused.json["ways"]) == (403, "step-up-required", ["totp", "recovery"])
    by_password = owner.client.post("/auth/v1/user/step-up", {"password": PASSWORD})
    assert (by_password.status, by_password.code) == (403, "step-up-required")
    new = {"old_password": PASSWORD, "new_password": "eight more otters"}
    assert owner.client.post("/auth/v1/user/change-password", new).status == 200
    assert owner.client.post(path, body).status == 403
    before = dict(owner.client.cookies)
    settled_clock()
    assert owner.client.post("/auth/v1/user/step-up", {"code": owner.app.code()}).status == 200
    assert Client(platform.url, cookies=before).get("/auth/v1/user/info").status == 401
    assert owner.client.post(path, body).status in (200, 404)


def test_without_a_factor_the_password_is_the_fresh_proof(platform: Platform) -> None:
    """R26, R31: under another cookie, counted when wrong."""
    client = platform.client()
    user = client.sign_up(a_name()).json["hasura_id"]
    platform.rows("update howdah_auth.sessions set proved_at = now() - interval '1 hour' where user_id = %s", user)
    refused = client.post("/auth/v1/user/totp")
    assert (refused.status, refused.json["ways"]) == (403, ["password"])
    for expected in [401] * 5 + [429]:
        wrong = client.post("/auth/v1/user/step-up", {"password": "not this one at all"})
        assert wrong.status == expected
    platform.rows("update howdah_auth.throttle set blocked_until = now()")
    before = dict(client.cookies)
    assert client.post("/auth/v1/user/step-up", {"password": PASSWORD}).status == 200
    assert client.cookies != before
    assert client.post("/auth/v1/user/totp").status == 200


def test_a_removed_factor_takes_with_it_what_relied_on_it(platform: Platform) -> None:
    """R29: other sessions are over, this one is of level 1, codes and pending sign-ins are gone; nobody else's."""
    owner, stranger = an_owner(platform), an_owner(platform)
    laptop = platform.client()
    begun = laptop.log_in(owner.name).json["second_factor"]
    settled_clock()
    assert laptop.post(FINISH, {"token": begun["token"], "code": owner.app.code()}).status == 200
    waiting = pending(platform, owner)
    (factor,) = owner.client.get("/auth/v1/user/factors").json["totp"]
    choice = {"factor_id": factor["id"]}
    assert stranger.client.post("/auth/v1/user/remove-factor", choice).code == "unknown-factor"
    assert stranger.client.post("/auth/v1/user/rename-factor", {**choice, "name": "mine"}).code == "unknown-factor"
    assert owner.client.post("/auth/v1/user/rename-factor", {**choice, "name": "old telephone"}).status == 200
    assert owner.client.get("/auth/v1/user/factors").json["totp"][0]["name"] == "old telephone"
    before = dict(owner.client.cookies)
    assert owner.client.post("/auth/v1/user/remove-factor", choice).status == 200
    assert laptop.get("/auth/v1/user/info").status == 401
    assert Client(platform.url, cookies=before).get("/auth/v1/user/info").status == 401
    assert owner.client.get("/auth/v1/user/info").json["session"]["level"] == 1
    shown = {"token": waiting, "recovery_code": owner.recovery_codes[0]}
    assert platform.client().post(FINISH, shown).code == "sign-in-expired"
    assert owner.client.get("/auth/v1/user/factors").json["recovery_codes"] == 0
    assert platform.client().log_in(owner.name).json["auth_token"] is not None


def test_an_administrator_resets_what_is_lost(platform: Platform) -> None:
    """R29, R39: factors, codes and every session, refresh tokens with them; users cannot."""
    owner = an_owner(platform)
    program = platform.client()
    begun = program.log_in(owner.name, session="tokens").json["second_factor"]
    settled_clock()
    pair = program.post(FINISH, {"token": begun["token"], "code": owner.app.code()}).json
    path, choice = "/auth/v1/admin/user/reset-factors", {"hasura_id": owner.id}
    assert owner.client.post(path, choice).status == 403
    assert platform.client().post(path, choice).status == 401
    assert owner.client.get("/auth/v1/user/info").status == 200
    reset = platform.admin().post(path, choice)
    assert reset.status == 200
    assert reset.json["removed"] == {"totp": 1, "passkeys": 0, "recovery_codes": 10}
    assert owner.client.get("/auth/v1/user/info").status == 401
    assert platform.client().post("/auth/v1/token", {"refresh_token": pair["refresh_token"]}).status == 401
    assert platform.client().log_in(owner.name).json["auth_token"] is not None
    assert platform.admin().post(path, {"hasura_id": 2**40}).status == 404
    assert platform.events(owner.id)[-2:] == ["factors-reset", "login"]


def test_another_address_needs_the_factor_where_there_is_one(platform: Platform) -> None:
    """R20: a password, which somebody may have stolen, does not take the mails elsewhere."""
    owner, address = an_owner(platform), f"{a_name()}@example.com"
    make_stale(platform, owner)
    change = {"email": address, "password": PASSWORD}
    refused = owner.client.post("/auth/v1/user/change-email", change)
    assert (refused.status, refused.code) == (403, "step-up-required")
    settled_clock()
    assert owner.client.post("/auth/v1/user/step-up", {"code": owner.app.code()}).status == 200
    assert owner.client.post("/auth/v1/user/change-email", change).status == 200


def test_a_session_with_tokens_steps_up_to_other_tokens(platform: Platform) -> None:
    """R29, R31: what showed the session before shows nothing any more; with the new pair it is fresh."""
    owner, program = an_owner(platform), platform.client()
    begun = program.log_in(owner.name, session="tokens").json["second_factor"]
    shown = {"token": begun["token"], "recovery_code": owner.recovery_codes[0]}
    before = program.post(FINISH, shown).json
    make_stale(platform, owner)
    old = platform.client(Authorization=f"Bearer {before['access_token']}")
    assert old.post("/auth/v1/user/recovery-codes").code == "step-up-required"
    settled_clock()
    pair = old.post("/auth/v1/user/step-up", {"code": owner.app.code()}).json
    new = platform.client(Authorization=f"Bearer {pair['access_token']}")
    assert old.get("/auth/v1/user/info").status == 401
    assert program.post("/auth/v1/token", {"refresh_token": before["refresh_token"]}).status == 401
    assert new.get("/auth/v1/user/info").json["session"]["level"] == 2
    assert len(new.post("/auth/v1/user/recovery-codes").json["recovery_codes"]) == 10


def test_the_owner_is_told_of_every_factor(platform: Platform) -> None:
    """R28, R29: by mail to the confirmed address, and to no other; nothing secret is in it."""
    owner, address = an_owner(platform), f"{a_name()}@example.com"
    add = (
        "insert into howdah_auth.identities (user_id, kind, subject, shown, verified_at) values (%s, 'email', %s, %s, "
    )
    platform.rows(add + "null)", owner.id, address, address)
    assert owner.client.post("/auth/v1/user/recovery-codes").status == 200
    used = {"token": pending(platform, owner), "recovery_code": owner.recovery_codes[0]}
    assert platform.client().post(FINISH, used).status == 401
    codes = owner.client.post("/auth/v1/user/recovery-codes").json["recovery_codes"]
    assert platform.client().post(FINISH, {**used, "recovery_code": codes[0]}).status == 200
    platform.rows("update howdah_auth.identities set verified_at = now() where subject = %s", address)
    for number, code in enumerate(codes[1:3]):
        shown = {"token": pending(platform, owner), "recovery_code": code}
        assert platform.client().post(FINISH, shown).status == 200
        told = platform.mail(address, beyond=number)
        assert f"There are {8 - number} left" in str(told)
        assert code not in str(told)
    assert len(platform.mails(address)) == 2, "nothing went there before it was confirmed"
    platform.rows("update howdah_auth.sessions set proved_at = now() where user_id = %s", owner.id)
    (factor,) = owner.client.get("/auth/v1/user/factors").json["totp"]
    assert owner.client.post("/auth/v1/user/remove-factor", {"factor_id": factor["id"]}).status == 200
    assert "telephone" in str(platform.mail(address, beyond=2))
    app, _ = set_up_app(owner.client, "a new one")
    settled_clock()
    assert owner.client.post("/auth/v1/user/totp/confirm", {"code": app.code()}).status == 200
    assert "a new one" in str(platform.mail(address, beyond=3))


def test_a_password_beside_a_factor_may_be_shorter(platform: Platform) -> None:
    """R3: eight characters where a password alone opens nothing, fifteen where it does."""
    client = platform.client()
    client.sign_up(a_name())
    change = {"old_password": PASSWORD, "new_password": "wet otter"}
    assert client.post("/auth/v1/user/change-password", change).code == "short-password"
    assert an_owner(platform).client.post("/auth/v1/user/change-password", change).status == 200


def with_short_password(platform: Platform) -> tuple[Owner, dict[str, str]]:
    """Somebody whose password is good beside their factor alone, and how that is named."""
    owner = an_owner(platform)
    change = {"old_password": PASSWORD, "new_password": "wet otter"}
    assert owner.client.post("/auth/v1/user/change-password", change).status == 200
    (factor,) = owner.client.get("/auth/v1/user/factors").json["totp"]
    return owner, {"factor_id": factor["id"]}


def test_a_short_password_keeps_its_last_factor(platform: Platform) -> None:
    """R3, R29: the last factor goes once there is a password that is enough alone; until then it is asked for."""
    owner, factor = with_short_password(platform)
    refused = owner.client.post("/auth/v1/user/remove-factor", factor)
    assert (refused.status, refused.code) == (409, "password-too-short-alone")
    assert "second_factor" in platform.client().log_in(owner.name, "wet otter").json
    change = {"old_password": "wet otter", "new_password": "nine amber foxes asleep"}
    assert owner.client.post("/auth/v1/user/change-password", change).status == 200
    assert owner.client.post("/auth/v1/user/remove-factor", factor).status == 200
    assert platform.client().log_in(owner.name, change["new_password"]).json["auth_token"] is not None


def test_of_many_that_remove_a_factor_and_shorten_the_password_none_leaves_both_gone(platform: Platform) -> None:
    """R3: a short password and no factor are never an account's, whatever comes first."""
    owner = an_owner(platform)
    (factor,) = owner.client.get("/auth/v1/user/factors").json["totp"]
    token = {"Authorization": f"Bearer {owner.client.cookies[COOKIE]}"}
    change = {"old_password": PASSWORD, "new_password": "wet otter"}

    def send(number: int) -> int:
        client = platform.client(**token)
        if number % 2:
            return client.post("/auth/v1/user/remove-factor", {"factor_id": factor["id"]}).status
        return client.post("/auth/v1/user/change-password", change).status

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    (row,) = platform.rows(
        "select password_needs_factor as short,"
        " (select count(*) from howdah_auth.totp_factors f where f.user_id = u.id) as factors"
        " from howdah_auth.users u where id = %s",
        owner.id,
    )
    assert (row["short"], row["factors"]) in ((True, 1), (False, 0))


def test_an_administrator_who_resets_factors_takes_a_short_password_with_them(platform: Platform) -> None:
    """R3, R29: what is left would be too little; its owner chooses another by a link."""
    owner, _ = with_short_password(platform)
    admin, choice = platform.admin(), {"hasura_id": owner.id}
    assert admin.post("/auth/v1/admin/user/reset-factors", choice).json["removed"]["password"] == 1
    assert platform.client().log_in(owner.name, "wet otter").code == "invalid-user"
    token = admin.post("/auth/v1/admin/user/password-link", choice).json["link"].partition("#token=")[2]
    chosen = {"token": token, "password": "wet otter"}
    assert platform.client().post("/auth/v1/user/set-password", chosen).code == "short-password"
    assert platform.client().post("/auth/v1/user/set-password", {**chosen, "password": PASSWORD}).status == 200
    assert platform.client().log_in(owner.name).json["auth_token"] is not None


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="oathtool is not installed: make test-deps")
def test_another_implementation_shows_the_same_codes(platform: Platform) -> None:
    """R21: `oathtool --totp -b SECRET`, from set-up to sign-in."""
    name, client = a_name(), platform.client()
    client.sign_up(name)
    secret = client.post("/auth/v1/user/totp").json["secret"]

    def code(when: float) -> str:
        command = [
            "oathtool",
            "--totp",
            "-b",
            "--now",
            time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when)),
            secret,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    settled_clock()
    assert client.post("/auth/v1/user/totp/confirm", {"code": code(time.time())}).status == 200
    token = platform.client().log_in(name).json["second_factor"]["token"]
    assert platform.client().post(FINISH, {"token": token, "code": code(time.time() + 30)}).status == 200
