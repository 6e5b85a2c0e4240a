"""Real sockets for the gateway's tests: the gateway under uvicorn, a scripted upstream, and bytes sent by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn

from howdah.gateway.app import Gateway
from howdah.gateway.breaker import BreakerLimits, Breakers
from howdah.gateway.checked import CheckRoute
from howdah.gateway.direct import DirectRoute
from howdah.gateway.hot import HotRoute
from howdah.gateway.limits import EdgeLimits
from howdah.gateway.match import OPEN, Route, RouteTable, part_routes
from howdah.gateway.pool import Pool, PoolLimits
from howdah.gateway.proxy import Proxy, ProxyLimits
from howdah.gateway.serving import server_config
from howdah.gateway.session import Resolver
from howdah.gateway.site import Site
from howdah.gateway.tunnel import TunnelLimits, Tunnels
from howdah.project.sections import Policy
from howdah.services.registry import Endpoint, Registry
from howdah.session import Identity

SECRET = "correct horse battery staple"
COOKIE = "__Host-session"
EXPIRED_COOKIE = f"{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
PROBLEM = frozenset(("type", "title", "status", "detail"))
DEADLINE = 10.0


def eventually(condition: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """The condition's value as soon as it is true; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)
    return value


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any, seconds: float = DEADLINE) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def close(self) -> None:
        async def end() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE)
        self.loop.close()


# Accounts


@dataclass
class Accounts:
    """To whom cookies and tokens belong, by their value."""

    cookies: dict[str, Identity] = field(default_factory=dict)
    tokens: dict[str, Identity] = field(default_factory=dict)

    async def find_by_cookie(self, value: str) -> Identity | None:
        return self.cookies.get(value)

    async def find_by_token(self, token: str) -> Identity | None:
        return self.tokens.get(token)


def cookie(name: str) -> str:
    """A cookie's value, long enough to be one."""
    return f"{name}-0123456789abcdef"


# The upstream


@dataclass
class Received:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


Behaviour = Callable[[Received, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool | None]]


@dataclass
class Upstream:
    """A server that does exactly what it is told, also what no decent server would."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    connections: int = 0
    closed: int = 0
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    _server: Any = None
    _loop: Loop = field(default_factory=Loop)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def start(self, port: int = 0) -> None:
        async def listen() -> Any:
            # Small buffers, so that the kernel does not swallow what a test wants to see held back.
            listening = socket.create_server(("127.0.0.1", port))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            return await asyncio.start_server(self._serve, sock=listening, limit=1 << 20)

        self._server = self._loop.run(listen())
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop listening and drop every connection."""

        async def end() -> None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await asyncio.sleep(0)

        self._loop.run(end())

    def close(self) -> None:
        self.stop()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request = _parse_head(head)
                behaviour = self.behaviours.get(request.target.partition("?")[0])
                if behaviour is None:
                    request.body = await read_body(request, reader)
                    self.requests.append(request)
                    writer.write(_echo(request))
                    await writer.drain()
                elif not await behaviour(request, reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            self._writers.discard(writer)
            writer.close()


def _parse_head(head: bytes) -> Received:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    fields = [line.split(": ", 1) for line in lines]
    return Received(method, target, [(name, value) for name, value in fields])


async def read_body(request: Received, reader: asyncio.StreamReader) -> bytes:
    if request.values("transfer-encoding"):
        pieces = []
        while size := int((await reader.readline()).strip(), 16):
            pieces.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
        return b"".join(pieces)
    lengths = request.values("content-length")
    return await reader.readexactly(int(lengths[0])) if lengths else b""


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields))
    return head.encode("latin-1") + b"\r\n" + body


def _echo(request: Received) -> bytes:
    seen = {"method": request.method, "target": request.target, "headers": request.headers, "body": len(request.body)}
    body = json.dumps(seen).encode()
    return answer(b"" if request.method == "HEAD" else body, "Content-Type: application/json")


@contextlib.contextmanager
def upstream(**behaviours: Behaviour) -> Iterator[Upstream]:
    server = Upstream({f"/{name.replace('_', '-')}": behaviour for name, behaviour in behaviours.items()})
    server.start()
    try:
        yield server
    finally:
        server.close()


# The gateway


async def echo_part(scope: Any, receive: Any, send: Any) -> None:
    """A part that tells what it was given."""
    body = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += len(message["body"])
        if not message["more_body"]:
            break
    if scope["path"] == "/bug":
        raise ZeroDivisionError("a bug")
    session = scope["howdah.session"]
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "root_path": scope["root_path"],
        "query": scope["query_string"].decode(),
        "headers": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        "role": session.role,
        "variables": dict(session.variables),
        "request_id": scope["howdah.request_id"],
        "body": body,
    }
    content = json.dumps(seen).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@dataclass
