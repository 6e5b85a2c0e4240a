"""One colour → the colours of the pages, light and dark, which can be read on each other. Pure.

How well is WCAG 2.2's contrast ratio: 4.5 for text (1.4.3), 3 for what is no text (1.4.11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DEFAULT: Final = "#3457d5"
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_READABLE: Final = 4.5
_VISIBLE: Final = 3.0
_STEPS: Final = 20

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Scheme:
    """What lies under everything (``page``), what forms lie on (``card``), and the colours on both."""

    page: str
    card: str
    text: str
    muted: str
    line: str
    edge: str
    bad: str
    good: str


LIGHT: Final = Scheme(
    page="#f4f5f8", card="#ffffff", text="#14171c", muted="#565e6b", line="#dfe3e9", edge="#7d8592", bad="#b3261e",
    good="#17683a",
)  # fmt: skip
DARK: Final = Scheme(
    page="#0e1013", card="#181b20", text="#eceef1", muted="#a6aeba", line="#2b3038", edge="#737c8a", bad="#ff9d94",
    good="#7fd6a0",
)  # fmt: skip


def colours(accent: str, scheme: Scheme) -> Mapping[str, str]:
    """The variables of the style sheet in this scheme. What is no ``#rrggbb`` is taken for the default.

    ``accent`` is behind ``on-accent`` on buttons, and ``accent-text`` is for links and the ring around what has the
    focus. Each is made lighter or darker only as far as it has to be.

    >>> colours("#ffe600", LIGHT)["on-accent"], colours("#102a6b", LIGHT)["on-accent"]
    ('#14171c', '#ffffff')
    """
    chosen = accent.lower() if _COLOUR.fullmatch(accent) else DEFAULT
    towards = "#ffffff" if scheme is DARK else "#000000"
    behind = _moved(chosen, towards, scheme.card, _VISIBLE) if scheme is DARK else chosen
    return {
        "page": scheme.page,
        "card": scheme.card,
        "text": scheme.text,
        "muted": scheme.muted,
        "line": scheme.line,
        "edge": scheme.edge,
        "bad": scheme.bad,
        "good": scheme.good,
        "accent": behind,
        "on-accent": next(each for each in ("#ffffff", LIGHT.text, "#000000") if contrast(each, behind) >= _READABLE),
        "accent-text": _moved(_moved(chosen, towards, scheme.card, _READABLE), towards, scheme.page, _READABLE),
    }


def contrast(one: str, other: str) -> float:
    """How well one can be read on the other, from 1 to 21 (WCAG 2.2, contrast ratio).

    >>> round(contrast("#000000", "#ffffff"), 1), round(contrast("#777777", "#ffffff"), 2)
    (21.0, 4.48)
    """
    darker, lighter = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))))
    return (lighter + 0.05) / (darker + 0.05)


def _moved(colour: str, towards: str, on: str, least: float) -> str:
    """The colour, moved towards another until it can be told from what it is on."""
    start, end = _rgb(colour), _rgb(towards)
    for step in range(_STEPS + 1):
        red, green, blue = (round(a + (b - a) * step / _STEPS) for a, b in zip(start, end, strict=True))
        moved = f"#{red:02x}{green:02x}{blue:02x}"
        if contrast(moved, on) >= least:
            return moved
    return towards


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(rgb: Rgb) -> float:
    parts = (value / 255 for value in rgb)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
