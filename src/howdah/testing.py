"""The tests of a project: what its permissions allow, whether its database drifted, and its services' own tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from howdah import development
from howdah.kit.identity import KEY_VARIABLE
from howdah.maintenance.permission_tests import Outcome, read_cases, run_cases
from howdah.migrations.drift import to_lines
from howdah.project.sections import Project, ServiceSection
from howdah.provision import read_files

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


def _services(_root: Path, project: Project) -> tuple[Result, ...]:
    """The result of pytest in the folder of each service that has tests."""
    return tuple(_service_result(project, service) for service in project.services if _has_tests(service))


def _has_tests(service: ServiceSection) -> bool:
    folder = service.folder
    return (folder / "tests").is_dir() or any(folder.glob("test_*.py")) or any(folder.glob("*_test.py"))


def _service_result(project: Project, service: ServiceSection) -> Result:
    ran = subprocess.run(
        ["python", "-m", "pytest", "-q"],
        cwd=service.folder,
        env=_environment(project, service),
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


def _environment(project: Project, service: ServiceSection) -> Mapping[str, str]:
    """As `howdah dev` runs the service, so that ``python`` is the same one; but its tests say themselves who calls."""
    addresses = development.Addresses(development.usual_url(project), project.database.url)
    given = development.service_environment(project, service, addresses)
    return {name: value for name, value in given.items() if name != KEY_VARIABLE} | {ENVIRONMENT_VARIABLE: "test"}


PARTS: Mapping[str, Callable[[Path, Project], tuple[Result, ...]]] = {
    "permissions": _permissions,
    "database": _database,
    "services": _services,
}
"""What there is to test, in the order it is done."""
