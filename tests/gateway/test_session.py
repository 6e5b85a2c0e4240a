"""On whose behalf: anonymous, the admin, and whomever the admin wishes to be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.support import SECRET, RunningGateway, gateway

from howdah.gateway.errors import (
    GatewayError,
    InvalidAdminSecret,
    InvalidToken,
    MalformedAuthorization,
    MalformedIdentity,
)
from howdah.gateway.match import RequestHead
from howdah.gateway.session import Resolver
from howdah.session import ADMIN, ANONYMOUS, Session


@dataclass
class Sealed:
    value: str

    def reveal(self) -> str:
        return self.value


RESOLVER = Resolver((Sealed("new secret"), "old secret"))


def who(request: RequestHead, resolver: Resolver = RESOLVER) -> Session:
    """Who calls: found without asking anybody, or by asking."""
    caller = resolver.known(request) or asyncio.run(resolver.resolve(request))
    return caller.session


def head(*fields: tuple[str, str]) -> RequestHead:
    return RequestHead("GET", "localhost", "/", tuple((name.encode(), value.encode()) for name, value in fields))


def secret(value: str = "new secret") -> tuple[str, str]:
    return ("x-hasura-admin-secret", value)


@pytest.mark.parametrize(
    ("fields", "session"),
    [
        # nothing presented: whatever the client claims to be, it is anonymous (R41, R46)
        ([], ANONYMOUS),
        ([("x-hasura-role", "admin"), ("x-hasura-user-id", "1")], ANONYMOUS),
        ([("x-hasura-access-key", "new secret")], ANONYMOUS),
        ([("cookie", "session=abc")], ANONYMOUS),
        # the admin, by either of two secrets (R51)
        ([secret()], ADMIN),
        ([secret("old secret")], ADMIN),
        ([secret(), ("x-hasura-role", "admin")], ADMIN),
        # whomever the admin wishes to be
        ([secret(), ("x-hasura-role", "user")], Session("user", {})),
        (
            [("x-hasura-user-id", "7"), ("x-hasura-role", "user"), secret(), ("x-hasura-org", "Ä, b")],
            Session("user", {"x-hasura-user-id": "7", "x-hasura-org": "Ä, b"}),
        ),
        ([secret(), ("x-hasura-user-id", "7")], Session("admin", {"x-hasura-user-id": "7"})),
        ([secret(), ("x-hasura-access-key", "a secret")], ADMIN),
    ],
)
def test_what_is_presented_decides_the_session(fields: list[tuple[str, str]], session: Session) -> None:
    """R41, R46, R51: only the secret opens the identity headers."""
    assert who(head(*fields)) == session


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        # a wrong secret is refused, never anonymous (R45)
        ([secret("wrong")], InvalidAdminSecret),
        ([secret("")], InvalidAdminSecret),
        ([secret("new secre")], InvalidAdminSecret),
        ([secret("New secret")], InvalidAdminSecret),
        # never two (R45, R51)
        ([secret(), secret()], MalformedIdentity),
        ([secret(), secret("wrong")], MalformedIdentity),
        ([secret("new secret, new secret")], MalformedIdentity),
        ([secret(), ("authorization", "Bearer abc")], MalformedIdentity),
        ([secret(), ("x-hasura-role", "user"), ("x-hasura-role", "user")], MalformedIdentity),
        ([secret(), ("x-hasura-role", "user,admin")], MalformedIdentity),
        ([secret(), ("x-hasura-role", "")], MalformedIdentity),
        ([secret(), ("x-hasura-user-id", "1"), ("x-hasura-user-id", "2")], MalformedIdentity),
        # tokens come later; what is not a token is malformed
        ([("authorization", "Bearer abc.def.ghi")], InvalidToken),
        ([("authorization", "bearer abc==")], InvalidToken),
        ([("authorization", "Bearer")], MalformedAuthorization),
        ([("authorization", "Bearer a b")], MalformedAuthorization),
        ([("authorization", "Basic YTpi")], MalformedAuthorization),
        ([("authorization", "")], MalformedAuthorization),
        ([("authorization", "Bearer a"), ("authorization", "Bearer a")], MalformedAuthorization),
    ],
)
def test_what_contradicts_itself_or_is_wrong_is_refused(
    fields: list[tuple[str, str]], error: type[GatewayError]
) -> None:
    """R45, R51: the twin: no second guess about what was meant."""
    with pytest.raises(error):
        who(head(*fields))


def test_a_variable_that_is_not_utf_8_is_refused() -> None:
    """A value means one thing to everybody behind the gateway."""
    fields = ((b"x-hasura-admin-secret", b"new secret"), (b"x-hasura-role", b"user"), (b"x-hasura-org", b"\xff"))
    with pytest.raises(MalformedIdentity):
        who(RequestHead("GET", "localhost", "/", fields))


@pytest.mark.parametrize("configured", [(), ("",), (Sealed(""),)])
@pytest.mark.parametrize("presented", ["", "anything"])
def test_without_a_configured_secret_nobody_is_the_admin(configured: tuple[Sealed | str, ...], presented: str) -> None:
    """R51: unset means disabled; empty never equals empty."""
    with pytest.raises(InvalidAdminSecret):
        who(head(secret(presented)), Resolver(configured))


def test_anonymous_callers_may_have_a_user_id() -> None:
    """``gateway.anonymous_user_id`` is one id for all of them."""
    session = who(head(("x-hasura-user-id", "7")), Resolver((), "0"))
    assert session == Session("anonymous", {"x-hasura-user-id": "0"})


@given(st.lists(st.tuples(st.sampled_from(["x-hasura-role", "x-hasura-user-id", "x-hasura-x", "role"]), st.text())))
def test_no_header_but_a_credential_changes_anything(fields: list[tuple[str, str]]) -> None:
    """R41, R46: for any list of claims the caller stays anonymous."""
    assert who(head(*fields)) is ANONYMOUS


def test_a_wrong_secret_is_answered_in_the_words_clients_know(server: RunningGateway) -> None:
    """The body is the query language's, the status 401, and nothing of the secret is in the events (R75)."""
    answer = server.get("/data/x", "X-Hasura-Admin-Secret: hunter2")
    assert answer.status == 401
    known = {"path": "$", "error": "invalid x-hasura-admin-secret", "code": "access-denied"}
    assert answer.json().items() >= known.items()
    assert "hunter2" not in repr(server.events)


