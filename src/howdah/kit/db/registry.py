"""The databases of a service by name, each made when it is first asked for and shared by the whole process."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import replace
from typing import Any

from howdah.kit.db.aio import AsyncDatabase
from howdah.kit.db.errors import Mistake
from howdah.kit.db.settings import DEFAULT, DatabaseSettings, read_settings, variable
from howdah.kit.db.sync import Database

_configured: dict[str, DatabaseSettings] = {}
_sync: dict[str, Database] = {}
_async: dict[str, AsyncDatabase] = {}
_lock = threading.RLock()


def configure(name: str = DEFAULT, *, url: str | None = None, **options: Any) -> DatabaseSettings:
    """The database ``name`` is at ``url`` and used as the options say, whatever the environment says of those.

    To be called before it is first used. Raises Mistake: it is in use already, or has no such option; UnknownDatabase.
    """
    with _lock:
        if name in _sync or name in _async:
            raise Mistake(f"The database {name!r} is in use already.", hint="Configure it before it is first used.")
        environment = dict(os.environ)
        if url is not None:
            environment = {**environment, variable(name): url}
        try:
            _configured[name] = settings = replace(read_settings(environment, name), **options)
        except TypeError as error:
            raise Mistake(f"A database has no such option: {error}.") from None
        return settings


def database(name: str = DEFAULT) -> Database:
    """The database of this name, for code that waits in threads. Raises UnknownDatabase, Mistake."""
    with _lock:
        found = _sync.get(name)
        if found is None:
            found = _sync[name] = Database(_settings(name))
        return found


def async_database(name: str = DEFAULT) -> AsyncDatabase:
    """The database of this name, for code that waits in an event loop. Raises UnknownDatabase, Mistake."""
    with _lock:
        found = _async.get(name)
        if found is None:
            found = _async[name] = AsyncDatabase(_settings(name))
        return found


def close_all() -> None:
    """Every connection of the process is closed, those in use as soon as they are not; names are read anew."""
    with _lock:
        for sync in _sync.values():
            sync.close()
        for asynchronous in _async.values():
            asynchronous.close()
        _sync.clear()
        _async.clear()
        _configured.clear()


def _settings(name: str) -> DatabaseSettings:
    return _configured.get(name) or read_settings(os.environ, name)


def _after_fork() -> None:
    """The lock may have been held by a thread that this process does not have."""
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close_all)
