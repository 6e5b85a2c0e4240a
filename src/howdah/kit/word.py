"""What a service shows the platform when it asks for something: its own word, and its caller's (R36).

Both are assertions (`howdah.kit.assertion`), made with the service's key and used again while they are fresh, so that
the gateway has to look at each only once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Final

from howdah.kit import signed
from howdah.kit.assertion import LIFETIME, sign_assertion
from howdah.kit.context import exchange
from howdah.kit.errors import CallerOver, CallerUnproven, NotConfigured, OutsideRequest
from howdah.kit.identity import KEY_VARIABLE, SERVICE_VARIABLE, read_keys

_FRESH: Final = 10
"""Seconds before its end from which on an assertion is made anew: it has to get there, too."""
_REMEMBERED: Final = 512


class OwnWord:
    """Makes the assertions of the service that this process is."""

    def __init__(self, service: str, key: bytes) -> None:
        self._service = service
        self._key = key
        self._lock = threading.Lock()
        self._made: dict[str | None, tuple[str, float]] = {}

    def for_itself(self) -> str:
        """That the service asks for itself."""
        return self._assertion(None, time.time())

    def for_caller(self) -> str:
        """That it asks on behalf of whoever calls it now.

        Raises OutsideRequest, CallerUnproven where the gateway has not said who calls, and CallerOver where what it
        said is good no longer.
        """
        one = exchange.get()
        if one is None:
            raise OutsideRequest
        token = one.relayed.token
        if token is None:
            raise CallerUnproven(hint="Call the service through the gateway.")
        now = time.time()
        ends = signed.unverified_claims(token).get("exp")
        if not isinstance(ends, int) or now >= ends:
            raise CallerOver
        return self._assertion(token, now)

    def _assertion(self, caller: str | None, now: float) -> str:
        known = self._made.get(caller)
        if known is not None and now < known[1]:
            return known[0]
        made = sign_assertion(self._key, service=self._service, now=now, caller=caller)
        with self._lock:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            self._made[caller] = (made, now + LIFETIME - _FRESH)
        return made


_known: dict[tuple[str, str], OwnWord] = {}


def own_word(environment: Mapping[str, str] = os.environ) -> OwnWord:
    """The word of the service that the environment names. Raises NotConfigured where it gives no key."""
    service, given = environment.get(SERVICE_VARIABLE, ""), environment.get(KEY_VARIABLE, "")
    word = _known.get((service, given))
    if word is None:
        keys = read_keys(given)
        if not keys or not service:
            raise NotConfigured(
                f"{KEY_VARIABLE} or {SERVICE_VARIABLE} is not set, so this service can prove neither itself nor "
                "its caller.",
                hint="`howdah dev` sets both; elsewhere see `howdah auth service-key NAME`.",
            )
        word = _known[service, given] = OwnWord(service, keys[0])
    return word
