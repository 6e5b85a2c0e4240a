"""A project on a laptop: Postgres, its migrations, the platform and the services, under one supervisor.

Read `_live` for the order of things. What is started is a child of the supervisor and ends with it, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar

from howdah.auth.keys import internal_token_keys
from howdah.embedded import account, private
from howdah.embedded.errors import PostgresNotStarted, RedisNotStarted
from howdah.embedded.postgres import GivenPostgres, OwnPostgres, Postgres, choose, running
from howdah.embedded.redis import OwnRedis, choose_redis
from howdah.errors import HowdahError
from howdah.kit.identity import KEY_VARIABLE, write_keys
from howdah.maintenance.check import Elsewhere, Report, check
from howdah.maintenance.spare import postgres_process, redis_process, spare_postgres
from howdah.observe import logs
from howdah.observe.events import emit
from howdah.observe.secret import Secret
from howdah.process import DRAIN_SECONDS
from howdah.project.load import PROJECT_FILE
from howdah.project.secret_file import STATE_FOLDER, ensure_secrets
from howdah.project.sections import Project, ServiceSection
from howdah.provision import METADATA, MIGRATIONS, count_rows, provision, provision_metadata, read_files
from howdah.server import secret_keys
from howdah.supervisor.control import ControlServer
from howdah.supervisor.errors import AlreadyRunning, UnknownProcess
from howdah.supervisor.listen import bind
from howdah.supervisor.lock import Lock, acquire, holder_of
from howdah.supervisor.logs import BookStream, LogBook
from howdah.supervisor.printer import Printer
from howdah.supervisor.process import (
    ExecReady,
    HttpReady,
    Process,
    State,
    Status,
    StopStep,
    TcpReady,
)
from howdah.supervisor.process import Ready as ProcessReady
from howdah.supervisor.supervisor import Supervisor
from howdah.supervisor.virtual_environment import programs_of, provide
from howdah.supervisor.watch import changes

POSTGRES, REDIS, PLATFORM = "postgres", "redis", "platform"
_POSTGRES_SECONDS = 60.0  # recovery after a crash may take a while
_REDIS_SECONDS = 30.0
_PLATFORM_SECONDS = 30.0
_POLL = 0.05
_SOCKET_NAME = 17
_GRPC_READY = ("python", "-m", "howdah.kit.grpc.ready")

Result = TypeVar("Result")


class PlatformNotStarted(HowdahError):
    """The platform did not start."""

    code = "E123"


@dataclass(frozen=True, slots=True)
class Started:
    """Everything is up, or has had its first chance to be."""

    url: str
    seconds: float
    migrations: int
    processes: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The project's database is made. ``rows`` by table."""

    postgres: str
    migrations: int
    rows: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class SavedFileRefused:
    """A file was saved that cannot be applied as it is; what ran goes on with what there was before."""

    level: ClassVar[str] = "error"

    code: str
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class RestartNeeded:
    """A file was saved that is only read at the start: stop howdah and start it again."""

    level: ClassVar[str] = "warning"

    file: str


def run(project: Project, *, only: tuple[str, ...] = (), printer: Printer, announce: Callable[[Started], None]) -> int:
    """Start the project and keep it running until Ctrl-C, SIGTERM or ``howdah stop``; the exit code.

    ``only`` names the services to start (none: all). ``announce`` is called once, when everything is up.

    Raises HowdahError for what keeps it from starting.
    """
    return asyncio.run(_run(project, _chosen(project, only), printer, announce))


def prepare(project: Project) -> Prepared:
    """The project's database exists, with migrations, metadata and seeds; nothing runs afterwards.

    Raises HowdahError.
    """
    return asyncio.run(_prepare(project))


def with_database(project: Project, work: Callable[[Postgres], Awaitable[Result]]) -> Result:
    """What ``work`` makes of the project's Postgres, which runs meanwhile and has its database.

    Where `howdah dev` runs it already, or somebody else does, it is used; otherwise it is started, and ended
    afterwards. Raises HowdahError.
    """
    return asyncio.run(_with_database(project, work))


