"""A rendered statement: its text, what its parameters are, and how they become what Postgres reads."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from howdah.data.errors import MissingSessionVariable, NotInEnum, Path
from howdah.data.sql.encode import Encoding, encode, encode_list, to_json
from howdah.session import ROLE_HEADER, Session

MOST_SHOWN = 20
"""Labels that an error names."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A JSON value of the request or of a rule, as written; ``many`` when it is a list for one array parameter."""

    value: Any
    encoding: Encoding
    path: Path = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Choice(Literal):
    """A value, or with ``many`` several, that must be among the labels."""

    labels: tuple[str, ...] = ()

    def check(self, value: Any) -> None:
        """Raises NotInEnum for a text that is none of the labels; what is no text is refused where it is encoded."""
        for index, item in enumerate(value if self.many else (value,)):
            if isinstance(item, str) and item not in self.labels:
                path: Path = (self.path, index) if self.many else self.path
                shown = ", ".join(f'"{label}"' for label in self.labels[:MOST_SHOWN])
                more = f" and {len(self.labels) - MOST_SHOWN} more" if len(self.labels) > MOST_SHOWN else ""
                message = f"expected one of the values {shown}{more}"
                raise NotInEnum(message, labels=self.labels, path=path)


@dataclass(frozen=True, slots=True)
class Hole:
    """The place of a Literal's value in a statement that serves every request of its shape."""

    position: int


@dataclass(frozen=True, slots=True)
class Written:
    """The place of a Literal's value that is only known once earlier statements of a nested insert have run.

    It is the text of ``column`` in the only row that the statement ``steps`` names wrote; in a Literal of many, in all
    the rows that these statements wrote.
    """

    steps: tuple[int, ...]
    column: str
    path: Path = None


@dataclass(frozen=True, slots=True)
class SessionVariable:
    """The value a session has for ``name`` (lower case); Postgres casts its text."""

    name: str


@dataclass(frozen=True, slots=True)
class SessionVariables:
    """All that a session has, its role among it, as an object of JSON."""


Value = typing.Union[Literal, SessionVariable, SessionVariables]  # noqa: UP007 - `|` would read as an operator on our Literal here


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with ``$1`` to ``$n``, and what each of them stands for. Its single result cell is the answer as JSON."""

    text: str
    parameters: tuple[Value, ...]
    writes: bool


def bind(statement: Statement, session: Session, values: Sequence[Any] = ()) -> tuple[bytes | None, ...]:
    """The parameters as Postgres reads them, in text format; None is NULL. ``values`` fill the holes, by position.

    Raises MissingSessionVariable (a rule needs a variable the session does not have: never NULL) and ParseFailed (a
    JSON value of a kind its column cannot take).
    """
    return tuple([_bound(parameter, session, values) for parameter in statement.parameters])


def _bound(parameter: Value, session: Session, values: Sequence[Any]) -> bytes | None:
    if type(parameter) is Literal:
        value = parameter.value
        if type(value) is Hole:
            value = values[value.position]
        if parameter.many:
            return encode_list(value, parameter.encoding, parameter.path)
        return encode(value, parameter.encoding, parameter.path)
    if type(parameter) is SessionVariable:
        variable = session.role if parameter.name == ROLE_HEADER else session.variables.get(parameter.name)
        if variable is None:
            raise MissingSessionVariable(f'"{parameter.name}" header is expected but not found')
        return variable.encode()
    if isinstance(parameter, Choice):
        value = parameter.value
        if type(value) is Hole:
            value = values[value.position]
        parameter.check(value)
        encode_ = encode_list if parameter.many else encode
        return encode_(value, parameter.encoding, parameter.path)
    assert isinstance(parameter, SessionVariables)
    return to_json({**session.variables, ROLE_HEADER: session.role}).encode()
