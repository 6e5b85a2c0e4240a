"""Tokens of other issuers: whose are believed, and what they mean here."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.auth.tokens import AT, KEY, NOW, OTHER, P256, claims, encode, header, token

from howdah.auth.external_tokens import (
    HASURA_NAMESPACE,
    ClaimsMapping,
    ExternalIssuer,
    check_mapping,
    map_claims,
    parse_claim_path,
    unverified_issuer,
    verify_external,
)
from howdah.auth.keys import read_key_set, read_shared_key, verifying_key
from howdah.auth.proof_errors import ExpiredAccessToken, InvalidAccessToken, UnknownTokenKey
from howdah.auth.setting_errors import UnusableClaimsMapping

THEM, US = "https://id.example", "shop-api"
ISSUER = ExternalIssuer(THEM, (US, "shop-web"))
KEYS = (verifying_key(KEY), verifying_key(P256))
RSA = RSAKey.generate_key(2048)
THEIRS: dict[str, Any] = {"iss": THEM, "aud": US, "sub": "auth0|7", "exp": AT + 600, "iat": AT}


def verify(text: str, issuer: ExternalIssuer = ISSUER, keys: Any = KEYS, now: Any = NOW) -> Any:
    return verify_external(text, issuer, keys, now=now)


def test_their_tokens_are_believed() -> None:
    """R35, the other side: with a kid, without a type, for one of several audiences, with claims of their own."""
    assert verify(token(header(typ="JWT"), THEIRS)) == THEIRS
    assert verify(token({"alg": "EdDSA", "kid": KEY.kid}, THEIRS))
    assert verify(token(header(P256, typ="at+jwt"), {**THEIRS, "aud": ["x", "shop-web"]}, P256))
    assert verify(token(header(x5t="thumbprint"), THEIRS))
    assert unverified_issuer(token(header(), THEIRS)) == THEM
    assert unverified_issuer(token(header(), {})) is None


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (header(), {**THEIRS, "iss": "https://id.example/"}),
        (header(), {**THEIRS, "iss": None}),
        (header(), {**THEIRS, "aud": "billing"}),
        (header(), {**THEIRS, "aud": None}),
        (header(), {name: value for name, value in THEIRS.items() if name != "aud"}),
        (header(), {name: value for name, value in THEIRS.items() if name != "exp"}),
        (header(), {**THEIRS, "exp": str(AT + 600)}),
        (header(), {**THEIRS, "exp": AT + 0.5}),
        (header(), {**THEIRS, "nbf": AT + 31}),
        (header(), {**THEIRS, "iat": AT + 31}),
        (header(typ="logout+jwt"), THEIRS),
        (header(typ="secevent+jwt"), THEIRS),
        (header(alg="ES256"), THEIRS),
        (header(alg="RS256"), THEIRS),
        (header(alg="none"), THEIRS),
        (header(kid=P256.kid), THEIRS),
        (header(jku="https://id.example/jwks"), THEIRS),
        (header(crit=["exp"]), THEIRS),
    ],
)
def test_refused(head: dict[str, Any], body: dict[str, Any]) -> None:
    """R35: each but for one thing a token that would be believed."""
    with pytest.raises(InvalidAccessToken):
        verify(token(head, body))


def test_clocks_may_differ_by_the_leeway() -> None:
    """R35: an issuer's clock is not ours; so much and no more."""
    assert verify(token(header(), {**THEIRS, "exp": AT - 29, "nbf": AT + 30}))
    with pytest.raises(ExpiredAccessToken):
        verify(token(header(), {**THEIRS, "exp": AT - 30}))
    strict = ExternalIssuer(THEM, (US,), leeway=timedelta(0))
    with pytest.raises(ExpiredAccessToken):
        verify(token(header(), {**THEIRS, "exp": AT}), strict)


def test_tokens_without_a_kid() -> None:
    """R35: checked with the only key that fits; of two, none is guessed, nor for an unknown kid."""
    bare = token({"alg": "EdDSA"}, THEIRS)
    assert verify(bare)  # of both keys one is for EdDSA
    with pytest.raises(InvalidAccessToken):
        verify(bare, keys=(*KEYS, verifying_key(OTHER)))
    with pytest.raises(UnknownTokenKey):
        verify(token(header(kid="of yesterday"), THEIRS))
    with pytest.raises(UnknownTokenKey):
        verify(bare, keys=())
    assert verify(token(header(kid="anything"), THEIRS), keys=[without_kid(KEY)])


