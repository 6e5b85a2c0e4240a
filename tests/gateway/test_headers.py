"""Header fields across the gateway: whatever a client sends, a service learns who calls from the gateway alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.support import SECRET, RunningGateway

from howdah.gateway.headers import SessionNotSendable, downstream_headers, identity_headers, upstream_headers
from howdah.session import ADMIN, ANONYMOUS, Session

USER = Session("user", {"x-hasura-user-id": "7", "x-hasura-org": "Ä"})
OURS = {
    "x-hasura-role": ["anonymous"],
    "x-forwarded-for": ["127.0.0.1"],
    "x-forwarded-host": ["localhost"],
    "x-forwarded-proto": ["http"],
    "host": ["localhost"],
}


def sent_up(headers: list[tuple[bytes, bytes]], session: Session = ANONYMOUS) -> list[tuple[bytes, bytes]]:
    return upstream_headers(headers, session, host=b"localhost", client="10.0.0.9", scheme="http", request_id="r1")


FORGED = [
    "X-Hasura-Role: admin",
    "x-hasura-role: admin",
    "X-HASURA-ROLE: admin",
    "X-Hasura-User-Id: 1",
    "X-Hasura-Session-Id: 1",
    "X-Hasura-Anything-At-All: 1",
    "X-Hasura-: 1",
    "Forwarded: for=1.2.3.4;host=evil",
    "X-Forwarded-For: 1.2.3.4",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-User: root",
    "X-Forwarded-Email: root@localhost",
    "X-Forwarded-Access-Token: abc",
    "X-Real-IP: 1.2.3.4",
    "True-Client-IP: 1.2.3.4",
    "X-Client-IP: 1.2.3.4",
    "Remote-User: root",
    "X-Remote-User: root",
    "X-Remote-Group: wheel",
    "X-Auth-Request-User: root",
    "X-Howdah-Internal-Token: abc",
    "X-Howdah-Anything: abc",
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "X-HTTP-Method-Override: DELETE",
    "Proxy-Authorization: Basic abc",
    "TE: trailers",
    "Trailer: X-Hasura-Role",
    "Upgrade: tls/1.0",
    "HTTP2-Settings: abc",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_field_never_reaches_a_service(server: RunningGateway, forged: str) -> None:
    """R41, R42, R48: alone, twice and in front of an honest field, what a client claims is gone."""
    name, value = forged.lower().split(": ")
    for fields in ((forged,), (forged, forged), (forged, "Accept: text/plain")):
        seen = server.get("/x", *fields).fields()
        assert {key: seen[key] for key in OURS} == OURS
        assert seen.get(name, OURS.get(name)) == OURS.get(name)
        assert value not in [item.lower() for values in seen.values() for item in values] or value == "http"


@pytest.mark.parametrize("forged", ["X_Hasura_Role: admin", "x_hasura-role: admin", "Remote_User: root"])
def test_a_name_with_an_underscore_does_not_even_get_in(server: RunningGateway, forged: str) -> None:
    """R41: WSGI would fold it into the real one (CVE-2025-64484 class)."""
    assert server.get("/x", forged).status == 400


@pytest.mark.parametrize(
    "connection",
    [
        "X-Hasura-Role",
        "x-hasura-role, x-hasura-user-id",
        "close, X-Hasura-Role, X-Forwarded-For, X-Request-Id, Host, Content-Length",
        "Host",
        "Authorization",
        "X-Hasura-Admin-Secret",
    ],
)
def test_connection_names_nothing_of_ours_away(server: RunningGateway, connection: str) -> None:
    """R42: fields are dropped by name before ours are set (CVE-2025-48865 class); the secret still counts."""
    fields = server.get("/x", f"Connection: {connection}").fields()
    assert {key: fields[key] for key in OURS} == OURS and len(fields["x-request-id"]) == 1
    fields = server.get("/x", f"Connection: {connection}", f"X-Hasura-Admin-Secret: {SECRET}").fields()
    assert fields["x-hasura-role"] == ["admin"] and "x-hasura-admin-secret" not in fields


def test_connection_names_the_clients_own_fields_away(server: RunningGateway) -> None:
    """The twin: RFC 9110 section 7.6.1."""
    fields = server.get("/x", "Connection: X-Once, x-twice", "X-Once: 1", "X-Twice: 2", "X-Stays: 3").fields()
    assert "x-once" not in fields and "x-twice" not in fields and fields["x-stays"] == ["3"]
    assert "connection" not in fields


def test_ordinary_fields_pass_as_they_are(server: RunningGateway) -> None:
    """The twin of every refusal: what is not ours to say is not ours to change."""
    sent = ("Accept: a/b", "Cookie: a=1; b=2", "X-Custom: ä", "X-Custom: again", "User-Agent: me", "X-Empty:")
    fields = server.get("/x", *sent).fields()
    assert fields["cookie"] == ["a=1; b=2"] and fields["accept"] == ["a/b"] and fields["user-agent"] == ["me"]
    assert [value.encode("latin-1").decode() for value in fields["x-custom"]] == ["ä", "again"]
    assert fields["x-empty"] == [""]


NAMES = st.one_of(
    st.sampled_from([forged.split(":")[0] for forged in FORGED]),
    st.sampled_from(["Connection", "Host", "Content-Length", "X-Request-Id", "x_hasura_role", "X-Hasura_User-Id", "A"]),
    st.text(alphabet="abcxXHasur-_Role", min_size=1, max_size=16),
    st.builds(
        lambda prefix, rest: prefix + rest,
        st.sampled_from(["x-hasura-", "X-HASURA_", "x_Hasura-"]),
        st.text("ab-_", max_size=5),
    ),
).map(str.encode)
VALUES = st.one_of(
    st.sampled_from(["admin", "x-hasura-role, host", "close, X-Hasura-User-Id", "keep-alive"]),
    st.text("ab,-", max_size=9),
).map(str.encode)
SESSIONS = st.one_of(st.sampled_from([ANONYMOUS, ADMIN, USER]), st.builds(Session, st.text("abc", min_size=1)))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12), SESSIONS)
def test_the_identity_a_service_reads_is_exactly_ours(headers: list[tuple[bytes, bytes]], session: Session) -> None:
    """R41, R42: for any list of fields, read the way WSGI reads them, the identity is the session's, once each."""
    sent = sent_up(headers, session)
    folded = [(name.lower().replace(b"_", b"-"), value) for name, value in sent]
    assert [field for field in folded if field[0].startswith(b"x-hasura-")] == list(identity_headers(session))
    for name, value in {
        b"host": b"localhost",
        b"x-forwarded-for": b"10.0.0.9",
        b"x-forwarded-host": b"localhost",
        b"x-forwarded-proto": b"http",
        b"x-request-id": b"r1",
    }.items():
        assert [field[1] for field in folded if field[0] == name] == [value]
    for name, _ in folded:
        assert name not in {b"connection", b"te", b"upgrade", b"forwarded", b"x-real-ip", b"content-length", b"expect"}


