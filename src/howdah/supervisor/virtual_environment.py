"""The virtual environment of a service with requirements of its own: made when missing, renewed when those change."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from howdah.supervisor.errors import RequirementsNotInstalled

_MARK = "howdah.json"
_LAST_LINES = 12
_SERVERS = frozenset({"gunicorn", "uvicorn", "hypercorn", "waitress-serve"})


def programs_of(environment: Path) -> Path:
    """The folder of its programs."""
    return environment / "bin"


async def provide(environment: Path, folder: Path, requirements: Sequence[str], program: str) -> None:
    """The environment is there and has what the files of requirements, from the ``folder``, say.

    A ``pyproject.toml`` among them stands for the project it describes. A ``program`` that serves apps is added where
    nothing of that brings it. Raises RequirementsNotInstalled.
    """
    wanted = _wanted(folder, requirements)
    mark = environment / _MARK
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return
    await asyncio.to_thread(shutil.rmtree, environment, ignore_errors=True)
    environment.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    await _run(folder, sys.executable, "-m", "venv", str(environment))
    words = [word for name in requirements for word in _words(name)]
    install = (str(programs_of(environment) / "python"), "-m", "pip", "install", "--quiet")
    await _run(folder, *install, *words)
    if program in _SERVERS and not (programs_of(environment) / program).exists():
        await _run(folder, *install, program)
    mark.write_text(wanted, encoding="utf-8")


def _words(name: str) -> tuple[str, ...]:
    if Path(name).name == "pyproject.toml":
        return (str(Path(name).parent),)
    return ("-r", name)


def _wanted(folder: Path, requirements: Sequence[str]) -> str:
    """What the environment is made of, as its mark says it."""
    digests = {}
    for name in requirements:
        try:
            digests[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise RequirementsNotInstalled(f"{folder / name} cannot be read: {error.strerror}") from error
    return json.dumps({"python": sys.version, "requirements": digests}, sort_keys=True)


async def _run(folder: Path, *words: str) -> None:
    """Raises RequirementsNotInstalled with the last lines."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOWDAH_")}
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={**clean, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        raise RequirementsNotInstalled("\n  ".join(["its requirements cannot be installed:", *lines]))