def check_drift(project: Project) -> Report:
    """How the project's database differs from what its files make. Raises HowdahError."""
    return with_database(project, lambda postgres: check(_root(project), postgres.dsn, spare(project)))


def spare(project: Project) -> Elsewhere:
    """Lends a Postgres of the project's own, for when its database's server will not do."""
    return partial(spare_postgres, (_root(project) / STATE_FOLDER).resolve(), os.environ)


# -- the order of things -----------------------------------------------------------------------------------------------


async def _run(
    project: Project, services: tuple[ServiceSection, ...], printer: Printer, announce: Callable[[Started], None]
) -> int:
    root, run_folder, began = _root(project), _run_folder(project), time.monotonic()
    ensure_secrets(root)
    with acquire(run_folder / "lock") as lock, contextlib.closing(_listener(project)) as listener:
        url = _url(project, listener)
        lock.describe(url=url)
        async with _supervising(project, lock, printer) as supervisor:
            path = private.folder_for(str(root), account.own(), os.environ) / "control"
            async with ControlServer(supervisor, path, run_folder=run_folder, url=url, name=project.name):
                await supervisor.run(_live(project, services, supervisor, listener, url, announce, began))
    return 0


async def _live(
    project: Project,
    services: tuple[ServiceSection, ...],
    supervisor: Supervisor,
    listener: socket.socket,
    url: str,
    announce: Callable[[Started], None],
    began: float,
) -> None:
    """Postgres, what belongs in it, Redis for workers, the platform and the services at once; then saved files."""
    described = read_files(_root(project))  # first: what is wrong with them is wrong without a database, too
    dsn = await _start_postgres(project, supervisor)
    migrated = await provision(described, dsn)
    broker = await _broker(project, services, supervisor)
    addresses = Addresses(url, dsn, broker)
    supervisor.add(_platform(project, addresses, listener, supervisor))
    supervisor.add(
        *(service_process(project, service, addresses, _before(service, supervisor)) for service in services)
    )
    statuses = await supervisor.ready(PLATFORM, *(service.name for service in services))
    if statuses[0].state is not State.READY:
        raise PlatformNotStarted("\n  ".join(["the platform did not start:", *statuses[0].detail[-12:]]))
    announce(Started(url, round(time.monotonic() - began, 2), len(migrated.migrations), supervisor.statuses()))
    await _apply_saved_files(_root(project).resolve(), dsn)


async def _prepare(project: Project) -> Prepared:
    began = time.monotonic()
    ensure_secrets(_root(project))
    with acquire(_run_folder(project) / "lock") as lock:
        async with _supervising(project, lock, None) as supervisor:
            described = read_files(_root(project))
            postgres = await _postgres(project)
            dsn = await _start_postgres(project, supervisor, postgres)
            migrated = await provision(described, dsn)
            rows = await count_rows(described, dsn)
    source = "DATABASE_URL" if isinstance(postgres, GivenPostgres) else f"Postgres {postgres.binaries.version}"
    return Prepared(source, len(migrated.migrations), rows, round(time.monotonic() - began, 2))


async def _with_database(project: Project, work: Callable[[Postgres], Awaitable[Result]]) -> Result:
    if project.database.url is not None:
        given = await _postgres(project)
        await given.create_database()
        return await work(given)
    ensure_secrets(_root(project))
    path, deadline = _run_folder(project) / "lock", time.monotonic() + _POSTGRES_SECONDS
    while True:
        if "url" in (holder_of(path) or {}):  # `howdah dev`: other commands are over soon, and do not say where
            if (own := await _running(project)) is not None:
                return await work(own)
        else:
            try:
                lock = acquire(path)
            except AlreadyRunning:
                if time.monotonic() > deadline:
                    raise
            else:
                with lock:
                    async with _supervising(project, lock, None) as supervisor:
                        postgres = await _postgres(project)
                        await _start_postgres(project, supervisor, postgres)
                        return await work(postgres)
        if time.monotonic() > deadline:
            raise PostgresNotStarted("howdah runs for this project, and its Postgres does not answer")
        await asyncio.sleep(_POLL)


