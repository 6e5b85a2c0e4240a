"""Address → a connection to it: kept-alive ones first, new ones up to a bound, a place in the queue beyond that.

One timer serves all connections of a pool: it closes what has been idle too long and fails exchanges whose service has
been silent too long, so that a request costs no timer of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from howdah.gateway.errors import ServiceBusy, ServiceDown, UpstreamTimeout
from howdah.gateway.upstream import UpstreamConnection

# A service may close an idle connection at any moment, and a request that crosses with that is lost. One that must not
# be sent twice therefore takes no connection idle for longer than any server's keep-alive time (gunicorn: 2 s).
_SURELY_ALIVE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Times in seconds; connections are counted per address."""

    connect_timeout: float = 5.0
    upstream_timeout: float = 60.0
    idle_timeout: float = 10.0
    max_idle: int = 64
    max_connections: int = 512


@dataclass(slots=True)
class _Lane:
    """The connections to one address."""

    host: str
    port: int
    open: set[UpstreamConnection] = field(default_factory=set)
    idle: list[UpstreamConnection] = field(default_factory=list)  # the most recently used last
    connecting: int = 0
    queue: deque[asyncio.Future[None]] = field(default_factory=deque)

    def wake_next(self) -> None:
        while self.queue:
            waiter = self.queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class Pool:
    """Connections to all services of a project."""

    def __init__(self, limits: PoolLimits) -> None:
        self.limits = limits
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._owners: dict[UpstreamConnection, _Lane] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._interval = max(0.02, min(1.0, limits.upstream_timeout / 4, limits.idle_timeout / 4))

    async def acquire(self, host: str, port: int, *, replayable: bool, fresh: bool = False) -> UpstreamConnection:
        """A connection for one exchange; without ``replayable`` never one that may be about to be closed.

        With ``fresh`` it is one that has carried none before. Raises ServiceDown when nobody listens there and
        ServiceBusy when no connection became free in time.
        """
        lane = self._lanes.get((host, port))
        if lane is None:
            lane = self._lanes[host, port] = _Lane(host, port)
        loop = asyncio.get_running_loop()
        deadline = 0.0
        while True:
            connection = None if fresh else self._idle(lane, replayable=replayable)
            if connection is not None:
                return connection
            if len(lane.open) + lane.connecting < self.limits.max_connections:
                return await self._connect(lane, loop)
            deadline = deadline or loop.time() + self.limits.connect_timeout
            await self._wait_for_room(lane, loop, deadline)

    def take(self, host: str, port: int, *, replayable: bool) -> UpstreamConnection | None:
        """A connection as `acquire` would give it, if there is one that nobody needs to wait for."""
        lane = self._lanes.get((host, port))
        return None if lane is None else self._idle(lane, replayable=replayable)

    def detach(self, connection: UpstreamConnection) -> None:
        """The connection is somebody else's from now on, and no longer counts."""
        self._forget(connection)

    def release(self, connection: UpstreamConnection, *, reusable: bool) -> None:
        """The exchange is over: keep the connection for the next one, or drop it."""
        lane = self._owners.get(connection)
        if lane is None:
            return
        if reusable and len(lane.idle) < self.limits.max_idle:
            connection.rest()
            lane.idle.append(connection)
            lane.wake_next()
        else:
            connection.close()

    def close(self) -> None:
        """Drop every connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in tuple(self._owners):
            connection.close()

    def _idle(self, lane: _Lane, *, replayable: bool) -> UpstreamConnection | None:
        while lane.idle:
            connection = lane.idle.pop()
            if connection.usable:
                if not replayable and connection.idle_for > _SURELY_ALIVE_SECONDS:
                    lane.idle.append(connection)  # the freshest is too old, so all are
                    return None
                return connection
        return None

    async def _connect(self, lane: _Lane, loop: asyncio.AbstractEventLoop) -> UpstreamConnection:
        connection = UpstreamConnection(loop, self._forget)
        lane.connecting += 1
        try:
            async with asyncio.timeout(self.limits.connect_timeout):
                await loop.create_connection(lambda: connection, lane.host, lane.port)
        except TimeoutError as error:
            raise ServiceDown("The service does not accept connections.") from error
        except OSError as error:
            raise ServiceDown("Nobody listens at the service's address.") from error
        finally:
            lane.connecting -= 1
            if not connection.usable:
                lane.wake_next()
        if not connection.usable:
            raise ServiceDown("The service closes connections at once.")
        lane.open.add(connection)
        self._owners[connection] = lane
        if self._timer is None:
            self._timer = loop.call_later(self._interval, self._sweep, loop)
        return connection

    async def _wait_for_room(self, lane: _Lane, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        waiter: asyncio.Future[None] = loop.create_future()
        lane.queue.append(waiter)
        arrived = False
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
            arrived = True
        except TimeoutError as error:
            raise ServiceBusy from error
        finally:
            if not arrived and waiter.done() and not waiter.cancelled():
                lane.wake_next()  # our turn came as we left: it is the next one's

    def _forget(self, connection: UpstreamConnection) -> None:
        lane = self._owners.pop(connection, None)
        if lane is None:
            return
        lane.open.discard(connection)
        if connection in lane.idle:
            lane.idle.remove(connection)
        lane.wake_next()
        if not lane.open and not lane.connecting and not lane.queue:
            self._lanes.pop((lane.host, lane.port), None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in tuple(self._owners):
            if connection.deadline is not None and connection.deadline <= now:
                connection.fail(UpstreamTimeout(f"The service was silent for {connection.patience:g} seconds."))
        for lane in tuple(self._lanes.values()):
            while lane.idle and now - lane.idle[0].idle_since > self.limits.idle_timeout:
                lane.idle.pop(0).close()
        self._timer = loop.call_later(self._interval, self._sweep, loop) if self._owners else None
