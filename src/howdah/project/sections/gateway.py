"""What the gateway lets in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from howdah.project.sections.addresses import Cors, Network, PartPolicy
from howdah.project.sections.setting import KIB, MIB, Setting


@dataclass(frozen=True, slots=True)
class GatewaySection:
    """What the gateway lets in, and how long it waits for a service."""

    anonymous_user_id: Annotated[
        str | None,
        Setting("text", "The `X-Hasura-User-Id` of callers who are not signed in. Without it they have none."),
    ] = None
    upstream_timeout: Annotated[
        float,
        Setting("number", "Seconds to wait for the next byte of a service's answer.", minimum=0.1, maximum=86400.0),
    ] = 60.0
    connect_timeout: Annotated[
        float, Setting("number", "Seconds to wait for a connection to a service.", minimum=0.1, maximum=3600.0)
    ] = 5.0
    max_body: Annotated[int, Setting("size", "Bytes in a request to a service.", minimum=KIB)] = 20 * MIB
    max_header: Annotated[int, Setting("size", "Bytes in a request's head.", minimum=KIB, maximum=MIB)] = 16 * KIB
    max_fields: Annotated[int, Setting("integer", "Fields in a request's head.", minimum=10, maximum=10_000)] = 100
    header_timeout: Annotated[
        float, Setting("number", "Seconds a client has to send a request's head.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    idle_timeout: Annotated[
        float, Setting("number", "Seconds a connection may stay open without a request.", minimum=0.1, maximum=86400.0)
    ] = 60.0
    body_rate: Annotated[
        int,
        Setting(
            "size", "Bytes per second at which a body must arrive, on the average of ten. `0` asks for none.", minimum=0
        ),
    ] = 240
    max_connections: Annotated[
        int, Setting("integer", "Connections of clients to one platform process.", minimum=1)
    ] = 10_000
    max_connections_per_address: Annotated[
        int,
        Setting("integer", "Of these, from one address. Those of `trusted_proxies` are not counted.", minimum=1),
    ] = 500
    breaker_failures: Annotated[
        int,
        Setting(
            "integer",
            "A service that did not answer so many times in a row is not asked for a while. `0`: it always is.",
            minimum=0,
        ),
    ] = 5
    breaker_seconds: Annotated[
        float, Setting("number", "How long that is, before one request finds out.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    server_timing: Annotated[
        bool,
        Setting(
            "boolean",
            "Tell in `Server-Timing` how long a request waited in the gateway, and how long for the service's answer.",
        ),
    ] = False
    websocket_idle_timeout: Annotated[
        float,
        Setting("number", "Seconds a WebSocket may be silent in both directions.", minimum=0.1, maximum=86400.0),
    ] = 600.0
    trusted_proxies: Annotated[
        int | tuple[Network, ...],
        Setting(
            "proxies",
            "The proxies in front whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: how many there are, or "
            'their addresses, as `["10.0.0.0/8"]`. `0` believes nobody.',
        ),
    ] = 0
    cors: Annotated[
        Cors,
        Setting(
            "cors",
            "Pages of which other origins may call, where a route does not say it: a list of exact origins, among them "
            '`"own_subdomains"` for our own; or `"allow_all"` (without cookies), or `"upstream"`.',
        ),
    ] = Cors()
    hsts_max_age: Annotated[
        int,
        Setting("integer", "Seconds browsers insist on TLS once they have seen it. `0` says nothing.", minimum=0),
    ] = 365 * 86400
    hsts_subdomains: Annotated[
        bool, Setting("boolean", "They insist on it for all subdomains too, those that are not ours included.")
    ] = False
    parts: Annotated[
        Mapping[str, PartPolicy],
        Setting(
            "parts",
            "Who may call a part: `[gateway.parts.data]` with the keys of a route's policy, and `routes` for more "
            "addresses of the part.",
        ),
    ] = field(default_factory=dict)
