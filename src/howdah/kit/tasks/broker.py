"""What the relay and the workers agree on: where the broker is, and what its queues are called."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

QUEUE_PREFIX: Final = "howdah."
"""Before the name of a queue, in a broker that others may use as well."""


def broker_url(url: str) -> str:
    """The URL as Celery understands it: Redis on a unix socket is written otherwise there than by Redis's own clients.

    >>> broker_url("unix:///run/redis.sock?db=2"), broker_url("redis://localhost/1")
    ('redis+socket:///run/redis.sock?virtual_host=2', 'redis://localhost/1')
    """
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    password = f":{parts.password}@" if parts.password else ""
    return f"redis+socket://{password}{parts.path}?virtual_host={database}"


def is_redis(url: str) -> bool:
    """Whether such a broker is Redis, or speaks as it does."""
    return url.startswith(("redis", "valkey"))
