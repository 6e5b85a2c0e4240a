"""A query → the request that asks it, and what came of that → its result, or an error. Pure.

What is known of a client is an `Asking`: where the Data API is, and on whose behalf it is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from howdah.kit.context import exchange
from howdah.kit.errors import (
    BadAnswer,
    DataBusy,
    DataConflict,
    DataForbidden,
    DataRefused,
    DataTimeout,
    DataUnreachable,
    KitError,
    NotConfigured,
    OutsideRequest,
)
from howdah.kit.identity import KEY_VARIABLE
from howdah.kit.outbound.tracing import tracing_headers
from howdah.kit.outbound.values import MIB, Answer, Bounds, Call, Failure, Outcome
from howdah.kit.word import own_word
from howdah.observe.secret import Secret
from howdah.session import ADMIN_SECRET_HEADER, ANONYMOUS_ROLE, Session, to_headers

URL_VARIABLE: Final = "HOWDAH_DATA_URL"
GATEWAY_VARIABLE: Final = "HOWDAH_GATEWAY_URL"
TOKEN_VARIABLE: Final = "HOWDAH_SERVICE_TOKEN"  # noqa: S105 - the name of a variable
QUERY_PATH: Final = "/v1/query"
DEFAULT_TIMEOUT: Final = 5.0
LARGEST_ANSWER: Final = 256 * MIB

Behalf = Literal["anonymous", "admin", "session", "caller", "service"]

_READS: Final = frozenset(("select", "count", "aggregate", "explain"))
_KINDS: Final[Mapping[str, type[DataRefused]]] = {
    "permission-denied": DataForbidden,
    "permission-error": DataForbidden,
    "role-not-allowed": DataForbidden,
    "scope-missing": DataForbidden,
    "access-denied": DataForbidden,
    "session-required": DataForbidden,
    "access-restricted": DataForbidden,
    "constraint-violation": DataConflict,
    "conflict": DataConflict,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a client asks. ``url`` and ``token`` come from the environment when they are None."""

    url: str | None
    bounds: Bounds
    behalf: Behalf = "anonymous"
    admin_secret: Secret | None = None
    token: Secret | None = None
    session: Session | None = None


class Asking:
    """What both clients are: settings, and the ways to ask on somebody's behalf."""

    __slots__ = ("_settings",)

    _settings: Settings

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        admin_secret: Secret | str | None = None,
        token: Secret | str | None = None,
        attempts: int = 3,
    ) -> None:
        """A client of the data part at ``url``, as ``http://localhost:8080/data``.

        ``HOWDAH_DATA_URL`` when left out, read when it is first needed, so that a service can be started without it.
        ``timeout`` is the seconds one query may take in all, ``attempts`` how often it is tried in that time.
        ``token`` is a service token for `as_service`.
        """
        secret = _secret(admin_secret)
        bounds = Bounds(timeout=timeout, attempts=attempts, max_body=LARGEST_ANSWER)
        self._settings = Settings(url, bounds, "anonymous" if secret is None else "admin", secret, _secret(token))

    def as_caller(self) -> Self:
        """The same client, asking on behalf of whoever calls this service at the moment it asks.

        The gateway has named that caller, and what it said is shown to it again: the service need not be trusted with
        anybody. A query raises OutsideRequest outside of a request, CallerOver a minute after it came.
        """
        return self._as(behalf="caller", session=None)

    def as_service(self) -> Self:
        """The same client, asking as the service itself.

        It does so with its service token where it has one (``token``, ``HOWDAH_SERVICE_TOKEN``), else in the role that
        ``services.<name>.role`` gives it.
        """
        return self._as(behalf="service", session=None)

    def as_session(self, session: Session) -> Self:
        """The same client, asking on behalf of ``session``. Only a client with the admin secret may.

        Raises KitError.
        """
        if self._settings.admin_secret is None:
            raise KitError("Asking on behalf of somebody needs the admin secret.", hint="Data(admin_secret=…)")
        return self._as(behalf="session", session=session)

    def with_timeout(self, seconds: float) -> Self:
        """The same client, with so many seconds for each query."""
        return self._as(bounds=replace(self._settings.bounds, timeout=seconds))

    def _as(self, **changed: Any) -> Self:
        other = type(self).__new__(type(self))
        other._settings = replace(self._settings, **changed)  # noqa: SLF001 - its own
        return other


