"""gRPC: who may call, within which bounds, what errors become, and what clients make of servers that are not well."""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.kit.backend import Backend, answers, backend, reply
from tests.kit.servers import free_port

from howdah.development import grpc_address, services_variable
from howdah.kit import context
from howdah.kit.errors import NotConfigured
from howdah.kit.grpc import AsyncClient, Client, RemoteRefused, ServerOptions, directory
from howdah.kit.grpc.generate import ProtoError, generate
from howdah.kit.grpc.options import with_environment
from howdah.kit.grpc.ready import main as ready
from howdah.kit.identity import write_keys
from howdah.kit.internal_token import sign_internal_token
from howdah.kit.relay import relayed_of
from howdah.kit.services.errors import CallError, ServiceTimeout, ServiceUnreachable, ServiceUnwell, UnknownService
from howdah.project.sections import Project, ServiceSection
from howdah.session import Session

SERVICE = Path(__file__).parent / "grpc_service"
sys.path.insert(0, str(SERVICE / "src"))
from rates import rates_pb2, rates_pb2_grpc  # noqa: E402 - it is on the path of a service, not on ours

KEY, OTHER = b"k" * 32, b"o" * 32
ANN = Session("user", {"x-hasura-user-id": "7"})
KEYED = {"HOWDAH_INTERNAL_KEY": write_keys([KEY]), "HOWDAH_SERVICE": "rates"}