def without_kid(key: Any) -> Any:
    whole = verifying_key(key)
    return type(whole)(None, whole.algorithms, whole.key)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
def test_rsa_as_most_issuers_have_it(algorithm: str) -> None:
    keys = read_key_set({"keys": [{**RSA.as_dict(private=False), "kid": "k1", "use": "sig"}]})
    text = jwt.encode({"alg": algorithm, "kid": "k1", "typ": "JWT"}, THEIRS, RSA, algorithms=[algorithm])
    assert verify(text, keys=keys) == THEIRS
    only = read_key_set({"keys": [{**RSA.as_dict(private=False), "kid": "k1", "alg": "RS384"}]})
    with pytest.raises(InvalidAccessToken):
        verify(text, keys=only)


def test_a_shared_secret_where_that_is_configured() -> None:
    """R35: its own algorithm alone; and the public key of another issuer is no secret."""
    secret = b"0123456789abcdef0123456789abcdef"

    def signed(alg: str, key: bytes) -> str:
        message = f"{encode({'alg': alg, 'typ': 'JWT'})}.{encode(THEIRS)}"
        return f"{message}.{encode(hmac.digest(key, message.encode(), {'HS256': 'sha256', 'HS512': 'sha512'}[alg]))}"

    assert verify(signed("HS256", secret), keys=[read_shared_key(secret, "HS256")]) == THEIRS
    for text in (signed("HS512", secret), signed("HS256", b"guess"), token({"alg": "EdDSA"}, THEIRS)):
        with pytest.raises(InvalidAccessToken):
            verify(text, keys=[read_shared_key(secret, "HS256")])
    for key in (RSA.as_pem(private=False), RSA.as_der(private=False), hashlib.sha256(b"").digest()):
        with pytest.raises(InvalidAccessToken):
            verify(signed("HS256", key), keys=read_key_set({"keys": [RSA.as_dict(private=False)]}))


KEYCLOAK = ClaimsMapping(
    role=parse_claim_path("/shop/role"),
    allowed_roles=parse_claim_path("/realm_access/roles"),
    variables={
        "x-hasura-org-id": parse_claim_path("/shop/org"),
        "x-hasura-teams": ("teams",),
        "x-hasura-vip": ("vip",),
    },
)


def test_claims_become_role_roles_and_variables() -> None:
    mapped = map_claims(
        {
            **THEIRS,
            "shop": {"role": "editor", "org": 42},
            "realm_access": {"roles": ["user", "editor", "user"]},
            "teams": ["a", 'b "c", \\d', 7],
            "vip": True,
        },
        KEYCLOAK,
    )
    assert (mapped.role, mapped.allowed_roles) == ("editor", ("user", "editor"))
    assert mapped.variables == {
        "x-hasura-org-id": "42",
        "x-hasura-teams": '{"a","b \\"c\\", \\\\d","7"}',
        "x-hasura-user-id": "auth0|7",
        "x-hasura-vip": "true",
    }


def test_hasura_namespace() -> None:
    """What tokens for Hasura look like is understood as it is."""
    mapping = ClaimsMapping(namespace=parse_claim_path("/https:~1~1hasura.io~1jwt~1claims"))
    namespace = {
        "x-hasura-default-role": "editor",
        "X-Hasura-Allowed-Roles": ["user", "editor"],
        "x-hasura-user-id": "17",
        "X-Hasura-Org-Id": "9",
        "other": {"not": "ours"},
    }
    mapped = map_claims({**THEIRS, HASURA_NAMESPACE: namespace}, mapping)
    assert (mapped.role, mapped.allowed_roles) == ("editor", ("user", "editor"))
    assert mapped.variables == {"x-hasura-user-id": "17", "x-hasura-org-id": "9"}