@pytest.mark.parametrize(
    "session",
    [
        Session("user\r\nX-Hasura-Role: admin", {}),
        Session("user", {"x-hasura-name": "a\nb"}),
        Session("user", {"x-hasura-name": "a\0b"}),
        Session("user", {"x-hasura-a\r\nb": "c"}),
        Session("user", {"x-hasura-a:b": "c"}),
        Session("user", {"host": "evil"}),
        Session("user", {"x-hasura-role": "admin"}),
    ],
)
def test_a_session_that_would_break_its_line_is_not_sent(session: Session) -> None:
    """R41: a variable's value can start no field of its own, and no variable can pass for the role."""
    with pytest.raises(SessionNotSendable):
        sent_up([], session)


def test_a_session_is_sent_role_first_in_utf_8() -> None:
    """The twin: what a session holds arrives."""
    assert identity_headers(USER) == (
        (b"x-hasura-role", b"user"),
        (b"x-hasura-org", "Ä".encode()),
        (b"x-hasura-user-id", b"7"),
    )


def test_a_services_answer_carries_no_identity_and_no_hop_by_hop_fields() -> None:
    """R49, R56: what one hop says to the next, who the service thinks calls, and what runs it, end at the gateway."""
    headers = [
        (b"content-type", b"text/plain"),
        (b"X-Hasura-User-Id", b"7"),
        (b"x_hasura_role", b"admin"),
        (b"x-howdah-unavailable", b"1"),
        (b"connection", b"close, X-Debug, Content-Length"),
        (b"x-debug", b"1"),
        (b"keep-alive", b"timeout=2"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"h2c"),
        (b"server", b"Werkzeug/3.1.3 Python/3.11"),
        (b"x-powered-by", b"PHP"),
        (b"date", b"today"),
        (b"x-request-id", b"theirs"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"content-length", b"3"),
    ]
    assert downstream_headers(headers, bodiless=False) == [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"content-length", b"3"),
    ]
    assert (b"content-length", b"3") not in downstream_headers(headers, bodiless=True)


def test_a_service_is_told_what_was_cut_off_its_path() -> None:
    """``X-Forwarded-Prefix`` is ours, whatever a client says; without a prefix there is none."""
    forged = [(b"X-Forwarded-Prefix", b"/evil")]
    below = upstream_headers(
        forged, ANONYMOUS, host=b"localhost", client="10.0.0.9", scheme="http", request_id="r1", prefix="/api"
    )
    assert [value for name, value in below if name.lower() == b"x-forwarded-prefix"] == [b"/api"]
    assert not [name for name, _ in sent_up(forged) if name.lower() == b"x-forwarded-prefix"]