async def _running(project: Project) -> OwnPostgres | None:
    """The Postgres of the `howdah dev` that runs for this project, once it takes connections to the database."""
    home = _root(project) / STATE_FOLDER / "postgres"
    if not (home.parent / f"{home.name}.location").exists() and not (home / "data").exists():
        return None
    own = await running(home=home, database=project.name, environment=os.environ)
    if not await own.is_ready():
        return None
    await own.create_database()
    return own


async def _apply_saved_files(root: Path, dsn: Secret) -> None:
    """Every saved metadata file is applied, for ever; what only a start can apply is said."""
    metadata = (root / METADATA).parent
    async for saved in changes("project", (metadata, root / MIGRATIONS, root / PROJECT_FILE)):
        for path in saved:
            if not path.is_relative_to(metadata):
                emit(RestartNeeded(path.relative_to(root).as_posix()))
        if any(path.is_relative_to(metadata) for path in saved):
            try:
                await provision_metadata(root, dsn)
            except HowdahError as error:
                emit(SavedFileRefused(error.code, error.message, error.hint))


# -- Postgres ----------------------------------------------------------------------------------------------------------


async def _postgres(project: Project) -> Postgres:
    home = _root(project) / STATE_FOLDER / "postgres"
    return await choose(project.database.url, home=home, database=project.name, environment=os.environ)


async def _start_postgres(project: Project, supervisor: Supervisor, postgres: Postgres | None = None) -> Secret:
    """The project's Postgres takes connections and has its database; the URL of that."""
    match postgres or await _postgres(project):
        case GivenPostgres() as given:
            await given.check(project.database.connect_timeout)
            return given.dsn
        case OwnPostgres() as own:
            supervisor.add(postgres_process(own, name=POSTGRES, timeout=_POSTGRES_SECONDS))
            (status,) = await supervisor.ready(POSTGRES)
            if status.state is not State.READY:
                raise PostgresNotStarted.after(status.detail or (status.reason or "",))
            await own.create_database()
            return own.dsn


# -- the broker --------------------------------------------------------------------------------------------------------


async def _broker(project: Project, services: tuple[ServiceSection, ...], supervisor: Supervisor) -> Secret | None:
    """Where tasks go: the broker of the settings; where a service needs one and none is named, a Redis of our own."""
    if project.tasks.broker_url is not None or not any(map(uses_redis, services)):
        return project.tasks.broker_url
    redis = _own_redis(project)
    supervisor.add(redis_process(redis, name=REDIS, timeout=_REDIS_SECONDS))
    (status,) = await supervisor.ready(REDIS)
    if status.state is not State.READY:
        raise RedisNotStarted("\n  ".join(["Redis did not start:", *(status.detail or (status.reason or "",))]))
    return Secret(redis.url)


def uses_redis(service: ServiceSection) -> bool:
    """Whether the service needs a Redis: a worker takes its tasks from one."""
    return service.redis or service.kind == "worker"


def _own_redis(project: Project) -> OwnRedis:
    return choose_redis(_root(project) / STATE_FOLDER / "redis", os.environ)


# -- the platform and the services -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where what a process may need is: the platform, and what is behind it as far as it is known."""

    url: str
    dsn: Secret | None = None
    broker: Secret | None = None


def _platform(project: Project, addresses: Addresses, listener: socket.socket, supervisor: Supervisor) -> Process:
    """The one process with gateway and data: `howdah.process`, on the listening socket of ours."""
    descriptor = listener.fileno()
    words = ("--project", str(_root(project)), "--listener", str(descriptor), "--run-folder", str(_run_folder(project)))
    return Process(
        name=PLATFORM,
        command=(sys.executable, "-m", "howdah.process", *words, "--development"),
        folder=_root(project),
        environment={
            **os.environ,
            "HOWDAH_DATABASE_URL": _revealed(addresses.dsn),
            **({} if addresses.broker is None else {"HOWDAH_TASKS_BROKER_URL": addresses.broker.reveal()}),
        },
        depends_on=_after(POSTGRES, supervisor=supervisor),
        ready=HttpReady("/-/ready", port=listener.getsockname()[1], timeout=_PLATFORM_SECONDS),
        stop=(StopStep(timeout=DRAIN_SECONDS + 2.0),),
        sockets=(descriptor,),
    )


