"""What a service tells its log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestServed:
    """A service has answered a request, to its last byte."""

    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    role: str
