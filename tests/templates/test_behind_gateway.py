"""Every template in one generated project: its own tests pass, and it answers behind a real gateway."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.product import HOWDAH, Dev, Reply, eventually, howdah

from howdah.templates.service_template import templates

pytestmark = pytest.mark.e2e

IDENTITY = {
    f"GIT_{whose}_{what}": value
    for whose in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a service of each template, called as the template is."""
    folder = tmp_path_factory.mktemp("templates")
    made = howdah("quickstart", "--skip-database", "shop", folder=folder, environment=IDENTITY)
    assert made.returncode == 0, made.stderr
    root = folder / "shop"
    for one in templates():
        added = howdah("service", "add", one.name, "--template", one.name, folder=root)
        assert added.returncode == 0, added.stderr
    for name, text in {**SEED, **OWN}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    adopted = howdah("service", "adopt", "microservices/legacy", folder=root)
    assert adopted.returncode == 0, adopted.stderr
    wheel(root / "own" / "greeting-1.0-py3-none-any.whl")
    with (root / "howdah.toml").open("a") as settings:
        settings.write(
            '\n[services.own]\nfolder = "own"\ncommand = "python server.py"\nrequirements = ["requirements.txt"]\n'
        )
    return root


SEED = {
    "microservices/legacy/Dockerfile": (
        "FROM python:3\nCOPY src/requirements.txt /tmp/requirements.txt\nRUN pip3 install -r /tmp/requirements.txt\n"
        'WORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "--config", "./conf/gunicorn_config.py", "src:app"]\n'
    ),
    "microservices/legacy/conf/gunicorn_config.py": (
        "import multiprocessing\nbind = '0.0.0.0:8080'\nworkers = 2\naccesslog = '-'\nloglevel = 'debug'\n"
    ),
    "microservices/legacy/src/requirements.txt": "flask\ngunicorn\n",
    "microservices/legacy/src/__init__.py": (
        "from flask import Flask\n\napp = Flask(__name__)\n\nfrom .server import *\n"
    ),
    "microservices/legacy/src/server.py": (
        "from src import app\nfrom flask import jsonify, request\n\n@app.route('/whoami')\ndef whoami():\n"
        "    return jsonify(role=request.headers['X-Hasura-Role'], user=request.headers.get('X-Hasura-User-Id'))\n"
    ),
}
"""The first seed's microservice, which knows nothing of the kit."""

OWN = {
    "own/requirements.txt": "./greeting-1.0-py3-none-any.whl\n",
    "own/server.py": (
        "import http.server, os, sys, greeting\n\nclass Page(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n        self.send_response(200)\n        self.end_headers()\n"
        "        self.wfile.write(f'{greeting.WORD} {sys.prefix}'.encode())\n\n"
        "http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Page).serve_forever()\n"
    ),
}
"""A service that requires what is not installed beside howdah."""


def wheel(path: Path) -> None:
    """A package with one module, made by hand."""
    info = "greeting-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("greeting.py", "WORD = 'hello'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def dev(project: Path) -> Iterator[Dev]:
    with Dev(project) as dev:
        settled = ("ready", "failed")
        eventually(
            lambda: all(one["state"] in settled for one in dev.status()["processes"]), seconds=90, what="every service"
        )
        yield dev


def ask(dev: Dev, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    """A request to the gateway with JSON in it."""
    sent = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} if body is not None else {}
    return dev.request(method, path, sent, given | {name.replace("_", "-"): value for name, value in headers.items()})


def as_user(dev: Dev, number: str, role: str = "user") -> dict[str, str]:
    """The headers with which the admin calls as somebody else."""
    return {**dev.admin, "X-Hasura-Role": role, "X-Hasura-User-Id": number}


def test_the_tests_of_every_service_pass(project: Path) -> None:
    """Each on a database of its own, made from the files of the project, and a Redis if it needs one."""
    told = howdah("test", "services", "--json", folder=project, timeout=600)
    results = json.loads(told.stdout)["results"]
    failed = ["\n".join([one["name"], *one["detail"]]) for one in results if one["state"] != "passed"]
    assert not failed, "\n\n".join(failed)
    assert {one["name"].partition(":")[0] for one in results} == {"app", *(one.name for one in templates())}


