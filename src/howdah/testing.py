"""The tests of a project: what its permissions allow, whether its database drifted, and its services' own tests."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from howdah import development
from howdah.kit.identity import KEY_VARIABLE
from howdah.maintenance.permission_tests import Outcome, read_cases, run_cases
from howdah.maintenance.spare import spare_redis
from howdah.maintenance.throwaway import throwaway_database
from howdah.migrations.drift import to_lines
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.project.secret_file import STATE_FOLDER
from howdah.project.sections import Project, ServiceSection
from howdah.provision import Described, read_files
from howdah.tasks.install import install_tasks

ENVIRONMENT_VARIABLE = "HOWDAH_ENVIRONMENT"
_NO_TESTS = 5
"""The exit code of pytest that has found nothing to run."""

_LAST_LINES = 40


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test, or of one service's tests."""

    part: str
    name: str
    state: Literal["passed", "failed", "skipped"]
    place: str | None = None
    detail: tuple[str, ...] = ()


def to_json(result: Result) -> dict[str, Any]:
    """The result as JSON."""
    return {
        "part": result.part,
        "name": result.name,
        "state": result.state,
        "place": result.place,
        "detail": list(result.detail),
    }


def _permissions(root: Path, project: Project) -> tuple[Result, ...]:
    """The result of each permission test. Raises HowdahError for files that cannot be read or applied."""
    cases = read_cases(root)
    if not cases:
        return ()
    described = read_files(root)
    elsewhere = development.spare(project)
    outcomes = development.with_database(
        project, lambda postgres: run_cases(cases, described, project, postgres.dsn, elsewhere)
    )
    return tuple(_permission_result(one) for one in outcomes)


def _permission_result(outcome: Outcome) -> Result:
    case = outcome.case
    if outcome.problem is None:
        return Result("permissions", case.name, "passed", case.place)
    because = outcome.told.get("because", ())
    return Result("permissions", case.name, "failed", case.place, (outcome.problem, *because))


def _database(_root: Path, project: Project) -> tuple[Result, ...]:
    """Whether the project's database is what its files make. Raises HowdahError."""
    report = development.check_drift(project)
    name = "the database is what the files make"
    if report.is_clean:
        return (Result("database", name, "passed"),)
    lines = [*to_lines(report.differences)]
    lines += [f"migration {one} was edited after it had been applied" for one in report.edited]
    lines += [f"migration {one} is applied and not in the folder" for one in report.missing]
    return (Result("database", name, "failed", "migrations", tuple(lines)),)


def _services(root: Path, project: Project) -> tuple[Result, ...]:
    """The result of pytest in the folder of each service that has tests. Raises HowdahError."""
    # Two processes of one folder have the same tests.
    tested = tuple({one.folder: one for one in reversed(project.services) if _has_tests(one)}.values())[::-1]
    if not tested:
        return ()
    described = read_files(root)
    return development.with_database(
        project, lambda postgres: _run_services(root, project, tested, described, postgres.dsn)
    )


async def _run_services(
    root: Path, project: Project, tested: tuple[ServiceSection, ...], described: Described, dsn: Secret
) -> tuple[Result, ...]:
    """Each has a database of its own, made from the project's files and thrown away, and a Redis where it uses one."""
    results = []
    async with AsyncExitStack() as stack:
        redis = None
        if any(map(development.uses_redis, tested)):
            state = (root / STATE_FOLDER).resolve()
            redis = await stack.enter_async_context(spare_redis(state, os.environ))
        for service in tested:
            async with throwaway_database(described, dsn, development.spare(project)) as own:
                async with await connect(own.reveal()) as connection:
                    await install_tasks(connection)
                addresses = development.Addresses(development.usual_url(project), own, redis)
                results.append(await asyncio.to_thread(_service_result, project, service, addresses))
    return tuple(results)


def _has_tests(service: ServiceSection) -> bool:
    folder = service.folder
    return (folder / "tests").is_dir() or any(folder.glob("test_*.py")) or any(folder.glob("*_test.py"))


def _service_result(project: Project, service: ServiceSection, addresses: development.Addresses) -> Result:
    ran = subprocess.run(
        ["python", "-m", "pytest", "-q"],
        cwd=service.folder,
        env=_environment(project, service, addresses),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        check=False,
    )
    lines = tuple(ran.stdout.rstrip().splitlines())
    name = f"{service.name}: {lines[-1].strip('= ')}" if lines else service.name
    if ran.returncode == 0:
        return Result("services", name, "passed", str(service.folder))
    if ran.returncode == _NO_TESTS:
        return Result("services", name, "skipped", str(service.folder))
    return Result("services", name, "failed", str(service.folder), lines[-_LAST_LINES:])


def _environment(project: Project, service: ServiceSection, addresses: development.Addresses) -> Mapping[str, str]:
    """As `howdah dev` runs the service, so that ``python`` is the same one; but its tests say themselves who calls.

    What they do to a database they do to their own, whatever `.env` names.
    """
    assert addresses.dsn is not None, "a database was made for the tests"
    given = development.service_environment(project, service, addresses)
    kept = {name: value for name, value in given.items() if name != KEY_VARIABLE}
    return kept | {ENVIRONMENT_VARIABLE: "test", "DATABASE_URL": addresses.dsn.reveal()}


PARTS: Mapping[str, Callable[[Path, Project], tuple[Result, ...]]] = {
    "permissions": _permissions,
    "database": _database,
    "services": _services,
}
"""What there is to test, in the order it is done."""