class RunningGateway:
    port: int
    registry: Registry
    events: list[Any]
    server: Any
    loop: asyncio.AbstractEventLoop
    ready: dict[str, Any]
    resolver: Resolver
    tunnels: Tunnels

    def named(self, kind: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == kind]

    def update(self, endpoint: Endpoint) -> None:
        self.loop.call_soon_threadsafe(self.registry.update, endpoint)
        eventually(lambda: self.registry.get(endpoint.name) == endpoint)

    def request(self, method: str, target: str, *fields: str, body: bytes = b"", host: str = "localhost") -> Answer:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join([*lines, "", ""]).encode("utf-8") + body)[0]

    def get(self, target: str, *fields: str, host: str = "localhost") -> Answer:
        return self.request("GET", target, *fields, host=host)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def raw(self, *pieces: bytes) -> list[Answer]:
        """The answers to these bytes, until the gateway closes."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return parse_answers(read_all(connection))


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool = True

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        (value,) = self.values(name)
        return value

    def json(self) -> Any:
        return json.loads(self.body)

    def fields(self) -> dict[str, list[str]]:
        """The header fields an echoing part or upstream saw, by lower-case name."""
        seen: dict[str, list[str]] = {}
        for name, value in self.json()["headers"]:
            seen.setdefault(name.lower(), []).append(value)
        return seen


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not data:
            return received
        received += data


def parse_answers(data: bytes) -> list[Answer]:
    answers = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        assert separator, f"no whole head in {data!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        headers = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines)]
        fields = dict(headers)
        complete = True
        if 100 <= status < 200:
            body, data = b"", rest
        elif "content-length" in fields and status != 304:
            length = int(fields["content-length"])
            body, data, complete = rest[:length], rest[length:], len(rest) >= length
        elif fields.get("transfer-encoding") == "chunked":
            body, data, complete = _dechunk(rest)
        else:
            body, data = rest, b""
        answers.append(Answer(status, headers, body, complete))
    return answers


def _dechunk(data: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        line, separator, rest = data.partition(b"\r\n")
        if not separator:
            return body, b"", False
        size = int(line, 16)
        if size == 0:
            return body, rest[2:], rest.startswith(b"\r\n")
        body += rest[:size]
        if len(rest) < size + 2:
            return body, b"", False
        data = rest[size + 2 :]


class WAYS:
    """Which ways to services the gateways of the tests have; see the fixture `way`."""

    direct = True


@contextlib.contextmanager
def gateway(
    *,
    service: int | Endpoint = 1,
    routes: tuple[Route, ...] = (Route(None, "/", "service", "web"), Route("app", "/", "service", "web")),
    parts: tuple[str, ...] = ("data",),
    edge: EdgeLimits | None = None,
    pool: PoolLimits | None = None,
    proxy: ProxyLimits | None = None,
    tunnel: TunnelLimits | None = None,
    breaker: BreakerLimits | None = None,
    accounts: Any = None,
    domain: str = "localhost",
    anonymous_user_id: str | None = None,
    development: bool = False,
    loop: str = "auto",
    http: Any = None,
    part: Any = echo_part,
    site: Site | None = None,
    domains: tuple[str, ...] = (),
    policies: Mapping[str, Policy] | None = None,
    hot: Any = None,
    table: RouteTable | None = None,
    names: Iterable[str] = (),
    believed: Any = None,
) -> Iterator[RunningGateway]:
    """The gateway on a port of its own, with an echoing part and one service at the given port or endpoint."""
    endpoint = service if isinstance(service, Endpoint) else Endpoint("web", "127.0.0.1", service, "ready")
    registry = Registry([endpoint, *(replace(endpoint, name=name) for name in names)])
    events: list[Any] = []
    readiness: dict[str, Any] = {"ready": True}
    began: list[asyncio.AbstractEventLoop] = []

    async def ready() -> tuple[bool, dict[str, Any]]:
        return readiness["ready"], {"database": readiness["ready"]}

    async def startup() -> None:
        began.append(asyncio.get_running_loop())

    async def shutdown() -> None:
        events.append("shutdown")

    policies = policies or {}
    own = [route for name in parts for route in part_routes(name, policies.get(name, OPEN))]
    table = table or RouteTable(domain, own + list(routes), domains)
    resolver = Resolver((SECRET,), anonymous_user_id, accounts=accounts, cookie=COOKIE, services=believed)
    tunnels = Tunnels(tunnel or TunnelLimits(), events.append)
    resolver.tell(tunnels.forget)
    breakers = Breakers(breaker or BreakerLimits(), events.append)
    connections = Pool(pool or PoolLimits())
    limits = proxy or ProxyLimits()
    app = Gateway(
        parts=dict.fromkeys(parts, part),
        routes=table,
        resolver=resolver,
        registry=registry,
        proxy=Proxy(registry, connections, limits, tunnels, breakers),
        readiness=ready,
        emit=events.append,
        startup=startup,
        shutdown=shutdown,
        development=development,
        site=site or Site(),
        expired_cookie=EXPIRED_COOKIE,
    )
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)  # as for the upstream
    site = site or Site()
    short = hot and HotRoute("data", "/v1/query", 20_000, hot, table, resolver, events.append, site)
    straight = DirectRoute(
        routes=table,
        resolver=resolver,
        registry=registry,
        pool=connections,
        breakers=breakers,
        site=site,
        emit=events.append,
        max_body=limits.max_body,
        server_timing=limits.server_timing,
    )
    config = server_config(
        app,
        edge or EdgeLimits(),
        events.append,
        stop_timeout=2,
        trusted_proxies=site.trusted_proxies,
        hot=short,
        direct=straight if WAYS.direct else None,
        check=CheckRoute(table, resolver, site, events.append) if WAYS.direct else None,
    )
    config.loop = loop  # type: ignore[assignment]
    if http is not None:
        config.http = http
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started and began)
        yield RunningGateway(
            listening.getsockname()[1], registry, events, server, began[0], readiness, resolver, tunnels
        )
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        assert not thread.is_alive()