@dataclass
class Rates:
    """A server in a process of its own."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self.address, options=[("grpc.default_authority", "localhost")])

    def get(self, currency: str = "EUR", *sent: tuple[str, str], timeout: float | None = 5.0) -> Any:
        with self.channel as channel:
            stub = rates_pb2_grpc.RatesStub(channel)
            return stub.GetRate(rates_pb2.RateRequest(currency=currency), timeout=timeout, metadata=sent)

    def refusal(self, currency: str = "EUR", *sent: tuple[str, str], timeout: float | None = 5.0) -> Any:
        with pytest.raises(grpc.RpcError) as caught:
            self.get(currency, *sent, timeout=timeout)
        return caught.value

    def health(self) -> int:
        with self.channel as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
            return int(answer.status)


@contextmanager
def serving(kind: str, folder: Path, environment: dict[str, str] | None = None, **options: Any) -> Iterator[Rates]:
    """The sample service, once it says that it serves."""
    address, log = f"unix:{folder}/rates.sock", folder / "log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOWDAH_")}
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "rates.server", kind],
            cwd=SERVICE / "src",
            env={
                **inherited,
                "HOWDAH_GRPC_ADDRESS": address,
                "OPTIONS": json.dumps(options),
                **(KEYED if environment is None else environment),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        deadline = time.monotonic() + 30
        while ready([address]) != 0:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Rates(address, process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: a socket's path has a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="hwd") as name:
        yield Path(name)


@pytest.fixture(scope="module", params=["threads", "async"])
def rates(request: pytest.FixtureRequest) -> Iterator[Rates]:
    """A server with a key, on threads and on an event loop: both do the same."""
    with tempfile.TemporaryDirectory(prefix="hwd") as name, serving(request.param, Path(name)) as running:
        yield running


@pytest.fixture(scope="module", params=["threads", "async"])
def open_rates(request: pytest.FixtureRequest) -> Iterator[Rates]:
    """A server that answers everybody."""
    with (
        tempfile.TemporaryDirectory(prefix="hwd") as name,
        serving(request.param, Path(name), {}, anonymous=True, max_message=100_000, longest_deadline=10) as running,
    ):
        yield running


def word(session: Session = ANN, **changed: Any) -> tuple[str, str]:
    given = {"key": KEY, "audience": "rates", "now": time.time(), **changed}
    return "x-howdah-internal-token", sign_internal_token(given.pop("key"), session, **given)


# -- who may call (R73) ------------------------------------------------------------------------------------------------


def test_the_caller_is_who_the_platform_says(rates: Rates) -> None:
    """R73: by the token alone; what else the metadata says of an identity counts for nothing."""
    answer = rates.get("EUR", word(), ("x-hasura-role", "admin"), ("x-hasura-user-id", "1"), ("x-request-id", "r-9"))
    told = json.loads(answer.told)
    assert (told["role"], told["user"], told["request_id"]) == ("user", "7", "r-9")
    told = json.loads(rates.get("EUR", word(Session("anonymous"))).told)
    assert (told["role"], told["user"]) == ("anonymous", None)
    assert len(told["request_id"]) == 32


def refused_words() -> dict[str, list[tuple[str, str]]]:
    return {
        "none": [],
        "a role without proof": [("x-hasura-role", "admin")],
        "another's key": [word(key=OTHER)],
        "for another service": [word(audience="bills")],
        "over": [word(now=time.time() - 31)],
        "twice": [word(), word()],
        "no token": [("x-howdah-internal-token", "x.y.z")],
        "in another field": [("authorization", f"Bearer {word()[1]}")],
    }


@pytest.mark.parametrize("name", refused_words())
def test_nobody_else_may_call(name: str, rates: Rates) -> None:
    """R73: UNAUTHENTICATED, for calls and streams, before the service hears of it."""
    assert rates.get("EUR", word()).currency == "EUR"
    sent = refused_words()[name]
    error = rates.refusal("EUR", *sent)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert dict(error.trailing_metadata())["howdah-code"] == "kit-caller-unproven"
    with rates.channel as channel, pytest.raises(grpc.RpcError) as caught:
        list(rates_pb2_grpc.RatesStub(channel).WatchRates(rates_pb2.WatchRequest(times=1), timeout=5, metadata=sent))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_strangers_may_call_where_that_is_said(open_rates: Rates) -> None:
    """R73: without a token they are anonymous; with a wrong one, or one that nobody here can check, refused."""
    assert json.loads(open_rates.get("EUR", ("x-hasura-role", "admin")).told)["role"] == "anonymous"
    assert open_rates.refusal("EUR", word()).code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_role_is_asked_for_as_in_http(rates: Rates) -> None:
    """`allow` and its error: the caller is told, by a status and by the code."""
    assert rates.get("EDITORS", word(Session("editor"))).currency == "EDITORS"
    error = rates.refusal("EDITORS", word())
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert dict(error.trailing_metadata())["howdah-code"] == "not-allowed"


def test_health_is_for_everybody_and_reflection_for_nobody(rates: Rates, folder: Path) -> None:
    """R73: reflection is off, and on where it is switched on."""
    assert rates.health() == health_pb2.HealthCheckResponse.SERVING
    assert reflected(rates) is grpc.StatusCode.UNIMPLEMENTED
    with serving("threads", folder, {}, anonymous=True, reflection=True) as other:
        assert "rates.Rates" in reflected(other)


def reflected(rates: Rates) -> Any:
    with rates.channel as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        try:
            (answer,) = stub.ServerReflectionInfo(asked, timeout=5)
        except grpc.RpcError as error:
            return error.code()  # type: ignore[attr-defined]
        return [service.name for service in answer.list_services_response.service]


OPTIONS: list[tuple[dict[str, Any], dict[str, str], bool]] = [
    ({"address": "unix:/run/x.sock"}, {}, True),
    ({}, {"HOWDAH_GRPC_ADDRESS": "unix:/run/x.sock"}, True),
    ({}, {"PORT": "5000", "HOWDAH_GRPC_CERTIFICATE": "c", "HOWDAH_GRPC_KEY": "k"}, True),
    ({"plaintext": True}, {"PORT": "5000"}, True),
    ({}, {"PORT": "5000", "HOWDAH_GRPC_PLAINTEXT": "1"}, True),
    ({}, {}, False),
    ({}, {"PORT": "5000"}, False),
    ({"address": "0.0.0.0:5000"}, {}, False),
    ({"address": "127.0.0.1:5000", "certificate": "c"}, {}, False),
    ({"address": "unix:/x", "client_authority": "a"}, {}, False),
]


@pytest.mark.parametrize(("options", "environment", "fine"), OPTIONS)
def test_it_listens_on_a_unix_socket_or_with_tls(options: Any, environment: dict[str, str], fine: bool) -> None:
    """R73: anything else has to be meant."""
    if fine:
        assert with_environment(ServerOptions(**options), environment).address
        return
    with pytest.raises(NotConfigured):
        with_environment(ServerOptions(**options), environment)


def test_over_tls_with_certificates_of_both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R73: a client without a certificate of the authority's does not get in; with one it does."""
    authority = certificate(folder, "authority", None)
    certificate(folder, "server", authority)
    certificate(folder, "client", authority)
    port = free_port()
    environment = {
        **KEYED,
        "HOWDAH_GRPC_ADDRESS": f"localhost:{port}",
        "HOWDAH_GRPC_CERTIFICATE": f"{folder}/server.pem",
        "HOWDAH_GRPC_KEY": f"{folder}/server.key",
        "HOWDAH_GRPC_CLIENT_AUTHORITY": f"{folder}/authority.pem",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "rates.server", "threads"],
        cwd=SERVICE / "src",
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        monkeypatch.setenv("HOWDAH_GRPC_AUTHORITY", f"{folder}/authority.pem")
        with pytest.raises(ServiceUnreachable):
            RatesClient(f"grpcs://localhost:{port}").call("GetRate", rates_pb2.RateRequest(currency="EUR"), timeout=3)
        monkeypatch.setenv("HOWDAH_GRPC_CLIENT_CERTIFICATE", f"{folder}/client.pem")
        monkeypatch.setenv("HOWDAH_GRPC_CLIENT_KEY", f"{folder}/client.key")
        client = RatesClient(f"grpcs://127.0.0.1:{port}")  # another address, so another channel
        deadline = time.monotonic() + 20
        while True:
            try:
                client.ping()
                break
            except CallError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        with pytest.raises(RemoteRefused) as caught:  # TLS alone is not enough: who calls has to be proven, too
            client.call("GetRate", rates_pb2.RateRequest(currency="EUR"))
        assert caught.value.answer_status is grpc.StatusCode.UNAUTHENTICATED
    finally:
        process.terminate()
        process.wait(20)


