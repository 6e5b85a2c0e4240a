"""Password hashes: Argon2id (RFC 9106), off the event loop, at most one for each core at a time (R1, R2, R8)."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, ParamSpec, TypeVar

from argon2.exceptions import HashingError, VerificationError
from argon2.low_level import ARGON2_VERSION, Type, hash_secret, verify_secret

from howdah.auth.errors import AccountsBusy
from howdah.auth.password_rules import normalise_password
from howdah.auth.proof_errors import UnacceptablePassword
from howdah.auth.setting_errors import UnusablePasswordHash

P = ParamSpec("P")
T = TypeVar("T")

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
MOST_WAITING: Final = 200
"""How many hashes may be waited for; with a tenth of a second for each, who is behind them would have left."""


@dataclass(frozen=True, slots=True)
class HashParameters:
    """What one hash costs: memory in KiB, passes over it, and lanes computed side by side.

    The default is the second of RFC 9106, section 4.
    """

    memory: int = 65536
    passes: int = 3
    lanes: int = 4


FLOOR: Final = HashParameters(memory=19456, passes=2, lanes=1)
"""What OWASP asks for at least. Weaker hashes may be imported; the next login replaces them."""
CEILING: Final = HashParameters(memory=262144, passes=10, lanes=16)
"""The most that a hash made elsewhere may cost us (R2)."""

_PHC: Final = re.compile(
    r"\$argon2(?P<kind>id|i)\$v=19\$m=(?P<memory>[1-9]\d{0,9}),t=(?P<passes>[1-9]\d{0,9}),p=(?P<lanes>[1-9]\d{0,9})"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,86})\$(?P<hash>[A-Za-z0-9+/]{22,86})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class StoredHash:
    """What can be read from a hash in PHC form without the password."""

    kind: Type
    parameters: HashParameters


def read_stored_hash(stored: str) -> StoredHash:
    """What a stored or imported hash is and costs.

    Raises UnusablePasswordHash: it is no Argon2id or Argon2i in PHC form, or it costs more than CEILING.

    >>> read_stored_hash("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzYWx0$" + "A" * 43).parameters
    HashParameters(memory=65536, passes=3, lanes=4)
    """
    found = _PHC.fullmatch(stored)
    if found is None:
        raise UnusablePasswordHash("The hash is not Argon2id or Argon2i, version 19, in PHC form.")
    parameters = HashParameters(int(found["memory"]), int(found["passes"]), int(found["lanes"]))
    if (
        parameters.memory > CEILING.memory
        or parameters.passes > CEILING.passes
        or parameters.lanes > CEILING.lanes
        or parameters.memory < 8 * parameters.lanes  # RFC 9106, section 3.1
    ):
        raise UnusablePasswordHash(
            f"The hash asks for m={parameters.memory},t={parameters.passes},p={parameters.lanes}: at most "
            f"m={CEILING.memory},t={CEILING.passes},p={CEILING.lanes} is computed, and at least 8 KiB for each lane."
        )
    return StoredHash(Type.ID if found["kind"] == "id" else Type.I, parameters)


def needs_rehash(stored: str, parameters: HashParameters) -> bool:
    """Whether a hash that has just been verified is to be made anew: something of it is weaker than ``parameters``.

    Raises UnusablePasswordHash.
    """
    found = read_stored_hash(stored)
    return (
        found.kind is not Type.ID
        or found.parameters.memory < parameters.memory
        or found.parameters.passes < parameters.passes
    )


class Hasher:
    """Hashes and verifies in threads of its own, as many as there are cores; the event loop stays free (R2).

    One for each process. What is waited for is bounded: who comes after that gets AccountsBusy at once.
    """

    def __init__(
        self, parameters: HashParameters | None = None, *, threads: int | None = None, most_waiting: int = MOST_WAITING
    ) -> None:
        self.parameters = parameters or HashParameters()
        self._pool = ThreadPoolExecutor(threads or _cores(), thread_name_prefix="howdah-password")
        self._most_waiting = most_waiting
        self._waiting = 0
        self._nobody = _hash_of_nothing(self.parameters)

    async def hash(self, password: str) -> str:
        """The hash of a password in PHC form, with a new salt.

        Raises LongPassword, UnacceptablePassword, AccountsBusy.
        """
        return await self._in_a_thread(_hash, normalise_password(password), self.parameters)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one ``stored`` was made of.

        Without a stored hash (there is no such account, or it has no password) the answer is False after the same work,
        so that it takes as long (R8). A text that cannot be a password of anybody is wrong without any work.

        Raises AccountsBusy.
        """
        try:
            normalised = normalise_password(password)
        except UnacceptablePassword:
            return False
        try:
            kind = read_stored_hash(stored).kind if stored is not None else None
        except UnusablePasswordHash:
            kind = None  # nothing was ever hashed to this
        if stored is None or kind is None:
            await self._in_a_thread(_verify, self._nobody, normalised, Type.ID)
            return False
        return await self._in_a_thread(_verify, stored, normalised, kind)

    async def hash_like(self, stored: str | None, password: str) -> str | None:
        """The hash of ``password`` as ``stored`` was made, salt and all: equal to it if it is of the same password.

        So one computation answers for several hashes that were made alike. None, after the same work, where there is
        nothing that it could be equal to (R8). Raises AccountsBusy.
        """
        try:
            normalised = normalise_password(password)
        except UnacceptablePassword:
            return None
        try:
            found = read_stored_hash(stored) if stored is not None else None
        except UnusablePasswordHash:
            found = None
        if stored is None or found is None:
            await self._in_a_thread(_verify, self._nobody, normalised, Type.ID)
            return None
        return await self._in_a_thread(_hash_like, stored, found, normalised)

    def needs_rehash(self, stored: str) -> bool:
        """Whether a hash that has just been verified is weaker than those that are made now (R1)."""
        return needs_rehash(stored, self.parameters)

    def close(self) -> None:
        """No hash is begun any more; those that run are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_a_thread(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        if self._waiting >= self._most_waiting:
            raise AccountsBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *arguments, **options))
        finally:
            self._waiting -= 1


def _hash(password: str, parameters: HashParameters) -> str:
    return hash_secret(
        password.encode(),
        secrets.token_bytes(SALT_BYTES),
        time_cost=parameters.passes,
        memory_cost=parameters.memory,
        parallelism=parameters.lanes,
        hash_len=HASH_BYTES,
        type=Type.ID,
        version=ARGON2_VERSION,
    ).decode("ascii")


def _hash_like(stored: str, found: StoredHash, password: str) -> str | None:
    *_, salt, digest = stored.split("$")
    try:
        return hash_secret(
            password.encode(),
            _decoded(salt),
            time_cost=found.parameters.passes,
            memory_cost=found.parameters.memory,
            parallelism=found.parameters.lanes,
            hash_len=len(_decoded(digest)),
            type=found.kind,
            version=ARGON2_VERSION,
        ).decode("ascii")
    except (ValueError, HashingError):  # it was never made of anything
        return None


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _verify(stored: str, password: str, kind: Type) -> bool:
    try:
        return verify_secret(stored.encode("ascii"), password.encode(), kind)
    except VerificationError:  # also what a hash raises that is not canonical base64
        return False


def _hash_of_nothing(parameters: HashParameters) -> str:
    """A hash that no password has but by chance, for as much work as a real one."""

    def random(size: int) -> str:
        return base64.b64encode(secrets.token_bytes(size)).decode("ascii").rstrip("=")

    cost = f"m={parameters.memory},t={parameters.passes},p={parameters.lanes}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${random(SALT_BYTES)}${random(HASH_BYTES)}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
