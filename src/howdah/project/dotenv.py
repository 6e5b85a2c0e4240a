"""The text of a ``.env`` file → names and values. Plain ``NAME=value`` lines: nothing is expanded, nothing is run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from howdah.project.errors import InvalidSettings, Problem

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


def parse_dotenv(text: str, *, place: str = ".env") -> Mapping[str, str]:
    r"""Every name with its value; a later line wins over an earlier one.

    A value in single or double quotes is taken as it stands between them. Behind an unquoted value, a ``#`` that
    follows a blank begins a comment.

    Raises InvalidSettings for lines that are neither blank, comment nor ``NAME=value``. Their text is not repeated: it
    may be a secret.

    >>> parse_dotenv('# mail\nMAIL_URL="smtp://localhost"  # not in production\nexport DEBUG=1')
    {'MAIL_URL': 'smtp://localhost', 'DEBUG': '1'}
    """
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(stripped)
        value = _value(found["value"]) if found else None
        if found is None or value is None or "\0" in value:
            problems.append(Problem(f"{place}:{number}", "this line is not NAME=value"))
            continue
        values[found["name"]] = value
    if problems:
        raise InvalidSettings(problems)
    return values


def _value(written: str) -> str | None:
    """The value as written, without its quotes and without a comment; None when a quote is not closed."""
    if written[:1] in {'"', "'"}:
        value, closing, rest = written[1:].partition(written[0])
        rest = rest.strip()
        return value if closing and (not rest or rest.startswith("#")) else None
    if written.startswith("#"):
        return ""
    return re.split(r"\s+#", written, maxsplit=1)[0].strip()