def certificate(folder: Path, name: str, authority: Any) -> Any:
    """A certificate for this machine in files, signed by the authority or itself one; with its key."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = (subject, key) if authority is None else authority
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signing, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return subject, key


def test_names_that_begin_alike_have_sockets_of_their_own(tmp_path: Path) -> None:
    """However long a name is, its socket's path is short, and nobody else's."""
    names = ["rates", "exchange-rates-of-europe", "exchange-rates-of-europa"]
    services = tuple(ServiceSection(name, tmp_path, kind="grpc", command=("true",)) for name in names)
    project = Project(root=tmp_path, name="p", services=services)
    addresses = [grpc_address(project, service) for service in services]
    assert len(set(addresses)) == 3
    assert all(len(address) < 100 for address in addresses)
    assert json.loads(services_variable(project))["grpc"] == dict(zip(names, addresses, strict=True))


def test_strangers_are_let_in_by_the_environment_too() -> None:
    """R73: between containers, and only where it is said."""
    given = {"HOWDAH_GRPC_ADDRESS": "unix:/x"}
    assert with_environment(ServerOptions(), given | {"HOWDAH_GRPC_ANONYMOUS": "1"}).anonymous
    assert not with_environment(ServerOptions(), given).anonymous


# -- within which bounds (R73) -----------------------------------------------------------------------------------------


def test_a_call_has_a_deadline(open_rates: Rates) -> None:
    """R73: none, or one that is too far away, is refused; one in between is kept to."""
    assert open_rates.get("EUR", timeout=10).currency == "EUR"
    for timeout in (None, 60):
        error = open_rates.refusal("EUR", timeout=timeout)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert dict(error.trailing_metadata())["howdah-code"] == "kit-grpc-no-deadline"
    started = time.monotonic()
    assert open_rates.refusal("HANG", timeout=0.3).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - started < 2


def test_a_message_has_a_size(open_rates: Rates) -> None:
    """R73: too much in either direction is refused, and the next call is not the worse for it."""
    assert open_rates.get("x" * 50_000).currency == "x" * 50_000
    assert open_rates.refusal("x" * 200_000).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert open_rates.refusal("LARGE").code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert open_rates.get("EUR").currency == "EUR"


def refused(running: Rates) -> bool:
    """Whether there is no room at the moment."""
    try:
        running.get("EUR")
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
    return False


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["threads", "async"])
def test_there_are_only_so_many_calls_at_once(kind: str, folder: Path) -> None:
    """R73: those beyond are refused at once, and taken again when there is room."""
    with serving(kind, folder, {}, anonymous=True, max_concurrent=2) as running, running.channel as channel:
        stub = rates_pb2_grpc.RatesStub(channel)
        until = f"{folder}/enough"
        waiting = [stub.GetRate.future(rates_pb2.RateRequest(currency=until), timeout=40) for _ in range(2)]
        eventually(lambda: refused(running))
        Path(until).touch()
        assert [each.result(40).currency for each in waiting] == [until, until]
        assert running.get("EUR").currency == "EUR"


# -- what errors become ------------------------------------------------------------------------------------------------

ENDS: list[tuple[str, grpc.StatusCode, str | None, str]] = [
    ("CRASH", grpc.StatusCode.INTERNAL, "internal", "The service failed to answer. Its log says why."),
    ("DOWN", grpc.StatusCode.INTERNAL, "internal", "Something went wrong in a way howdah can explain."),
    ("REFUSE", grpc.StatusCode.RESOURCE_EXHAUSTED, "too-many", "seven"),
    ("ABORT", grpc.StatusCode.OUT_OF_RANGE, None, "by itself"),
]


@pytest.mark.parametrize(("currency", "status", "code", "details"), ENDS)
def test_an_error_is_a_status_that_tells_no_secrets(
    rates: Rates, currency: str, status: grpc.StatusCode, code: str | None, details: str
) -> None:
    """What was meant for the caller is told; a failure is for the log, under the request's id."""
    error = rates.refusal(currency, word(), ("x-request-id", f"end-{currency}"))
    assert (error.code(), error.details()) == (status, details)
    assert dict(error.trailing_metadata() or ()).get("howdah-code") == code
    lines = wait_for(
        rates.log, lambda line: line.get("event") == "RpcServed" and line["request_id"] == f"end-{currency}"
    )
    assert lines[-1]["code"] == status.name
    if currency == "CRASH":
        assert any("ZeroDivisionError" in line.get("exception", "") for line in logged(rates.log))
        assert "hidden" not in rates.log.read_text()


