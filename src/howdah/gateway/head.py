"""A request's head → whether it may go on: what llhttp accepts and we do not (R43, R48, R50)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from howdah.gateway.errors import (
    AmbiguousRequest,
    ExpectationUnknown,
    MethodNotAllowed,
    MethodUnknown,
    UpgradeRefused,
    VersionUnsupported,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
DECISIVE: Final = frozenset((b"host", b"transfer-encoding", b"upgrade", b"expect"))
"""The fields that decide whether a request is one."""


def check_head(
    version: str, method: bytes, decisive: Mapping[bytes, Sequence[bytes]], *, upgrades: bool
) -> tuple[bool, bool]:
    """Whether the request opens a WebSocket, and whether its client waits to be told to send the body.

    ``decisive`` are the values of each decisive field, ``upgrades`` is whether the bytes behind the head are another
    protocol's. Raises RequestRefused for what two readers could read apart.
    """
    if version not in ("1.1", "1.0"):
        raise VersionUnsupported
    if method not in METHODS:
        if method == b"TRACE":
            raise MethodNotAllowed
        raise MethodUnknown(f"The method {method.decode('ascii')} is not implemented.")
    upgrade = b",".join(decisive.get(b"upgrade", ())).lower()
    # llhttp takes the body of a request that upgrades for another protocol's bytes, so nothing but what is known may.
    if (upgrades and upgrade != b"websocket") or b"h2c" in upgrade:
        raise UpgradeRefused
    hosts = decisive.get(b"host", ())
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise AmbiguousRequest(f"The request has {len(hosts) or 'no'} Host header fields instead of one.")
    if hosts and not hosts[0]:
        raise AmbiguousRequest("The Host header field is empty.")
    codings = decisive.get(b"transfer-encoding")
    if codings is not None:
        if version == "1.0":
            raise AmbiguousRequest("HTTP/1.0 has no Transfer-Encoding.")
        if len(codings) != 1 or codings[0].lower() != b"chunked":
            raise AmbiguousRequest('The only Transfer-Encoding is "chunked".')
    waits = False
    for expectation in decisive.get(b"expect", ()):
        if expectation.lower() != b"100-continue":
            raise ExpectationUnknown
        waits = version == "1.1"
    return upgrades, waits
