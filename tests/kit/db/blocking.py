"""An async database behind the words of a sync one, so that one test can be asked of both."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any


class Blocking:
    """Waits for whatever the wrapped object would have awaited, always in one context, as one task would."""

    def __init__(self, wrapped: Any, runner: asyncio.Runner, context: contextvars.Context | None = None) -> None:
        self._wrapped = wrapped
        self._runner = runner
        self._context = context or contextvars.copy_context()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        return self._called(found) if inspect.ismethod(found) else self._given(found)

    def _called(self, method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if name_of(method) == "attempt":
                function, *rest = arguments

                async def awaited(*given: Any) -> Any:
                    # What it asks of the database blocks this very loop: so it runs in a thread of its own.
                    return await asyncio.to_thread(function, *given)

                arguments = (awaited, *rest)
            return self._given(self._context.run(method, *arguments, **named))

        return call

    def _given(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            return self._given(self._runner.run(value, context=self._context))
        if isinstance(value, AbstractAsyncContextManager) and hasattr(value, "gen"):
            return self._entered(value)
        if type(value).__module__ == "howdah.kit.db.aio":
            return Blocking(value, self._runner, self._context)
        return value

    @contextmanager
    def _entered(self, manager: Any) -> Iterator[Any]:
        value = self._given(self._runner.run(manager.__aenter__(), context=self._context))
        try:
            yield value
        except BaseException as error:
            if not self._runner.run(manager.__aexit__(type(error), error, error.__traceback__), context=self._context):
                raise
        else:
            self._runner.run(manager.__aexit__(None, None, None), context=self._context)


def name_of(method: Any) -> str:
    return str(getattr(method, "__name__", ""))
