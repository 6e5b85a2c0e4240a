"""What a service is asked → requests, and what came of them → a response, or an error. Pure.

Headers that say who somebody is are never passed on because they happened to be there. A service of the project's own
is told by the gateway; a foreign one is told nothing but what its settings and the caller's code say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urljoin

import httpx2

from howdah.kit.outbound.conversation import IDEMPOTENT, converse, retry_after
from howdah.kit.outbound.values import Answer, Bounds, Call, Failure, Outcome, Step
from howdah.kit.services.addresses import address_of, same_origin
from howdah.kit.services.errors import (
    CallError,
    ServiceBadAnswer,
    ServiceRefused,
    ServiceTimeout,
    ServiceUnreachable,
    ServiceUnwell,
    UnknownService,
)
from howdah.kit.services.settings import ServiceSettings
from howdah.session import is_identity_header

_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_READING: Final = frozenset(("GET", "HEAD"))
# What belongs to one connection, to the request that is being answered, or to us.
_NOT_PASSED: Final = frozenset(
    ("connection", "content-length", "cookie", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
# What the gateway answers in place of a service of ours.
_OF_THE_GATEWAY: Final[Mapping[str, type[CallError]]] = {
    "unknown-service": UnknownService,
    "service-down": ServiceUnreachable,
    "upstream-broken": ServiceUnreachable,
    "service-starting": ServiceUnwell,
    "service-busy": ServiceUnwell,
    "service-unwell": ServiceUnwell,
    "upstream-timeout": ServiceTimeout,
}
_PROBLEM: Final = "urn:howdah:error:"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as a service writes it."""

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    content: bytes | str | None = None
    data: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    safe: bool | None = None


def call_of(settings: ServiceSettings, asked: Asked, ours: Mapping[str, str]) -> Call:
    """The request. ``ours`` are the headers that nobody overrides. Raises BadPath, ValueError."""
    method = asked.method.upper()
    headers, content = _body(asked)
    for name, value in (asked.headers or {}).items():
        lowered = name.lower()
        if lowered not in _NOT_PASSED and not is_identity_header(lowered) and not lowered.startswith("x-howdah-"):
            headers[lowered] = value
    headers.update({name.lower(): value for name, value in ours.items()})
    url = address_of(settings.base_url, asked.path)
    params = {**settings.params, **(asked.params or {})}
    if params:
        url += ("&" if "?" in url else "?") + str(httpx2.QueryParams(params))
    safe = asked.safe if asked.safe is not None else method in IDEMPOTENT or "idempotency-key" in headers
    return Call(method, url, tuple(headers.items()), content, safe)


def conversation_of(
    settings: ServiceSettings, call: Call, bounds: Bounds, *, clock: Callable[[], float], jitter: Callable[[], float]
) -> Generator[Step, Outcome | None, Outcome]:
    """The steps to an outcome; a redirect is followed only where the settings say so, and never to another host."""
    deadline = clock() + bounds.timeout
    outcome = yield from converse(call, bounds, deadline=deadline, clock=clock, jitter=jitter)
    for _ in range(_MOST_REDIRECTS):
        following = redirected(settings, call, outcome)
        if following is None:
            break
        call = following
        outcome = yield from converse(call, bounds, deadline=deadline, clock=clock, jitter=jitter)
    return outcome


def redirected(settings: ServiceSettings, call: Call, outcome: Outcome) -> Call | None:
    """The call that a redirect leads to, None where it is not to be followed."""
    if not settings.follow_redirects or not isinstance(outcome, Answer) or outcome.status not in _REDIRECTS:
        return None
    where = outcome.header("location")
    if where is None or call.method not in _READING:
        return None
    url = urljoin(call.url, where)
    if not same_origin(settings.base_url, url) or not f"{url}/".startswith(f"{settings.base_url}/"):
        return None
    return Call(call.method, url.partition("#")[0], call.headers, None, call.safe)


def response_of(settings: ServiceSettings, call: Call, outcome: Outcome, bounds: Bounds) -> httpx2.Response:
    """What was answered. Raises ServiceUnreachable, ServiceTimeout, ServiceUnwell, ServiceBadAnswer, UnknownService."""
    name = settings.name
    if isinstance(outcome, Failure):
        if outcome.kind == "timeout":
            raise ServiceTimeout(f"The service {name!r} did not answer within {bounds.timeout:g} s.")
        if outcome.kind == "too-large":
            raise ServiceBadAnswer(f"The service {name!r} answered too much: {outcome.reason}.")
        if outcome.kind == "unsendable":
            raise CallError(f"The service {name!r} cannot be sent this: {outcome.reason}.")
        raise ServiceUnreachable(f"The service {name!r} cannot be reached: {outcome.reason}.")
    if settings.own:
        _check_gateway(name, outcome)
    request = httpx2.Request(call.method, call.url)  # without the headers, among which is what shows who asks
    return httpx2.Response(outcome.status, headers=outcome.headers, content=outcome.content, request=request)


def json_of(settings: ServiceSettings, response: httpx2.Response) -> Any:
    """The JSON that was answered with 2xx; None for an empty body. Raises ServiceRefused and ServiceBadAnswer."""
    if not response.is_success:
        raise ServiceRefused(f"The service {settings.name!r} answered with status {response.status_code}.", response)
    if not response.content:
        return None
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise ServiceBadAnswer(f"The service {settings.name!r} did not answer in JSON.") from None


def _check_gateway(name: str, answer: Answer) -> None:
    """Raise what the gateway says of a service that could not answer."""
    if answer.status < 500 or "problem+json" not in (answer.header("content-type") or ""):
        return
    try:
        said = json.loads(answer.content)
    except ValueError:
        return
    code = said.get("code") if isinstance(said, dict) else None
    error = _OF_THE_GATEWAY.get(code) if isinstance(code, str) else None
    if error is None or said.get("type") != f"{_PROBLEM}{code}":
        return
    message = f"The service {name!r} did not answer: {said.get('message')}"
    if error is ServiceUnwell:
        raise ServiceUnwell(message, retry_after=retry_after(answer) or 1.0)
    raise error(message)


def _body(asked: Asked) -> tuple[dict[str, str], bytes | None]:
    """The headers that go with the body, and the body."""
    given = [each for each in (asked.json, asked.content, asked.data) if each is not None]
    if len(given) > 1:
        raise ValueError("a call has one body: json, content or data")
    if asked.json is not None:
        text = json.dumps(asked.json, allow_nan=False, ensure_ascii=False)
        return {"accept": "application/json", "content-type": "application/json"}, text.encode()
    if asked.data is not None:
        return {"content-type": "application/x-www-form-urlencoded"}, urlencode(asked.data, doseq=True).encode()
    if asked.content is not None:
        return {}, asked.content.encode() if isinstance(asked.content, str) else asked.content
    return {"accept": "application/json, */*;q=0.5"}, None
