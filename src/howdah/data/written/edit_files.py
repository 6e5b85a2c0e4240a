"""A project's metadata files and what they are to say now → their new texts; what stays the same stays as written.

Comments, order and spelling of whatever is not changed are kept. Only where a file's layout leaves no place for the
change it is written anew.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from howdah.data.query.ast import TableName
from howdah.data.written.files import Files, from_files
from howdah.data.written.metadata import Metadata, TableMetadata
from howdah.data.written.write_files import file_name, to_files, to_text
from howdah.errors import HowdahError
from howdah.project.lines import Key, key_lines


def edited_files(texts: Files, metadata: Metadata) -> dict[str, str | None]:
    """What has to be written so that the files describe the metadata: new texts by file name, None for a file to go.

    ``texts`` are the files as they are, without a mistake in them. Raises NotWritableAsToml.
    """
    there = {_subject(name, text): name for name, text in texts.items()}
    tables = {f"tables/{file_name(table.name)}": table for table in metadata.tables}
    changes: dict[str, str | None] = {}
    for wanted_name, wanted in to_files(metadata).items():
        name = there.pop(_subject(wanted_name, wanted), None)
        if name is None:
            changes[wanted_name] = wanted
        elif from_files({name: texts[name]}) != from_files({name: wanted}):
            table = tables.get(wanted_name)
            changes[name] = wanted if table is None else edited(texts[name], table)
    return {**changes, **dict.fromkeys(there.values())}


def _subject(name: str, text: str) -> TableName | str:
    """What a file is about: a table, whatever the file is called, or what its name says."""
    if not name.startswith("tables/"):
        return name
    found = tomllib.loads(text)
    return TableName(found.get("schema", "public"), found["table"])


_CANNOT = (TOMLKitError, HowdahError, ValueError, LookupError)
"""What happens where a layout has no place for a change."""


def edited(text: str, table: TableMetadata) -> str:
    """The text of a table's file, changed so far that it describes ``table``. Raises NotWritableAsToml."""
    wanted = to_text(table)
    meant = from_files({"table": wanted})
    for change in (_by_blocks, _by_keys):
        try:
            changed = change(text, wanted).rstrip("\n") + "\n"
            if from_files({"table": changed}) == meant:
                return changed
        except _CANNOT:
            continue
    return wanted


# -- block by block ----------------------------------------------------------------------------------------------------

_ENTRY = {"relationships": 2, "permissions": 3}
"""How long the key of a relationship or a permission is: each of them has a block of its own."""


def _by_blocks(text: str, wanted: str) -> str:
    """Blocks that are no longer wanted go with the comments on top of them, new ones come behind their like."""
    there, goal = _entries(text), _entries(wanted)
    lines, new = text.splitlines(), wanted.splitlines()
    head, new_head = (min((start for start, _ in one.values()), default=None) for one in (there, goal))
    for key, (start, end) in sorted(there.items(), key=lambda one: one[1], reverse=True):
        lines[start:end] = _changed(lines[start:end], new[slice(*goal[key])]) if key in goal else []
    lines[:head] = _changed(lines[:head], new[:new_head])
    changed = "\n".join(lines)
    for key, (start, end) in goal.items():
        if key not in there:
            changed = _with_block(changed, key, "\n".join(new[start:end]).strip("\n"))
    return changed


def _changed(old: list[str], new: list[str]) -> list[str]:
    """The lines of one block, which say what the new ones say; the empty lines behind it stay behind it."""
    full = len(old)
    while full and not old[full - 1].strip():
        full -= 1
    text, wanted = "\n".join(old[:full]), "\n".join(new)
    if tomllib.loads(text) == tomllib.loads(wanted):
        return old
    try:
        changed = _by_keys(text + "\n", wanted)
        kept = tomllib.loads(changed) == tomllib.loads(wanted)
    except _CANNOT:
        kept = False
    top = next((number for number, line in enumerate(old) if not line.lstrip().startswith("#")), 0)
    return [*(changed.rstrip("\n").splitlines() if kept else [*old[:top], *new]), *old[full:]]


def _with_block(text: str, key: Key, block: str) -> str:
    places = _entries(text)
    like = [places[one] for one in places if one[:-1] == key[:-1]]
    lines = text.splitlines()
    if like:
        place = max(end for _, end in like)
    elif key[0] == "relationships":
        place = min((start for start, _ in places.values()), default=len(lines))
    else:
        place = len(lines)
    before, after = "\n".join(lines[:place]).rstrip("\n"), "\n".join(lines[place:]).strip("\n")
    return "\n\n".join(part for part in (before, block, after) if part) + "\n"


def _entries(text: str) -> dict[Key, tuple[int, int]]:
    """The lines, from and up to, of each relationship's and permission's block, the comments on top of it included."""
    lines = text.splitlines()
    headers: dict[int, Key] = {}
    for key, line in key_lines(text).items():
        if lines[line - 1].lstrip().startswith("[") and len(key) > len(headers.get(line - 1, ())):
            headers[line - 1] = key
    starts = {number: _first_comment(lines, number) for number in sorted(headers)}
    ends = dict(zip(starts, [*list(starts.values())[1:], len(lines)], strict=False))
    entries: dict[Key, tuple[int, int]] = {}
    for number, key in sorted(headers.items()):
        entry = key[: _ENTRY.get(str(key[0]), 0)]
        if entry and len(entry) == _ENTRY[str(key[0])]:
            start = entries[entry][0] if entry in entries else starts[number]
            entries[entry] = (start, ends[number])
    return entries


def _first_comment(lines: Sequence[str], number: int) -> int:
    while number and lines[number - 1].lstrip().startswith("#"):
        number -= 1
    return number


# -- key by key --------------------------------------------------------------------------------------------------------


def _by_keys(text: str, wanted: str) -> str:
    """Keys are changed where they stand."""
    document = tomlkit.parse(text)
    _change(document, tomlkit.parse(wanted))
    return tomlkit.dumps(document)


def _change(there: Any, wanted: Mapping[str, Any]) -> None:
    """Whatever differs in ``there`` is as in ``wanted``; the rest is not touched."""
    for key in [key for key in there if key not in wanted]:
        del there[key]
    for key, value in wanted.items():
        old = there.get(key)
        if old is not None and _plain(old) == _plain(value):
            continue
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            _change(old, value)
        elif not (isinstance(value, Mapping) and not value and old is None):
            there[key] = value


def _plain(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value
