"""The gateway's word to a service on who calls: a token signed for that service alone, short-lived (R36).

A token says what the identity headers say, so it is made of them, and used again for the same ones while it is fresh:
for a caller and a service that is once in half a minute.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER, LONGEST_LIFE, SHORTEST_LIFE, sign_internal_token
from howdah.session import from_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Fields = tuple[tuple[bytes, bytes], ...]
Scopes = tuple[str, ...] | None

INTERNAL_FIELD: Final = INTERNAL_TOKEN_HEADER.lower().encode("ascii")
_REMEMBERED: Final = 4096


class InternalTokens:
    """Says who calls, to services whose keys it has."""

    def __init__(
        self, keys: Mapping[str, bytes], clock: Callable[[], float] = time.time, *, proof_key: bytes | None = None
    ) -> None:
        """With a ``proof_key`` services can show what they are told, to ask on behalf of their callers."""
        self._keys = dict(keys)
        self._clock = clock
        self._proof_key = proof_key
        # By service, identity fields and scopes. The fields are kept with it, so that their id is nobody else's.
        self._made: dict[tuple[str, int, Scopes], tuple[Fields, Fields, float]] = {}

    def fields(self, service: str, identity: Fields, scopes: Scopes = None) -> Fields:
        """The header field that proves the identity fields to the service; none where we share no key with it.

        ``scopes`` are what the caller's credential is meant for, which it keeps where the service shows it.
        """
        key = self._keys.get(service)
        if key is None:
            return ()
        now = self._clock()
        known = self._made.get((service, id(identity), scopes))
        if known is not None and known[0] is identity and now < known[2]:
            return known[1]
        session = from_headers((name.decode("ascii"), value.decode("utf-8")) for name, value in identity)
        token = sign_internal_token(
            key,
            session,
            audience=service,
            now=now,
            lifetime=LONGEST_LIFE,
            scopes=scopes,
            proof_key=self._proof_key,
        )
        fields = ((INTERNAL_FIELD, token.encode("ascii")),)
        if len(self._made) >= _REMEMBERED:
            self._made.clear()
        self._made[service, id(identity), scopes] = (identity, fields, now + LONGEST_LIFE - SHORTEST_LIFE)
        return fields
