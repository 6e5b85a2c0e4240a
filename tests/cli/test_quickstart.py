"""`howdah quickstart` into all kinds of folders."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.cli.commands import CLEAN, howdah, project

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def git(folder: Path, *words: str) -> str:
    """What git says about the repository of a folder."""
    return subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, env=CLEAN
    ).stdout.strip()


@pytest.mark.parametrize("name", ["shop", "my shop", "caf\u00e9-\u65e5\u672c", "a'b", "deep/er/shop"])
def test_a_project_is_made(name: str, tmp_path: Path) -> None:
    """Whatever the folder is called: files, secrets for the owner alone, a repository with one commit."""
    told = howdah("quickstart", "--skip-database", name, folder=tmp_path, environment=IDENTITY)
    assert (told.code, told.out) == (0, ""), told.err
    root = tmp_path / name
    assert f'name = "{root.name}"' in (root / "howdah.toml").read_text()
    assert "{{" not in (root / "README.md").read_text()
    secrets = root / ".howdah" / "secrets.toml"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert stat.S_IMODE(secrets.parent.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert git(root, "log", "--format=%an %s") == "Ada A howdah project from the template hello"
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "branch", "--show-current") == "main"
    assert ".howdah/" not in git(root, "ls-files")
    assert "howdah dev" in told.err
    secret = secrets.read_text().split('"')[1]
    assert secret not in told.err
    assert all(secret not in path.read_text() for path in root.rglob("*") if path.is_file() and path != secrets
               and ".git" not in path.parts)  # fmt: skip


def test_as_json_it_is_one_object(tmp_path: Path) -> None:
    """Folder, template, files and what became of the repository."""
    told = howdah("quickstart", "hello", "x", "--skip-database", "--json", folder=tmp_path, environment=IDENTITY)
    assert told.json["folder"] == str(tmp_path / "x")
    assert told.json["git"] == "committed"
    assert "howdah.toml" in told.json["files"]


def test_quiet_says_nothing(tmp_path: Path) -> None:
    """-q leaves both streams empty."""
    told = howdah("quickstart", "x", "--skip-database", "-q", folder=tmp_path, environment=IDENTITY)
    assert (told.code, told.out, told.err) == (0, "", "")


def test_here_is_a_folder_too(tmp_path: Path) -> None:
    """`quickstart .` uses the folder's own name."""
    folder = tmp_path / "here"
    folder.mkdir()
    assert howdah("quickstart", ".", "--skip-database", folder=folder).code == 0
    assert 'name = "here"' in (folder / "howdah.toml").read_text()


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    """E101 names what is there; nothing is written; --force writes, keeps other files and says what it replaced."""
    folder = project(tmp_path / "x", "# mine\n")
    (folder / "note.txt").write_text("keep me")
    told = howdah("quickstart", "x", "--skip-database", folder=tmp_path)
    assert told.code == 1
    assert "error[E101]" in told.err
    assert "howdah.toml, note.txt" in told.err
    assert "--force" in told.err
    assert sorted(path.name for path in folder.iterdir()) == ["howdah.toml", "note.txt"]
    forced = howdah("quickstart", "x", "--skip-database", "--force", folder=tmp_path)
    assert forced.code == 0
    assert "replaced howdah.toml" in forced.err
    assert (folder / "note.txt").read_text() == "keep me"


def test_an_empty_repository_is_not_in_the_way(tmp_path: Path) -> None:
    """A folder that only is a git repository is used, and its repository left alone."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "x")], check=True, env=CLEAN)
    told = howdah("quickstart", "x", "--skip-database", folder=tmp_path, environment=IDENTITY)
    assert told.code == 0
    assert "already is a git repository" in told.err


def test_without_an_identity_nothing_is_committed(tmp_path: Path) -> None:
    """Git that does not know who commits is not told a made-up name; the project is there all the same."""
    told = howdah(
        "quickstart", "x", "--skip-database", folder=tmp_path,
        environment={"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
                     "GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"},
    )  # fmt: skip
    assert told.code == 0
    assert "git does not know you" in told.err
    assert git(tmp_path / "x", "ls-files")


def test_without_git_there_is_a_project(tmp_path: Path) -> None:
    """No git on PATH is said, and that is all."""
    told = howdah("quickstart", "x", "--skip-database", folder=tmp_path, environment={"PATH": str(tmp_path)})
    assert told.code == 0
    assert "git is not installed" in told.err
    assert not (tmp_path / "x" / ".git").exists()


def test_hooks_and_the_environment_of_another_repository_do_nothing(tmp_path: Path) -> None:
    """Neither a global hook nor GIT_DIR of a surrounding hook touches the first commit."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "other")], check=True, env=CLEAN)
    (tmp_path / ".gitconfig").write_text(f"[core]\nhooksPath = {hooks}\n[commit]\ngpgSign = true\n")
    environment = {**IDENTITY, "GIT_DIR": str(tmp_path / "other" / ".git")}
    told = howdah("quickstart", "x", "--skip-database", folder=tmp_path, environment=environment)
    assert told.code == 0
    assert git(tmp_path / "x", "log", "--format=%an") == "Ada"


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file in the way is E104, with what to do."""
    (tmp_path / "x").write_text("")
    told = howdah("quickstart", "x/y", folder=tmp_path)
    assert told.code == 1
    assert "error[E104]" in told.err
    assert "hint:" in told.err


def test_the_database_is_filled(tmp_path: Path, database: str) -> None:
    """Migrations, metadata and seeds are applied to the given database; rows are counted."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(database)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
    told = howdah("quickstart", "x", "--json", folder=tmp_path, environment={**IDENTITY, "DATABASE_URL": url})
    assert told.code == 0, told.out + told.err
    assert told.json["migrations"] == 1
    assert {name.removeprefix("public."): count for name, count in told.json["rows"].items()} == {
        "article": 400,
        "author": 30,
    }


def test_a_database_that_is_not_there_leaves_the_project(tmp_path: Path) -> None:
    """The files stay, the error is clear, and it is said how to go on; the password is not shown."""
    environment = {**IDENTITY, "DATABASE_URL": "postgresql://me:hiddenpassword@127.0.0.1:1/x"}
    told = howdah("quickstart", "x", folder=tmp_path, environment=environment)
    assert told.code == 1
    assert "error[E142]" in told.err
    assert "howdah dev" in told.err
    assert "hiddenpassword" not in told.err
    assert (tmp_path / "x" / "howdah.toml").exists()


def test_a_terminal_without_unicode_is_no_obstacle(tmp_path: Path) -> None:
    """In a Latin-1 world the ticks are words, and names in other scripts are spelled out."""
    environment = {
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        **IDENTITY,
    }
    told = howdah("quickstart", "hello", "--skip-database", folder=tmp_path, environment=environment)
    assert told.code == 0
    assert told.err.startswith("ok 25 files in hello")


def test_nothing_of_the_template_is_left_out() -> None:
    """The wheel ships what quickstart writes: the template is inside the package."""
    import howdah.templates

    assert (Path(howdah.templates.__file__ or "").parent / "quickstart" / "hello" / "howdah.toml").is_file()
    assert shutil.which("git")
    assert json.dumps(os.environ.get("PATH"))
