"""The new project's git repository, with a first commit. A project works without one, so nothing here is fatal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_TIME_LIMIT = 30.0
# Set where howdah is run from a hook, these would make git work on another repository.
OTHER_REPOSITORY = frozenset({"GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE"})
# Nothing of the user's may interrupt or change a first commit: no hooks, no signing prompt, no editor.
_QUIETLY = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "core.fsmonitor=false")


def first_commit(folder: Path, message: str) -> str | None:
    """Make ``folder`` a git repository whose first commit is everything in it; what was left undone and why, or None.

    An existing repository is left alone. Nobody's identity is made up: without one, the files are only added.
    """
    if (folder / ".git").exists():
        return "The folder already is a git repository: nothing was committed."
    try:
        for arguments in (("init", "--quiet"), ("symbolic-ref", "HEAD", "refs/heads/main"), ("add", "--all")):
            done = _git(folder, *arguments)
            if done.returncode != 0:
                return f"git {arguments[0]} failed: {_last_line(done)}"
        if _git(folder, "var", "GIT_COMMITTER_IDENT").returncode != 0:
            return "git does not know you, so nothing was committed: git config --global user.email you@example.com"
        done = _git(folder, "commit", "--quiet", "--no-verify", "--message", message)
        return f"git commit failed: {_last_line(done)}" if done.returncode != 0 else None
    except FileNotFoundError:
        return "git is not installed, so there is no repository."
    except subprocess.TimeoutExpired:
        return f"git did not finish within {_TIME_LIMIT:g} s."


def environment() -> dict[str, str]:
    """The environment in which git works on the repository of the folder it is called in."""
    return {name: value for name, value in os.environ.items() if name not in OTHER_REPOSITORY}


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *_QUIETLY, *arguments],
        cwd=folder,
        env={**environment(), "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIME_LIMIT,
        check=False,
    )


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
