"""Accounts by mobile number: by code alone, and with a password."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.auth.sending import a_mobile, code_in, wrong
from tests.auth.support import COOKIE, PASSWORD, PATIENT, Client, Platform, Reply, platform_on
from tests.support import Cluster

from howdah.project.sections import AuthSection

NEW = "nine amber foxes asleep"
PROVIDERS = ("username", "email", "mobile", "mobile-password")


@pytest.fixture(scope="module")
def platform(cluster: Cluster) -> Iterator[Platform]:
    """A platform whose people sign in by number."""
    section = AuthSection(**PATIENT, providers=PROVIDERS, sms_per_prefix_per_day=10_000)
    name = f"mobiles_{secrets.token_hex(4)}"
    with platform_on(cluster.create_database(name), auth=section) as running:
        yield running
    cluster.drop_database(name)


def call(client: Client, path: str, mobile: str, **more: str) -> Reply:
    return client.post(f"/auth/v1/providers/{path}", {"mobile": mobile, "country_code": "91", **more})


def enter(client: Client, what: str, provider: str, mobile: str, **more: str) -> Reply:
    data = {"mobile": mobile, "country_code": "91", **more}
    return client.post(f"/auth/v1/{what}", {"provider": provider, "data": data})


def told(reply: Reply) -> tuple[int, object, list[str]]:
    body = {key: value for key, value in reply.json.items() if key not in ("request_id", "mobile")}
    return reply.status, body, [name.lower() for name, _ in reply.headers]


def test_a_number_signs_up_and_in_by_code(platform: Platform) -> None:
    """The same code is for either; a wrong one, and one from another browser, is for neither (R15)."""
    mobile, client = a_mobile(), platform.client()
    assert call(client, "mobile/send-otp", mobile).json == {"message": "success"}
    otp = code_in(platform.mail(f"+91{mobile}"))
    assert enter(platform.client(), "signup", "mobile", mobile, otp=otp).code == "invalid-code"
    assert enter(client, "signup", "mobile", mobile, otp=wrong(otp)).status == 400
    user = enter(client, "signup", "mobile", mobile, otp=otp).json
    assert (user["mobile"], len(user["auth_token"])) == (f"+91{mobile}", 48)
    assert COOKIE in client.cookies
    call(client, "mobile/resend-otp", mobile)
    otp = code_in(platform.mail(f"+91{mobile}", beyond=1))
    assert enter(client, "signup", "mobile", mobile, otp=otp).code == "user-already-exists"
    assert enter(client, "login", "mobile", mobile, otp=otp).json["hasura_id"] == user["hasura_id"]
    assert enter(client, "login", "mobile", mobile, otp=otp).code == "invalid-user"


def test_numbers_may_be_json_numbers(platform: Platform) -> None:
    """As older clients send them."""
    mobile = a_mobile()
    body = {"mobile": int(mobile), "country_code": 91}
    assert platform.client().post("/auth/v1/providers/mobile/send-otp", body).status == 200
    assert platform.mail(f"+91{mobile}")
    wrong_number = platform.client().post("/auth/v1/providers/mobile/send-otp", {"mobile": "12", "country_code": "91"})
    assert wrong_number.code == "expected-mobile"


def test_of_many_with_one_code_one_signs_up(platform: Platform) -> None:
    """R16: twenty at once, one account."""
    mobile, client = a_mobile(), platform.client()
    call(client, "mobile/send-otp", mobile)
    otp = code_in(platform.mail(f"+91{mobile}"))
    gate = threading.Barrier(20)

    def one(_: int) -> int:
        gate.wait()
        return enter(Client(platform.url, cookies=dict(client.cookies)), "signup", "mobile", mobile, otp=otp).status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(one, range(20)))
    assert statuses.count(200) == 1
    assert len(platform.rows("select from howdah_auth.identities where subject = %s", f"+91{mobile}")) == 1


def test_a_number_with_a_password_is_confirmed_first(platform: Platform) -> None:
    """No token before; `not_verified`; then the code, and in."""
    mobile, client = a_mobile(), platform.client()
    reply = enter(client, "signup", "mobile-password", mobile, password=PASSWORD)
    assert (reply.status, reply.json["auth_token"], reply.json["mobile"]) == (200, None, f"+91{mobile}")
    refused = enter(client, "login", "mobile-password", mobile, password=PASSWORD)
    assert (refused.status, refused.code) == (403, "not_verified")
    first = code_in(platform.mail(f"+91{mobile}"))
    assert call(client, "mobile-password/resend-otp", mobile).json == {"message": "success"}
    otp = code_in(platform.mail(f"+91{mobile}", beyond=1))
    if first != otp:
        assert call(client, "mobile-password/verify-otp", mobile, otp=first).code == "invalid-code"
    assert call(client, "mobile-password/verify-otp", mobile, otp=otp).json == {"message": "success"}
    assert enter(client, "login", "mobile-password", mobile, password=PASSWORD).status == 200


def test_a_forgotten_password_is_replaced_by_code(platform: Platform) -> None:
    """R17: one use, no session, and every other one is over; unknown numbers are answered alike (R8)."""
    mobile, client = a_mobile(), platform.client()
    enter(client, "signup", "mobile-password", mobile, password=PASSWORD)
    otp = code_in(platform.mail(f"+91{mobile}"))
    call(client, "mobile-password/verify-otp", mobile, otp=otp)
    enter(client, "login", "mobile-password", mobile, password=PASSWORD)
    known = call(client, "mobile-password/forgot-password", mobile)
    unknown = call(client, "mobile-password/forgot-password", a_mobile())
    assert told(known) == told(unknown)
    otp = code_in(platform.mail(f"+91{mobile}", beyond=1))
    new = {"otp": otp, "password": NEW}
    assert call(platform.client(), "mobile-password/reset-password", mobile, **new).code == "invalid-code"
    assert call(client, "mobile-password/reset-password", mobile, **new).json == {"message": "success"}
    assert client.get("/auth/v1/user/info").status == 401
    assert call(client, "mobile-password/reset-password", mobile, **new).status == 400
    assert enter(client, "login", "mobile-password", mobile, password=PASSWORD).status == 401
    assert enter(client, "login", "mobile-password", mobile, password=NEW).status == 200


def test_signing_up_twice_looks_the_same_and_its_owner_is_told(platform: Platform) -> None:
    """R8: and nothing of the account changes."""
    mobile, client = a_mobile(), platform.client()
    call(client, "mobile/send-otp", mobile)
    enter(client, "signup", "mobile", mobile, otp=code_in(platform.mail(f"+91{mobile}")))
    known = enter(platform.client(), "signup", "mobile-password", mobile, password=PASSWORD)
    unknown = enter(platform.client(), "signup", "mobile-password", a_mobile(), password=PASSWORD)
    assert told(known) == told(unknown)
    assert "already" in platform.mail(f"+91{mobile}", beyond=1).text
    assert enter(client, "login", "mobile-password", mobile, password=PASSWORD).code == "not_verified"


def test_a_number_is_changed(platform: Platform) -> None:
    """R20: without a password, by who has just signed in; told to the number before."""
    mobile, new, client = a_mobile(), a_mobile(), platform.client()
    call(client, "mobile/send-otp", mobile)
    enter(client, "signup", "mobile", mobile, otp=code_in(platform.mail(f"+91{mobile}")))
    body = {"mobile": new, "country_code": "91"}
    platform.rows("update howdah_auth.sessions set proved_at = now() - interval '1 hour'")
    refused = client.post("/auth/v1/user/change-mobile", body)
    assert (refused.code, refused.json["ways"]) == ("step-up-required", ["login"])
    platform.rows("update howdah_auth.sessions set proved_at = now()")
    assert client.post("/auth/v1/user/change-mobile", body).status == 200
    otp = code_in(platform.mail(f"+91{new}"))
    assert client.post("/auth/v1/user/confirm-mobile", {**body, "otp": wrong(otp)}).status == 400
    assert client.post("/auth/v1/user/confirm-mobile", {**body, "otp": otp}).status == 200
    assert client.get("/auth/v1/user/info").json["mobile"] == f"+91{new}"
    assert "changed" in platform.mail(f"+91{mobile}", beyond=1).text


def test_text_messages_have_a_budget(database: str) -> None:
    """R19: by number, by block of numbers, in all, and by country; counted whether or not anybody is written to."""
    section = AuthSection(
        **{**PATIENT, "codes_per_identity": 10_000},
        providers=PROVIDERS,
        sms_per_number_per_day=2,
        sms_per_prefix_per_day=3,
        sms_per_day=5,
        sms_country_codes=("91",),
    )
    with platform_on(database, auth=section) as platform:

        def send(mobile: str, code: str = "91") -> int:
            body = {"mobile": mobile, "country_code": code}
            return platform.client().post("/auth/v1/providers/mobile/send-otp", body).status

        assert [send("9812340001") for _ in range(3)] == [200, 200, 429]
        assert [send("9812340002"), send("9812340003")] == [200, 429]
        assert [send("9912340001"), send("9912340002"), send("9712340001")] == [200, 200, 429]
        assert send("7400123456", "44") == 400
