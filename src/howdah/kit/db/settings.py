"""The environment → where a database is and how it is used. Pure.

The database ``default`` is ``DATABASE_URL``; another, called ``reports``, is ``DATABASE_REPORTS_URL``. Each option of
`DatabaseSettings` has a variable beside it: ``DATABASE_POOL_SIZE``, ``DATABASE_REPORTS_POOL_SIZE``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from howdah.kit.db.errors import Mistake, UnknownDatabase
from howdah.kit.identity import SERVICE_VARIABLE
from howdah.observe.secret import Secret

DEFAULT: Final = "default"
_DRIVER: Final = re.compile(r"^postgres(?:ql)?\+\w+://")  # as SQLAlchemy's URLs name one
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where a database is, and how it is used; times in seconds, zero for no limit."""

    url: Secret
    name: str = DEFAULT
    application_name: str = "howdah-service"
    """What the server's own views call this process: the service's name, unless it is given."""
    pool_size: int = 10
    """How many connections one process may have at once."""
    pool_timeout: float = 5.0
    """How long one waits for a connection: for a free one, or for a database that went away."""
    startup_timeout: float = 30.0
    """How long the very first connection waits for a database that is starting."""
    connect_timeout: float = 10.0
    """How long one attempt to connect may take."""
    statement_timeout: float = 30.0
    lock_timeout: float = 10.0
    idle_in_transaction_timeout: float = 60.0
    max_idle: float = 600.0
    """How long a connection may lie unused before it is closed rather than used again."""
    max_lifetime: float = 3600.0
    """How old a connection may get: new ones notice a database that has moved."""
    prepared_statements: bool = True
    """Whether Postgres keeps the plans of statements that are used often. A pooler between may not allow it."""
    comments: bool = False
    """Whether each statement says for which request it is, as ``/* request_id=… */``. Postgres then plans it anew."""


def variable(name: str, option: str = "url") -> str:
    """The variable of the environment that has an option of a database.

    >>> variable("default"), variable("sales-reports", "pool_size")
    ('DATABASE_URL', 'DATABASE_SALES_REPORTS_POOL_SIZE')
    """
    words = ["DATABASE", *([] if name == DEFAULT else [name.replace("-", "_").upper()]), option.upper()]
    return "_".join(words)


def read_settings(environment: Mapping[str, str], name: str = DEFAULT) -> DatabaseSettings:
    """What the environment says of the database ``name``.

    Raises UnknownDatabase: it says nothing; Mistake: an option makes no sense.
    """
    if not _NAME.fullmatch(name):
        raise Mistake(f"No database can be called {name!r}: letters, digits, dashes, and a letter first.")
    url = environment.get(variable(name))
    if not url:
        known = sorted(_named(environment))
        raise UnknownDatabase(
            f"{variable(name)} is not set, so nobody knows where the database {name!r} is.",
            path=name,
            hint=f"There is: {', '.join(known)}." if known else "It looks like postgresql://user:password@host/name.",
        )
    given: dict[str, Any] = {"application_name": environment.get(SERVICE_VARIABLE) or "howdah-service"}
    for field in fields(DatabaseSettings):
        if field.name in ("url", "name"):
            continue
        key = variable(name, field.name)
        if text := environment.get(key):
            given[field.name] = _read(key, text, type(field.default))
    return DatabaseSettings(Secret(_DRIVER.sub("postgresql://", url)), name, **given)


def _named(environment: Mapping[str, str]) -> set[str]:
    """The databases that have a URL."""
    found = (re.fullmatch(r"DATABASE_(?:(\w+)_)?URL", key) for key in environment)
    return {one[1].lower() if one[1] else DEFAULT for one in found if one is not None}


def _read(key: str, text: str, kind: type[Any]) -> Any:
    if kind is bool:
        value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(text.lower())
        if value is None:
            raise Mistake(f"{key} is true or false, not {text!r}.", path=key)
        return value
    if kind is str:
        return text
    try:
        number = kind(text)
    except ValueError:
        raise Mistake(f"{key} is a number, not {text!r}.", path=key) from None
    if not (number >= (1 if kind is int else 0)) or number == float("inf"):
        raise Mistake(f"{key} is out of range: {text!r}.", path=key)
    return number