def test_every_service_is_ready(dev: Dev) -> None:
    """`howdah service list` knows template, version and state of each."""
    listed = {one["name"]: one for one in json.loads(dev.howdah("service", "list", "--json").stdout)["services"]}
    for one in templates():
        assert (listed[one.name]["template"], listed[one.name]["version"]) == (one.name, one.version)
        assert listed[one.name]["state"] == "ready", listed[one.name]


def test_every_readme_is_one_screen_and_every_image_is_built_in_steps_and_not_root(project: Path) -> None:
    """README of at most 50 lines; a Dockerfile of two stages that copies what is there and runs as a user of its own.

    (H19)
    """
    for one in templates():
        folder = project / "services" / one.name
        assert len((folder / "README.md").read_text().splitlines()) <= 50, one.name
        assert "{{" not in (folder / "README.md").read_text()
        steps = [line.split() for line in (folder / "Dockerfile").read_text().splitlines() if line[:1].isupper()]
        assert [words[0] for words in steps].count("FROM") == 2, one.name
        last = max(number for number, words in enumerate(steps) if words[0] == "FROM")
        users = [words[1] for words in steps[last:] if words[0] == "USER"]
        assert users, one.name
        assert all(user.isdigit() and int(user) > 0 for user in users)
        assert steps[-1][0] in ("CMD", "ENTRYPOINT")
        json.loads(" ".join(steps[-1][1:]))  # a list: signals reach the server
        for words in steps:
            if words[0] == "COPY" and not words[1].startswith("--from"):
                for source in words[1:-1]:
                    assert (folder / source).exists(), f"{one.name}: {source}"


