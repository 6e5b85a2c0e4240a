"""The metadata of a project's files and that of its database: where they differ, and each made into the other."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from howdah.data.execute import publish
from howdah.data.written import files, store
from howdah.data.written.edit_files import edited_files
from howdah.data.written.metadata import Metadata
from howdah.data.written.write_files import file_name, to_files
from howdah.maintenance.errors import MetadataDiverged
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.install import install
from howdah.provision import METADATA

Side = Literal["files", "database"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is said in one place only (``only_in``), or in both in different ways (None).

    ``name`` is a table, or the file of what is about none; ``what`` a part of that, or ``all``.
    """

    name: str
    what: str
    only_in: Side | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where the two differ, and which of them changed since the files were taken over last."""

    differences: tuple[Difference, ...]
    changed: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class _Both:
    texts: files.Files
    files: Metadata
    stored: store.StoredMetadata
    as_taken: bool | None


async def compare_metadata(root: Path, dsn: Secret) -> Comparison:
    """How files and database differ. Nothing is changed. Raises InvalidMetadataFiles and the errors of connecting."""
    async with await connect(dsn.reveal()) as connection:
        await install(connection)
        return _compared(await _read(root, connection))


async def pull_metadata(root: Path, dsn: Secret, *, force: bool = False) -> tuple[str, ...]:
    """The files say what the database has; comments and layout of what stays the same are kept. The changed files.

    Raises MetadataDiverged when the files were changed as well, unless ``force`` gives their changes up.
    """
    folder = root / METADATA
    async with await connect(dsn.reveal()) as connection:
        await install(connection)
        async with connection.transaction():
            both = await _read(root, connection, lock=True)
            _refuse_both(both, "database", force=force)
            changes = edited_files(both.texts, both.stored.metadata)
            write_files(root, changes)
            texts = files.read_folder(folder)
            # So that nobody takes the files over again: they say nothing that the database has not.
            await store.write(connection, both.stored.metadata, over=both.stored, source=files.source_hash(texts))
            await store.note_taken(connection, both.stored.metadata)
    return tuple(f"{METADATA}/{name}" for name in sorted(changes))


async def apply_metadata(root: Path, dsn: Secret, *, force: bool = False) -> tuple[str, ...]:
    """The database has what the files say, and every process hears of it. The problems that are left out.

    Raises MetadataDiverged when calls changed the database as well, unless ``force`` gives their changes up.
    """
    async with await connect(dsn.reveal()) as connection:
        installation = await install(connection)
        async with connection.transaction():
            both = await _read(root, connection, lock=True)
            _refuse_both(both, "files", force=force)
            source = files.source_hash(both.texts)
            catalog = await publish(connection, both.files, installation, source=source)
    return tuple(
        f"{files.place_of(problem, both.texts, folder=METADATA) or METADATA}: {problem.message}"
        for problem in catalog.problems
    )


def write_files(root: Path, changes: Mapping[str, str | None]) -> None:
    """The project's metadata files have these texts; those of None are gone."""
    folder = root / METADATA
    for name, text in changes.items():
        path = folder / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


async def _read(root: Path, connection: Connection, *, lock: bool = False) -> _Both:
    texts = files.read_folder(root / METADATA)
    if lock:
        await store.lock(connection)
    stored = await store.read(connection)
    as_taken = await store.is_as_taken(connection, stored)
    return _Both(texts, files.from_files(texts, folder=METADATA), stored, as_taken)


def _compared(both: _Both) -> Comparison:
    differences = tuple(_differences(both.files, both.stored.metadata))
    return Comparison(differences, _changed(both) if differences else ())


def _changed(both: _Both) -> tuple[Side, ...]:
    """Who changed since the last time that the files were taken over."""
    stored = both.stored
    if stored.source is None:
        if stored.metadata == Metadata():
            return ("files",)
        return ("files", "database") if both.texts else ("database",)
    files_changed = stored.source != files.source_hash(both.texts)
    # Where an older howdah took the files over, it noted nothing: then whoever may have changed has.
    database_changed = not files_changed if both.as_taken is None else not both.as_taken
    both_may_have = files_changed and both.as_taken is None
    return (
        *(("files",) if files_changed else ()),
        *(("database",) if database_changed or both_may_have else ()),
    )


def _refuse_both(both: _Both, kept: Side, *, force: bool) -> None:
    changed = _compared(both).changed
    other: Side = "files" if kept == "database" else "database"
    if other in changed and not force:
        raise MetadataDiverged(kept, both=kept in changed)


def _differences(ours: Metadata, theirs: Metadata) -> Iterator[Difference]:
    """What the files (ours) and the database (theirs) say differently, by the parts a file has."""
    left, right = _said(ours), _said(theirs)
    for name in sorted({*left, *right}):
        if name not in left or name not in right:
            yield Difference(name, "all", "files" if name in left else "database")
            continue
        here, there = dict(_parts(left[name])), dict(_parts(right[name]))
        for what in sorted({*here, *there}):
            if what not in here or what not in there:
                yield Difference(name, what, "files" if what in here else "database")
            elif here[what] != there[what]:
                yield Difference(name, what, None)


def _said(metadata: Metadata) -> dict[str, Any]:
    """What the metadata says of each table, and of the rest by the file it would be in."""
    tables = {f"tables/{file_name(table.name)}": str(table.name) for table in metadata.tables}
    return {tables.get(name, name): tomllib.loads(text) for name, text in to_files(metadata).items()}


def _parts(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What one can change by itself: each permission, each relationship, everything else by its key."""
    for key, value in said.items():
        if key == "permissions":
            for role, operations in value.items():
                for operation, rule in operations.items():
                    yield f"permission {role} {operation}", rule
        elif key == "relationships":
            for name, relationship in value.items():
                yield f"relationship {name}", relationship
        else:
            yield key, value
