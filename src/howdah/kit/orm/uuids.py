"""Keys that grow with time: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import secrets
import time
import uuid


def uuid7(nanoseconds: int | None = None, random: int | None = None) -> uuid.UUID:
    """A key that sorts after those made before it: milliseconds, a fraction of one, 62 random bits.

    Made here and not by Postgres, which can from version 18 on: so it is the same everywhere, and known before the
    row is sent.

    >>> uuid7(1_645_557_742_000_000_000, 0x18C4DC0C0C07398F)
    UUID('017f22e2-79b0-7000-98c4-dc0c0c07398f')
    """
    now = time.time_ns() if nanoseconds is None else nanoseconds
    milliseconds, rest = divmod(now, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    tail = (secrets.randbits(62) if random is None else random) & (2**62 - 1)
    return uuid.UUID(int=(milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail)
