"""A call as the server sees it: who makes it, under which id, until when; and how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc

from howdah.errors import HowdahError
from howdah.kit import context
from howdah.kit.context import Exchange
from howdah.kit.errors import CallerUnproven
from howdah.kit.grpc import measures
from howdah.kit.grpc.errors import CODE_METADATA, CRASHED, details_of, status_of
from howdah.kit.grpc.options import ServerOptions
from howdah.kit.identity import KEY_VARIABLE, SERVICE_VARIABLE, read_keys
from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER, verify_internal_token
from howdah.kit.relay import relayed_of
from howdah.observe.events import emit
from howdah.session import ANONYMOUS, Session

HEALTH: Final = "/grpc.health.v1.Health/"
_REFLECTION: Final = "/grpc.reflection."
_TOKEN: Final = INTERNAL_TOKEN_HEADER.lower()
_REQUEST_ID: Final = context.REQUEST_ID_HEADER.lower()
_FEW_MORE: Final = 1.0

_logger = logging.getLogger("howdah.kit")


class NoDeadline(HowdahError):
    """A call needs a deadline, and not one that is too far away."""

    code = "kit-grpc-no-deadline"
    status = 400


@dataclass(frozen=True, slots=True)
class RpcServed:
    """A call was answered, to its last message."""

    request_id: str
    method: str
    code: str
    seconds: float
    role: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ends that does not end well: what the caller is told."""

    status: grpc.StatusCode
    details: str
    metadata: tuple[tuple[str, str], ...]


class Doors:
    """Who may call, as options and environment say (R73)."""

    def __init__(self, options: ServerOptions, environment: Mapping[str, str]) -> None:
        """Raises NotConfigured."""
        self._options = options
        self._keys = read_keys(environment.get(KEY_VARIABLE, ""))
        self._service = environment.get(SERVICE_VARIABLE, "")

    def is_open(self, method: str) -> bool:
        """Whether the method is for everybody: health, and what there is to call where that may be asked."""
        return method.startswith(HEALTH) or (self._options.reflection and method.startswith(_REFLECTION))

    def begin(self, metadata: Iterable[tuple[str, str | bytes]], left: float | None) -> Exchange:
        """The call, on behalf of whoever makes it. Raises CallerUnproven and NoDeadline."""
        texts = [(name, value) for name, value in metadata if isinstance(value, str)]
        given = next((value for name, value in texts if name == _REQUEST_ID), None)
        started = time.perf_counter()
        session = self._session([value for name, value in texts if name == _TOKEN])
        if self._options.deadline_required and (left is None or left > self._options.longest_deadline + _FEW_MORE):
            raise NoDeadline(f"A call needs a deadline of at most {self._options.longest_deadline:g} s.")
        return Exchange(session, context.accept_request_id(given), started, relayed_of(texts))

    def _session(self, tokens: list[str]) -> Session:
        if not tokens and self._options.anonymous:
            return ANONYMOUS
        if len(tokens) != 1 or not self._keys:
            raise CallerUnproven(hint="Call it through howdah.kit.grpc, with a key for both services.")
        return verify_internal_token(tokens[0], self._keys, audience=self._service)


def ending_of(error: BaseException, method: str) -> Ending:
    """What the caller is told of an error; the log is told of those that are the service's."""
    if isinstance(error, HowdahError):
        if error.status >= 500:
            _logger.error("%s: %s", error.code, error, exc_info=error)
        return Ending(status_of(error), details_of(error), ((CODE_METADATA, error.code),))
    _logger.error("%s crashed", method, exc_info=error)
    return Ending(grpc.StatusCode.INTERNAL, CRASHED, ((CODE_METADATA, "internal"),))


def served(one: Exchange | None, method: str, status: Any) -> None:
    """The call is told to the log. ``status`` is a code of gRPC, its number, or None for all is well."""
    name = status.name if isinstance(status, grpc.StatusCode) else _NAMES.get(status, "OK")
    seconds = 0.0 if one is None else round(time.perf_counter() - one.started, 6)
    session = ANONYMOUS if one is None else one.session
    measures.observe(method, name, seconds)
    emit(RpcServed("" if one is None else one.request_id, method, name, seconds, session.role))


_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}
