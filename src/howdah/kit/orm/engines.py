"""Engines by the name of their database, from the same settings as `howdah.kit.db`, one of a kind for each process."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from howdah.kit.db import async_pool, pool
from howdah.kit.db.settings import DEFAULT, DatabaseSettings, read_settings

_URL: Final = "postgresql+psycopg://"
_engines: dict[str, Engine] = {}
_async_engines: dict[tuple[str, asyncio.AbstractEventLoop], AsyncEngine] = {}
_made: weakref.WeakKeyDictionary[AsyncEngine, weakref.WeakSet[async_pool.AsyncConnection]] = weakref.WeakKeyDictionary()
_inherited: list[AsyncEngine] = []
_lock = threading.RLock()


def engine(name: str = DEFAULT) -> Engine:
    """The engine of this database. Raises UnknownDatabase, Mistake."""
    with _lock:
        if name not in _engines:
            _engines[name] = make_engine(read_settings(os.environ, name))
        return _engines[name]


def async_engine(name: str = DEFAULT) -> AsyncEngine:
    """The engine of this database for the running event loop. Raises UnknownDatabase, Mistake."""
    key = (name, asyncio.get_running_loop())
    with _lock:
        for other in [other for other in _async_engines if other[1].is_closed()]:
            _abandon(_async_engines.pop(other))
        if key not in _async_engines:
            _async_engines[key] = make_async_engine(read_settings(os.environ, name))
        return _async_engines[key]


def make_engine(settings: DatabaseSettings) -> Engine:
    """An engine that waits for a database that is starting, and shows no parameters in what it says."""
    patience = _patience(settings)

    def connect() -> Any:
        return pool.connect(settings, patience(), autocommit=False)

    return create_engine(_URL, creator=connect, **_options(settings))


def make_async_engine(settings: DatabaseSettings) -> AsyncEngine:
    """As `make_engine`, for event loops."""
    patience = _patience(settings)
    made: weakref.WeakSet[async_pool.AsyncConnection] = weakref.WeakSet()

    async def connect(*_: Any, **__: Any) -> Any:
        connection = await async_pool.connect(settings, patience(), autocommit=False)
        made.add(connection)
        return connection

    engine = create_async_engine(_URL, async_creator=connect, **_options(settings))
    _made[engine] = made
    return engine


def close_engines() -> None:
    """The connections of every engine are closed; names are read anew."""
    with _lock:
        for one in _engines.values():
            one.dispose()
        for other in _async_engines.values():
            _abandon(other)
        _engines.clear()
        _async_engines.clear()


def _patience(settings: DatabaseSettings) -> Callable[[], float]:
    """How long to try to connect: longer for the first time, when the database may be starting, too."""
    asked = itertools.count()
    return lambda: settings.startup_timeout if next(asked) == 0 else settings.pool_timeout


def _abandon(engine: AsyncEngine) -> None:
    """The engine has no connections any more, without its event loop, which may be over."""
    for connection in _made.get(engine, ()):
        connection.pgconn.finish()
    engine.sync_engine.dispose(close=False)


def _options(settings: DatabaseSettings) -> dict[str, Any]:
    return {
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.pool_timeout,
        "pool_recycle": round(settings.max_lifetime) or -1,
        "pool_pre_ping": True,
        "hide_parameters": True,
    }


def _after_fork() -> None:
    """What the parent has stays the parent's."""
    global _lock  # the parent's may have been held by a thread that this process does not have
    _lock = threading.RLock()
    for one in _engines.values():
        one.dispose(close=False)
    _inherited.extend(_async_engines.values())
    _async_engines.clear()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close_engines)