def logged(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def wait_for(log: Path, fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 10
    while not (found := [line for line in logged(log) if fits(line)]):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found


def test_a_call_is_one_line_of_the_log(rates: Rates) -> None:
    """Method, code, duration, role and the request's id; of a stream when it ends."""
    rates.get("EUR", word(), ("x-request-id", "line-1"))
    with rates.channel as channel:
        watch = rates_pb2_grpc.RatesStub(channel).WatchRates
        sent = [word(), ("x-request-id", "line-2")]
        assert len(list(watch(rates_pb2.WatchRequest(times=3), timeout=5, metadata=sent))) == 3
    for name, method in (("line-1", "GetRate"), ("line-2", "WatchRates")):
        (line,) = wait_for(rates.log, lambda line, name=name: line.get("request_id") == name)
        assert (line["method"], line["code"], line["role"]) == (f"/rates.Rates/{method}", "OK", "user")
        assert 0 < line["seconds"] < 5


@pytest.mark.parametrize("kind", ["threads", "async"])
def test_it_is_not_ready_first_and_then_ends(kind: str, folder: Path) -> None:
    """SIGTERM: health says no while calls are still taken, what is under way ends well, then the process does."""
    environment, until = {"HOWDAH_DRAIN_SECONDS": "3"}, f"{folder}/enough"
    with serving(kind, folder, environment, anonymous=True, max_concurrent=3) as running, running.channel as channel:
        asked = rates_pb2.RateRequest(currency=until)
        waiting = rates_pb2_grpc.RatesStub(channel).GetRate.future(asked, timeout=40)
        assert running.get("EUR").currency == "EUR"
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: running.health() == health_pb2.HealthCheckResponse.NOT_SERVING)
        assert running.get("EUR").currency == "EUR"
        Path(until).touch()
        assert waiting.result(40).currency == until
        assert running.process.wait(40) == 0


# -- clients -----------------------------------------------------------------------------------------------------------


class RatesClient(Client):
    """As a service would write it."""

    service = "rates"
    stub = rates_pb2_grpc.RatesStub
    safe = frozenset({"GetRate", "ListRates"})

    def rate(self, currency: str, **more: Any) -> Any:
        return self.call("GetRate", rates_pb2.RateRequest(currency=currency), **more)

    def rates(self) -> list[str]:
        return [rate.currency for rate in self.call("ListRates", rates_pb2.ListRequest()).rates]

    def watch(self, times: int) -> Iterator[str]:
        for rate in self.stream("WatchRates", rates_pb2.WatchRequest(times=times)):
            yield rate.currency


class AsyncRatesClient(AsyncClient):
    """The same for coroutines."""

    service = "rates"
    stub = rates_pb2_grpc.RatesStub
    safe = frozenset({"GetRate", "ListRates"})

    async def rate(self, currency: str, **more: Any) -> Any:
        return await self.call("GetRate", rates_pb2.RateRequest(currency=currency), **more)

    async def rates(self) -> list[str]:
        return [rate.currency for rate in (await self.call("ListRates", rates_pb2.ListRequest())).rates]

    async def watch(self, times: int) -> list[str]:
        return [rate.currency async for rate in self.stream("WatchRates", rates_pb2.WatchRequest(times=times))]


@dataclass
class Waiting:
    """A client for coroutines, whose methods wait."""

    client: Any
    loop: asyncio.Runner

    def __getattr__(self, name: str) -> Any:
        there = getattr(self.client, name)
        if name.startswith("as_"):
            return lambda: Waiting(there(), self.loop)
        return lambda *args, **named: self.loop.run(there(*args, **named), context=contextvars.copy_context())


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes clients; both kinds do the same."""
    if request.param == "sync":
        yield RatesClient
        return
    with asyncio.Runner() as runner:
        yield lambda *args: Waiting(AsyncRatesClient(*args), runner)
        runner.run(directory._async.close())


@pytest.mark.usefixtures("keyless")
def test_unary_list_and_stream(client: Callable[..., Any], open_rates: Rates) -> None:
    """G1: the three kinds of call, and an error in the middle of a stream."""
    asking = client(open_rates.address)
    assert asking.rate("EUR").value == 1.5
    assert asking.rates() == ["EUR", "INR"]
    assert list(asking.watch(3)) == ["R0", "R1", "R2"]
    with pytest.raises(RemoteRefused) as caught:
        list(asking.watch(9))
    assert (caught.value.answer_status, caught.value.answer_code) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too-many")
    asking.ping()


@pytest.fixture
def keyless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOWDAH_INTERNAL_KEY", "HOWDAH_SERVICE", "HOWDAH_SERVICES", "HOWDAH_GATEWAY_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("keyless")
def test_a_back_end_that_is_not_there_is_an_error_in_time(client: Callable[..., Any], folder: Path) -> None:
    """G2: dead at once, hanging at the deadline, and neither as an error of gRPC's that nobody handles."""
    started = time.monotonic()
    with pytest.raises(ServiceUnreachable) as caught:
        client(f"unix:{folder}/nobody.sock").rate("EUR")
    assert caught.value.status == 502
    with pytest.raises(ServiceUnreachable):
        client(f"grpc://127.0.0.1:{free_port()}").rate("EUR")
    assert time.monotonic() - started < 8
    with serving("threads", folder, {}, anonymous=True) as running:
        started = time.monotonic()
        with pytest.raises(ServiceTimeout):
            client(running.address).rate("HANG", timeout=0.4)
        assert time.monotonic() - started < 3
        with pytest.raises(ServiceUnwell):
            client(running.address).rate("LARGE")
    with pytest.raises(CallError):
        client(f"unix:{folder}/rates.sock").ping()
    for wrong in ("localhost:5000", "unix:rates.sock", "http://x:1", "grpcs://"):
        with pytest.raises(NotConfigured):
            client(wrong).rate("EUR")


@pytest.mark.usefixtures("keyless")
def test_a_service_is_found_by_its_name(client: Callable[..., Any], open_rates: Rates, monkeypatch: Any) -> None:
    """The environment has its address; a name that is none says which there are."""
    with pytest.raises(UnknownService):
        client().rate("EUR")
    monkeypatch.setenv("HOWDAH_SERVICES", json.dumps({"grpc": {"rates": open_rates.address}}))
    assert client().rate("EUR").currency == "EUR"
    monkeypatch.setenv("HOWDAH_SERVICES", json.dumps({"grpc": {"bills": "unix:/x"}}))
    with pytest.raises(UnknownService) as caught:
        client().rate("EUR")
    assert caught.value.hint == "There is: bills."


@contextmanager
def gateway_of(token: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """What answers in the gateway's place, and a service that asks it."""
    monkeypatch.setattr(directory, "tokens", directory.Tokens())
    monkeypatch.setenv("HOWDAH_INTERNAL_KEY", write_keys([OTHER]))
    monkeypatch.setenv("HOWDAH_SERVICE", "shop")
    with backend(answers(reply(json.dumps({"token": token, "expires_in": 30}).encode()))) as there:
        monkeypatch.setenv("HOWDAH_GATEWAY_URL", there.url)
        yield there


def test_who_calls_is_shown_by_the_gateways_token(
    client: Callable[..., Any], rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R36, R73: asked for once, with this service's word for its caller, and shown with each call."""
    with gateway_of(word()[1], monkeypatch) as there:
        headers = [("X-Howdah-Internal-Token", sign_internal_token(OTHER, ANN, audience="shop", now=time.time()))]
        tokens = context.enter(context.Exchange(ANN, "r-77", 0.0, relayed_of(headers)))
        try:
            asking = client(rates.address)
            seen = [json.loads(asking.rate("EUR").told) for _ in range(3)]
        finally:
            context.leave(tokens)
        assert [(one["role"], one["user"], one["request_id"]) for one in seen] == [("user", "7", "r-77")] * 3
        (asked,) = there.requests
        assert (asked.method, asked.target) == ("POST", "/-/internal-token?service=rates")
        assert asked.headers["authorization"].startswith("Bearer ey")


def test_a_gateway_that_gives_none_is_an_error(
    client: Callable[..., Any], rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, unknown, no gateway at all: nothing is called without a token instead."""
    refusal = reply(b'{"code": "unknown-service", "message": "m"}', "502 Bad Gateway")
    with gateway_of("x", monkeypatch):
        with pytest.raises(RemoteRefused):
            client(rates.address).as_service().rate("EUR")
        for answer, error in ((refusal, UnknownService), (reply(b"<html>"), NotConfigured)):
            monkeypatch.setattr(directory, "tokens", directory.Tokens())
            with backend(answers(answer)) as there:
                monkeypatch.setenv("HOWDAH_GATEWAY_URL", there.url)
                with pytest.raises(error):
                    client(rates.address).as_service().rate("EUR")
        monkeypatch.setenv("HOWDAH_GATEWAY_URL", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setattr(directory, "tokens", directory.Tokens())
        with pytest.raises(ServiceUnreachable):
            client(rates.address).as_service().rate("EUR")


@pytest.mark.usefixtures("keyless")
def test_a_server_is_killed_under_load_and_comes_back(folder: Path) -> None:
    """Kill -9: every call ends in time, as an answer or an error of ours; reads are well again once it is back."""
    ended: list[str] = []
    strange: list[BaseException] = []
    enough = threading.Event()
    asking = RatesClient(f"unix:{folder}/rates.sock")

    def load() -> None:
        while not enough.is_set():
            try:
                ended.append(asking.rate("EUR", timeout=4).currency)
            except CallError as error:
                ended.append(type(error).__name__)
            except BaseException as error:  # noqa: BLE001 - which is what must not be
                strange.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for turn in range(3):
        with serving("threads", folder, {}, anonymous=True) as running:
            if not turn:
                for thread in threads:
                    thread.start()
            before = len(ended)
            deadline = time.monotonic() + 20
            while ended[before:].count("EUR") < 50:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            running.process.kill()
            running.process.wait(10)
    enough.set()
    for thread in threads:
        thread.join(20)
    assert not strange
    assert set(ended) <= {"EUR", "ServiceUnreachable", "ServiceTimeout"}


# -- code of .proto files ----------------------------------------------------------------------------------------------


def test_the_committed_code_is_current() -> None:
    """What is in the repository is what the compiler makes."""
    made = generate(SERVICE, check=True)
    assert made.protos == ("src/rates/rates.proto",)
    assert made.changed == ()


def test_code_is_made_beside_its_file_and_imports_inside_packages(tmp_path: Path) -> None:
    """Two files of which one imports the other, in packages; types beside; the same bytes each time."""
    package = tmp_path / "src" / "shop" / "rpc"
    package.mkdir(parents=True)
    money = 'syntax = "proto3";\npackage shop;\nmessage Money { int64 cents = 1; }\n'
    bills = (
        'syntax = "proto3";\npackage shop;\nimport "shop/rpc/money.proto";\n'
        "service Bills { rpc Pay(Money) returns (Money); }\n"
    )
    (package / "money.proto").write_text(money)
    (package / "bills.proto").write_text(bills)
    made = generate(tmp_path)
    assert len(made.changed) == 6
    assert (package / "bills_pb2.pyi").exists()
    assert generate(tmp_path, check=True).changed == ()
    code = "from shop.rpc import bills_pb2_grpc as b, money_pb2 as m; print(m.Money(cents=7).cents, b.BillsStub)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "src", capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("7 ")
    (package / "money.proto").write_text(money.replace("cents = 1", "cents = 2"))
    assert generate(tmp_path, check=True).changed == ("src/shop/rpc/money_pb2.py",)
    assert generate(tmp_path).changed == ("src/shop/rpc/money_pb2.py",)


def test_a_file_that_is_none_is_refused_in_the_compilers_words(tmp_path: Path) -> None:
    """With file and line; a folder without any is an error too; nothing is written."""
    with pytest.raises(ProtoError, match=r"no \.proto file"):
        generate(tmp_path)
    (tmp_path / "x.proto").write_text('syntax = "proto3";\nmessage {}\n')
    with pytest.raises(ProtoError, match=r"x.proto:2"):
        generate(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.proto"]


def test_a_copy_of_the_service_is_made_current(tmp_path: Path) -> None:
    """Old or missing code is noticed by the check, and written."""
    shutil.copytree(SERVICE, tmp_path / "s", ignore=shutil.ignore_patterns("__pycache__", "*_pb2.pyi"))
    (tmp_path / "s/src/rates/rates_pb2.py").write_text("# old")
    expected = ("src/rates/rates_pb2.py", "src/rates/rates_pb2.pyi")
    assert generate(tmp_path / "s", check=True).changed == expected
    assert generate(tmp_path / "s").changed == expected
    assert generate(tmp_path / "s").changed == ()
