"""What services show: themselves and their callers, and nobody else (R36, R45, R46)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.gateway.support import SECRET, RunningGateway, Upstream, gateway

from howdah.gateway.assertions import Assertions, KnownService
from howdah.gateway.headers import identity_headers
from howdah.gateway.internal import InternalTokens
from howdah.gateway.match import Route
from howdah.gateway.site import Site
from howdah.kit.assertion import sign_assertion
from howdah.kit.internal_token import sign_internal_token, verify_internal_token
from howdah.project.sections import Policy
from howdah.session import ANONYMOUS, Session

KEYS = {"app": b"a" * 32, "web": b"w" * 32}
PROOF = b"p" * 32
ANN = Session("user", {"x-hasura-user-id": "7", "x-hasura-allowed-roles": "user,editor"})
AT = 1_795_262_400.0
KNOWN = {"app": KnownService((KEYS["app"],), "reporting"), "web": KnownService((KEYS["web"],))}


def told(service: str = "app", session: Session = ANN, *, now: float = AT, **more: Any) -> str:
    """What the platform has told a service of its caller."""
    given = {"key": KEYS[service], "audience": service, "proof_key": PROOF, **more}
    return sign_internal_token(given.pop("key"), session, now=now, **given)


def shows(caller: str | None, service: str = "app", *, now: float = AT, key: bytes | None = None) -> str:
    return sign_assertion(key or KEYS[service], service=service, now=now, caller=caller)


def identify(token: str, at: float = AT) -> Any:
    return Assertions(KNOWN, (PROOF,), lambda: at).identify(token)


def test_a_service_speaks_for_whoever_calls_it() -> None:
    """R36: who that is says the platform's own proof; it lasts no longer than what it was told."""
    identity = identify(shows(told()))
    assert (identity.roles, identity.user_id) == (("user", "editor"), "7")
    assert identity.variables == ANN.variables
    assert identity.expires_at == AT + 30
    later = identify(shows(told(), now=AT + 20), AT + 20)
    assert later.expires_at == AT + 30


