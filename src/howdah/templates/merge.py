"""What a template was and is now, and what somebody made of it meanwhile → what the file says from now on."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from howdah.templates.errors import NotUpdatable

Outcome = Literal["added", "changed", "removed", "merged", "conflict", "kept"]

_CONFLICTS_AT_MOST = 127
"""git merge-file answers with their number, and with more than this where it failed."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of one file. ``text`` is None for one that goes, and for one that stays as it is (`kept`)."""

    path: str
    outcome: Outcome
    text: str | None
    note: str = ""


def merge_files(
    base: Mapping[str, str], new: Mapping[str, str], live: Mapping[str, str | None], *, labels: tuple[str, str]
) -> Iterator[Merged]:
    """What becomes of each file that the template has changed; ``live`` has every path, None where no file is.

    Raises NotUpdatable where git is missing.
    """
    for path in sorted({*base, *new}):
        before, after, now = base.get(path), new.get(path), live.get(path)
        if before == after or now == after:
            continue
        if after is None:
            yield (
                Merged(path, "removed", None)
                if now == before
                else Merged(path, "kept", None, "the template has it no more, and it was changed here")
            )
        elif now is None:
            if before is None:
                yield Merged(path, "added", after)
            else:
                yield Merged(path, "kept", None, "it was removed here, and has changed in the template")
        elif now == before:
            yield Merged(path, "changed", after)
        else:
            text, conflicts = merge_texts(before or "", after, now, labels=labels)
            yield Merged(path, "conflict" if conflicts else "merged", text, f"{conflicts} of them" if conflicts else "")


def merge_texts(base: str, new: str, live: str, *, labels: tuple[str, str]) -> tuple[str, int]:
    """The text with both changes, and how many places have conflict markers. Raises NotUpdatable."""
    with tempfile.TemporaryDirectory(prefix="howdah-merge-") as folder:
        files = [Path(folder, name) for name in ("live", "base", "new")]
        for file, text in zip(files, (live, base, new), strict=True):
            file.write_text(text, encoding="utf-8", newline="")
        ours, theirs = labels
        words = ["git", "merge-file", "-p", "--diff3", "-L", ours, "-L", "the template before", "-L", theirs]
        try:
            done = subprocess.run(
                [*words, *map(str, files)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                cwd=folder,
            )
        except FileNotFoundError:
            raise NotUpdatable("git is not installed, which merges.", hint="Install git.") from None
    if done.returncode > _CONFLICTS_AT_MOST or done.returncode < 0:
        raise NotUpdatable(f"git cannot merge: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode("utf-8"), done.returncode


def merge_keys(
    base: Mapping[str, Any], new: Mapping[str, Any], live: Mapping[str, Any]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The keys of a section to change, with their new values (None: the key goes), and those somebody else changed."""
    changes: dict[str, Any] = {}
    left: list[str] = []
    for key in sorted({*base, *new}):
        before, after, now = base.get(key), new.get(key), live.get(key)
        if before == after or now == after:
            continue
        if now == before:
            changes[key] = after
        else:
            left.append(key)
    return changes, tuple(left)
