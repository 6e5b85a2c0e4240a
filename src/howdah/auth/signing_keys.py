"""Our own signing keys as rows: made on first need, published before they sign, replaced, retired (R40).

Whatever process makes, replaces or retires one does so under one lock, and every process is told (``NOTIFY``). Private
parts are sealed with the secret key; what the database holds signs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from howdah.auth import audit
from howdah.auth.errors import UnknownSigningKey
from howdah.auth.keys import (
    KeyLife,
    SigningAlgorithm,
    SigningKey,
    VerifyingKey,
    generate_signing_key,
    key_that_signs,
    keys_that_verify,
    open_signing_key,
    public_jwk,
    read_key_set,
    seal_signing_key,
)
from howdah.auth.sealing import Keyring
from howdah.auth.sessions import Origin
from howdah.auth.setting_errors import UnreadableSeal
from howdah.auth.store import Store, Submitter, ask
from howdah.observe import events
from howdah.postgres import queries
from howdah.postgres.connection import Connection

_QUERIES: Final = queries.load(Path(__file__).with_name("signing_keys.sql"))

PUBLISHED_AHEAD: Final = timedelta(minutes=10)
"""How long a key is published before it signs: verifiers have read the key set again by then."""
PUBLISHED_FOR: Final = timedelta(minutes=5)
"""How long verifiers may keep the key set."""
_LOOK_AGAIN: Final = 1.0
"""Seconds between two looks for a key that somebody's token names and we do not know."""


@dataclass(frozen=True, slots=True)
class SigningKeyUnreadable:
    """A signing key was sealed with a secret key that is no longer there. Another one signs instead."""

    level: ClassVar[str] = "warning"

    kid: str


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key's row."""

    life: KeyLife
    algorithm: SigningAlgorithm
    public: dict[str, Any]
    created_at: datetime
    sealed: bytes | None = field(repr=False, default=None)

    @property
    def kid(self) -> str:
        """Its thumbprint."""
        return self.life.kid


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """All rows, in the order in which they sign, and the database's time when they were read."""

    keys: tuple[StoredKey, ...]
    now: datetime

    def signs(self, now: datetime) -> StoredKey | None:
        """The key that signs at this moment."""
        life = key_that_signs([key.life for key in self.keys if key.sealed is not None], now)
        return next((key for key in self.keys if key.life == life), None)

    def waits(self, now: datetime) -> StoredKey | None:
        """The key that is published and will sign."""
        return next((key for key in self.keys if key.life.retired_at is None and key.life.signs_from > now), None)

    def verify(self, now: datetime, longest_life: timedelta) -> tuple[StoredKey, ...]:
        """The keys that are published at this moment."""
        lives = keys_that_verify([key.life for key in self.keys], now, longest_life)
        return tuple(key for key in self.keys if key.life in lives)


async def list_keys(where: Submitter) -> StoredKeys:
    """Every key there is, retired ones too."""
    found = await ask(where, _QUERIES["list"])
    return StoredKeys(tuple(_stored(row) for row in found["keys"]), _time(found["now"]))


