"""An API that takes only POST: modules, and in each a list of routes with the actions behind them.

    # users/__init__.py
    module = Module(__name__, [
        route("add", add),
        route("list", list_users),
    ])

    # app.py
    Howdah(app, actions=Actions([users.module], bearer=settings.bearer))

``POST /users/add`` calls ``add`` with the members of the body as its arguments. Every call is checked: behind the
gateway it says who calls, elsewhere the caller shows the bearer. Without either there is no such API.
"""

from __future__ import annotations

import functools
import hmac
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from howdah.kit import access
from howdah.kit.errors import BearerRequired, NotConfigured, SignInRequired, UnknownAction
from howdah.kit.findings import no_object
from howdah.kit.problems import InvalidRequest, Problem, json_path
from howdah.kit.validation.checker import checker
from howdah.observe.secret import Secret
from howdah.session import ANONYMOUS_ROLE, Session

Action = Callable[..., Any]

SHORTEST_BEARER: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_BEARER: Final = re.compile(r"bearer +(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """A path below its module, and the function behind it, plain or ``async``."""

    path: str
    action: Action


def route(path: str, action: Action) -> Route:
    """A route of a module. Raises ValueError: no such path can be."""
    if path and not _PATH.fullmatch(path):
        raise ValueError(f'"{path}" is no path of an action: letters, digits, dashes, with slashes between them')
    return Route(path, action)


class Module:
    """A list of actions below one name. The empty route answers true, unless it is among them."""

    __slots__ = ("actions", "name", "roles")

    def __init__(
        self, name: str, routes: Iterable[Route | Mapping[str, Any]], *, roles: Sequence[str] | None = None
    ) -> None:
        """``name`` may be the package's own: its last part counts. Only ``roles`` may call, if there are any.

        Raises ValueError: the name or a path can be none, or a path is there twice.
        """
        self.name = name.rpartition(".")[2]
        if not _NAME.fullmatch(self.name):
            raise ValueError(f'"{name}" is no name of a module')
        self.roles = None if roles is None else access.allow(*roles).roles
        self.actions: dict[str, Action] = {"": _here}
        seen: set[str] = set()
        for one in routes:
            known = one if isinstance(one, Route) else route(one["route"], one["action"])
            if known.path in seen:
                raise ValueError(f'the module {self.name} has two routes "{known.path}"')
            seen.add(known.path)
            self.actions[known.path] = known.action


class Actions:
    """The modules of an API that takes only POST, and who may call them."""

    __slots__ = ("_bearers", "modules")

    def __init__(self, modules: Iterable[Module], *, bearer: Secret | str | Sequence[Secret | str] = ()) -> None:
        """``bearer`` is what callers show that do not come through the gateway; two, while one is replaced.

        Raises ValueError: two modules have one name; NotConfigured: a bearer is too short to protect anything.
        """
        listed = tuple(modules)
        self.modules = {module.name: module for module in listed}
        if len(self.modules) != len(listed):
            raise ValueError("two modules have the same name")
        given = [bearer] if isinstance(bearer, str | Secret) else bearer
        self._bearers = tuple((one.reveal() if isinstance(one, Secret) else one).encode() for one in given)
        if any(len(one) < SHORTEST_BEARER for one in self._bearers):
            raise NotConfigured(f"A bearer has at least {SHORTEST_BEARER} characters.", hint="openssl rand -hex 32")

    def check_configured(self, *, proven: bool) -> None:
        """Nothing, when somebody can say who calls: the gateway or a bearer. Raises NotConfigured."""
        if not proven and not self._bearers:
            raise NotConfigured(
                "Nothing says who may call the actions: there is neither a key of the gateway's nor a bearer.",
                hint="HOWDAH_INTERNAL_KEY, or Actions(…, bearer=settings.bearer)",
            )

    def find(self, module: str, path: str, *, session: Session, proven: bool, authorization: Sequence[str]) -> Action:
        """The action behind a path, for a caller who may call it.

        ``proven`` says that the session is the gateway's word; ``authorization`` are all values of that header.
        Raises SignInRequired, BearerRequired, NotAllowed, UnknownAction.
        """
        found = self.modules[module]
        if self._shown(authorization):
            return _action(found, path)  # who has the bearer is a machine of ours, and of no role
        if not proven:
            raise BearerRequired
        if session.role == ANONYMOUS_ROLE and (found.roles is None or ANONYMOUS_ROLE not in found.roles):
            raise SignInRequired
        if found.roles is not None:
            access.check(session, found.roles)
        return _action(found, path)

    def _shown(self, authorization: Sequence[str]) -> bool:
        """Whether a bearer of ours is shown, as the only one. Every one is compared, and in constant time."""
        matched = _BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
        if matched is None:
            return False
        shown = matched[1].encode()
        right = False
        for one in self._bearers:
            right |= hmac.compare_digest(shown, one)
        return right


def schema(what: Any) -> Callable[[Action], Action]:
    """The action is called only with what is valid; ``what`` as in `validate`: a file, a schema, a model.

    What comes of it are the action's arguments. Raises WrongSchema, at import.
    """

    def mark(action: Action) -> Action:
        checks = checker(what, action)

        if inspect.iscoroutinefunction(action):

            @functools.wraps(action)
            async def valid(**given: Any) -> Any:
                return await action(**dict(checks.body(given)))
        else:

            @functools.wraps(action)
            def valid(**given: Any) -> Any:
                return action(**dict(checks.body(given)))

        valid.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("given", inspect.Parameter.VAR_KEYWORD)]
        )
        return valid

    return mark


def arguments(action: Action, body: Any) -> dict[str, Any]:
    """The members of a body as the action's arguments.

    Raises UnreadableBody; InvalidRequest: the action takes other ones.
    """
    if not isinstance(body, dict):
        raise no_object()
    parameters = inspect.signature(action).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return body
    problems = [
        Problem("body", json_path([name]), "required", "It is missing.")
        for name, one in parameters.items()
        if one.default is one.empty and name not in body
    ]
    problems += [
        Problem("body", json_path([name]), "additionalProperties", "There is no such field.")
        for name in body
        if name not in parameters
    ]
    if problems:
        raise InvalidRequest(problems)
    return body


def _here() -> bool:
    return True


def _action(module: Module, path: str) -> Action:
    action = module.actions.get(path)
    if action is None:
        raise UnknownAction(f'The module {module.name} has no action "{path}".')
    return action
