"""How a gRPC server runs: its options, what the environment says, and what of it is refused (R73). Pure.

It listens on a unix socket or with TLS. Anything else must be said (``plaintext``), and is for networks that nobody
else is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from howdah.kit.errors import NotConfigured

ADDRESS_VARIABLE: Final = "HOWDAH_GRPC_ADDRESS"
CERTIFICATE_VARIABLE: Final = "HOWDAH_GRPC_CERTIFICATE"
KEY_VARIABLE: Final = "HOWDAH_GRPC_KEY"
CLIENTS_VARIABLE: Final = "HOWDAH_GRPC_CLIENT_AUTHORITY"
PLAINTEXT_VARIABLE: Final = "HOWDAH_GRPC_PLAINTEXT"
ANONYMOUS_VARIABLE: Final = "HOWDAH_GRPC_ANONYMOUS"

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a gRPC server runs. What is left out the environment says, or it stays as it is here."""

    address: str | None = None
    """``unix:/path/to.sock`` or ``host:port``; ``HOWDAH_GRPC_ADDRESS``, or ``PORT`` on this machine."""

    certificate: str | None = None
    """The file of its certificate, for TLS, with ``key``; ``HOWDAH_GRPC_CERTIFICATE`` and ``HOWDAH_GRPC_KEY``."""

    key: str | None = None
    client_authority: str | None = None
    """The file of the authority whose certificates clients must show; ``HOWDAH_GRPC_CLIENT_AUTHORITY``."""

    plaintext: bool = False
    """Whether it may listen without TLS where others could listen too; ``HOWDAH_GRPC_PLAINTEXT=1``."""

    anonymous: bool = False
    """Whether calls are answered without a proof of who calls; ``HOWDAH_GRPC_ANONYMOUS=1``."""

    reflection: bool = False
    """Whether strangers may ask what there is to call."""

    threads: int = 10
    max_message: int = 4 * MIB
    max_concurrent: int = 100
    """Calls at once; more are refused."""

    longest_deadline: float = 60.0
    """Seconds a call may take. Calls without a deadline, or with a later one, are refused."""

    deadline_required: bool = True
    grace: float = 10.0
    """Seconds that calls under way have to end when the server is told to stop."""

    @property
    def is_unix(self) -> bool:
        """Whether it listens on a unix socket."""
        return (self.address or "").startswith("unix:")

    def channel_arguments(self) -> list[tuple[str, Any]]:
        """The same in gRPC's words."""
        return [
            ("grpc.max_receive_message_length", self.max_message),
            ("grpc.max_send_message_length", self.max_message),
            ("grpc.max_metadata_size", 32 * 1024),
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ]


def with_environment(options: ServerOptions, environment: Mapping[str, str]) -> ServerOptions:
    """The options with what the environment adds.

    Raises NotConfigured: there is no address, no key beside the certificate, or neither TLS nor a unix socket.
    """
    port = environment.get("PORT")
    options = replace(
        options,
        address=options.address
        or environment.get(ADDRESS_VARIABLE)
        or (f"{environment.get('HOST', '127.0.0.1')}:{port}" if port else None),
        certificate=options.certificate or environment.get(CERTIFICATE_VARIABLE),
        key=options.key or environment.get(KEY_VARIABLE),
        client_authority=options.client_authority or environment.get(CLIENTS_VARIABLE),
        plaintext=options.plaintext or environment.get(PLAINTEXT_VARIABLE) == "1",
        anonymous=options.anonymous or environment.get(ANONYMOUS_VARIABLE) == "1",
    )
    if not options.address:
        raise NotConfigured(f"{ADDRESS_VARIABLE} is not set.", hint="unix:/run/rates.sock, or 0.0.0.0:50051 with TLS.")
    if bool(options.certificate) != bool(options.key):
        raise NotConfigured("A certificate needs its key, and a key its certificate.")
    if options.client_authority and not options.certificate:
        raise NotConfigured("Only over TLS can clients show certificates.")
    if not (options.is_unix or options.certificate or options.plaintext):
        raise NotConfigured(
            f"Without TLS anybody on the network could read and change what is said at {options.address}.",
            hint=f"Listen on unix:/path, give {CERTIFICATE_VARIABLE} and {KEY_VARIABLE}, or mean it: plaintext=True.",
        )
    return options


def read(path: str) -> bytes:
    """The bytes of a file that an option names. Raises NotConfigured."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NotConfigured(f"{path} cannot be read: {error.strerror}.") from error
