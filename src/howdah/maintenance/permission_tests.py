"""A project's permission tests, run against a database that is made from its files and thrown away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from howdah.data.examine import cases
from howdah.data.examine.cases import Case, InvalidPermissionTests
from howdah.data.execute import Engine
from howdah.data.sql.encode import to_json
from howdah.data.written.files import Mistake
from howdah.maintenance.check import Elsewhere
from howdah.maintenance.errors import CaseExists
from howdah.maintenance.throwaway import throwaway_database
from howdah.observe.secret import Secret
from howdah.project.sections import Project
from howdah.provision import Described
from howdah.session import ADMIN


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a test: ``problem`` says why it failed, ``told`` is what the tester answered."""

    case: Case
    problem: str | None
    told: Mapping[str, Any]


def read_cases(root: Path) -> tuple[Case, ...]:
    """The permission tests of the project. Raises InvalidPermissionTests."""
    return cases.from_files(_texts(root / cases.FOLDER))


def _texts(folder: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            texts[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidPermissionTests(
                [Mistake(f"{cases.FOLDER}/{path.name}", f"cannot be read: {error}")]
            ) from error
    return texts


async def run_cases(
    found: tuple[Case, ...], described: Described, project: Project, dsn: Secret, elsewhere: Elsewhere
) -> tuple[Outcome, ...]:
    """The outcome of each test, in a database that has the project's migrations, metadata and seeds.

    It is made on the server of ``dsn``, or on one that ``elsewhere`` lends. Raises the errors of `howdah.migrations`
    and of connecting.
    """
    async with throwaway_database(described, dsn, elsewhere) as made:
        engine = Engine(made.reveal(), database=project.database, data=project.data)
        await engine.start()
        try:
            return tuple([await _outcome(case, engine) for case in found])
        finally:
            await engine.stop()


async def _outcome(case: Case, engine: Engine) -> Outcome:
    body = to_json({"type": "test_permission", "args": dict(case.request)}).encode()
    answer = await engine.answer(body, ADMIN)
    told = json.loads(answer.body)
    if answer.status != 200:
        return Outcome(case, f"{told['error']} (at {told['path']} of the test)", told)
    return Outcome(case, cases.mismatch(case, told), told)


def save_case(root: Path, name: str, args: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """The test is in its table's file, expecting what the tester told; the file's path in the project.

    Raises CaseExists for a name that the file has already, InvalidPermissionTests for a file with mistakes.
    """
    table = told["table"]
    schema, of = ("public", table) if isinstance(table, str) else (table["schema"], table["name"])
    path = root / cases.FOLDER / f"{of if schema == 'public' else f'{schema}.{of}'}.toml"
    texts = _texts(path.parent)
    known = [case.name for case in cases.from_files({path.name: texts[path.name]})] if path.name in texts else []
    if name in known:
        raise CaseExists(f'{cases.FOLDER}/{path.name} has a test "{name}" already.', hint="Choose another name.")
    text = cases.with_case(texts.get(path.name), schema, of, name, args, told["verdict"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return f"{cases.FOLDER}/{path.name}"
