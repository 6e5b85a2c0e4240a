"""Every template in one generated project: its own tests pass, and it answers behind a real gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.product import Dev, Reply, eventually, howdah

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
    for one in templates():
        added = howdah("service", "add", one.name, "--template", one.name, folder=folder / "shop")
        assert added.returncode == 0, added.stderr
    return folder / "shop"


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
    told = howdah("test", "services", "--json", folder=project, timeout=300)
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
    words = ["ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,W,B,UP,SIM,RET,PIE", str(folder)]
    done = subprocess.run(
        [str(Path(sys.executable).with_name(words[0])), *words[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert os.environ


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
