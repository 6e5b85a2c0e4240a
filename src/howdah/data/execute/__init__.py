"""The shell of the data part: the only one that sees the database. A request's bytes → an answer's bytes."""

from howdah.data.execute.answers import Answer
from howdah.data.execute.engine import Engine
from howdah.data.execute.known import publish

__all__ = ["Answer", "Engine", "publish"]