def test_a_token_is_answered_in_the_words_clients_know(server: RunningGateway) -> None:
    """401 with a challenge for a token nobody issued, 400 for what is no token."""
    answer = server.get("/data/x", "Authorization: Bearer abc")
    assert (answer.status, answer.json()["message"]) == (401, "invalid authorization token")
    assert answer.header("www-authenticate").startswith("Bearer")
    answer = server.get("/data/x", "Authorization: abc")
    assert (answer.status, answer.json()["message"]) == (400, "malformed-authorization-header")


def test_a_part_is_given_the_session_and_none_of_the_claims(server: RunningGateway) -> None:
    """R41: the session is in the scope; identity headers, the secret and tokens are not among the header fields."""
    fields = (f"X-Hasura-Admin-Secret: {SECRET}", "X-Hasura-Role: user", "X-Hasura-User-Id: 7", "X-Forwarded-User: x")
    answer = server.get("/data/x", *fields)
    assert (answer.json()["role"], answer.json()["variables"]) == ("user", {"x-hasura-user-id": "7"})
    assert set(answer.fields()) == {"host", "connection"}
    assert SECRET not in answer.body.decode()


def test_the_admin_impersonates_towards_services_too(server: RunningGateway) -> None:
    """The service sees the user the admin wished to be, and never the secret."""
    answer = server.get("/x", f"X-Hasura-Admin-Secret: {SECRET}", "X-Hasura-Role: user", "X-Hasura-User-Id: 7")
    fields = answer.fields()
    assert (fields["x-hasura-role"], fields["x-hasura-user-id"]) == (["user"], ["7"])
    assert SECRET not in answer.body.decode()


def test_the_anonymous_user_id_is_told_to_services() -> None:
    """Set, it is sent; a client's own is dropped."""
    with gateway(anonymous_user_id="0") as running:
        answer = running.get("/data/x", "X-Hasura-User-Id: 7").json()
        assert answer["variables"] == {"x-hasura-user-id": "0"}
