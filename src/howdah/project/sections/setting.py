"""What may be written for a key of ``howdah.toml``; the units that sizes and times are written in."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text",
    "integer",
    "number",
    "boolean",
    "size",
    "secret",
    "secrets",
    "command",
    "texts",
    "environment",
    "hosts",
    "url",
    "redirect",
    "proxies",
    "roles",
    "cors",
    "routes",
    "parts",
    "claims",
    "arguments",
    "clients",
]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Setting:
    """What may be written for a key, and what it is for."""

    kind: Kind
    doc: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
