"""Who may call a function: ``allow("editor", "admin")``, the same in both frameworks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from howdah.kit.context import current
from howdah.kit.errors import NotAllowed, SignInRequired
from howdah.session import ANONYMOUS_ROLE, Session

Function = TypeVar("Function", bound=Callable[..., Any])


class allow:  # noqa: N801 - written as a decorator
    """Only callers with one of these roles get through; a decorator for a function that answers requests.

    Everybody else is told 401 (`SignInRequired`) when nobody is signed in, and 403 (`NotAllowed`) otherwise. The role
    ``admin`` has no short cut: name it where it may call. Put it below the route's decorator, where it cannot be
    skipped; without one it works on any function that is called while a request is answered.

    Raises ValueError: no role is named, or a function where a role belongs (``@allow`` without its brackets).
    """

    __slots__ = ("roles",)

    def __init__(self, *roles: str) -> None:
        named: tuple[object, ...] = roles
        if not roles or not all(isinstance(role, str) and role for role in named):
            raise ValueError('allow() takes the names of roles: allow("editor", "admin")')
        self.roles = frozenset(roles)

    def __call__(self, function: Function) -> Function:
        """The function, for these roles only."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def asynchronous(*args: Any, **keywords: Any) -> Any:
                check(current.session, self.roles)
                return await function(*args, **keywords)

            return asynchronous  # type: ignore[return-value]

        @functools.wraps(function)
        def plain(*args: Any, **keywords: Any) -> Any:
            check(current.session, self.roles)
            return function(*args, **keywords)

        return plain  # type: ignore[return-value]


def check(session: Session, roles: frozenset[str]) -> None:
    """Nothing, when the session has one of the roles. Raises SignInRequired, NotAllowed."""
    if session.role in roles:
        return
    if session.role == ANONYMOUS_ROLE:
        raise SignInRequired
    raise NotAllowed
