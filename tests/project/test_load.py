"""A folder on the disk becomes a Project; its secrets are made, kept and refused."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from howdah.observe.secret import Secret
from howdah.project.dotenv import parse_dotenv
from howdah.project.errors import (
    BrokenToml,
    ExposedSecrets,
    InvalidSettings,
    ProjectNotFound,
    UnreadableFile,
    UnusableSecret,
    UnwritableFile,
)
from howdah.project.load import default_project, find_project, load_project
from howdah.project.secret_file import check_secret, ensure_secrets, read_secret_file, read_secrets

GOOD = "Zk3-9vT1xQ8rLwYb2mNc"


def test_a_project_is_found_from_below(tmp_path: Path) -> None:
    """The nearest folder upwards with a howdah.toml is the project; without one there is an error with exit code 4."""
    (tmp_path / "howdah.toml").touch()
    inner = tmp_path / "services" / "app"
    inner.mkdir(parents=True)
    assert find_project(inner) == tmp_path
    assert find_project(tmp_path) == tmp_path
    (tmp_path / "howdah.toml").unlink()
    with pytest.raises(ProjectNotFound) as caught:
        find_project(inner)
    assert (caught.value.code, caught.value.exit_code) == ("E100", 4)
    assert "quickstart" in str(caught.value.hint)


def test_a_folder_is_loaded_with_its_dotenv_and_secrets(tmp_path: Path) -> None:
    """howdah.toml, .env and .howdah/secrets.toml together; .env's other values are for the services."""
    (tmp_path / "howdah.toml").write_text('\ufeff[services.app]\ncommand = "run"\nfolder = "app"\n')
    (tmp_path / "app").mkdir()
    (tmp_path / ".env").write_text(f"HOWDAH_SERVER_PORT=1234\nMAIL_URL=smtp://x\nHOWDAH_ADMIN_SECRET={GOOD}\n")
    ensure_secrets(tmp_path)
    project = load_project(tmp_path, {})
    assert project.root == tmp_path
    assert project.server.port == 1234
    assert project.environment == {"MAIL_URL": "smtp://x"}
    assert project.secrets.admin_secret == Secret(GOOD)
    assert load_project(tmp_path, {"HOWDAH_SERVER_PORT": "99"}, overrides=["logs.keep=1"]).server.port == 99


