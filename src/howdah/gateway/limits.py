"""How large and how slow a request may be, and how many connections there may be (R50)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What a client may do. Sizes are in bytes, times in seconds, rates in bytes per second.

    A body must arrive at ``body_rate`` on the average of each ``body_window``; 0 asks for no rate. Connections are
    counted for the whole process.
    """

    max_header: int = 16 * 1024
    max_fields: int = 100
    header_timeout: float = 10.0
    idle_timeout: float = 60.0
    body_rate: int = 240
    body_window: float = 10.0
    max_connections: int = 10_000
    max_connections_per_address: int = 500
