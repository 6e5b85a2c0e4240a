"""The event loop of a worker's process: one, for as long as the process lives, so that pools of connections last."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

_TIME_TO_END = 5.0
"""Seconds a coroutine has to clean up once it was cancelled."""


@dataclass(slots=True)
class _Loop:
    pid: int = 0
    loop: asyncio.AbstractEventLoop | None = None


_one = _Loop()
_lock = threading.Lock()


def complete(work: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns or raises, in this thread's context; cancelled when this thread is interrupted."""
    ended = threading.Event()

    async def whole() -> Any:
        try:
            return await work
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(whole(), _loop())
    try:
        return future.result()
    except BaseException:
        if not ended.is_set():  # a time limit: the loop is to be free for the next
            future.cancel()
            ended.wait(_TIME_TO_END)
        raise


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if _one.loop is None or _one.pid != os.getpid():
            _one.loop, _one.pid = asyncio.new_event_loop(), os.getpid()
            threading.Thread(target=_one.loop.run_forever, name="howdah-tasks", daemon=True).start()
        return _one.loop