def test_the_code_of_every_template_is_clean() -> None:
    """The linter has nothing to say with its ordinary rules; the walk-through's two places aside."""
    folder = Path(sys.modules["howdah.templates"].__file__ or "").parent / "services"
    words = ["ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,W,B,UP,SIM,RET,PIE"]
    words += ["--exclude", "*_pb2*", str(folder)]
    done = subprocess.run(
        [str(Path(sys.executable).with_name(words[0])), *words[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


# -- flask -------------------------------------------------------------------------------------------------------------


def test_flask(dev: Dev) -> None:
    """H1, H3, H4: a page whose links lead back to it below its path, rows of the Data API, who is asking."""
    page = dev.get("/flask/")
    assert page.status == 200
    assert f"//localhost:{dev.port}/auth/ui/login" in page.text.replace("127.0.0.1", "localhost")
    assert 'href="/flask/get_articles"' in page.text
    assert len(dev.get("/flask/get_articles").json()["data"]) == 10
    assert dev.get("/flask/whoami").json()["role"] == "anonymous"
    assert ask(dev, "GET", "/flask/whoami", **as_user(dev, "7")).json() == {"role": "user", "user_id": "7"}
    assert dev.get("/", Host=f"flask.localhost:{dev.port}").status == 200
    assert "You are user 7" in ask(dev, "GET", "/flask/", **as_user(dev, "7")).text


# -- flask-sql ---------------------------------------------------------------------------------------------------------


def test_flask_sql(dev: Dev) -> None:
    """E3 to E8: POST takes JSON, what is not there is 501 in JSON, rows are really stored, twice is a conflict."""
    added = ask(dev, "POST", "/flask-sql/objects", {"name": "lamp"})
    assert added.status == 201, added.text
    assert added.json()["name"] == "lamp"
    assert [one["name"] for one in dev.get("/flask-sql/objects").json()] == ["lamp"]
    assert ask(dev, "POST", "/flask-sql/objects", {"name": "lamp"}).status == 409
    refused = ask(dev, "PUT", "/flask-sql/objects", {"name": "lamp"})
    assert (refused.status, refused.headers["content-type"]) == (501, "application/json")
    assert ask(dev, "POST", "/flask-sql/objects", {}).status == 422
    assert ask(dev, "DELETE", f"/flask-sql/objects/{added.json()['id']}").status == 204
    counted = dev.query({"type": "run_sql", "args": {"sql": "select count(*) from flask_sql_object"}}, dev.admin)
    assert counted.json()["result"] == [["count"], ["0"]]


# -- flask-actions -----------------------------------------------------------------------------------------------------


def test_flask_actions(dev: Dev) -> None:
    """D1 to D4, U3, U4: every call is checked, arguments have a schema, errors are JSON, a user is there once."""
    add = {"name": "Ann", "email": "ann@example.com"}
    assert ask(dev, "POST", "/flask-actions/users/add", add).status == 401
    user = as_user(dev, "7")
    first = ask(dev, "POST", "/flask-actions/users/add", add, **user)
    assert first.status == 200, first.text
    again = ask(dev, "POST", "/flask-actions/users/add", {**add, "name": "Anna"}, **user)
    assert again.json() == {**first.json(), "name": "Anna"}
    (found,) = ask(dev, "POST", "/flask-actions/users/find", {"name": "ann"}, **user).json()
    assert (found["name"], found["email"]) == ("Anna", "ann@example.com")
    assert found["changed_at"].endswith(("Z", "+00:00"))
    assert ask(dev, "POST", "/flask-actions/users/", {}, **user).json() is True
    assert ask(dev, "POST", "/flask-actions/users/nothing", {}, **user).status == 404
    assert ask(dev, "POST", "/flask-actions/users/add", {**add, "more": 1}, **user).status == 422
    refused = ask(dev, "GET", "/flask-actions/users/add", **user)
    assert (refused.status, refused.headers["content-type"]) == (405, "application/json")
    with ThreadPoolExecutor(20) as pool:
        body = {"name": "Ben", "email": "ben@example.com"}
        told = list(pool.map(lambda _: ask(dev, "POST", "/flask-actions/users/add", body, **user).status, range(20)))
    assert told == [200] * 20
    assert ask(dev, "POST", "/flask-actions/users/remove", {"email": "ben@example.com"}, **user).json() == {
        "removed": 1
    }


# -- counter -----------------------------------------------------------------------------------------------------------


def test_counter(dev: Dev) -> None:
    """K1: one atomic call; of many hits at once none is lost and none counted twice."""
    with ThreadPoolExecutor(20) as pool:
        counted = list(pool.map(lambda _: dev.get("/counter/").json()["hits"], range(100)))
    assert sorted(counted) == list(range(min(counted), min(counted) + 100))


# -- flask-layered -----------------------------------------------------------------------------------------------------


def test_flask_layered(dev: Dev) -> None:
    """F2 to F10: made by whom, listed, changed, gone; twice is a conflict; nobody writes without signing in."""
    body = {"name": "Postgre SQL", "url": "https://www.postgresql.org"}
    assert ask(dev, "POST", "/flask-layered/foss", body).status == 401
    user = as_user(dev, "7")
    added = ask(dev, "POST", "/flask-layered/foss", body, **user)
    assert added.status == 201, added.text
    assert (added.json()["created_by"], added.json()["name"]) == ("7", "Postgre SQL")
    assert added.json()["created_at"].endswith("Z")
    address = f"/flask-layered/foss/{added.json()['id']}"
    assert dev.get("/flask-layered/foss?search=POSTGRE&limit=1").json() == {"total": 1, "items": [added.json()]}
    again = ask(dev, "POST", "/flask-layered/foss", body, **user)
    assert (again.status, again.json()["path"]) == (409, "name")
    changed = ask(dev, "PUT", address, {"url": "https://postgresql.org"}, **as_user(dev, "8"))
    assert (changed.json()["created_by"], changed.json()["updated_by"]) == ("7", "8")
    assert ask(dev, "DELETE", address, **user).json() == {"message": "Postgre SQL was removed."}
    assert dev.get(address).status == 404
    assert dev.get("/flask-layered/foss").json()["total"] == 0
    assert dev.get("/flask-layered/foss?limit=x").status == 422
    described = {"Content-Type": "application/json; charset=utf-8", **user}
    other = json.dumps({**body, "name": "Other"}).encode()
    assert dev.request("POST", "/flask-layered/foss", other, described).status == 201


# -- fastapi -----------------------------------------------------------------------------------------------------------


def test_fastapi(dev: Dev) -> None:
    """L2, L3, L4, L17, L28: its page below the path it is at, echoes, and notes that know who wrote them."""
    assert dev.get("/fastapi/docs").status == 200
    document = dev.get("/fastapi/openapi.json").json()
    assert document["info"]["contact"]["name"] == "The team"
    assert document["servers"][0]["url"] == "/fastapi"
    assert document["paths"]["/notes"]["post"]["operationId"] == "add_note"
    assert dev.get("/fastapi/ext/echo?text=hi").json() == {"text": "hi", "askedBy": "anonymous"}
    assert ask(dev, "POST", "/fastapi/notes", {"title": "Milk"}).status == 401
    added = ask(dev, "POST", "/fastapi/notes", {"title": "Milk"}, **as_user(dev, "7"))
    assert added.status == 201, added.text
    note = added.json()
    assert (note["createdBy"], note["title"]) == ("7", "Milk")
    assert dev.get("/fastapi/notes?search=mi").json() == {"total": 1, "items": [note]}
    changed = ask(dev, "PATCH", f"/fastapi/notes/{note['id']}", {"body": "two"}, **as_user(dev, "8"))
    assert (changed.json()["title"], changed.json()["body"]) == ("Milk", "two")
    assert ask(dev, "DELETE", f"/fastapi/notes/{note['id']}", **as_user(dev, "7")).status == 403
    assert ask(dev, "DELETE", f"/fastapi/notes/{note['id']}", **dev.admin).status == 204
    assert dev.get("/fastapi/notes").json() == {"total": 0, "items": []}
    assert dev.get("/fastapi/notes?limit=101").json()["code"] == "invalid-request"
    with socket.create_connection(("127.0.0.1", dev.port), timeout=20) as connection:
        connection.sendall(
            b"GET /fastapi/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        received = connection.recv(4096)
        assert received.startswith(b"HTTP/1.1 101"), received
        connection.sendall(b"\x81\x82\0\0\0\0hi")  # a text frame, masked with zeros
        assert connection.recv(4096).endswith(b"\x81\x02hi")


# -- grpc --------------------------------------------------------------------------------------------------------------


def test_grpc(dev: Dev) -> None:
    """G1, G2: a page of three calls: one answer, a list, a stream. The back itself has no address for strangers."""
    page = dev.get("/grpc/")
    assert page.status == 200, page.text
    assert "Hello world!" in page.text
    assert page.text.count("<li>") == 8
    assert dev.get("/", Host=f"grpc-back.localhost:{dev.port}").status == 404


# -- worker ------------------------------------------------------------------------------------------------------------


def test_worker(dev: Dev) -> None:
    """L23: a task that was asked for is done, with what it returned; async ones are awaited; what gives up is dead."""
    told = dev.howdah("task", "run", "greet", "name=Ann", "--wait", "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Hello Ann" in told.stdout
    assert dev.howdah("task", "run", "pause", "seconds=[0.01]", "--wait").returncode == 0
    assert dev.howdah("task", "run", "greet", "name= ", "--wait").returncode != 0


# -- adopted, alone, and in the foreground -----------------------------------------------------------------------------


def test_an_app_that_was_there_runs_unchanged(dev: Dev) -> None:
    """H20: the seed's layout with its own settings of gunicorn; the gateway tells it who calls."""
    assert dev.get("/legacy/whoami").json() == {"role": "anonymous", "user": None}
    assert ask(dev, "GET", "/legacy/whoami", **as_user(dev, "7")).json() == {"role": "user", "user": "7"}
    for name, text in SEED.items():
        assert (dev.folder / name).read_text() == text


def test_a_service_with_requirements_has_an_environment_of_its_own(dev: Dev) -> None:
    """What it requires is there, in ``.howdah/venvs``, and not beside howdah."""
    said = dev.get("/", Host=f"own.localhost:{dev.port}").text
    assert said == f"hello {dev.folder / '.howdah' / 'venvs' / 'own'}"


def test_a_service_in_the_foreground_takes_the_place_of_the_other_and_gives_it_back(dev: Dev) -> None:
    """While ``howdah service run`` runs, the gateway asks it; afterwards the one of ``howdah dev`` again."""

    def pid() -> int | None:
        return next(one["pid"] for one in dev.status()["processes"] if one["name"] == "flask")

    before = pid()
    assert before is not None
    words = [*HOWDAH, "--project", str(dev.folder), "service", "run", "flask"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as alone:
        assert alone.stdout is not None
        assert any("Ready" in line for line in alone.stdout)
        eventually(lambda: pid() is None, what="howdah dev to give the service its place")
        answer = ask(dev, "GET", "/flask/whoami", **as_user(dev, "7"))
        assert answer.json() == {"role": "user", "user_id": "7"}
        alone.send_signal(signal.SIGINT)
        assert alone.wait(30) == 0
    eventually(lambda: pid() is not None and dev.get("/flask/whoami").status == 200, what="the other one to be back")
    assert pid() != before
