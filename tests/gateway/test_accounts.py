"""Cookies and tokens: asked about once, remembered for a while, forgotten at once when they are over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from howdah.gateway.errors import (
    AccountsUnavailable,
    AmbiguousCredentials,
    GatewayError,
    InvalidToken,
    MalformedAuthorization,
    MalformedIdentity,
    RoleNotAllowed,
)
from howdah.gateway.match import RequestHead
from howdah.gateway.session import REMEMBERED, REMEMBERED_SECONDS, Resolver
from howdah.postgres.errors import DatabaseUnavailable
from howdah.session import ANONYMOUS, Caller, Credential, Identity

SECRET = "correct horse battery staple"
COOKIE = "cookie-of-ann-0123456789"
TOKEN = "token.of.ann"


def ann(credential: Credential, expires_at: float | None = None) -> Identity:
    return Identity(credential, ("user", "editor"), {"x-hasura-user-id": "7"}, "7", "session-1", 1, expires_at)


class Accounts:
    """Knows Ann, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.known: dict[str, Identity] = {COOKIE: ann("cookie"), TOKEN: ann("token")}
        self.before_answer: Callable[[], Awaitable[None]] | None = None

    async def _find(self, value: str) -> Identity | None:
        self.asked.append(value)
        found = self.known.get(value)
        if self.before_answer is not None:
            await self.before_answer()
        return found

    find_by_cookie = find_by_token = _find


class Door:
    """A resolver, a clock that stands still until it is moved, and whoever knocks."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.now = 1000.0
        self.resolver = Resolver((SECRET,), accounts=self.accounts, cookie="session", clock=lambda: self.now)

    def known(self, *fields: tuple[str, str]) -> Caller | None:
        return self.resolver.known(head(*fields))

    def who(self, *fields: tuple[str, str]) -> Caller:
        return self.known(*fields) or asyncio.run(self.resolver.resolve(head(*fields)))


def head(*fields: tuple[str, str]) -> RequestHead:
    return RequestHead("GET", "localhost", "/", tuple((name.encode(), value.encode()) for name, value in fields))


def cookie(value: str = COOKIE) -> tuple[str, str]:
    return ("cookie", f"theme=dark; session={value}; other=session=1")


def bearer(value: str = TOKEN) -> tuple[str, str]:
    return ("authorization", f"Bearer {value}")


def role(name: str) -> tuple[str, str]:
    return ("x-hasura-role", name)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize("shown", [cookie(), bearer()], ids=["cookie", "bearer"])
def test_a_credential_is_asked_about_once(door: Door, shown: tuple[str, str]) -> None:
    """The first request waits for the answer, the next does not."""
    assert door.known(shown) is None
    caller = door.who(shown)
    assert (caller.session.role, caller.roles) == ("user", ("user", "editor"))
    assert dict(caller.session.variables) == {"x-hasura-user-id": "7", "x-hasura-allowed-roles": "user,editor"}
    assert door.known(shown) is caller
    assert len(door.accounts.asked) == 1


def test_a_user_takes_any_role_of_theirs_and_no_other(door: Door) -> None:
    """R46: one of the allowed roles, or 403; other identity headers of the client's mean nothing."""
    asked = door.who(cookie(), role("editor"), ("x-hasura-user-id", "1"), ("x-hasura-org", "2"))
    assert asked.session.role == "editor"
    assert dict(asked.session.variables) == {"x-hasura-user-id": "7", "x-hasura-allowed-roles": "user,editor"}
    for other in ("admin", "Editor", "editor ", "user,editor", ""):
        with pytest.raises(RoleNotAllowed):
            door.who(cookie(), role(other))
    with pytest.raises(MalformedIdentity):
        door.who(cookie(), role("user"), role("editor"))
    assert door.who(role("editor")).session == ANONYMOUS


