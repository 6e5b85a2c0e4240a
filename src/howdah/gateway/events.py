"""What happens at the gateway, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RequestServed:
    """A request was answered, or its client went away (status 499); ``path`` is without the query, a secret perhaps."""

    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    target: str
    role: str
    bytes: int


@dataclass(frozen=True, slots=True)
class RequestRejected:
    """The edge refused bytes that are not a request it accepts."""

    level: ClassVar[str] = "warning"

    request_id: str
    code: str
    status: int
    message: str
    client: str


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A bug of ours kept a request from being answered."""

    level: ClassVar[str] = "error"

    request_id: str
    method: str
    path: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class UpstreamFailed:
    """A service did not answer a request as it should."""

    level: ClassVar[str] = "warning"

    request_id: str
    service: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WebSocketClosed:
    """A WebSocket has ended; ``code`` says why where the gateway ended it. Bytes are what each side sent."""

    request_id: str
    service: str
    code: int | None
    seconds: float
    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class ConnectionsRefused:
    """There are too many connections: of one client, or (then it is empty) in all. Told once a minute."""

    level: ClassVar[str] = "warning"

    client: str
    limit: int
