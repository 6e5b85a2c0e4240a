"""How a transaction begins, and which failures are worth another try. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from howdah.kit.db.errors import DbError, Mistake, TryAgain
from howdah.kit.db.statements import literal, name
from howdah.session import ROLE_HEADER, Session

Isolation = Literal["read committed", "repeatable read", "serializable"]

CALLER_SETTING: Final = "hasura.user"
"""Where policies and triggers find whom a transaction is for, as those written for Hasura look it up:
``current_setting('hasura.user', true)::json ->> 'x-hasura-user-id'``."""

_ISOLATIONS: Final = ("read committed", "repeatable read", "serializable")
_WORTH_RETRYING: Final = frozenset({"40001", "40P01", "0A000", "26000"})
"""Serialization, deadlock, and plans that are older than their table (`refusals.is_stale_plan`)."""

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class TransactionOptions:
    """What may be asked of a transaction; None and False are what the database does by itself."""

    isolation: Isolation | None = None
    read_only: bool = False
    statement_timeout: float | None = None
    caller: Session | None = None
    role: str | None = None


PLAIN: Final = TransactionOptions()


def begin(options: TransactionOptions, application_name: str | None) -> str:
    """The statements that begin a transaction, sent together; what they set ends with it.

    >>> begin(PLAIN, None)
    'BEGIN'
    >>> begin(TransactionOptions("serializable", read_only=True), "app 7")
    "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; SET LOCAL application_name = 'app 7'"

    Raises Mistake: no isolation level is called so.
    """
    words = ["BEGIN"]
    if options.isolation is not None:
        if options.isolation not in _ISOLATIONS:
            raise Mistake(f"An isolation level is one of {', '.join(_ISOLATIONS)}.", path="isolation")
        words.append(f"ISOLATION LEVEL {options.isolation.upper()}")
    if options.read_only:
        words.append("READ ONLY")
    statements = [" ".join(words)]
    if options.statement_timeout is not None:
        statements.append(f"SET LOCAL statement_timeout = {round(options.statement_timeout * 1000)}")
    if application_name is not None:
        statements.append(f"SET LOCAL application_name = {literal(application_name)}")
    if options.caller is not None:
        said = json.dumps({**options.caller.variables, ROLE_HEADER: options.caller.role})
        statements.append(f'SET LOCAL hasura."user" = {literal(said)}')
    if options.role is not None:
        # Last: from here on only what that role may do. The text goes without parameters, so a percent is one sign.
        statements.append(f"SET LOCAL ROLE {name(options.role).replace('%%', '%')}")
    return "; ".join(statements)


def refuse_inside(options: TransactionOptions) -> None:
    """A transaction inside another is a savepoint of that, and has its options. Raises Mistake for others."""
    if options != PLAIN:
        raise Mistake("A transaction inside another has the options of the outer one: give them there.")


def is_worth_retrying(error: DbError) -> bool:
    """Whether the same work, begun anew, may succeed: it met another transaction."""
    return isinstance(error, TryAgain) and error.sqlstate in _WORTH_RETRYING


def pauses(retries: int) -> Iterator[float]:
    """The seconds to wait before each retry, longer and more spread each time."""
    for attempt in range(retries):
        yield min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE) * random.uniform(0.5, 1.5)  # noqa: S311 - keeps no secret