def test_a_missing_folder_of_a_service_is_named(tmp_path: Path) -> None:
    """A service that is to be run needs its folder."""
    (tmp_path / "howdah.toml").write_text('[services.app]\ncommand = "run"\n')
    with pytest.raises(InvalidSettings, match="there is no folder"):
        load_project(tmp_path, {})


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    """No project, a directory, a file that is not UTF-8: each an error of its own, never a traceback."""
    with pytest.raises(ProjectNotFound):
        load_project(tmp_path, {})
    (tmp_path / "howdah.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UnreadableFile, match="not UTF-8"):
        load_project(tmp_path, {})
    (tmp_path / "howdah.toml").unlink()
    (tmp_path / "howdah.toml").mkdir()
    with pytest.raises(UnreadableFile):
        load_project(tmp_path, {})


def test_there_are_defaults_without_a_folder() -> None:
    """`serve` alone: settings from the environment and --set, admin disabled unless a secret is given (R51)."""
    project = default_project({"DATABASE_URL": "postgresql://x"}, overrides=["server.port=0"])
    assert (project.root, project.name, project.server.port) == (None, "howdah", 0)
    assert project.secrets.admin_secret is None
    assert default_project({"HOWDAH_ADMIN_SECRET": GOOD}).secrets.admin_secret == Secret(GOOD)


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    """256 random bits in a file of mode 0600 in a folder nobody else can list; a second call keeps them."""
    old = os.umask(0)
    try:
        assert ensure_secrets(tmp_path) is True
    finally:
        os.umask(old)
    folder, file = tmp_path / ".howdah", tmp_path / ".howdah" / "secrets.toml"
    assert stat.S_IMODE(folder.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = read_secrets(tmp_path, {}).admin_secret
    assert secret is not None
    assert len(secret.reveal()) == 43
    assert ensure_secrets(tmp_path) is False
    assert read_secrets(tmp_path, {}).admin_secret == secret
    assert [path.name for path in folder.iterdir()] == ["secrets.toml"]


def test_a_file_of_an_earlier_howdah_is_given_the_key_it_lacks(tmp_path: Path) -> None:
    """However many do it at once, all read one key, and the admin secret stays."""
    folder = tmp_path / ".howdah"
    folder.mkdir()
    file = folder / "secrets.toml"
    file.write_text(f'admin_secret = "{GOOD}"')
    file.chmod(0o644)
    with pytest.raises(ExposedSecrets):
        ensure_secrets(tmp_path)
    file.chmod(0o600)
    threads = [threading.Thread(target=ensure_secrets, args=(tmp_path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_secrets(tmp_path, {})
    assert found.admin_secret == Secret(GOOD)
    assert file.read_text().count("secret_key") == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert found.secret_key is not None
    assert len(found.secret_key.reveal()) == 64


def test_each_secret_comes_from_its_variable_first() -> None:
    """Keys have to be longer than a secret that somebody types."""
    former = read_secrets(None, {"HOWDAH_ADMIN_SECRET": GOOD, "HOWDAH_PREVIOUS_ADMIN_SECRET": GOOD * 2})
    assert (former.admin_secret, former.previous_admin_secret) == (Secret(GOOD), Secret(GOOD * 2))
    found = read_secrets(None, {"HOWDAH_SECRET_KEY": GOOD * 3, "HOWDAH_PREVIOUS_SECRET_KEY": GOOD * 4})
    assert (found.admin_secret, found.secret_key, found.previous_secret_key) == (
        None,
        Secret(GOOD * 3),
        Secret(GOOD * 4),
    )
    with pytest.raises(UnusableSecret, match="HOWDAH_SECRET_KEY is shorter than 43 characters"):
        read_secrets(None, {"HOWDAH_SECRET_KEY": GOOD * 2})


def test_two_commands_agree_on_one_secret(tmp_path: Path) -> None:
    """However many make the file at the same moment, one of them has made it."""
    made: list[bool] = []
    threads = [threading.Thread(target=lambda: made.append(ensure_secrets(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    assert read_secrets(tmp_path, {}).admin_secret is not None


def test_secrets_that_cannot_be_written_say_so(tmp_path: Path) -> None:
    """A file where the folder should be is a clear error."""
    (tmp_path / ".howdah").touch()
    with pytest.raises(UnwritableFile, match="cannot be written"):
        ensure_secrets(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_secrets_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    """A secrets file open to group or world is an error with the exact command that mends it."""
    ensure_secrets(tmp_path)
    file = tmp_path / ".howdah" / "secrets.toml"
    file.chmod(mode)
    with pytest.raises(ExposedSecrets) as caught:
        read_secrets(tmp_path, {})
    assert caught.value.hint == f"chmod 600 '{file}'"
    assert caught.value.exit_code == 5
    file.chmod(0o600)
    assert read_secrets(tmp_path, {}).admin_secret is not None


def test_a_broken_secrets_file_is_not_quoted(tmp_path: Path) -> None:
    """The error about it, and its cause, do not repeat what is in it."""
    ensure_secrets(tmp_path)
    (tmp_path / ".howdah" / "secrets.toml").write_text(f'admin_secret = "{GOOD}')
    with pytest.raises(BrokenToml) as caught:
        read_secrets(tmp_path, {})
    assert GOOD not in str(caught.value)
    assert caught.value.__suppress_context__


WEAK = [
    "",
    "s3cr3t",
    "changeme",
    "change-me-change-me-change-me",
    "my-super-secret-admin-secret",
    "your admin secret here",
    "replace_this_secret",
    "0123456789012345678901234567890",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "passwordpasswordpassword",
    "Zk3-9vT1xQ8rLwYb2mNé",
    "Zk3-9vT1xQ8rLw\nYb2mNc",
    " Zk3-9vT1xQ8rLwYb2mNc",
]


@pytest.mark.parametrize("value", WEAK)
def test_a_secret_that_protects_nothing_is_refused(value: str, tmp_path: Path) -> None:
    """Empty, short, sample and unsendable secrets stop everything, wherever they come from (R7)."""
    with pytest.raises(UnusableSecret) as caught:
        check_secret(value, "x")
    assert not value or value not in str(caught.value)
    assert (caught.value.code, caught.value.exit_code) == ("E321", 5)
    with pytest.raises(UnusableSecret):
        default_project({"HOWDAH_ADMIN_SECRET": value})
    file = tmp_path / "secret"
    file.write_text(value)
    with pytest.raises(UnusableSecret):
        read_secret_file(file)


@pytest.mark.parametrize(
    "value", [GOOD, "correct horse battery staple", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b82"]
)
def test_a_real_secret_is_taken(value: str, tmp_path: Path) -> None:
    """From the environment, and from a file with a line end that anybody in a container may read."""
    assert read_secrets(None, {"HOWDAH_ADMIN_SECRET": value}).admin_secret == Secret(value)
    file = tmp_path / "secret"
    file.write_text(value + "\n")
    file.chmod(0o644)
    assert read_secret_file(file) == Secret(value)


def test_a_missing_secret_file_says_so(tmp_path: Path) -> None:
    """A wrong path is an error, not an absent secret."""
    with pytest.raises(UnreadableFile):
        read_secret_file(tmp_path / "nothing")


# -- .env --------------------------------------------------------------------------------------------------------------

LINES = [
    ("A=1", {"A": "1"}),
    ("  export A = 1  ", {"A": "1"}),
    ("A='x # y'", {"A": "x # y"}),
    ('A="x" # note', {"A": "x"}),
    ("A=x#y # note", {"A": "x#y"}),
    ("A=", {"A": ""}),
    ("A= # nothing", {"A": ""}),
    ("A=$HOME", {"A": "$HOME"}),
    ("# A=1\n\nA=2\nA=3\n", {"A": "3"}),
    ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_dotenv_lines_are_read_as_they_stand(text: str, expected: dict[str, str]) -> None:
    """Quotes and comments are understood, nothing is expanded."""
    assert parse_dotenv(text) == expected


@pytest.mark.parametrize("line", ["sk_live_secret", "A B=sk_live_secret", "A='sk_live_secret", "1A=x", "A='x' y"])
def test_a_dotenv_line_that_is_none_is_named_and_not_shown(line: str) -> None:
    """The error has file and line, and does not repeat what may be a secret."""
    with pytest.raises(InvalidSettings) as caught:
        parse_dotenv(f"\n{line}\n")
    assert caught.value.problems[0].place == ".env:2"
    assert "sk_live" not in str(caught.value)