def request_of(settings: Settings, query: Mapping[str, Any]) -> Call:
    """The request that asks the query. Raises NotConfigured, OutsideRequest, CallerUnproven, CallerOver, ValueError."""
    content = json.dumps(query, allow_nan=False).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json", **tracing_headers()}
    headers.update(_who(settings))
    return Call("POST", _endpoint(_where(settings)), tuple(headers.items()), content, safe=is_read(query))


def is_read(query: Mapping[str, Any]) -> bool:
    """Whether the query changes nothing, so that it may be asked twice.

    >>> is_read({"type": "select", "args": {}}), is_read({"type": "bulk", "args": [{"type": "delete", "args": {}}]})
    (True, False)
    """
    type_, args = query.get("type"), query.get("args")
    if type_ in {"bulk", "transaction"}:
        return isinstance(args, list) and all(isinstance(each, Mapping) and is_read(each) for each in args)
    return type_ in _READS


def result_of(settings: Settings, outcome: Outcome) -> Any:
    """The query's result. Raises DataUnreachable, DataTimeout, DataRefused, BadAnswer."""
    if isinstance(outcome, Failure):
        raise _failed(settings, outcome)
    hint = _hint(settings)
    try:
        answer = json.loads(outcome.content)
    except (ValueError, RecursionError):
        raise BadAnswer(f"What answered with status {outcome.status} did not answer in JSON.", hint=hint) from None
    if 200 <= outcome.status < 300:
        return answer
    raise _refused(settings, outcome, answer, hint)


def _failed(settings: Settings, failure: Failure) -> KitError:
    if failure.kind == "timeout":
        seconds = f"{settings.bounds.timeout:g}"
        return DataTimeout(f"The Data API did not answer within {seconds} s.", hint=_hint(settings))
    if failure.kind == "too-large":
        return BadAnswer(f"The Data API's answer is too large: {failure.reason}.", hint="Ask for less: limit.")
    return DataUnreachable(f"The Data API cannot be reached: {failure.reason}.", hint=_hint(settings))


def _refused(settings: Settings, outcome: Answer, answer: object, hint: str) -> KitError:
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), str):
        return BadAnswer(f"What answered with status {outcome.status} is not the Data API.", hint=hint)
    message = answer.get("error") or answer.get("message") or "The Data API refused the query."
    path, code = answer.get("path"), answer["code"]
    kind = DataBusy if outcome.status == HTTPStatus.SERVICE_UNAVAILABLE else _KINDS.get(code, DataRefused)
    return kind(
        str(message),
        answer_status=outcome.status,
        answer_code=code,
        path=path if isinstance(path, str) else None,
        for_caller=settings.behalf == "caller",
    )


def _who(settings: Settings) -> Mapping[str, str]:
    """The headers that say who asks, and prove it."""
    match settings.behalf:
        case "anonymous":
            return {}
        case "caller":
            return _caller()
        case "service":
            token = settings.token or _secret(os.environ.get(TOKEN_VARIABLE) or None)
            return {"Authorization": f"Bearer {own_word().for_itself() if token is None else token.reveal()}"}
        case "admin" | "session":
            assert settings.admin_secret is not None, "there is no such client without it"
            secret = {ADMIN_SECRET_HEADER: settings.admin_secret.reveal()}
            return {**secret, **dict(to_headers(settings.session))} if settings.session is not None else secret


def _caller() -> Mapping[str, str]:
    one = exchange.get()
    if one is None:
        raise OutsideRequest
    if one.relayed.token is None and one.session.role == ANONYMOUS_ROLE and not os.environ.get(KEY_VARIABLE):
        return {}  # nothing needs to be shown for nobody
    return {"Authorization": f"Bearer {own_word().for_caller()}"}


def _where(settings: Settings) -> str:
    url = settings.url or os.environ.get(URL_VARIABLE)
    if not url and os.environ.get(GATEWAY_VARIABLE):
        url = os.environ[GATEWAY_VARIABLE].rstrip("/") + "/data"
    if not url:
        raise NotConfigured(hint="Start the service with `howdah dev`, or set it: http://localhost:8080/data")
    return url


def _endpoint(url: str) -> str:
    """The address of queries, below the data part's; its own will do, too. Raises NotConfigured."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        usable = False
    if not usable:
        raise NotConfigured(f'"{url}" is not where a Data API can be: http://localhost:8080/data would be.')
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(QUERY_PATH)}{QUERY_PATH}"


def _hint(settings: Settings) -> str:
    parts = urlsplit(_where(settings))
    return f"It was looked for at {parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}."


def _secret(value: Secret | str | None) -> Secret | None:
    return Secret(value) if isinstance(value, str) else value
