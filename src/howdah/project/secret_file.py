"""The project's secrets: made once, kept in a file only its owner can read, refused when they protect nothing."""

from __future__ import annotations

import os
import re
import secrets
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from howdah.observe.secret import Secret
from howdah.project.errors import BrokenToml, ExposedSecrets, UnreadableFile, UnusableSecret, UnwritableFile
from howdah.project.sections import Secrets

STATE_FOLDER = ".howdah"
SECRETS_FILE = "secrets.toml"
ADMIN_SECRET_VARIABLE = "HOWDAH_ADMIN_SECRET"  # noqa: S105 - the name of a variable

SHORTEST_SECRET = 16

_SAMPLE_WORDS = re.compile(
    r"change|me|this|replace|it|your|own|my|the|admin|super|top|secret|key|example|sample|placeholder|password|passwd|"
    r"howdah|hasura|token|default|test|dev|development|production|local|please|generate|random|string|long|here|value|"
    r"at|least|characters|0?123456789|0?12345678|abcdefgh|qwertyuiop|qwerty|[^a-z0-9]",
    re.IGNORECASE,
)
_LEAST_VARIETY = 8


def ensure_secrets(root: Path) -> bool:
    """Make sure that the project has secrets of its own; True when they were made just now.

    The folder gets mode 0700 and the file 0600 before anything is in it. Root's folder gets 0711: Postgres, which
    refuses to run as root, must pass through it as another account. Two commands at once agree on one secret.

    Raises UnwritableFile.
    """
    folder, file = root / STATE_FOLDER, root / STATE_FOLDER / SECRETS_FILE
    draft = folder / f".{SECRETS_FILE}.{secrets.token_hex(8)}"
    text = (
        "# Made by howdah for this machine. Never commit or share this file.\n"
        f'admin_secret = "{secrets.token_urlsafe(32)}"\n'
    )
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode, exist_ok=True)
        if file.exists():
            return False
        folder.chmod(mode)
        try:
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as open_file:
                open_file.write(text)
                open_file.flush()
                os.fsync(open_file.fileno())
            os.link(draft, file)  # unlike a rename, this leaves alone what another command has made meanwhile
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableFile(
            f"{file} cannot be written: {error.strerror}.", path=str(file), hint="Check who owns the project's folder."
        ) from error
    return True


def read_secrets(root: Path | None, environment: Mapping[str, str]) -> Secrets:
    """The project's secrets: ``HOWDAH_ADMIN_SECRET`` where it is set, else what ``.howdah/secrets.toml`` holds.

    Raises UnusableSecret, ExposedSecrets, BrokenToml, UnreadableFile.
    """
    given = environment.get(ADMIN_SECRET_VARIABLE)
    if given is not None:
        return Secrets(check_secret(given, ADMIN_SECRET_VARIABLE))
    if root is None:
        return Secrets()
    file = root / STATE_FOLDER / SECRETS_FILE
    text = read_private_file(file) if file.exists() else ""
    try:
        stored = tomllib.loads(text).get("admin_secret")
    except tomllib.TOMLDecodeError:
        # The parser's own message may quote the line, and the line is a secret: it is not chained.
        raise BrokenToml(
            f"{file} is not TOML.", path=str(file), hint="Delete it: `howdah dev` makes another."
        ) from None
    if stored is None:
        return Secrets()
    return Secrets(check_secret(stored if isinstance(stored, str) else "", f"admin_secret in {file}"))


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


def check_secret(value: str, place: str) -> Secret:
    """The secret, when it is one that protects something.

    Raises UnusableSecret: it is empty, shorter than sixteen characters, a sample, or cannot stand in a header (R7).
    """
    hint = 'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
    if not value:
        raise UnusableSecret(f"{place} is empty.", hint=f"Unset it to do without. {hint}")
    if len(value) < SHORTEST_SECRET:
        raise UnusableSecret(f"{place} is shorter than {SHORTEST_SECRET} characters.", hint=hint)
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise UnusableSecret(f"{place} cannot be sent in a header: use printable ASCII only.", hint=hint)
    if len(set(_SAMPLE_WORDS.sub("", value))) < _LEAST_VARIETY:
        raise UnusableSecret(f"{place} is a sample, not a secret.", hint=hint)
    return Secret(value)
