"""Tokens: the next pair, the end of a session that has them, and the keys others check them by."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from howdah.auth import tokens
from howdah.auth.http import Answer, Asked, Call, NoBody
from howdah.auth.part import Auth
from howdah.auth.signing_keys import PUBLISHED_FOR

_PUBLISHED: Final = (("cache-control", f"public, max-age={int(PUBLISHED_FOR.total_seconds())}"),)


class Refresh(msgspec.Struct, forbid_unknown_fields=True):
    """A refresh token, to be exchanged; ``grant_type`` as OAuth clients send it."""

    refresh_token: str
    grant_type: Literal["refresh_token"] = "refresh_token"


class Revocation(msgspec.Struct, forbid_unknown_fields=True):
    """A refresh token whose session is to end; the hint as RFC 7009 has it."""

    token: str
    token_type_hint: Literal["refresh_token"] = "refresh_token"  # noqa: S105 - a name


async def refresh(auth: Auth, asked: Asked[Refresh]) -> Answer:
    """The next pair of tokens; the refresh token that was sent is used up (R38)."""
    pair = await tokens.refresh(auth, asked.body.refresh_token, asked.origin)
    return Answer(pair.to_json())


async def revoke(auth: Auth, asked: Asked[Revocation]) -> Answer:
    """The token's session is over. Success also where there was none: whoever asks learns nothing (RFC 7009)."""
    await tokens.revoke(auth, asked.body.token, asked.origin)
    return Answer({"message": "success"})


async def publish_keys(auth: Auth, asked: Asked[NoBody]) -> Answer:  # noqa: ARG001 - the same for everybody
    """The keys our access tokens are checked by, as a JSON Web Key Set (RFC 7517)."""
    headers = (("content-type", "application/jwk-set+json"), *_PUBLISHED)
    return Answer(await auth.signing.published(), headers=headers)


async def describe_issuer(auth: Auth, asked: Asked[NoBody]) -> Answer:  # noqa: ARG001 - the same for everybody
    """What verifiers look up by the issuer's name: where the keys are (OpenID Connect Discovery 1.0, section 4)."""
    document: dict[str, Any] = {
        "issuer": auth.issuer,
        "jwks_uri": f"{auth.issuer}/.well-known/jwks.json",
        "token_endpoint": f"{auth.issuer}/v1/token",
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint": f"{auth.issuer}/v1/token/revoke",
        "grant_types_supported": ["refresh_token"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted(
            {key["alg"] for key in (await auth.signing.published())["keys"]}
        ),
    }
    return Answer(document, headers=_PUBLISHED)


CALLS: Final = (
    Call("POST", "/v1/token", refresh, Refresh),
    Call("POST", "/v1/token/revoke", revoke, Revocation),
    Call("GET", "/.well-known/jwks.json", publish_keys, NoBody),
    Call("GET", "/.well-known/openid-configuration", describe_issuer, NoBody),
)
