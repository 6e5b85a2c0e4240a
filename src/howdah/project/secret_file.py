"""The project's secrets: made once, kept in a file only its owner can read, refused when they protect nothing."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from howdah.observe.secret import Secret
from howdah.project.errors import BrokenToml, ExposedSecrets, UnreadableFile, UnusableSecret, UnwritableFile
from howdah.project.sections import Secrets

STATE_FOLDER = ".howdah"
SECRETS_FILE = "secrets.toml"
ADMIN_SECRET_VARIABLE = "HOWDAH_ADMIN_SECRET"  # noqa: S105 - the name of a variable
SECRET_KEY_VARIABLE = "HOWDAH_SECRET_KEY"  # noqa: S105 - the name of a variable
PREVIOUS_ADMIN_SECRET_VARIABLE = "HOWDAH_PREVIOUS_ADMIN_SECRET"  # noqa: S105 - the name of a variable
PREVIOUS_SECRET_KEY_VARIABLE = "HOWDAH_PREVIOUS_SECRET_KEY"  # noqa: S105 - the name of a variable

VARIABLES = "variables"
"""The table of the file in which variables for settings and services are."""

SHORTEST_SECRET = 16
SHORTEST_KEY = 43
"""Characters: 32 random bytes in base64url, without padding."""
_SHORTEST = {
    "admin_secret": SHORTEST_SECRET,
    "previous_admin_secret": SHORTEST_SECRET,
    "secret_key": SHORTEST_KEY,
    "previous_secret_key": SHORTEST_KEY,
}

_SAMPLE_WORDS = re.compile(
    r"change|me|this|replace|it|your|own|my|the|admin|super|top|secret|key|example|sample|placeholder|password|passwd|"
    r"howdah|hasura|token|default|test|dev|development|production|local|please|generate|random|string|long|here|value|"
    r"at|least|characters|0?123456789|0?12345678|abcdefgh|qwertyuiop|qwerty|[^a-z0-9]",
    re.IGNORECASE,
)
_LEAST_VARIETY = 8
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def ensure_secrets(root: Path) -> bool:
    """Make sure that the project has secrets of its own; True when all were made just now.

    The folder gets mode 0700 and the file 0600 before anything is in it. Root's folder gets 0711: Postgres, which
    refuses to run as root, must pass through it as another account. Two commands at once agree on one secret. A file
    of an earlier howdah is given the key it lacks, and keeps what it has.

    Raises UnwritableFile, and what `read_private_file` raises.
    """
    folder, file = root / STATE_FOLDER, root / STATE_FOLDER / SECRETS_FILE
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode, exist_ok=True)
        if not file.exists():
            folder.chmod(mode)
            text = (
                "# Made by howdah for this machine. Never commit or share this file.\n"
                f'admin_secret = "{secrets.token_urlsafe(32)}"\n{_new_key()}'
            )
            with _draft(folder, text) as draft:
                try:
                    os.link(draft, file)  # unlike a rename, this leaves alone what another command has made meanwhile
                except FileExistsError:
                    return False
                return True
        if not _KEY_LINE.search(read_private_file(file)):
            with _alone(folder):
                text = read_private_file(file)
                if not _KEY_LINE.search(text):
                    with _draft(folder, f"{text.rstrip()}\n{_new_key()}") as draft:
                        draft.replace(file)
    except OSError as error:
        raise UnwritableFile(
            f"{file} cannot be written: {error.strerror}.", path=str(file), hint="Check who owns the project's folder."
        ) from error
    return False


_KEY_LINE = re.compile(r"^\s*secret_key\s*=", re.MULTILINE)


def _new_key() -> str:
    return f'secret_key = "{secrets.token_urlsafe(48)}"  # what accounts keep is sealed with this: do not lose it\n'


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process is in a block of this for the folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _draft(folder: Path, text: str) -> Iterator[Path]:
    """A file with the text, for nobody else to read, gone after the block unless it was moved."""
    draft = folder / f".{SECRETS_FILE}.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as open_file:
            open_file.write(text)
            open_file.flush()
            os.fsync(open_file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def read_secrets(root: Path | None, environment: Mapping[str, str]) -> Secrets:
    """The project's secrets: each from its variable where that is set, else from what ``.howdah/secrets.toml`` holds.

    Raises UnusableSecret, ExposedSecrets, BrokenToml, UnreadableFile.
    """
    variables = {
        "admin_secret": ADMIN_SECRET_VARIABLE,
        "secret_key": SECRET_KEY_VARIABLE,
        "previous_secret_key": PREVIOUS_SECRET_KEY_VARIABLE,
        "previous_admin_secret": PREVIOUS_ADMIN_SECRET_VARIABLE,
    }
    given = {name: environment.get(variable) for name, variable in variables.items()}
    file = root / STATE_FOLDER / SECRETS_FILE if root is not None else None
    needed = given["admin_secret"] is None or given["secret_key"] is None
    stored = _stored(file) if file is not None and needed and file.exists() else {}
    found: dict[str, Secret] = {}
    for name, variable in variables.items():
        value = given[name]
        if value is not None:
            found[name] = check_secret(value, variable, shortest=_SHORTEST[name])
        elif (written := stored.get(name)) is not None:
            text = written if isinstance(written, str) else ""
            found[name] = check_secret(text, f"{name} in {file}", shortest=_SHORTEST[name])
    return Secrets(**found)


def _stored(file: Path) -> Mapping[str, object]:
    text = read_private_file(file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # The parser's own message may quote the line, and the line is a secret: it is not chained.
        raise BrokenToml(
            f"{file} is not TOML.", path=str(file), hint="Delete it: `howdah dev` makes another."
        ) from None


def read_secret_variables(root: Path) -> Mapping[str, str]:
    """The variables that ``howdah secret set`` keeps: like those of ``.env``, where only their owner can read them.

    Raises ExposedSecrets, BrokenToml, UnreadableFile.
    """
    file = root / STATE_FOLDER / SECRETS_FILE
    if not file.exists():
        return {}
    table = _stored(file).get(VARIABLES)
    return {name: value for name, value in table.items() if isinstance(value, str)} if isinstance(table, dict) else {}


def set_secret_variable(root: Path, name: str, value: str | None) -> bool:
    """The variable has this value from now on, or is gone where there is none; whether there was one before.

    Raises UnusableSecret, UnwritableFile, ExposedSecrets, BrokenToml, UnreadableFile.
    """
    if not _VARIABLE.fullmatch(name):
        raise UnusableSecret(f"{name!r} cannot be a variable's name.", hint="STRIPE_KEY")
    if value is not None and (not value or "\0" in value):
        raise UnusableSecret(f"The value of {name} is empty or cannot be a variable's.")
    ensure_secrets(root)
    folder, file = root / STATE_FOLDER, root / STATE_FOLDER / SECRETS_FILE
    try:
        with _alone(folder):
            document = tomlkit.parse(read_private_file(file))
            variables = document.setdefault(VARIABLES, tomlkit.table())
            was_there = name in variables
            if value is not None:
                variables[name] = value
            elif was_there:
                del variables[name]
            with _draft(folder, tomlkit.dumps(document)) as draft:
                draft.replace(file)
    except TOMLKitError:
        raise BrokenToml(f"{file} is not TOML.", path=str(file)) from None
    except OSError as error:
        raise UnwritableFile(f"{file} cannot be written: {error.strerror}.", path=str(file)) from error
    return was_there


def read_secret_file(file: Path) -> Secret:
    """The secret that is the whole content of ``file``, without the line end.

    Its mode is not asked: container platforms mount secrets readable by all inside the one container.

    Raises UnusableSecret, UnreadableFile.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{file} is not UTF-8 text.", path=str(file)) from error
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror}.", path=str(file)) from error
    return check_secret(text.rstrip("\r\n"), str(file))


