"""Names in a request: lists of columns, and what a client calls parts of an answer."""

from __future__ import annotations

import re
from typing import Any

from howdah.data.errors import Path, Unreadable
from howdah.data.query.ast import ColumnName
from howdah.data.query.reading import Budget, read_list, read_name

MAX_ALIAS_BYTES = 63
"""An alias becomes a name in SQL, and Postgres would cut a longer one."""


def parse_column_names(value: Any, path: Path, budget: Budget) -> tuple[ColumnName, ...]:
    """A list of column names."""
    return tuple(
        ColumnName(read_name(item, (path, index)), (path, index))
        for index, item in enumerate(read_list(value, path, budget))
    )


def check_alias(name: Any, path: Path) -> str:
    """The name, which fits into SQL. Raises Unreadable."""
    if len(read_name(name, path).encode()) > MAX_ALIAS_BYTES:
        raise Unreadable(f"an alias has at most {MAX_ALIAS_BYTES} bytes", path=path)
    return str(name)


_TASK = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")


def checked_task(task: str, path: Path) -> str:
    """The name of a task. Raises Unreadable."""
    if not _TASK.fullmatch(task):
        raise Unreadable(f'"{task}" cannot be the name of a task', path=path)
    return task
