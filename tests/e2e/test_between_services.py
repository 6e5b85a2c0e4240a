"""Services that call each other and the Data API, under `howdah dev`: who calls is known all the way; kills pass."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import open_folder, quickstart
from tests.e2e.product import Dev, Reply, eventually

pytestmark = pytest.mark.e2e

RATES = Path(__file__).parents[1] / "kit" / "grpc_service"

SHOP = """
import json

import flask
from howdah.kit import current
from howdah.kit.grpc import Client
from howdah.kit.data import data
from howdah.kit.flask import Howdah
from howdah.kit.services import services

from rates import rates_pb2, rates_pb2_grpc

app = flask.Flask("shop")


class RatesClient(Client):
    service, stub, safe = "rates", rates_pb2_grpc.RatesStub, frozenset({"GetRate"})


Howdah(app, checks={"bills": lambda: services.get("bills").ping()})

QUERY = {"type": "select", "args": {"table": "article", "columns": ["id"], "order_by": "id"}}


@app.get("/mine")
def mine():
    try:
        return {"rows": len(data.as_caller().query(QUERY))}
    finally:
        flask.current_app.logger.info("asked")


@app.get("/own")
def own():
    return {"rows": data.as_service().count("article")}


@app.post("/write")
def write():
    return data.as_caller().insert("author", {"name": "x"})


@app.get("/due")
def due():
    return services.get("bills").ask("GET", "/due")


@app.get("/due/itself")
def itself():
    return services.get("bills").as_service().ask("GET", "/due")


@app.get("/rate")
def rate():
    return json.loads(RatesClient().call("GetRate", rates_pb2.RateRequest(currency="EUR"), timeout=5).told)


@app.get("/around")
def around():
    return services.get("bills").ask("GET", "/back")


@app.get("/nothing")
def nothing():
    return services.get("nothing").ask("GET", "/")
"""

BILLS = """
import os

import fastapi
from howdah.kit import current
from howdah.kit.fastapi import Howdah
from howdah.kit.services import async_services

app = fastapi.FastAPI()
Howdah(app)


@app.get("/due")
async def due():
    session = current.session
    return {"role": session.role, "user": session.variables.get("x-hasura-user-id"), "pid": os.getpid(),
            "request_id": current.request_id}


@app.get("/back")
async def back():
    return await async_services.get("shop").ask("GET", "/mine")
"""

SETTINGS = """
[services.shop]
command = "gunicorn --bind $HOST:$PORT --workers 2 --threads 4 app:app"
ready = { path = "/-/live" }
role = "shop"

[services.bills]
command = "uvicorn --host $HOST --port $PORT app:app"
ready = { path = "/-/live" }
routes = []

[services.rates]
kind = "grpc"
command = "python -m rates.server"
folder = "services/rates/src"

