"""Named queries out of a ``.sql`` file: every block is headed by a line ``-- name --``."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEADING = re.compile(r"^-- (\w+) --[ \t]*$", re.MULTILINE)


def load(path: Path) -> Mapping[str, str]:
    """The queries of the file by their names.

    Raises ValueError when two have one name: that is a mistake in howdah itself.
    """
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Mapping[str, str]:
    r"""The queries in ``text`` by their names.

    >>> dict(parse("-- one --\nselect 1;\n-- two --\n-- With a remark.\nselect 2;\n"))
    {'one': 'select 1;', 'two': '-- With a remark.\nselect 2;'}
    """
    pieces = _HEADING.split(text)
    names, bodies = pieces[1::2], pieces[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"Two queries have one name among {names}.")
    return MappingProxyType({name: body.strip() for name, body in zip(names, bodies, strict=True)})