FORGED = {
    "made by the service itself": told(proof_key=None),
    "proven with the service's key": told(proof_key=KEYS["app"]),
    "told to another service": told("web"),
    "told to another service, signed anew": told("web", key=KEYS["app"]),
    "over": told(now=AT - 30),
    "not a token": "a.b.c",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_service_cannot_speak_for_others(name: str) -> None:
    """R36: with its key it can sign what it likes, but not prove that the platform said so."""
    assert identify(shows(told())) is not None
    assert identify(shows(FORGED[name])) is None


def test_what_was_told_cannot_be_changed() -> None:
    """R36: the proof is of role, variables, scopes and times; the service's own signature over others is no use."""
    from howdah.kit import signed  # the only place that needs to take a token apart

    claims = signed.unverified_claims(told(scopes=("data:read",)))
    header = told().partition(".")[0]
    assert identify(shows(signed.sign(header, claims, KEYS["app"]))) is not None
    for name, value in (
        ("role", "admin"),
        ("variables", {"x-hasura-user-id": "8"}),
        ("scopes", None),
        ("exp", claims["exp"] + 20),
        ("jti", "other"),
    ):
        assert identify(shows(signed.sign(header, {**claims, name: value}, KEYS["app"]))) is None, name
    without = {name: value for name, value in claims.items() if name != "scopes"}
    assert identify(shows(signed.sign(header, without, KEYS["app"]))) is None


def test_a_key_that_is_replaced_is_known_for_a_while() -> None:
    """R36: the former proof key counts where it is given, and not otherwise."""
    shown = shows(told(proof_key=b"f" * 32))
    assert Assertions(KNOWN, (PROOF, b"f" * 32), lambda: AT).identify(shown) is not None
    assert identify(shown) is None


def test_a_service_speaks_for_itself_in_its_own_role() -> None:
    """The role of its settings; without one it is a stranger, who may call other services all the same."""
    identity = identify(shows(None))
    assert identity.roles == ("reporting",)
    assert identity.variables["x-hasura-service"] == "app"
    assert identify(shows(None, "web")).roles == ("anonymous",)


def test_what_a_credential_is_meant_for_it_is_meant_for_behind_a_service() -> None:
    """The scopes of a service token come along; the accounts are for nobody who speaks through a service."""
    assert identify(shows(told())).scopes == ("data", "service:*")
    assert identify(shows(told(scopes=("service:app", "auth")))).scopes == ("service:app",)


# -- at the gateway ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(echo: Upstream, way: str) -> Iterator[RunningGateway]:
    """A gateway with two parts and the services ``app`` and ``web``, which only signed-in callers may reach."""
    closed = (Route(None, "/", "service", "web", policy=Policy(allow_anonymous=False)),)
    with gateway(
        service=echo.port,
        routes=closed,
        parts=("data", "auth"),
        policies={"data": Policy(allow_anonymous=False)},
        believed=Assertions(KNOWN, (PROOF,)),
        site=Site(internal=InternalTokens(KEYS, proof_key=PROOF)),
        names=("app",),
    ) as running:
        yield running


def bearer(caller: str | None, **more: Any) -> str:
    return f"Authorization: Bearer {shows(caller, now=time.time(), **more)}"


def fresh(session: Session = ANN, **more: Any) -> str:
    return told(session=session, now=time.time(), **more)


def test_the_data_api_is_asked_on_behalf_of_the_caller(server: RunningGateway) -> None:
    """R36, R45: the caller's role and variables as they were, and R46: no other role of theirs."""
    seen = server.get("/data/x", bearer(fresh())).json()
    assert (seen["role"], seen["variables"]) == ("user", dict(ANN.variables))
    assert server.get("/data/x", bearer(fresh()), "X-Hasura-Role: user").status == 200
    refused = server.get("/data/x", bearer(fresh()), "X-Hasura-Role: editor")
    assert (refused.status, refused.json()["code"]) == (403, "role-not-allowed")


def test_a_forged_caller_is_refused(server: RunningGateway) -> None:
    """R36, R45: 401, and never somebody else or nobody."""
    assert server.get("/data/x", bearer(fresh())).status == 200
    for wrong in (
        bearer(fresh(proof_key=None)),
        bearer(fresh(), key=b"x" * 32),
        f"Authorization: Bearer {fresh()}",
        bearer(fresh(), service="web"),
    ):
        answer = server.get("/data/x", wrong)
        assert (answer.status, answer.json()["code"]) == (401, "invalid-token")
    both = server.get("/data/x", bearer(fresh()), f"X-Hasura-Admin-Secret: {SECRET}")
    assert both.json()["code"] == "ambiguous-credentials"


def test_nobody_stays_nobody(server: RunningGateway) -> None:
    """A route that is closed to strangers is closed to a service that speaks for one."""
    assert server.get("/data/x", bearer(fresh(ANONYMOUS))).status == 401
    assert server.get("/data/x", bearer(None)).json()["role"] == "reporting"
    assert server.get("/data/x", bearer(None, service="web")).status == 401
    assert server.get("/-/services/app/x", bearer(None, service="web")).fields()["x-hasura-role"] == ["anonymous"]


def test_accounts_are_out_of_reach(server: RunningGateway) -> None:
    """R36: a service that is broken into changes nobody's password."""
    assert server.get("/auth/x", bearer(fresh())).json()["code"] == "scope-missing"
    assert server.get("/auth/x", bearer(None)).json()["code"] == "scope-missing"
    assert server.get("/auth/x", f"X-Hasura-Admin-Secret: {SECRET}").status == 200


def test_services_call_each_other_under_their_names(server: RunningGateway, echo: Upstream) -> None:
    """R36: below /-/services/, whatever the routes; the other service is told who calls by a token of its own."""
    answer = server.get("/-/services/web/hello/x?y=1", bearer(fresh()))
    assert answer.status == 200
    assert answer.json()["target"] == "/hello/x?y=1"
    fields = answer.fields()
    assert fields["x-hasura-role"] == ["user"]
    (word,) = fields["x-howdah-internal-token"]
    session = verify_internal_token(word, [KEYS["web"]], audience="web")
    assert (session.role, session.variables["x-hasura-user-id"]) == ("user", "7")
    assert "authorization" not in fields
    assert server.get("/-/services/web", bearer(None)).fields()["x-hasura-role"] == ["reporting"]


def test_only_services_do(server: RunningGateway) -> None:
    """R41, R45: neither strangers nor users nor the admin reach what only services may, or learn what there is."""
    assert server.get("/-/services/web/x", bearer(fresh())).status == 200
    for fields in ((), (f"X-Hasura-Admin-Secret: {SECRET}",), (f"X-Howdah-Internal-Token: {fresh()}",)):
        for name in ("web", "nothing", ""):
            answer = server.get(f"/-/services/{name}", *fields)
            assert (answer.status, answer.json()["code"]) == (403, "services-only")
    unknown = server.get("/-/services/nothing/x", bearer(fresh()))
    assert (unknown.status, unknown.json()["code"]) == (502, "unknown-service")
    assert server.get("/-/services/web/../../live", bearer(fresh())).status == 400


def test_a_token_is_given_for_calls_that_go_another_way(server: RunningGateway) -> None:
    """R36, R73: to services alone, for the service they name, and saying who calls them or that they do themselves."""
    for caller, role in ((fresh(), "user"), (None, "reporting")):
        answer = server.request("POST", "/-/internal-token?service=web", bearer(caller))
        assert (answer.status, answer.header("cache-control")) == (200, "no-store")
        session = verify_internal_token(answer.json()["token"], [KEYS["web"]], audience="web")
        assert session.role == role
    for fields in ((), (f"X-Hasura-Admin-Secret: {SECRET}",)):
        refused = server.request("POST", "/-/internal-token?service=web", *fields)
        assert (refused.status, refused.json()["code"]) == (403, "services-only")
    assert server.request("POST", "/-/internal-token?service=web", bearer(fresh(proof_key=None))).status == 401
    limited = fresh(scopes=("data",))
    assert server.request("POST", "/-/internal-token?service=web", bearer(limited)).json()["code"] == "scope-missing"
    for wrong in ("?service=nobody", "", "?service=web&service=app"):
        assert server.request("POST", f"/-/internal-token{wrong}", bearer(fresh())).json()["code"] == "unknown-service"
    assert server.get("/-/internal-token?service=web", bearer(fresh())).status == 405


def test_the_proof_survives_the_gateways_own_headers(server: RunningGateway) -> None:
    """What a service is told it can show: from a request to a service, on to the Data API."""
    made = InternalTokens(KEYS, proof_key=PROOF).fields("app", identity_headers(ANN, ("user",), "localhost"))
    seen = server.get("/data/x", bearer(made[0][1].decode())).json()
    assert (seen["role"], seen["variables"]["x-hasura-user-id"]) == ("user", "7")
