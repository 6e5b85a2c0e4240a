"""Loopback ports for services: a free one at each start."""

from __future__ import annotations

import socket
from collections import deque

from howdah.supervisor.process import HOST

# Not given twice in a row: a service that was just told a port may not have bound it yet.
_recent: deque[int] = deque(maxlen=64)


def free_port() -> int:
    """A loopback port nobody listens on now, and none that was handed out lately."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in _recent:
            _recent.append(port)
            return port
