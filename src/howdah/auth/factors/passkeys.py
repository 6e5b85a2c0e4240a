"""Passkeys of users as rows, and the challenges they answer: each once, soon, and of the session that asked (R30)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from howdah.auth.challenges import begin_challenge, take_challenge
from howdah.auth.factors import ceremonies
from howdah.auth.factors.ceremonies import KnownCredential, RelyingParty
from howdah.auth.part import Auth
from howdah.auth.proof_errors import CopiedPasskey, InvalidFactor, PasskeyExists
from howdah.auth.store import Submitter, ask
from howdah.auth.users import User
from howdah.postgres import queries
from howdah.postgres.errors import DatabaseError

_QUERIES: Final = queries.load(Path(__file__).with_name("passkeys.sql"))

Purpose = Literal["passkey-new", "passkey-login", "passkey-second-factor", "passkey-step-up"]
"""What a challenge is for; an answer to it is good for nothing else."""


@dataclass(frozen=True, slots=True)
class TakenChallenge:
    """A challenge that was answered, which nobody can answer again; ``user_id`` is whose passkey it asked for."""

    text: str
    user_id: int | None


def relying_party(auth: Auth) -> RelyingParty:
    """The domain and the origins of the project's pages."""
    place = urlsplit(auth.site.url)
    domain = auth.section.passkey_domain or place.hostname or "localhost"
    return RelyingParty(domain, auth.site.name, (f"{place.scheme}://{place.netloc}", *auth.section.passkey_origins))


async def ask_for_new(auth: Auth, where: Submitter, user: User, account: str, session_id: str) -> dict[str, Any]:
    """What a browser is asked for a new passkey of the user's."""
    challenge = await _begin(where, "passkey-new", user.id, session_id)
    return ceremonies.creation_options(
        relying_party(auth), challenge, user_id=user.id, account=account, known=await _known(where, user.id)
    )


async def ask_for(
    auth: Auth, where: Submitter, purpose: Purpose, *, user_id: int | None = None, session_id: str | None = None
) -> dict[str, Any]:
    """What a browser is asked for a passkey: for one of the user's, or for whosever it is."""
    challenge = await _begin(where, purpose, user_id, session_id)
    known = () if user_id is None else await _known(where, user_id)
    return ceremonies.request_options(relying_party(auth), challenge, known)


async def _begin(where: Submitter, purpose: Purpose, user_id: int | None, session_id: str | None) -> bytes:
    challenge = secrets.token_bytes(ceremonies.CHALLENGE_BYTES)
    await begin_challenge(
        where,
        ceremonies.challenge_text(challenge),
        purpose,
        lifetime=ceremonies.CHALLENGE_SECONDS,
        user_id=user_id,
        session_id=session_id,
    )
    return challenge


async def _known(where: Submitter, user_id: int) -> tuple[KnownCredential, ...]:
    rows = await ask(where, _QUERIES["known"], user_id)
    return tuple(KnownCredential(bytes.fromhex(row["id"]), tuple(row["transports"])) for row in rows)


async def take_answered(
    auth: Auth, credential: Mapping[str, Any], purpose: Purpose, *, session_id: str | None = None
) -> TakenChallenge:
    """The challenge that this answers, gone for good, whatever becomes of the answer.

    Raises InvalidFactor: none of ours, for something else, of another session, too old, or answered before.
    """
    text = ceremonies.challenge_of(credential)
    taken = await take_challenge(auth.store.pool, text, purpose)
    if taken is None or taken.session_id != session_id:
        raise InvalidFactor
    return TakenChallenge(text, taken.user_id)


async def add_passkey(
    auth: Auth, where: Submitter, user: User, name: str, credential: Mapping[str, Any], challenge: TakenChallenge
) -> None:
    """The user has this passkey. Raises InvalidFactor, and PasskeyExists, which ends the transaction."""
    if challenge.user_id != user.id:
        raise InvalidFactor
    made = ceremonies.verify_creation(relying_party(auth), credential, challenge.text)
    values = (made.credential_id, made.public_key, made.sign_count, list(made.transports), made.backed_up)
    try:
        await ask(where, _QUERIES["add"], user.id, name, *values)
    except DatabaseError as error:
        if error.constraint == "passkeys_credential_id_key":
            raise PasskeyExists from None
        raise


async def use_passkey(auth: Auth, where: Submitter, credential: Mapping[str, Any], challenge: TakenChallenge) -> int:
    """Whose passkey was shown: that of the user the challenge asked for, where it asked for one.

    Raises InvalidFactor, and CopiedPasskey: its count went back, so there are two of it.
    """
    row = await ask(where, _QUERIES["find"], ceremonies.credential_id_of(credential))
    if row is None:
        raise InvalidFactor
    handle = ceremonies.user_handle_of(credential)
    if handle is None and challenge.user_id is None:
        raise InvalidFactor  # nobody was asked for, so it has to say who it is
    if handle not in (None, ceremonies.user_handle(row["user_id"])) or challenge.user_id not in (None, row["user_id"]):
        raise InvalidFactor
    public_key = bytes.fromhex(row["public_key"])
    shown = ceremonies.verify_assertion(relying_party(auth), credential, challenge.text, public_key)
    if not await ask(where, _QUERIES["use"], row["id"], shown.sign_count, shown.backed_up):
        raise CopiedPasskey
    return int(row["user_id"])