def service_environment(project: Project, service: ServiceSection, addresses: Addresses) -> dict[str, str]:
    """The environment of a service of the user's, which sees nothing of howdah's own settings and secrets."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOWDAH_")}
    own = (str(programs_of(virtual_environment(project, service))),) if service.requirements else ()
    programs = os.pathsep.join((*own, str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)))
    return {
        **inherited,
        "PATH": programs,  # so that a service's python is the one howdah is installed in
        "PYTHONUNBUFFERED": "1",
        "HOWDAH_ENVIRONMENT": "development",
        "HOWDAH_SERVICE": service.name,
        "HOWDAH_DATA_URL": f"{addresses.url}/data",
        "HOWDAH_GATEWAY_URL": addresses.url,
        "HOWDAH_SERVICES": services_variable(project),
        **({} if addresses.dsn is None else {"DATABASE_URL": addresses.dsn.reveal()}),
        **({} if addresses.broker is None else _broker_variables(addresses.broker)),
        **({"HOWDAH_TASKS_LEASE": f"{project.tasks.lease:g}"} if service.kind == "worker" else {}),
        **({"HOWDAH_GRPC_ADDRESS": grpc_address(project, service)} if service.kind == "grpc" else {}),
        **_internal_key(project, service.name),
        **project.environment,
        **service.environment,
    }


def services_variable(project: Project) -> str:
    """``HOWDAH_SERVICES``: which services there are to call, of the project's own and foreign ones."""
    own = [service.name for service in project.services if service.kind == "http"]
    grpc = {service.name: service.url or grpc_address(project, service) for service in _of_grpc(project)}
    return json.dumps({"own": own, "foreign": project.clients, "grpc": grpc}, separators=(",", ":"))


def grpc_address(project: Project, service: ServiceSection) -> str:
    """The unix socket of a gRPC service, in a folder that is nobody else's; the same at every start."""
    name = service.name
    if len(name) > _SOCKET_NAME:  # a path of a socket is short, and names that begin alike are not one
        name = f"{name[:8]}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"
    return f"unix:{private.folder_for(str(_root(project)), account.own(), os.environ) / name}"


def _of_grpc(project: Project) -> list[ServiceSection]:
    return [service for service in project.services if service.kind == "grpc"]


def virtual_environment(project: Project, service: ServiceSection) -> Path:
    """Where the virtual environment of a service is that has requirements of its own."""
    return _root(project) / STATE_FOLDER / "venvs" / service.name


async def running_addresses(project: Project, url: str) -> Addresses:
    """Where the processes of the `howdah dev` are that runs for the project at ``url``."""
    dsn, broker = project.database.url, project.tasks.broker_url
    if dsn is None and (own := await _running(project)) is not None:
        dsn = own.dsn
    if broker is None and any(map(uses_redis, project.services)):
        redis = _own_redis(project)
        broker = Secret(redis.url) if await redis.is_ready() else None
    return Addresses(url, dsn, broker)


def _broker_variables(broker: Secret) -> dict[str, str]:
    url = broker.reveal()
    is_redis = url.startswith(("redis:", "rediss:", "unix:"))
    return {"HOWDAH_TASKS_BROKER_URL": url, **({"REDIS_URL": url} if is_redis else {})}


