"""What can go wrong with the Postgres and the Redis that howdah runs itself.

EmbeddedError             E118
├── PostgresNotStarted    E111  initdb or the server failed; its last lines say why
├── PostgresNotFound      E114  no DATABASE_URL, nothing on PATH, no wheel
├── PostgresVersion       E115  the data folder was made by a version that is not here
├── DataNotOurs           E116  the data folder belongs to another user of this machine
├── PrivateFolderTaken    E117  somebody else owns the folder our sockets would go to
├── RedisNotFound         E126  no REDIS_URL, nothing on PATH, no wheel
├── RedisNotStarted       E127  the server failed; its last lines say why
├── ClientMissing         E211  psql or pg_dump is not on this machine
└── ClientFailed          E212  pg_dump failed

A given DATABASE_URL that does not answer is an error of `howdah.postgres`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from howdah.errors import HowdahError

_SHOWN = 12


class EmbeddedError(HowdahError):
    """Howdah cannot run Postgres, or Redis, for this project."""

    code: ClassVar[str] = "E118"


class PostgresNotStarted(EmbeddedError):
    """Postgres did not start."""

    code = "E111"

    @classmethod
    def after(cls, lines: Sequence[str], *, what: str = "Postgres did not start") -> Self:
        """The error with the last lines that Postgres said, and a hint for what they are known to mean."""
        said = [line.strip() for line in lines if line.strip()][-_SHOWN:]
        return cls("\n  ".join([what + (":" if said else ""), *said]), hint=_hint("\n".join(said)))


class PostgresNotFound(EmbeddedError):
    """There is no Postgres to run."""

    code = "E114"


class PostgresVersion(EmbeddedError):
    """The data folder was made by another major version of Postgres."""

    code = "E115"


class DataNotOurs(EmbeddedError):
    """The project's Postgres data belongs to another user."""

    code = "E116"


class PrivateFolderTaken(EmbeddedError):
    """The folder for private sockets belongs to somebody else."""

    code = "E117"


def _hint(said: str) -> str | None:
    """What to do about the failures that have a known remedy."""
    remedies = (
        ("No space left on device", "The disk is full: make room and start again; nothing that was committed is lost."),
        ("could not resize shared memory", "Give the container more /dev/shm (docker run --shm-size=256m)."),
        ("could not create shared memory", "The system's limit for shared memory is too low (kernel.shmmax, shmall)."),
        ("could not map anonymous shared memory", "There is not enough memory for shared_buffers."),
        ("pre-existing shared memory block", "A process of an earlier Postgres still runs on this data; end it first."),
        ("is another postmaster", "Another Postgres runs on this data folder; end it first."),
        ("invalid value for parameter", "Correct postgresql.conf in the data folder."),
        ("unrecognized configuration parameter", "Correct postgresql.conf in the data folder."),
        ("error while loading shared libraries", "A system library is missing that this Postgres was built with."),
    )
    return next((remedy for known, remedy in remedies if known in said), None)


class ClientMissing(EmbeddedError):
    """A program of Postgres's is not on this machine."""

    code = "E211"


class ClientFailed(EmbeddedError):
    """A program of Postgres's failed."""

    code = "E212"


class RedisNotFound(EmbeddedError):
    """There is no Redis to run."""

    code = "E126"


class RedisNotStarted(EmbeddedError):
    """Redis did not start."""

    code = "E127"
