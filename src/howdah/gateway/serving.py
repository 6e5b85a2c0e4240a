"""The configuration under which uvicorn is our edge: our protocol class, nothing believed that a client can forge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from uvicorn.config import Config

from howdah.gateway.admission import Admission
from howdah.gateway.checked import CheckRoute
from howdah.gateway.direct import DirectRoute
from howdah.gateway.edge import EdgeProtocol
from howdah.gateway.hot import HotRoute
from howdah.gateway.limits import EdgeLimits

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

    from howdah.gateway.client import Network


def edge_protocol(
    limits: EdgeLimits,
    emit: Callable[[object], None],
    hot: HotRoute | None = None,
    trusted_proxies: int | tuple[Network, ...] = 0,
    direct: DirectRoute | None = None,
    check: CheckRoute | None = None,
) -> type[EdgeProtocol]:
    """The protocol class to give to ``uvicorn.Config(http=...)``, with its limits and where its events go."""

    class ConfiguredEdgeProtocol(EdgeProtocol):
        pass

    ConfiguredEdgeProtocol.limits = limits
    ConfiguredEdgeProtocol.hot = hot
    ConfiguredEdgeProtocol.direct = direct
    ConfiguredEdgeProtocol.check = check
    ConfiguredEdgeProtocol.emit = staticmethod(emit)
    ConfiguredEdgeProtocol.admission = Admission(
        limits.max_connections, limits.max_connections_per_address, emit, trusted_proxies
    )
    return ConfiguredEdgeProtocol


def server_config(
    app: Callable[..., Awaitable[None]],
    limits: EdgeLimits,
    emit: Callable[[object], None],
    *,
    stop_timeout: int = 30,
    lifespan: bool = True,
    hot: HotRoute | None = None,
    trusted_proxies: int | tuple[Network, ...] = 0,
    direct: DirectRoute | None = None,
    check: CheckRoute | None = None,
) -> Config:
    """The configuration for ``uvicorn.Server`` under which the gateway's promises hold.

    Above all without ``proxy_headers``: uvicorn would believe ``X-Forwarded-For`` and ``-Proto`` of any neighbour.
    Connections of ``trusted_proxies`` are counted in all, not by address. ``hot`` and ``direct`` requests, and those
    for ``check``, are answered past the application. Without ``lifespan`` whoever runs the server starts and stops what
    the application needs, its Proxy included.
    """
    return Config(
        cast("ASGI3Application", app),
        http=edge_protocol(limits, emit, hot, trusted_proxies, direct, check),
        ws="none",
        lifespan="on" if lifespan else "off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=stop_timeout,
    )
