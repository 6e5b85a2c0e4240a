"""Channels to gRPC services, one for each address and process: kept open, looked after, within bounds."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

import grpc

from howdah.kit.errors import NotConfigured
from howdah.kit.grpc.options import MIB

ARGUMENTS: Final[Sequence[tuple[str, Any]]] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 4 * MIB),
    ("grpc.max_send_message_length", 4 * MIB),
    ("grpc.enable_http_proxy", 0),  # who calls is nobody else's business
    ("grpc.default_authority", "localhost"),
)
AUTHORITY_VARIABLE: Final = "HOWDAH_GRPC_AUTHORITY"
CERTIFICATE_VARIABLE: Final = "HOWDAH_GRPC_CLIENT_CERTIFICATE"
KEY_VARIABLE: Final = "HOWDAH_GRPC_CLIENT_KEY"

_lock = threading.Lock()
_channels: dict[tuple[int, str], grpc.Channel] = {}
_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, grpc.aio.Channel]] = WeakKeyDictionary()


def channel(address: str) -> grpc.Channel:
    """The channel to an address, for threads. A process that forked has its own. Raises NotConfigured."""
    key = (os.getpid(), address)
    with _lock:
        known = _channels.get(key)
        if known is None:
            kind, target = _parts(address)
            if kind == "plain":
                known = grpc.insecure_channel(target, options=_arguments(target))
            else:
                known = grpc.secure_channel(target, _credentials(), options=_arguments(target))
            _channels[key] = known
        return known


def channel_async(address: str) -> grpc.aio.Channel:
    """The channel to an address, for the running event loop. Raises NotConfigured."""
    known = _of_loops.setdefault(asyncio.get_running_loop(), {})
    if address not in known:
        kind, target = _parts(address)
        if kind == "plain":
            known[address] = grpc.aio.insecure_channel(target, options=_arguments(target))
        else:
            known[address] = grpc.aio.secure_channel(target, _credentials(), options=_arguments(target))
    return known[address]


def _arguments(target: str) -> list[tuple[str, Any]]:
    # A socket in the file system has no name of a host.
    return [pair for pair in ARGUMENTS if pair[0] != "grpc.default_authority" or target.startswith("unix:")]


def _parts(address: str) -> tuple[Literal["plain", "tls"], str]:
    """How an address is spoken to: ``unix:/path``, ``grpcs://host:port``, or ``grpc://host:port`` without TLS."""
    for prefix, kind in (("grpcs://", "tls"), ("grpc://", "plain")):
        if address.startswith(prefix) and len(address) > len(prefix):
            return ("tls" if kind == "tls" else "plain"), address.removeprefix(prefix)
    if address.startswith("unix:/"):
        return "plain", address
    raise NotConfigured(f"{address!r} is no address of gRPC.", hint="unix:/run/x.sock, grpcs://host:port or grpc://…")


def _credentials() -> grpc.ChannelCredentials:
    def file(variable: str) -> bytes | None:
        path = os.environ.get(variable)
        try:
            return None if not path else Path(path).read_bytes()
        except OSError as error:
            raise NotConfigured(f"{variable} names a file that cannot be read: {error.strerror}.") from error

    return grpc.ssl_channel_credentials(file(AUTHORITY_VARIABLE), file(KEY_VARIABLE), file(CERTIFICATE_VARIABLE))
