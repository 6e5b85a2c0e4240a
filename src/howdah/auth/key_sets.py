"""Where an issuer's keys come from: a file or secret of ours, or its key set, which is read over the network (R35).

A key set is read when it is first needed and then kept. It is read again when it is old, or when a token names a key
that is not in it, which anybody can make happen: so never more often than once in half a minute, whatever comes in.
What cannot be read is tried again later and later, and meanwhile the keys that are known are still believed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from howdah.auth.keys import VerifyingKey, read_key_set
from howdah.auth.setting_errors import Unfetched, UnusableKey
from howdah.observe import events
from howdah.session import IdentityUnavailable

FRESH_SECONDS: Final = 600.0
"""After so long a key set is read again; until it is, the one before is believed."""
STALE_SECONDS: Final = 86400.0
"""After so long without an answer of its issuer it is believed no more."""
LEAST_PAUSE: Final = 30.0
"""Seconds between two readings, whoever asks for them."""
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
"""Seconds until what failed is tried again: the first time, and at most."""


@dataclass(frozen=True, slots=True)
class IssuerUnreachable:
    """The keys of an issuer cannot be read. Its tokens are checked with those that are known, if there are any."""

    level: ClassVar[str] = "warning"

    url: str
    reason: str


class KeySource(Protocol):
    """Knows the keys of an issuer."""

    async def keys(self) -> tuple[VerifyingKey, ...]:
        """Its keys. Raises IdentityUnavailable where they cannot be had at the moment."""
        ...

    async def keys_anew(self) -> tuple[VerifyingKey, ...]:
        """Its keys, for a token that names another one: read again, unless that was done a moment ago."""
        ...


class FixedKeys:
    """Keys that are configured."""

    def __init__(self, keys: tuple[VerifyingKey, ...]) -> None:
        self._keys = keys

    async def keys(self) -> tuple[VerifyingKey, ...]:
        """The keys."""
        return self._keys

    async def keys_anew(self) -> tuple[VerifyingKey, ...]:
        """The same."""
        return self._keys


class RemoteKeys:
    """The key set at an address."""

    def __init__(
        self,
        url: str,
        fetch: Callable[[str], Awaitable[Any]],
        *,
        algorithms: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self._fetch = fetch
        self._algorithms = algorithms
        self._clock = clock
        self._keys: tuple[VerifyingKey, ...] = ()
        self._read_at = 0.0
        self._not_before = 0.0
        self._pause = FIRST_PAUSE
        self._reading: asyncio.Task[None] | None = None

    async def keys(self) -> tuple[VerifyingKey, ...]:
        """The keys as they were read last. Raises IdentityUnavailable where that is not possible, or too long ago."""
        age = self._clock() - self._read_at
        if not self._keys or age > STALE_SECONDS:
            self._keys = ()
            await self._read()
        elif age > FRESH_SECONDS:
            self._begin()  # whoever asks now does not wait for it
        if not self._keys:
            raise IdentityUnavailable
        return self._keys

    async def keys_anew(self) -> tuple[VerifyingKey, ...]:
        """The keys, read again unless that was done a moment ago."""
        await self._read()
        return await self.keys()

    async def _read(self) -> None:
        reading = self._begin()
        if reading is not None:
            await asyncio.shield(reading)  # others wait for it too

    def _begin(self) -> asyncio.Task[None] | None:
        """The reading that is under way, begun now unless it is too early for one."""
        if self._reading is None and self._clock() >= self._not_before:
            self._reading = asyncio.create_task(self._replace())
        return self._reading

    async def _replace(self) -> None:
        try:
            keys = narrow(read_key_set(await self._fetch(self.url)), self._algorithms)
        except (Unfetched, UnusableKey) as error:
            events.emit(IssuerUnreachable(self.url, error.message))
            self._not_before = self._clock() + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        else:
            self._keys, self._read_at = keys, self._clock()
            self._not_before = self._clock() + LEAST_PAUSE
            self._pause = FIRST_PAUSE
        finally:
            self._reading = None


def narrow(keys: tuple[VerifyingKey, ...], algorithms: tuple[str, ...]) -> tuple[VerifyingKey, ...]:
    """The keys, for these algorithms alone; where none is named, for all of theirs. Raises UnusableKey."""
    if not algorithms:
        return keys
    left = [
        VerifyingKey(key.kid, both, key.key)
        for key in keys
        if (both := tuple(each for each in key.algorithms if each in algorithms))
    ]
    if not left:
        raise UnusableKey("None of the keys is for an algorithm that is allowed.")
    return tuple(left)
