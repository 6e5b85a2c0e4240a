"""Where howdah listens, which Postgres it has, how much the Data API does, and what is logged."""

from dataclasses import dataclass
from typing import Annotated

from howdah.observe.secret import Secret
from howdah.project.sections.setting import KIB, MIB, Setting

LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class ServerSection:
    """Where howdah listens."""

    host: Annotated[
        str, Setting("text", "The address to listen on. `0.0.0.0` is every network this machine is on.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Setting("integer", "The one public port. `0` takes any free one.", minimum=0, maximum=65535)
    ] = 8080
    domain: Annotated[str, Setting("text", "The domain whose subdomains are parts and services: `app.<domain>`.")] = (
        "localhost"
    )
    domains: Annotated[
        tuple[str, ...], Setting("hosts", "More domains under which the same is served, subdomains and all.")
    ] = ()
    public_url: Annotated[
        str | None,
        Setting(
            "url",
            "Where the domain is reached from outside, as `https://example.com`: links are made of it, never of what "
            "a client says. `http://<domain>:<port>` when left out.",
        ),
    ] = None
    workers: Annotated[
        int, Setting("integer", "Platform processes that `howdah serve` runs.", minimum=1, maximum=256)
    ] = 1


@dataclass(frozen=True, slots=True)
class DatabaseSection:
    """Which Postgres, and how much of it."""

    url: Annotated[
        Secret | None,
        Setting(
            "secret",
            "Where Postgres is, as `postgresql://user:password@host/name`. Without it, `howdah dev` brings its own. "
            "Better set as `DATABASE_URL` than written in a file.",
        ),
    ] = None
    pool_size: Annotated[int, Setting("integer", "Connections that read.", minimum=1, maximum=1000)] = 8
    write_pool_size: Annotated[int, Setting("integer", "Connections that write.", minimum=1, maximum=1000)] = 24
    connect_timeout: Annotated[
        float, Setting("number", "Seconds to wait for a connection.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    statement_timeout: Annotated[
        float, Setting("number", "Seconds a statement may take before Postgres ends it.", minimum=0.1, maximum=86400.0)
    ] = 30.0
    lock_timeout: Annotated[
        float, Setting("number", "Seconds a statement may wait for a lock.", minimum=0.1, maximum=86400.0)
    ] = 10.0


@dataclass(frozen=True, slots=True)
class DataSection:
    """How much one request of the Data API may ask for."""

    max_depth: Annotated[int, Setting("integer", "Levels of JSON in a request.", minimum=4, maximum=500)] = 64
    max_nodes: Annotated[int, Setting("integer", "Conditions, columns and operations in a request.", minimum=10)] = 2000
    max_list: Annotated[
        int, Setting("integer", "Elements in one list: rows to insert, values of `$in`.", minimum=1)
    ] = 10_000
    max_nesting: Annotated[int, Setting("integer", "Relationships within relationships.", minimum=0, maximum=100)] = 12
    max_body: Annotated[int, Setting("size", "Bytes in a request.", minimum=KIB)] = 1 * MIB
    stringify_numerics: Annotated[
        bool,
        Setting("boolean", "Answer `bigint`, `numeric`, `real` and `double precision` as strings, digit for digit."),
    ] = False


@dataclass(frozen=True, slots=True)
class LogsSection:
    """What is written to `.howdah/logs`."""

    level: Annotated[str, Setting("text", "The least level that is written.", choices=LOG_LEVELS)] = "info"
    max_size: Annotated[int, Setting("size", "Bytes in one log file before the next is begun.", minimum=4 * KIB)] = (
        10 * MIB
    )
    keep: Annotated[
        int, Setting("integer", "Older log files that are kept for each service.", minimum=0, maximum=1000)
    ] = 5
