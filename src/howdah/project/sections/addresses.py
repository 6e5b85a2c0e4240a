"""Who may pass at an address, and which addresses there are."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from howdah.project.sections.setting import KIB, Setting

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Cors:
    """Pages of which origins may call: of these and, with ``own``, of our hosts; or of all; or as a service says."""

    mode: Literal["origins", "allow_all", "upstream"] = "origins"
    origins: tuple[str, ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may pass at an address, from where, and how much of it. What is None is as ``[gateway]`` says."""

    restrict_to_roles: Annotated[
        tuple[str, ...],
        Setting("roles", "Who may pass: callers who have any of these roles, whichever they act in. All when empty."),
    ] = ()
    allow_anonymous: Annotated[
        bool, Setting("boolean", "Whether callers who are not signed in may pass, where no roles are asked for.")
    ] = True
    no_session_redirect_url: Annotated[
        str | None,
        Setting(
            "redirect",
            "Where a browser is sent that has to sign in first, with `?redirect_url=` and where it wanted to go. "
            "Everybody else is answered 401.",
        ),
    ] = None
    no_access_redirect_url: Annotated[
        str | None,
        Setting(
            "redirect",
            "Where a browser is sent whose caller has none of the roles, in the same way. Everybody else is answered "
            "403.",
        ),
    ] = None
    cors: Annotated[
        Cors | None,
        Setting(
            "cors",
            'Pages of which other origins may call: exact origins, among them `"own_subdomains"` for our own; or '
            '`"allow_all"` (without cookies), or `"upstream"`, which leaves it to the service. As `gateway.cors` says.',
        ),
    ] = None
    max_body: Annotated[
        int | None, Setting("size", "Bytes in a request. As `gateway.max_body` says when left out.", minimum=KIB)
    ] = None
    timeout: Annotated[
        float | None,
        Setting(
            "number",
            "Seconds to wait for the next byte of the answer. As `gateway.upstream_timeout` says when left out.",
            minimum=0.1,
            maximum=86400.0,
        ),
    ] = None
    websockets: Annotated[bool, Setting("boolean", "Whether WebSockets may be opened here.")] = True


@dataclass(frozen=True, slots=True)
class Route:
    """An address: requests at or below ``path`` of the subdomain (None is the domain itself), or of another host."""

    subdomain: str | None
    path: str
    strip_prefix: bool = False
    host: str | None = None
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class PartPolicy:
    """Who may call a part, and where it can be reached besides its own addresses."""

    policy: Policy = Policy()
    routes: tuple[Route, ...] = ()
