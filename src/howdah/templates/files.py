"""A file that is to be written, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A file to write: its path below a folder, its text and its mode."""

    path: str
    text: str
    mode: int = 0o644