@pytest.mark.parametrize(
    ("mapping", "body", "role", "roles"),
    [
        (ClaimsMapping(default_role="user"), {}, "user", ("user",)),
        (ClaimsMapping(role=("role",), default_role="user"), {}, "user", ("user",)),
        (ClaimsMapping(role=("role",), default_role="user"), {"role": "editor"}, "editor", ("editor",)),
        (ClaimsMapping(allowed_roles=("roles",)), {"roles": ["a", "b"]}, "a", ("a", "b")),
        (ClaimsMapping(allowed_roles=("roles",)), {"roles": "a"}, "a", ("a",)),
        (ClaimsMapping(role=("role",), admin=True), {"role": "admin"}, "admin", ("admin",)),
    ],
)
def test_roles(mapping: ClaimsMapping, body: dict[str, Any], role: str, roles: tuple[str, ...]) -> None:
    mapped = map_claims(body, mapping)
    assert (mapped.role, mapped.allowed_roles) == (role, roles)


USER = ClaimsMapping(role=("role",), allowed_roles=("roles",), variables={"x-hasura-v": ("v",)})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": ""},
        {"role": ["user"]},
        {"role": 7},
        {"role": "admin"},
        {"role": "user", "roles": ["user", "admin"]},
        {"role": "user", "roles": ["editor"]},
        {"role": "anonymous"},
        {"role": "user", "roles": {"user": True}},
        {"role": "user", "roles": ["user", 7]},
        {"role": "user", "roles": ["user", *(f"r{number}" for number in range(100))]},
        {"role": "us er"},
        {"role": "user\r\nX-Hasura-Role: admin"},
        {"role": "ádmin"},
        {"role": "user", "v": "a\r\nX-Hasura-Role: admin"},
        {"role": "user", "v": "a\x00"},
        {"role": "user", "v": "x" * 5000},
        {"role": "user", "v": {"an": "object"}},
        {"role": "user", "v": [["nested"]]},
        {"role": "user", "v": [None]},
    ],
)
def test_claims_that_mean_nothing_here(body: dict[str, Any]) -> None:
    """R35: no role, a role that nobody outside may give, values that would not stay one header."""
    with pytest.raises(InvalidAccessToken):
        map_claims(body, USER)
    assert map_claims({"role": "user", "roles": ["user"], "v": "a"}, USER).variables == {"x-hasura-v": "a"}


@pytest.mark.parametrize(
    "member", ["X-Hasura-Admin-Secret", "x_hasura_role", "x-hasura-", "x-hasura-a b", "X-HASURA-DEFAULT-ROLE"]
)
def test_a_namespace_cannot_smuggle(member: str) -> None:
    """R35, R41: no secret, no second spelling of a member, no name that a header cannot have."""
    mapping = ClaimsMapping(namespace=("n",))
    good = {"x-hasura-default-role": "user"}
    assert map_claims({"n": good}, mapping).role == "user"
    with pytest.raises(InvalidAccessToken):
        map_claims({"n": {**good, member: "admin"}}, mapping)


NOT_VARIABLES = (
    "org",
    "x-hasura-role",
    "X-Hasura-Org",
    "x-hasura-admin-secret",
    "x-hasura-allowed-roles",
    "x-hasura-a_b",
)


@pytest.mark.parametrize(
    "mapping",
    [
        ClaimsMapping(),
        ClaimsMapping(default_role="admin"),
        ClaimsMapping(default_role="anonymous"),
        ClaimsMapping(default_role="no role"),
        *(
            ClaimsMapping(default_role="user", variables={name: ("a",)})
            for name in (
                "org",
                "x-hasura-role",
                "X-Hasura-Org",
                "x-hasura-admin-secret",
                "x-hasura-allowed-roles",
                "x-hasura-a_b",
            )
        ),
    ],
)
def test_mappings_that_cannot_be(mapping: ClaimsMapping) -> None:
    with pytest.raises(UnusableClaimsMapping):
        check_mapping(mapping)
    assert check_mapping(KEYCLOAK) is KEYCLOAK


@pytest.mark.parametrize("text", ["", "/", "/a/", "//a", "/a~2b", "/a~"])
def test_paths_that_lead_nowhere(text: str) -> None:
    with pytest.raises(UnusableClaimsMapping):
        parse_claim_path(text)


def test_our_own_claims_are_not_theirs() -> None:
    """A token of ours is no token of an issuer with our keys and another name."""
    with pytest.raises(InvalidAccessToken):
        verify(token(header(), claims()))
