"""Databases as arguments: ``@inject(db="default")``, dependencies for FastAPI, and functions that are transactions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from howdah.kit.db.aio import AsyncDatabase
from howdah.kit.db.registry import async_database, database
from howdah.kit.db.settings import DEFAULT
from howdah.kit.db.sync import Database
from howdah.kit.db.transactions import Isolation

F = TypeVar("F", bound=Callable[..., Any])


def inject(**databases: str) -> Callable[[F], F]:
    """Decorate a function, so that it is given databases: ``@inject(db="default", archive="reports")``.

    An async function is given those for event loops. Whoever calls it may give one instead, as tests do. What is
    given does not show in the signature, so a web framework asks no client for it.
    """

    def decorate(function: F) -> F:
        found = async_database if inspect.iscoroutinefunction(function) else database
        signature = inspect.signature(function)
        for parameter in databases:
            if parameter not in signature.parameters:
                raise TypeError(f"{function.__qualname__} has no parameter {parameter}")

        def given(named: dict[str, Any]) -> dict[str, Any]:
            return {**{key: found(name) for key, name in databases.items() if key not in named}, **named}

        wrapper = _wrapped(function, lambda arguments, named: function(*arguments, **given(named)))
        kept = [one for one in signature.parameters.values() if one.name not in databases]
        wrapper.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return cast(F, wrapper)

    return decorate


def transactional(
    name: str = DEFAULT, *, isolation: Isolation | None = None, read_only: bool = False, retries: int = 0
) -> Callable[[F], F]:
    """Decorate a function, so that whatever it does in the database ``name`` is one transaction.

    Inside another transaction it is a savepoint of that. With ``retries`` it is begun anew as often when another
    transaction was in the way: it may run several times then, and is ``serializable`` unless ``isolation`` is given.
    """

    def decorate(function: F) -> F:
        if inspect.iscoroutinefunction(function):

            async def run_async(arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
                db = async_database(name)
                if retries:
                    call = functools.partial(function, *arguments, **named)
                    return await db.attempt(call, retries=retries, isolation=isolation or "serializable")
                async with db.transaction(isolation=isolation, read_only=read_only):
                    return await function(*arguments, **named)

            return cast(F, _wrapped(function, run_async))

        def run(arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            db = database(name)
            if retries:
                call = functools.partial(function, *arguments, **named)
                return db.attempt(call, retries=retries, isolation=isolation or "serializable")
            with db.transaction(isolation=isolation, read_only=read_only):
                return function(*arguments, **named)

        return cast(F, _wrapped(function, run))

    return decorate


def provide(name: str = DEFAULT) -> Callable[[], Database]:
    """A dependency for FastAPI: ``db: Annotated[Database, Depends(provide("reports"))]``.

    `database` itself is none: FastAPI would take its ``name`` from the client.
    """

    def dependency() -> Database:
        return database(name)

    return dependency


def provide_async(name: str = DEFAULT) -> Callable[[], AsyncDatabase]:
    """As `provide`, for functions that are ``async``."""

    def dependency() -> AsyncDatabase:
        return async_database(name)

    return dependency


def _wrapped(function: Callable[..., Any], run: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Callable[..., Any]:
    """``run``, under the name of ``function``, and async where that is."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*arguments: Any, **named: Any) -> Any:
            return await run(arguments, named)

    else:

        @functools.wraps(function)
        def wrapper(*arguments: Any, **named: Any) -> Any:
            return run(arguments, named)

    return wrapper
