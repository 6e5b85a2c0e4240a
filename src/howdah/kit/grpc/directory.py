"""Where a gRPC service is, and what it is shown: its address, and a token that says who calls.

Calls do not go through the gateway, which speaks HTTP/1.1. So the gateway is asked for the token that it would have
sent: it takes this service's word for itself or its caller, and answers with one for the service that is called, good
for half a minute at least. ``HOWDAH_SERVICES`` has the addresses: ``{"grpc": {"rates": "unix:/run/rates.sock"}}``.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from howdah.kit.context import exchange
from howdah.kit.errors import NotConfigured
from howdah.kit.identity import KEY_VARIABLE
from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER, SHORTEST_LIFE
from howdah.kit.outbound.conversation import converse
from howdah.kit.outbound.sending import AsyncSender, SyncSender
from howdah.kit.outbound.tracing import tracing_headers
from howdah.kit.outbound.values import Answer, Bounds, Call, Outcome
from howdah.kit.services.errors import CallError, ServiceUnreachable, UnknownService
from howdah.kit.services.registry import gateway_url, said
from howdah.kit.word import own_word

Behalf = Literal["whoever", "caller", "service", "nobody"]

PATH: Final = "/-/internal-token"
_BOUNDS: Final = Bounds(timeout=3.0, max_body=65_536)
_FRESH: Final = SHORTEST_LIFE - 10
_REMEMBERED: Final = 512


@dataclass(frozen=True, slots=True)
class Known:
    """A token, and until when it is shown."""

    token: str
    until: float


class Tokens:
    """The tokens that the gateway has given this process, by service and by the word they were given for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, bytes], Known] = {}

    def find(self, service: str, word: str) -> str | None:
        """The token, where a fresh one is known."""
        known = self._known.get((service, _digest(word)))
        return known.token if known is not None and time.monotonic() < known.until else None

    def keep(self, service: str, word: str, token: str) -> str:
        """The token, known from now on."""
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[service, _digest(word)] = Known(token, time.monotonic() + _FRESH)
        return token


tokens: Final = Tokens()
_sync: Final = SyncSender({"trust_env": False})
_async: Final = AsyncSender({"trust_env": False})


def address_of(service: str, environment: Mapping[str, str] = os.environ) -> str:
    """Where the service listens, as gRPC writes it. Raises UnknownService and BadServices."""
    known = said(environment).get("grpc", {})
    address = known.get(service) if isinstance(known, Mapping) else None
    if not isinstance(address, str) or not address:
        names = ", ".join(sorted(known)) if isinstance(known, Mapping) and known else ""
        raise UnknownService(
            f"There is no gRPC service {service!r}.",
            hint=f"There is: {names}." if names else 'kind = "grpc" makes one.',
        )
    return address


def word_for(behalf: Behalf) -> str | None:
    """What is shown to the gateway; None where nothing is. Raises NotConfigured and what `OwnWord` does."""
    if behalf == "nobody" or (behalf == "whoever" and not os.environ.get(KEY_VARIABLE)):
        return None
    for_itself = behalf == "service" or (behalf == "whoever" and exchange.get() is None)
    return own_word().for_itself() if for_itself else own_word().for_caller()


def metadata(token: str | None) -> list[tuple[str, str]]:
    """What is sent beside a message: the token, and in which request and trace."""
    sent = [(name.lower(), value) for name, value in tracing_headers().items()]
    return sent if token is None else [*sent, (INTERNAL_TOKEN_HEADER.lower(), token)]


def token_for(service: str, behalf: Behalf) -> str | None:
    """The token to show to the service. Raises NotConfigured, CallError and what `word_for` does."""
    word = word_for(behalf)
    if word is None:
        return None
    known = tokens.find(service, word)
    if known is not None:
        return known
    call = _call(service, word)
    return tokens.keep(service, word, _token(service, _sync.run(_steps(call), _BOUNDS)))


async def token_for_async(service: str, behalf: Behalf) -> str | None:
    """The same, on an event loop."""
    word = word_for(behalf)
    if word is None:
        return None
    known = tokens.find(service, word)
    if known is not None:
        return known
    call = _call(service, word)
    return tokens.keep(service, word, _token(service, await _async.run(_steps(call), _BOUNDS)))


def _steps(call: Call) -> Any:
    return converse(call, _BOUNDS, clock=time.monotonic, jitter=lambda: 0.5)


def _call(service: str, word: str) -> Call:
    headers = {**tracing_headers(), "Authorization": f"Bearer {word}", "Accept": "application/json"}
    return Call("POST", f"{gateway_url(os.environ)}{PATH}?service={service}", tuple(headers.items()), b"", safe=True)


def _token(service: str, outcome: Outcome) -> str:
    if not isinstance(outcome, Answer):
        raise ServiceUnreachable(
            f"The gateway, which knows who calls {service!r}, cannot be reached: {outcome.reason}."
        )
    try:
        answer = json.loads(outcome.content)
        if outcome.status == 200:
            return str(answer["token"])
        code, message = answer["code"], answer["message"]
    except (ValueError, KeyError, TypeError):
        raise NotConfigured(f"What answered with status {outcome.status} is not the gateway.") from None
    if code == "unknown-service":
        raise UnknownService(message)
    raise CallError(f"The gateway gives no token for {service!r}: {message}")


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()
