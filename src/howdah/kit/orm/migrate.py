"""``python -m howdah.kit.orm.migrate``: revision, upgrade, downgrade, sql, current, history.

It is run in a service's folder and finds the database in the environment; `howdah service db` runs it in a project, an
image of a service as it starts. Many may upgrade at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

from howdah.errors import HowdahError
from howdah.kit.db.settings import DEFAULT, read_settings
from howdah.kit.identity import SERVICE_VARIABLE
from howdah.kit.orm import migrations
from howdah.kit.orm.migrations import Revision, Target

MODELS_VARIABLE: Final = "HOWDAH_MODELS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line; the exit code."""
    given = _parser().parse_args(arguments)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        with redirect_stdout(sys.stderr):  # the service's modules may set up logging, and say something
            told, shown = _run(given)
    except HowdahError as error:
        if given.json:
            sys.stdout.write(json.dumps({"error": error.to_json()}) + "\n")
        else:
            hint = f"\nhint: {error.hint}" if error.hint else ""
            sys.stderr.write(f"error[{error.code}]: {error.message}{hint}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(told) + "\n" if given.json else shown)
    return 0


def _run(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """What came of it, for programs and for people."""
    folder = Path.cwd()
    service = given.service or os.environ.get(SERVICE_VARIABLE) or folder.name
    metadata = migrations.find_metadata(folder, given.models or os.environ.get(MODELS_VARIABLE))
    settings = None if given.command == "sql" else read_settings(os.environ, given.database)
    target = Target(service, folder, metadata, settings)
    match given.command:
        case "revision":
            made = migrations.revise(target, given.message, empty=given.empty)
            where = None if made is None else str(made.relative_to(folder))
            return {"file": where}, f"{where}\n" if where else "The database is as the models are: nothing to do.\n"
        case "sql":
            text = migrations.preview(target, given.revision)
            return {"sql": text}, text
        case "upgrade" | "downgrade":
            before = migrations.history(target)
            change = migrations.upgrade if given.command == "upgrade" else migrations.downgrade
            change(target, given.revision)
            return _changes(before, migrations.history(target))
        case "current":
            applied = [one for one in migrations.history(target) if one.applied]
            return {"current": _told(applied[-1]) if applied else None}, _line(applied[-1]) if applied else "base\n"
        case _:
            steps = migrations.history(target)
            return {"revisions": [_told(one) for one in steps]}, "".join(map(_line, steps)) or "No revision yet.\n"


def _changes(before: list[Revision], after: list[Revision]) -> tuple[dict[str, Any], str]:
    was = {one.revision for one in before if one.applied}
    now = {one.revision for one in after if one.applied}
    done = [one for one in after if one.revision in now - was]
    undone = [one for one in reversed(after) if one.revision in was - now]
    lines = [*(f"applied   {one.path.name}\n" for one in done), *(f"reverted  {one.path.name}\n" for one in undone)]
    told = {"applied": [_told(one) for one in done], "reverted": [_told(one) for one in undone]}
    return told, "".join(lines) or "Nothing to do.\n"


def _told(one: Revision) -> dict[str, Any]:
    return {"revision": one.revision, "message": one.message, "file": one.path.name, "applied": one.applied}


def _line(one: Revision) -> str:
    return f"{one.revision}  {'applied' if one.applied else 'pending'}  {one.message}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m howdah.kit.orm.migrate", description="The tables of a service.")
    parser.add_argument("--service", help="its name, which its table of versions has; else HOWDAH_SERVICE")
    parser.add_argument("--models", help="where its models are: module or module:Base; else HOWDAH_MODELS")
    parser.add_argument("--database", default=DEFAULT, help="the name of its database; default is DATABASE_URL")
    parser.add_argument("--json", action="store_true", help="results for programs")
    commands = parser.add_subparsers(dest="command", required=True)
    revision = commands.add_parser("revision", help="write what the models have and the database has not")
    revision.add_argument("-m", "--message", required=True)
    revision.add_argument("--empty", action="store_true", help="an empty one, to be written by hand")
    for name, default in (("upgrade", "head"), ("downgrade", "-1"), ("sql", "head")):
        commands.add_parser(name).add_argument("revision", nargs="?", default=default)
    commands.add_parser("current")
    commands.add_parser("history")
    return parser


if __name__ == "__main__":
    sys.exit(main())
