"""How often a request may try: what `throttling` decides, over HTTP and with what a browser keeps."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.auth.sending import an_email, token_in
from tests.auth.support import COOKIE, DEVICE, PASSWORD, PATIENT, Client, Platform, platform_on
from tests.support import Cluster

from howdah.project.sections import AuthSection, GatewaySection

WRONG = "eight purple otters dance"


@pytest.fixture(scope="module")
def platform(cluster: Cluster) -> Iterator[Platform]:
    """A platform behind a proxy, so that tests come from wherever they say."""
    name = f"attempts_{secrets.token_hex(4)}"
    with platform_on(cluster.create_database(name), gateway=GatewaySection(trusted_proxies=1)) as running:
        yield running
    cluster.drop_database(name)


def a_name() -> str:
    return f"bob_{secrets.token_hex(4)}"


def an_address() -> str:
    return ".".join(str(secrets.randbelow(253) + 1) for _ in range(4))


def somebody(platform: Platform, address: str | None = None) -> Client:
    return platform.client(**{"X-Forwarded-For": address or an_address()})


def lock_out(client: Client, name: str) -> None:
    """The client tries wrong passwords until it may not any more."""
    for _ in range(30):
        if client.log_in(name, WRONG).status == 429:
            return
    raise AssertionError("nobody was ever stopped")


@pytest.mark.parametrize("exists", [True, False])
def test_a_burst_gets_no_try_more(platform: Platform, exists: bool) -> None:
    """R9: of twenty wrong passwords at once five are compared, at an account that is there and at one that is not."""
    name, address = a_name(), an_address()
    if exists:
        somebody(platform).sign_up(name)
    gate = threading.Barrier(20)

    def log_in(_: int) -> tuple[int, str]:
        client = somebody(platform, address)
        gate.wait()
        reply = client.log_in(name, WRONG)
        return reply.status, reply.code

    with ThreadPoolExecutor(20) as pool:
        replies = sorted(pool.map(log_in, range(20)))
    assert replies == [(401, "invalid-user")] * 5 + [(429, "too-many-attempts")] * 15


def test_who_must_wait_is_told_how_long_and_the_right_password_waits_too(platform: Platform) -> None:
    """R9: 429 with Retry-After, and nothing is compared. Afterwards the right one is let in, and all is forgiven."""
    name, address = a_name(), an_address()
    somebody(platform).sign_up(name)
    client = somebody(platform, address)
    lock_out(client, name)
    reply = client.log_in(name)
    assert reply.status == 429
    (seconds,) = reply.values("retry-after")
    assert 0 < int(seconds) <= 30
    platform.rows("update howdah_auth.throttle set blocked_until = now()")
    assert client.log_in(name).status == 200
    for _ in range(3):
        assert client.log_in(name, WRONG).status == 401
    assert client.log_in(name).status == 200


def test_a_lock_is_no_weapon(platform: Platform) -> None:
    """R10: a stranger hammers; the owner gets in from another network, and by a known device through the very same."""
    name, address = a_name(), an_address()
    laptop = somebody(platform, address)
    laptop.sign_up(name)
    lock_out(somebody(platform, address), name)
    assert somebody(platform, address).log_in(name).status == 429
    assert somebody(platform).log_in(name).status == 200
    assert laptop.log_in(name).status == 200


def test_after_a_hundred_in_a_row_only_known_devices_get_in(platform: Platform) -> None:
    """R9, R10: from however many networks; the device is this account's and no other's."""
    name, other = a_name(), a_name()
    laptop, stranger = somebody(platform), somebody(platform)
    user = laptop.sign_up(name).json["hasura_id"]
    stranger.sign_up(other)
    for _ in range(4):
        assert somebody(platform).log_in(name, WRONG).status == 401
    # Ninety-five more, as their networks' attempts would have left them: at sixty milliseconds each, they take long.
    platform.rows("update howdah_auth.throttle set count = 99 where key like 'login-account:%%' and count = 4")
    assert somebody(platform).log_in(name, WRONG).status == 401
    assert somebody(platform).log_in(name).status == 429
    assert Client(platform.url, stranger.fields, {DEVICE: stranger.cookies[DEVICE]}).log_in(name).status == 429
    assert Client(platform.url, laptop.fields, {DEVICE: laptop.cookies[DEVICE]}).log_in(name).status == 200
    assert user is not None


def test_spellings_share_their_tries(platform: Platform) -> None:
    """R12: letter case and width buy nothing."""
    name, address = a_name(), an_address()
    client = somebody(platform, address)
    spellings = [name, name.upper(), name.replace("bob", "ｂｏｂ"), name.title(), name.replace("b", "B")]
    assert [client.log_in(spelling, WRONG).status for spelling in spellings] == [401] * 5
    assert client.log_in(name.capitalize(), WRONG).status == 429
    assert client.log_in(a_name(), WRONG).status == 401


def test_a_stolen_session_gives_no_tries_at_the_password(platform: Platform) -> None:
    """R9: changing the password counts wrong ones too, whatever the network."""
    browser = somebody(platform)
    browser.sign_up(a_name())
    change = {"old_password": WRONG, "new_password": "nine amber foxes asleep"}
    statuses = [browser.post("/auth/v1/user/change-password", change).status for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert browser.post("/auth/v1/user/step-up", {"password": WRONG}).status == 429


def test_steps_up_and_changes_are_counted_together(platform: Platform) -> None:
    """R9: five wrong passwords in all, wherever somebody who is signed in shows them; the right one takes them back."""
    browser = somebody(platform)
    browser.sign_up(a_name())

    def change(old: str) -> int:
        return browser.post("/auth/v1/user/change-password", {"old_password": old, "new_password": WRONG * 2}).status

    def step_up(password: str) -> int:
        return browser.post("/auth/v1/user/step-up", {"password": password}).status

    assert [step_up(WRONG), change(WRONG), step_up(WRONG), change(WRONG)] == [401] * 4
    assert step_up(PASSWORD) == 200
    assert [step_up(WRONG), change(WRONG), step_up(WRONG), change(WRONG), step_up(WRONG)] == [401] * 5
    assert [step_up(PASSWORD), change(PASSWORD)] == [429] * 2


@pytest.mark.parametrize("exists", [True, False])
def test_nobody_uses_up_the_messages_of_somebody_else(platform: Platform, exists: bool) -> None:
    """R10: strangers ask for codes for an address; its owner gets some all the same.

    From another network, and by a browser that is known, also from the very same one. For strangers it looks no
    different where nobody has the address (R8).
    """
    email, address = an_email(), an_address()
    owner = somebody(platform, address)
    if exists:
        owner.post("/auth/v1/signup", {"provider": "email", "data": {"email": email, "password": PASSWORD}})
        owner.post("/auth/v1/providers/email/verify-email", {"token": token_in(platform.mail(email))})
        owner.post("/auth/v1/login", {"provider": "email", "data": {"email": email, "password": PASSWORD}})

    def ask(client: Client) -> int:
        return client.post("/auth/v1/providers/email/forgot-password", {"email": email}).status

    assert [ask(somebody(platform, address)) for _ in range(7)] == [200] * 5 + [429] * 2
    assert ask(somebody(platform)) == 200
    assert ask(owner) == (200 if exists else 429)
    flood = [ask(somebody(platform)) for _ in range(30)]
    assert flood.count(200) == 24
    assert ask(somebody(platform)) == 429
    assert ask(owner) == (200 if exists else 429)


def test_the_cookie_of_a_device_is_no_session(platform: Platform) -> None:
    """R10, R32: HttpOnly, Lax, one host; it opens nothing; a program that takes tokens gets none."""
    name, client = a_name(), somebody(platform)
    (line,) = [line for line in client.sign_up(name).values("set-cookie") if line.startswith(f"{DEVICE}=")]
    assert {part.strip() for part in line.split(";")[1:]} == {"Max-Age=34560000", "Path=/", "HttpOnly", "SameSite=Lax"}
    only = Client(platform.url, client.fields, {DEVICE: client.cookies[DEVICE]})
    assert only.get("/auth/v1/user/info").status == 401
    swapped = Client(platform.url, client.fields, {COOKIE: client.cookies[DEVICE]})
    assert swapped.get("/auth/v1/user/info").status == 401
    assert somebody(platform).log_in(name, session="token").values("set-cookie") == []
    stored = platform.rows("select encode(device_hash, 'hex') as hash from howdah_auth.devices")
    assert client.cookies[DEVICE] not in str(stored)


def test_new_accounts_are_counted(database: str) -> None:
    """R9: by network; elsewhere it goes on."""
    section = AuthSection(**{**PATIENT, "signups_per_address": 3})
    with platform_on(database, auth=section, gateway=GatewaySection(trusted_proxies=1)) as platform:
        address = an_address()
        assert [somebody(platform, address).sign_up(a_name()).status for _ in range(4)] == [200, 200, 200, 429]
        assert somebody(platform).sign_up(a_name()).status == 200


def test_where_nothing_can_be_counted_nothing_is_tried(database: str) -> None:
    """R13: 503, for right and wrong passwords alike, until it can be counted again."""
    with platform_on(database) as platform:
        name = a_name()
        platform.client().sign_up(name)
        platform.rows("alter table howdah_auth.throttle rename to elsewhere")
        for password in (PASSWORD, WRONG):
            reply = platform.client().log_in(name, password)
            assert (reply.status, reply.code) == (503, "accounts-unavailable")
        assert platform.client().sign_up(a_name()).status == 503
        platform.rows("alter table howdah_auth.elsewhere rename to throttle")
        assert platform.client().log_in(name).status == 200


def test_counts_are_one_for_all_workers(cluster: Cluster) -> None:
    """R9: two platforms on one database count together."""
    name = f"workers_{secrets.token_hex(4)}"
    dsn = cluster.create_database(name)
    with platform_on(dsn) as one, platform_on(dsn) as two:
        user = a_name()
        one.client().sign_up(user)
        statuses = [platform.client().log_in(user, WRONG).status for platform in (one, two) * 3]
    cluster.drop_database(name)
    assert statuses == [401] * 5 + [429]