def _revealed(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()


def _internal_key(project: Project, service: str) -> Mapping[str, str]:
    """What the service checks by that the gateway is speaking (R36)."""
    keyring = secret_keys(project)
    return {} if keyring is None else {KEY_VARIABLE: write_keys(internal_token_keys(keyring, service))}


def service_process(
    project: Project, service: ServiceSection, addresses: Addresses, after: tuple[str, ...] = ()
) -> Process:
    """How a service of the user's is run, beside what is at these addresses."""
    own = virtual_environment(project, service)
    return Process(
        name=service.name,
        command=service.command,
        folder=service.folder,
        environment=service_environment(project, service, addresses),
        depends_on=after,
        before_start=_provider(own, service),
        ready=_readiness(project, service),
        stop=(StopStep(timeout=service.stop_timeout),),
        watch=tuple(service.folder / path for path in service.watch),
        port=service.kind != "grpc",
    )


def _provider(environment: Path, service: ServiceSection) -> Callable[[], Awaitable[None]] | None:
    """What makes the virtual environment of a service that needs one."""
    if not service.requirements:
        return None
    return partial(provide, environment, service.folder, service.requirements, service.command[0])


def _readiness(project: Project, service: ServiceSection) -> ProcessReady:
    ready = service.ready
    if service.kind == "grpc" and ready.kind == "tcp":  # it has no port, and says itself how it fares
        return ExecReady((*_GRPC_READY, grpc_address(project, service)), timeout=ready.timeout)
    match ready.kind:
        case "http":
            return HttpReady(ready.path, timeout=ready.timeout)
        case "tcp":
            return TcpReady(timeout=ready.timeout)
        case "exec":
            return ExecReady(ready.command, timeout=ready.timeout)


def _before(service: ServiceSection, supervisor: Supervisor) -> tuple[str, ...]:
    """What the service waits for: a worker is of no use before the outbox is there, which the platform makes."""
    return _after(*((POSTGRES, REDIS, PLATFORM) if service.kind == "worker" else (POSTGRES,)), supervisor=supervisor)


def _after(*names: str, supervisor: Supervisor) -> tuple[str, ...]:
    """Those of the processes that there are."""
    return tuple(status.name for status in supervisor.statuses() if status.name in names)


def _chosen(project: Project, only: tuple[str, ...]) -> tuple[ServiceSection, ...]:
    """The services to start. Raises UnknownProcess for a name that is none."""
    startable = {service.name: service for service in project.services if service.command}
    for name in only:
        if name not in startable:
            raise UnknownProcess(f"no service is called {name!r}", hint=f"There is: {', '.join(startable) or 'none'}.")
    return tuple(service for name, service in startable.items() if not only or name in only)


# -- around them -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _supervising(project: Project, lock: Lock, printer: Printer | None) -> AsyncIterator[Supervisor]:
    """A supervisor with a log book in which this process writes too."""
    section = project.logs
    folder = _root(project) / STATE_FOLDER / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what requests ask for is not for other users to read
    book = LogBook(folder, printer, file_size=section.max_size, files=section.keep)
    logs.configure(BookStream(book, "howdah"), service="howdah", level=section.level)
    try:
        async with Supervisor(key=str(_root(project)), book=book, keep_open=(lock.descriptor,)) as supervisor:
            yield supervisor
    finally:
        logs.shutdown()
        book.close()


def _root(project: Project) -> Path:
    assert project.root is not None, "development needs a project folder"
    return project.root


def _run_folder(project: Project) -> Path:
    return _root(project) / STATE_FOLDER / "run"


def _listener(project: Project) -> socket.socket:
    return bind(project.server.host, project.server.port)


def usual_url(project: Project) -> str:
    """Where the platform is when it runs at the port of its settings."""
    return _address(project, project.server.port)


def _url(project: Project, listener: socket.socket) -> str:
    return _address(project, listener.getsockname()[1])


def _address(project: Project, port: int) -> str:
    """How the user reaches the platform: by the domain's name where it listens on this machine's own addresses."""
    host = project.server.host
    local = host in ("127.0.0.1", "localhost", "0.0.0.0", "::", "::1")  # noqa: S104 - compared, not bound
    return f"http://{project.server.domain if local else host}:{port}"