def read_private_file(file: Path) -> str:
    """The text of a file that only its owner can read.

    The mode is asked of the opened file, so that nothing can be put in its place in between.

    Raises ExposedSecrets, UnreadableFile.
    """
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableFile(f"{file} is not a file.", path=str(file))
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ExposedSecrets(
                    f"{file} has mode {stat.S_IMODE(status.st_mode):04o}: others on this machine can reach it.",
                    path=str(file),
                    hint=f"chmod 600 '{file}'",
                )
            return opened.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{file} is not UTF-8 text.", path=str(file)) from error
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror}.", path=str(file)) from error


def check_secret(value: str, place: str, *, shortest: int = SHORTEST_SECRET) -> Secret:
    """The secret, when it is one that protects something.

    Raises UnusableSecret: it is empty, shorter than ``shortest`` characters, a sample, or no header can hold it (R7).
    """
    hint = 'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
    if not value:
        raise UnusableSecret(f"{place} is empty.", hint=f"Unset it to do without. {hint}")
    if len(value) < shortest:
        raise UnusableSecret(f"{place} is shorter than {shortest} characters.", hint=hint)
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise UnusableSecret(f"{place} cannot be sent in a header: use printable ASCII only.", hint=hint)
    if len(set(_SAMPLE_WORDS.sub("", value))) < _LEAST_VARIETY:
        raise UnusableSecret(f"{place} is a sample, not a secret.", hint=hint)
    return Secret(value)