[clients.weather]
base_url = "http://127.0.0.1:9"
headers = { X-Key = "${WEATHER_KEY}" }
"""

PERMISSION = """
[select]
columns = ["id"]
filter = {}
"""


@pytest.fixture(scope="module")
def dev() -> Iterator[Dev]:
    """The sample project with two more services, of which one has no route."""
    with open_folder() as folder:
        project = quickstart(folder)
        with (project / "howdah.toml").open("a") as settings:
            settings.write(SETTINGS)
        for name, text in (("shop", SHOP), ("bills", BILLS)):
            (project / "services" / name).mkdir()
            (project / "services" / name / "app.py").write_text(text)
        shutil.copytree(RATES, project / "services" / "rates", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(RATES / "src" / "rates", project / "services" / "shop" / "rates")
        with Dev(project, environment={"WEATHER_KEY": "k"}) as running:
            for name in ("shop", "bills", "rates"):
                eventually(lambda name=name: state(running, name) == "ready", what=f"{name} to run\n{running.said}")
            yield running


def state(dev: Dev, name: str) -> str:
    return next(process["state"] for process in dev.status()["processes"] if process["name"] == name)


def shop(dev: Dev, path: str, role: str | None = None, method: str = "GET", **variables: str) -> Reply:
    """What the shop answers to somebody; to nobody without a role."""
    headers = {"Host": f"shop.localhost:{dev.port}", "X-Request-Id": "trip-1"}
    if role is not None:
        headers |= dev.admin | {"X-Hasura-Role": role}
        headers |= {f"X-Hasura-{name.replace('_', '-')}": value for name, value in variables.items()}
    return dev.request(method, path, headers=headers)


def test_a_service_asks_on_behalf_of_its_caller(dev: Dev) -> None:
    """R36: strangers see what strangers see, the admin everything; the same service, the same line."""
    strangers, admins = shop(dev, "/mine").json(), shop(dev, "/mine", "admin").json()
    assert strangers == {"rows": 329}
    assert admins == {"rows": 400}
    refused = shop(dev, "/write", method="POST")
    assert (refused.status, refused.json()["code"]) == (403, "kit-forbidden")


def test_a_service_asks_as_itself(dev: Dev) -> None:
    """In the role of its settings, which the Data API knows nothing of yet."""
    refused = shop(dev, "/own")
    assert (refused.status, refused.json()["code"]) == (403, "kit-forbidden")


def test_who_calls_is_known_all_the_way(dev: Dev) -> None:
    """R36: from the client to the shop to the bills, which no route leads to; under one request id."""
    answer = shop(dev, "/due", "user", user_id="7")
    assert answer.status == 200, answer.text
    assert {"role": "user", "user": "7", "request_id": "trip-1"}.items() <= answer.json().items()
    assert shop(dev, "/due").json()["role"] == "anonymous"
    assert shop(dev, "/due/itself").json()["role"] == "shop"
    assert dev.request("GET", "/due", headers={"Host": f"bills.localhost:{dev.port}"}).status == 404
    assert dev.request("GET", "/-/services/bills/due").json()["code"] == "services-only"


def test_a_name_that_is_none_is_an_error_that_says_so(dev: Dev) -> None:
    """With the names there are, in the log of development."""
    answer = shop(dev, "/nothing")
    assert (answer.status, answer.json()["code"]) == (500, "kit-unknown-service")
    assert "bills" in answer.json()["hint"]
    assert "weather" in answer.json()["hint"]


def test_a_service_is_killed_under_load_and_comes_back(dev: Dev) -> None:
    """Kill -9, again and again: every call ends, none with another's answer, and reads end well once it is back."""
    seen: Counter[int] = Counter()
    wrong: list[str] = []
    slowest = 0.0
    enough = threading.Event()

    def load(number: int) -> None:
        nonlocal slowest
        while not enough.is_set():
            began = time.monotonic()
            answer = shop(dev, "/due", "user", user_id=str(number))
            slowest = max(slowest, time.monotonic() - began)
            seen[answer.status] += 1
            if answer.status == 200 and answer.json()["user"] != str(number):
                wrong.append(answer.text)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        pids = set()
        for _ in range(3):
            pid = eventually(lambda: shop(dev, "/due", "user").json().get("pid"), what="the bills to answer")
            pids.add(pid)
            os.kill(pid, signal.SIGKILL)
            eventually(lambda pid=pid: shop(dev, "/due", "user").json().get("pid") not in (None, pid), what="a new one")
    finally:
        enough.set()
        for thread in threads:
            thread.join(60)
    assert len(pids) == 3
    assert not wrong
    assert set(seen) <= {200, 502, 503, 504}, seen
    assert seen[200] > 20, seen
    assert slowest < 12
    assert shop(dev, "/due", "user", user_id="7").json()["user"] == "7"


def test_a_grpc_service_is_called_by_its_name(dev: Dev) -> None:
    """R73: on a unix socket that is nobody else's; who calls is known there too; it is started anew after a kill."""
    answer = shop(dev, "/rate", "user", user_id="7")
    assert answer.status == 200, answer.text
    assert {"role": "user", "user": "7", "request_id": "trip-1"}.items() <= answer.json().items()
    assert shop(dev, "/rate").json()["role"] == "anonymous"
    pid = answer.json()["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: shop(dev, "/rate", "user").json().get("pid") not in (None, pid), what="the rates to be back")
    eventually(lambda: state(dev, "rates") == "ready", what="the rates to be ready")


def test_code_of_proto_files_is_made_by_a_command(dev: Dev) -> None:
    """It is current, and a check says when it is not."""
    project = dev.folder / "services" / "rates" / "src" / "rates"
    assert dev.howdah("service", "proto", "rates", "--check").returncode == 0
    with (project / "rates.proto").open("a") as proto:
        proto.write("message More {}\n")
    checked = dev.howdah("service", "proto", "rates", "--check")
    assert checked.returncode == 3, checked.stderr
    assert "rates_pb2.py" in checked.stdout
    assert dev.howdah("service", "proto", "rates").returncode == 0
    assert dev.howdah("service", "proto", "rates", "--check").returncode == 0
    assert dev.howdah("service", "proto", "nobody").returncode == 4


def test_health_asks_the_other_service(dev: Dev) -> None:
    """`ping` as a check, with no request on whose behalf it could be: the shop says that it is well itself."""
    port = next(process["port"] for process in dev.status()["processes"] if process["name"] == "shop")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/-/ready")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (200, {"status": "ok"})
    finally:
        connection.close()


def test_coroutines_call_too(dev: Dev) -> None:
    """R36: the bills call the shop back, on behalf of the same caller."""
    assert shop(dev, "/around").json() == {"rows": 329}
    assert shop(dev, "/around", "admin").json() == {"rows": 400}
