"""A script of pg_dump's → a migration: statements that our runner takes, and nothing that is only noise in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from howdah.postgres.statements import split_statements

_META = re.compile(r"^\\(?:un)?restrict [A-Za-z0-9]+\n", re.MULTILINE)  # psql's, around everything
_ROLE = r'("(?:[^"]|"")+"|[\w$]+)'
_OWNER = re.compile(rf"ALTER .* OWNER TO {_ROLE};", re.DOTALL)
_GRANT = re.compile(rf"(?:GRANT|REVOKE) .* (?:TO|FROM) {_ROLE}(?: WITH GRANT OPTION)?;", re.DOTALL)
_SETTING = re.compile(r"SET (\w+) = (.*);", re.DOTALL)
# Kept where they say something: a table in another place or form than usual.
_USUAL = {"default_tablespace": "''", "default_table_access_method": "heap"}
_OF_OTHERS = re.compile(r"\b(?:hdb_catalog|hdb_views)\.")
_HEAD = """-- The database as it was when howdah took it over.

-- Functions may speak of what is made after them.
SET check_function_bodies = false;
"""


def to_migration(script: str, user: str, rows: Iterable[str] = ()) -> str:
    """The text of an up.sql that makes what the dump describes, for ``user``; ``rows`` are statements for its end.

    Left out: settings of the session, that the user owns what it makes, what the role of an API is granted, comments
    that come with extensions, and what calls Hasura's own functions.
    """
    statements = tuple(split_statements(_META.sub("", script)))
    unusual = {name for name, value in _settings(statements) if name in _USUAL and value != _USUAL[name]}
    kept = [one for one in statements if _is_wanted(one, user, unusual)]
    return _HEAD + "".join(f"\n{one}\n" for one in (*kept, *rows))


def _settings(statements: Iterable[str]) -> Iterator[tuple[str, str]]:
    for one in statements:
        if (setting := _SETTING.fullmatch(one)) is not None:
            yield setting[1], setting[2]


def _is_wanted(statement: str, user: str, unusual: set[str]) -> bool:
    if (setting := _SETTING.fullmatch(statement)) is not None:
        return setting[1] in unusual
    if (owner := _OWNER.fullmatch(statement)) is not None:
        return _unquoted(owner[1]) != user
    if (grant := _GRANT.fullmatch(statement)) is not None:
        return not _unquoted(grant[1]).startswith("howdah_api_")
    if statement.startswith(("SELECT pg_catalog.set_config(", "COMMENT ON EXTENSION ", "CREATE SCHEMA public;")):
        return False
    return not (statement.startswith("CREATE TRIGGER ") and _OF_OTHERS.search(statement))


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
