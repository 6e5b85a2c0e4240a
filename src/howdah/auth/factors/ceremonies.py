"""The two ceremonies of WebAuthn: a passkey is made, a passkey is shown. Pure; the only place that knows the library.

What a browser is asked, and whether its answer is right (W3C Web Authentication Level 3, sections 7.1 and 7.2). A
challenge is good once: it is looked up by what the answer says it is an answer to, and is gone with that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from howdah.auth.proof_errors import InvalidFactor

CHALLENGE_BYTES: Final = 32
CHALLENGE_SECONDS: Final = 300.0
_LONGEST_ID: Final = 1023
"""Bytes of a credential's id (section 4)."""

_TRANSPORTS: Final = frozenset(transport.value for transport in AuthenticatorTransport)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whose passkeys these are: the domain they are bound to, its name, and the origins of its pages."""

    id: str
    name: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """A passkey as a browser is told to look for it."""

    id: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was made; its authenticator verified who its owner is."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """A passkey was shown by an owner whom the authenticator verified; the caller compares the count with the last."""

    sign_count: int
    backed_up: bool


def user_handle(user_id: int) -> bytes:
    """What an authenticator knows a user by. It says neither name nor address (section 14.6.1)."""
    return user_id.to_bytes(8, "big")


def creation_options(
    party: RelyingParty, challenge: bytes, *, user_id: int, account: str, known: Sequence[KnownCredential]
) -> dict[str, Any]:
    """What a browser is asked for a new passkey (PublicKeyCredentialCreationOptionsJSON).

    It is to find its owner by itself, and to verify who that is. What has a ``known`` one makes no other.
    """
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=user_handle(user_id),
        user_name=account,
        challenge=challenge,
        timeout=int(CHALLENGE_SECONDS * 1000),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(known),
    )
    return _as_json(options)


def request_options(party: RelyingParty, challenge: bytes, known: Sequence[KnownCredential] = ()) -> dict[str, Any]:
    """What a browser is asked for a passkey, any or a ``known`` one (PublicKeyCredentialRequestOptionsJSON)."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=int(CHALLENGE_SECONDS * 1000),
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _as_json(options)


def _descriptors(known: Sequence[KnownCredential]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(each.id, transports=[AuthenticatorTransport(way) for way in each.transports])
        for each in known
    ]


def _as_json(options: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(options_to_json(options))
    return value


def challenge_text(challenge: bytes) -> str:
    """A challenge as browsers write it into their answer."""
    return bytes_to_base64url(challenge)


def challenge_of(credential: Mapping[str, Any]) -> str:
    """To which challenge this says it is an answer. Raises InvalidFactor: to none."""
    with _refusing():
        said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        challenge = said["challenge"]
        # A page of somebody else's that has ours in a frame is not one of ours (section 13.4.2).
        if not isinstance(challenge, str) or said.get("crossOrigin") not in (None, False):
            raise InvalidFactor
        return challenge


def credential_id_of(credential: Mapping[str, Any]) -> bytes:
    """Which passkey this says it is. Raises InvalidFactor."""
    with _refusing():
        found = base64url_to_bytes(credential["rawId"])
        if not 0 < len(found) <= _LONGEST_ID:
            raise InvalidFactor
        return found


def user_handle_of(credential: Mapping[str, Any]) -> bytes | None:
    """Whose passkey this says it is, where it says so. Raises InvalidFactor."""
    with _refusing():
        handle = credential["response"].get("userHandle")
        return None if handle is None else base64url_to_bytes(handle)


def verify_creation(party: RelyingParty, credential: Mapping[str, Any], challenge: str) -> NewPasskey:
    """The new passkey: made for this challenge, domain and origin by an authenticator that verified its user.

    Raises InvalidFactor.
    """
    with _refusing():
        verified = verify_registration_response(
            credential=dict(credential),
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=True,
        )
        if len(verified.credential_id) > _LONGEST_ID:
            raise InvalidFactor
        said = credential["response"].get("transports") or []
        return NewPasskey(
            verified.credential_id,
            verified.credential_public_key,
            verified.sign_count,
            tuple(sorted(_TRANSPORTS.intersection(way for way in said if isinstance(way, str)))),
            verified.credential_backed_up,
        )


def verify_assertion(
    party: RelyingParty, credential: Mapping[str, Any], challenge: str, public_key: bytes
) -> Assertion:
    """The passkey of this public key was shown: for this challenge, domain and origin, its user verified (R30).

    Raises InvalidFactor.
    """
    with _refusing():
        verified = verify_authentication_response(
            credential=dict(credential),
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,  # compared where it is stored, in one statement
            require_user_verification=True,
        )
        return Assertion(verified.new_sign_count, verified.credential_backed_up)


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever the library makes of bytes that somebody else chose is a refusal, and never an error of ours."""
    try:
        yield
    except (
        WebAuthnException, UnsupportedAlgorithm, ValueError, TypeError, KeyError, IndexError, AttributeError,
        OverflowError, RecursionError, NotImplementedError,
    ):  # fmt: skip
        raise InvalidFactor from None