def _stored(row: dict[str, Any]) -> StoredKey:
    retired = None if row["retired_at"] is None else _time(row["retired_at"])
    return StoredKey(
        KeyLife(row["kid"], _time(row["signs_from"]), retired),
        row["algorithm"],
        row["public"],
        _time(row["created_at"]),
        None if row["sealed"] is None else bytes.fromhex(row["sealed"]),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def rotate(
    connection: Connection,
    keyring: Keyring,
    origin: Origin,
    *,
    algorithm: SigningAlgorithm,
    longest_life: timedelta,
    at_once: bool = False,
    actor: str = "admin",
) -> str:
    """The ``kid`` of the key that signs next: published from now on, and signing once verifiers know it.

    A key that waits already is that key. With ``at_once`` a new one signs from this moment. Keys whose last token is
    over are retired along the way.
    """
    await ask(connection, _QUERIES["lock"])
    stored = await list_keys(connection)
    verify = {key.kid for key in stored.verify(stored.now, longest_life)}
    spent = [key.kid for key in stored.keys if key.life.retired_at is None and key.kid not in verify]
    await ask(connection, _QUERIES["retire"], spent)
    waiting = stored.waits(stored.now)
    if waiting is not None and not at_once:
        return waiting.kid
    ahead = timedelta(0) if at_once or stored.signs(stored.now) is None else PUBLISHED_AHEAD
    kid = await _add(connection, keyring, algorithm, ahead)
    await audit.note(connection, "key-rotated", origin, actor=actor, kid=kid, retired=spent)
    return kid


async def retire(
    connection: Connection,
    keyring: Keyring,
    origin: Origin,
    kid: str,
    *,
    algorithm: SigningAlgorithm,
    actor: str = "admin",
) -> None:
    """Nothing the key has signed is believed any more, and its private part is gone.

    There is always a key that signs: where this was the only one, a new one is made. Raises UnknownSigningKey.
    """
    await ask(connection, _QUERIES["lock"])
    if not await ask(connection, _QUERIES["retire"], [kid]):
        raise UnknownSigningKey
    stored = await list_keys(connection)
    if stored.signs(stored.now) is None:
        await _add(connection, keyring, algorithm, timedelta(0))
    await audit.note(connection, "key-retired", origin, actor=actor, kid=kid)


async def _add(connection: Connection, keyring: Keyring, algorithm: SigningAlgorithm, ahead: timedelta) -> str:
    key = generate_signing_key(algorithm)
    sealed = seal_signing_key(keyring, key)
    await ask(connection, _QUERIES["add"], key.kid, key.algorithm, public_jwk(key), sealed, ahead.total_seconds())
    return key.kid


@dataclass(frozen=True, slots=True)
class _Known:
    """What one process has read: rows, the keys in them, and how far the database's clock is from ours."""

    stored: StoredKeys
    private: dict[str, SigningKey]
    public: dict[str, VerifyingKey]
    ahead: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class SigningKeys:
    """The signing keys as one process knows them, until it hears that they have changed."""

    def __init__(self, store: Store, keyring: Keyring, *, algorithm: SigningAlgorithm, longest_life: timedelta) -> None:
        self._store = store
        self._keyring = keyring
        self._algorithm = algorithm
        self._longest_life = longest_life
        self._known: _Known | None = None
        self._generation = 0
        self._looked = 0.0

    def forget(self) -> None:
        """The keys are read again before they are used again."""
        self._generation += 1
        self._known = None

    async def signing(self, where: Submitter | None = None) -> SigningKey:
        """The key to sign with now; where there is none, it is made, by one of all processes. Raises PostgresError.

        Whoever is in a transaction gives its connection to read with, so that it does not wait for a second one.
        """
        key = _signing(await self._read(where))
        if key is None:
            await self._make_first()
            self.forget()
            key = _signing(await self._read(where))
            if key is None:
                raise UnreadableSeal
        return key

    async def verifying(self) -> tuple[VerifyingKey, ...]:
        """The keys that tokens of ours are checked by now. Raises PostgresError."""
        known = await self._read()
        return tuple(known.public[key.kid] for key in known.stored.verify(known.now(), self._longest_life))

    async def verifying_anew(self) -> tuple[VerifyingKey, ...]:
        """The same, read again: for a token whose key is not known yet. Once a second at most."""
        if time.monotonic() - self._looked > _LOOK_AGAIN:
            self._looked = time.monotonic()
            self.forget()
        return await self.verifying()

    async def published(self) -> dict[str, Any]:
        """The key set that others check our tokens by; it is never empty. Raises PostgresError."""
        await self.signing()
        known = await self._read()
        return {"keys": [key.public for key in known.stored.verify(known.now(), self._longest_life)]}

    async def _read(self, where: Submitter | None = None) -> _Known:
        known = self._known
        if known is None:
            generation = self._generation
            known = self._open(await list_keys(where or self._store.pool))
            if generation == self._generation:  # nothing changed while we asked
                self._known = known
        return known

    def _open(self, stored: StoredKeys) -> _Known:
        private: dict[str, SigningKey] = {}
        public: dict[str, VerifyingKey] = {}
        for key in stored.keys:
            if key.life.retired_at is not None:
                continue
            (public[key.kid],) = read_key_set({"keys": [key.public]})
            if key.sealed is None:
                continue
            try:
                private[key.kid] = open_signing_key(self._keyring, key.kid, key.algorithm, key.sealed)
            except UnreadableSeal:
                events.emit(SigningKeyUnreadable(key.kid))
        return _Known(stored, private, public, stored.now - datetime.now(UTC))

    async def _make_first(self) -> None:
        async with self._store.transaction() as connection:
            await ask(connection, _QUERIES["lock"])
            stored = await list_keys(connection)
            if _signing(self._open(stored)) is not None:
                return  # another process was first
            kid = await _add(connection, self._keyring, self._algorithm, timedelta(0))
            await audit.note(connection, "key-made", Origin(), actor="system", kid=kid)


def _signing(known: _Known) -> SigningKey | None:
    """The key to sign with, of those that can be opened."""
    lives: Sequence[KeyLife] = [key.life for key in known.stored.keys if key.kid in known.private]
    life = key_that_signs(lives, known.now())
    return None if life is None else known.private[life.kid]
