"""Codes and links that are good once, as rows: issued, tried, redeemed, cancelled (R15, R16).

A row is for one purpose, one identity and one flow. It may have a code to type in, a token for a link, or both, and
either is the end of it. Whoever asks for somebody who has no account is given a row as well: so it takes as long, and
wrong codes are counted alike (R8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from howdah.auth.codes import (
    MOST_TRIES,
    CodeUse,
    code_digest,
    code_matches,
    is_code,
    is_token,
    new_code,
    new_token,
    token_digest,
)
from howdah.auth.devices import KNOWN_SECONDS
from howdah.auth.identifiers import Identifier
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidCode
from howdah.auth.redirects import check_redirect, parse_redirect_targets
from howdah.auth.sessions import Origin
from howdah.auth.sessions import new_token as new_device
from howdah.auth.store import Submitter, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("one_time.sql"))

Purpose = Literal["pending", "verify", "sign-in", "reset", "change"]


@dataclass(frozen=True, slots=True)
class Use:
    """What a code is good for, and nothing else."""

    purpose: Purpose
    identifier: Identifier
    flow: bytes = b""

    @property
    def keys(self) -> tuple[str, str, str, bytes]:
        """What its row is found by."""
        return self.purpose, self.identifier.kind, self.identifier.canonical, self.flow

    @property
    def code_use(self) -> CodeUse:
        """What its digest is bound to."""
        return CodeUse(self.purpose, f"{self.identifier.kind}:{self.identifier.canonical}", self.flow.hex())


@dataclass(frozen=True, slots=True)
class Issued:
    """What goes into a message, and stands nowhere else. Both are made, whether or not the message has both."""

    token: str
    code: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A code that was right, and may be redeemed by whoever comes first."""

    id: str
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code or link was good for. It is no more."""

    purpose: str
    kind: str
    subject: str
    user_id: int | None
    payload: Mapping[str, Any]


# -- who asked for it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flow:
    """What shows who asked for a code: ``digest`` is stored, ``cookies`` tell a new browser.

    ``redirect_url`` is where they want to be once a link was used.
    """

    digest: bytes
    cookies: tuple[str, ...] = ()
    redirect_url: str | None = None


def begin_flow(auth: Auth, origin: Origin, given: str | None, redirect_url: str | None = None) -> Flow:
    """The flow of a request for a code: what the client chose, its browser's cookie, or a new cookie.

    Raises RedirectNotAllowed (R57).
    """
    back = allowed_redirect(auth, redirect_url)
    if given is not None or origin.device is not None or not auth.section.codes_need_flow:
        return Flow(find_flow(auth, origin, given), redirect_url=back)
    device = new_device()
    return Flow(_digest("device", device), (auth.device_cookie.put(device, seconds=KNOWN_SECONDS),), back)


def allowed_redirect(auth: Auth, wanted: str | None) -> str | None:
    """Where somebody wants to be in the end, if they say so. Raises RedirectNotAllowed (R57)."""
    if wanted is None:
        return None
    return check_redirect(wanted, parse_redirect_targets(auth.section.redirect_urls, home=auth.site.url))


def find_flow(auth: Auth, origin: Origin, given: str | None) -> bytes:
    """The flow of a request that shows a code. Where none is needed all are one, as older clients expect."""
    if not auth.section.codes_need_flow:
        return b""
    if given is not None:
        return _digest("given", given)
    return _digest("device", origin.device or "")


def _digest(kind: str, value: str) -> bytes:
    return token_digest(f"{kind} {value}")


# -- rows --------------------------------------------------------------------------------------------------------------


async def issue(
    where: Submitter,
    auth: Auth,
    use: Use,
    *,
    user_id: int | None,
    lifetime: float,
    by_code: bool = True,
    by_link: bool = False,
    payload: Mapping[str, Any] | None = None,
) -> Issued:
    """A new code, link, or both; what the use had before is dead (R17). Its tries go on being counted (R15).

    ``lifetime`` is the link's; a code's is never longer than the setting. Without a payload the former one stays.
    """
    issued = Issued(new_token(), new_code(auth.section.code_digits))
    token = token_digest(issued.token) if by_link else None
    code = code_digest(auth.keyring, issued.code, use.code_use)
    longest = min(lifetime, auth.section.code_lifetime)
    values = (*use.keys, user_id, token, code if by_code else None, payload, lifetime, longest)
    await ask(where, _QUERIES["issue"], *values)
    return issued


async def try_code(auth: Auth, use: Use, code: str) -> Tried:
    """The code is right, and can be redeemed. The try is counted for good, whatever becomes of the rest.

    Raises InvalidCode: it is wrong, too old, dead after five tries, or was meant for something or somebody else.
    """
    if not is_code(code, auth.section.code_digits):
        raise InvalidCode  # nothing that we ever sent: not worth a try of the owner's
    row = await ask(auth.store.pool, _QUERIES["try"], *use.keys, MOST_TRIES)
    stored = bytes.fromhex(row["code_hash"]) if row is not None else bytes(32)
    if not code_matches(auth.keyring, stored, code, use.code_use) or row is None:
        raise InvalidCode
    return Tried(row["id"], stored)


async def redeem_code(where: Submitter, tried: Tried) -> Redeemed:
    """The code is used up, once the transaction has committed. Raises InvalidCode: somebody else was first."""
    return _redeemed(await ask(where, _QUERIES["redeem_code"], tried.id, tried.code_hash))


async def redeem_token(
    where: Submitter, token: str, purposes: Sequence[Purpose], *, flow: bytes | None = None
) -> Redeemed:
    """The link is used up, once the transaction has committed; with a flow, only in the one that asked for it.

    Raises InvalidCode.
    """
    if not is_token(token):
        raise InvalidCode
    return _redeemed(await ask(where, _QUERIES["redeem_token"], token_digest(token), list(purposes), flow))


async def whose(where: Submitter, shown: Tried | str, purposes: Sequence[Purpose]) -> int | None:
    """The user whose link or code it is, which may be used as before; None where it is over, or was for nobody."""
    token, row = (None, shown.id) if isinstance(shown, Tried) else (shown, None)
    if token is not None and not is_token(token):
        return None
    digest = None if token is None else token_digest(token)
    user_id = await ask(where, _QUERIES["whose"], digest, list(purposes), row)
    return None if user_id is None else int(user_id)


async def remember_sign_up(where: Submitter, auth: Auth, identifier: Identifier, password_hash: str) -> None:
    """That somebody signed up with this and has to confirm it, whether or not it has an account already.

    So signing in afterwards says the same in both cases, and signing up is no way to ask who has an account (R8).
    """
    use = Use("pending", identifier)
    payload = {"password_hash": password_hash}
    await issue(where, auth, use, user_id=None, lifetime=auth.section.verify_lifetime, by_code=False, payload=payload)


async def find_sign_up(where: Submitter, identifier: Identifier) -> str | None:
    """The hash of the password that the last unconfirmed sign-up with this came with."""
    found: str | None = await ask(where, _QUERIES["find_sign_up"], identifier.kind, identifier.canonical)
    return found


def _redeemed(row: Any) -> Redeemed:
    if row is None:
        raise InvalidCode
    return Redeemed(**row)


async def cancel_codes(where: Submitter, user_id: int) -> None:
    """All codes and links of the user are dead (R17, R20)."""
    await ask(where, _QUERIES["cancel"], user_id)


async def cancel_codes_for(where: Submitter, purpose: Purpose, kind: str, subject: str) -> None:
    """All codes and links for this are dead, in whatever flow."""
    await ask(where, _QUERIES["cancel_for"], purpose, kind, subject)