def test_an_unknown_cookie_is_nobody_and_an_unknown_token_is_refused(door: Door) -> None:
    """R45: who shows a session that is over is anonymous and told to forget it; a program is told that it is wrong."""
    stale = door.who(cookie("cookie-of-nobody-0123456789"))
    assert (stale.session, stale.stale_cookie) == (ANONYMOUS, True)
    assert door.who(cookie("short")).stale_cookie
    assert not door.who(("cookie", "theme=dark; mysession=0123456789abcdef0123")).stale_cookie
    with pytest.raises(InvalidToken):
        door.who(bearer("token.of.nobody"))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ((cookie(), bearer()), AmbiguousCredentials),
        ((cookie(), cookie()), AmbiguousCredentials),
        ((("cookie", f"session={COOKIE}; session={COOKIE}"),), AmbiguousCredentials),
        ((("x-hasura-admin-secret", SECRET), bearer()), AmbiguousCredentials),
        ((("x-hasura-admin-secret", SECRET), cookie()), AmbiguousCredentials),
        ((bearer(), bearer()), MalformedAuthorization),
        ((("authorization", f"Basic {TOKEN}"),), MalformedAuthorization),
        ((("authorization", TOKEN),), MalformedAuthorization),
        ((bearer("x" * 8193),), InvalidToken),
    ],
)
def test_two_credentials_are_none(door: Door, fields: tuple[tuple[str, str], ...], error: type[GatewayError]) -> None:
    """R45: whatever could be read in two ways is refused, and nobody is asked about it."""
    with pytest.raises(error):
        door.who(*fields)
    assert door.accounts.asked == []


@pytest.mark.parametrize("over", [{"session_id": "session-1"}, {"user_id": "7"}, {}])
def test_what_is_over_is_forgotten_at_once(door: Door, over: dict[str, str]) -> None:
    """R37: a session that ends, a user who is banned, and when in doubt everybody."""
    caller = door.who(cookie())
    door.resolver.forget(session_id="another", user_id="8")
    assert door.known(cookie()) is caller
    door.accounts.known.clear()
    door.resolver.forget(**over)
    assert door.known(cookie()) is None
    assert door.who(cookie()).stale_cookie


def test_what_was_found_before_it_was_over_is_not_remembered(door: Door) -> None:
    """R37: the answer to a question that was asked before the session ended may still say that it is there."""

    async def meanwhile() -> None:
        door.resolver.forget(session_id="session-1")

    door.accounts.before_answer = meanwhile
    assert door.who(cookie()).session.role == "user"
    assert door.known(cookie()) is None


def test_nothing_is_remembered_for_long(door: Door) -> None:
    """R37: thirty seconds, or until the session ends if that is sooner."""
    door.who(cookie())
    door.now += REMEMBERED_SECONDS - 1
    assert door.known(cookie()) is not None
    door.now += 1
    assert door.known(cookie()) is None
    door.accounts.known[TOKEN] = ann("token", expires_at=door.now + 5)
    door.who(bearer())
    door.now += 5
    assert door.known(bearer()) is None


def test_what_is_remembered_is_bounded(door: Door) -> None:
    """Many users do not fill the memory; the one who came first is asked about again."""
    door.accounts.known |= {f"token.{number}": ann("token") for number in range(REMEMBERED)}
    first = head(bearer())

    async def all_of_them() -> None:
        await door.resolver.resolve(first)
        for number in range(REMEMBERED):
            await door.resolver.resolve(head(bearer(f"token.{number}")))

    asyncio.run(all_of_them())
    assert door.known(bearer()) is None
    assert door.known(bearer(f"token.{REMEMBERED - 1}")) is not None


def test_nobody_is_anonymous_by_accident(door: Door) -> None:
    """R47: while nobody can tell, the answer is 503; who shows nothing is anonymous as ever."""

    async def fail() -> None:
        raise DatabaseUnavailable("The database is away.")

    door.accounts.before_answer = fail
    for shown in (cookie(), bearer()):
        with pytest.raises(AccountsUnavailable) as refused:
            door.who(shown)
        assert refused.value.status == 503
    assert door.who().session == ANONYMOUS


def test_without_accounts_no_cookie_means_anything() -> None:
    """A platform that has none believes none."""
    resolver = Resolver((SECRET,), cookie="session")
    assert asyncio.run(resolver.resolve(head(cookie()))).session == ANONYMOUS
    with pytest.raises(InvalidToken):
        asyncio.run(resolver.resolve(head(bearer())))
