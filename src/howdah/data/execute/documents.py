"""OpenAPI documents: made once for each standpoint and catalog, in a thread, for they take long with many tables."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from howdah.data.execute.known import Known
from howdah.data.openapi import describe
from howdah.data.plan.scope import Standpoint
from howdah.data.query.limits import Limits

_MOST: Final = 64  # standpoints: who has the admin secret can name as many roles as there are words


@dataclass(frozen=True, slots=True)
class Document:
    """A document as JSON, and a tag that only the same document has."""

    body: bytes
    etag: bytes


class Documents:
    """The documents of what is known at one moment."""

    def __init__(self, known: Known, limits: Limits, *, stringify_numerics: bool) -> None:
        self._known = known
        self._limits = limits
        self._stringify_numerics = stringify_numerics
        self._tasks: dict[Standpoint, asyncio.Task[Document]] = {}

    async def document(self, standpoint: Standpoint) -> Document:
        """The document of the standpoint; who asks while it is being made waits for the same one."""
        task = self._tasks.get(standpoint)
        if task is None:
            if len(self._tasks) >= _MOST:
                self._tasks.clear()
            task = self._tasks[standpoint] = asyncio.create_task(asyncio.to_thread(self._make, standpoint))
        return await asyncio.shield(task)

    def _make(self, standpoint: Standpoint) -> Document:
        described = describe(
            self._known.catalog,
            standpoint,
            self._limits,
            stringify_numerics=self._stringify_numerics,
            templates=self._known.metadata.query_templates,
        )
        body = b"".join(_pieces(described, depth=3))
        return Document(body, b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode())


def _pieces(value: Any, depth: int) -> Iterator[bytes]:
    """The JSON of a value, its outer levels piece by piece: the encoder lets no other thread run while it works."""
    if depth == 0 or not isinstance(value, dict):
        yield json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return
    before = b"{"
    for key, item in value.items():
        yield before + json.dumps(key, ensure_ascii=False).encode() + b":"
        yield from _pieces(item, depth - 1)
        before = b","
    yield b"}" if value else b"{}"
