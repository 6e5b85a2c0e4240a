"""The sample project: what is in it parses, fits together and works."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from howdah.project.dotenv import parse_dotenv
from howdah.project.errors import UnusableSecret
from howdah.project.load import load_project
from howdah.project.secret_file import check_secret
from howdah.project.sections import Route
from howdah.templates.errors import InvalidName, UnknownTemplate
from howdah.templates.files import File
from howdah.templates.scaffold import names, plan
from howdah.templates.write import write


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The sample, written."""
    write(plan("hello", {"name": "My Shop"}), tmp_path / "shop")
    return tmp_path / "shop"


def texts() -> dict[str, str]:
    """The sample's files."""
    return {file.path: file.text for file in plan("hello", {"name": "shop"})}


def test_a_plan_is_pure() -> None:
    """The same name and answers give the same files, sorted by path; templates are known by name."""
    assert plan("hello", {"name": "x"}) == plan("hello", {"name": "x"})
    assert names() == ("hello",)
    paths = [file.path for file in plan("hello", {"name": "x"})]
    assert paths == sorted(paths)
    assert {".env.example", ".gitignore", "README.md", "howdah.toml"} <= set(paths)
    assert not [path for path in paths if "__pycache__" in path or "dot-" in path]


def test_an_unknown_template_is_refused_with_the_nearest() -> None:
    """E102 and what was probably meant, or what there is."""
    with pytest.raises(UnknownTemplate) as caught:
        plan("helo", {"name": "x"})
    assert caught.value.hint == "Did you mean hello?"
    with pytest.raises(UnknownTemplate) as caught:
        plan("../hello", {"name": "x"})
    with pytest.raises(UnknownTemplate) as caught:
        plan("zzz", {"name": "x"})
    assert caught.value.hint == "There is: hello."


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", 'a"b', "a\nb", "a\x1bb", "-x", " x", "x" * 101, "a`b", "{x}"]
)
def test_a_name_that_breaks_files_is_refused(name: str) -> None:
    """What cannot stand in a folder's name, TOML or a shell line is E103."""
    with pytest.raises(InvalidName):
        plan("hello", {"name": name})


def test_the_sample_is_a_project(sample: Path) -> None:
    """Its settings load: the name, one service with its routes, readiness and command."""
    project = load_project(sample, {})
    assert project.name == "My Shop"
    (app,) = project.services
    assert app.routes == (Route(None, "/"), Route("app", "/"))
    assert app.ready.path == "/-/health"
    assert app.command[0] == "gunicorn"
    assert app.folder == sample / "services" / "app"
    assert all((app.folder / path).exists() for path in app.watch)


def test_the_example_of_an_environment_is_harmless(sample: Path) -> None:
    """.env.example sets nothing; the secret it shows is a sample, which nothing starts with (R7)."""
    text = (sample / ".env.example").read_text()
    assert parse_dotenv(text) == {}
    shown = parse_dotenv(text.replace("# HOWDAH_", "HOWDAH_"))["HOWDAH_ADMIN_SECRET"]
    with pytest.raises(UnusableSecret):
        check_secret(shown, ".env")
    assert "/my_shop" in text


def test_what_is_secret_is_ignored_by_git(sample: Path) -> None:
    """The state folder and .env."""
    ignored = (sample / ".gitignore").read_text().split()
    assert {"/.howdah/", ".env"} <= set(ignored)


def test_the_tables_and_rows_fit(database: str) -> None:
    """up.sql, seeds twice, down.sql: tens of authors, hundreds of articles, drafts of everybody, and nothing left."""
    files = texts()
    (up,) = (text for path, text in files.items() if path.endswith("up.sql"))
    (down,) = (text for path, text in files.items() if path.endswith("down.sql"))
    seeds = [files[path] for path in sorted(files) if path.startswith("seeds/")]
    assert sum(len(seed.encode()) for seed in seeds) < 300_000
    with psycopg.connect(database, autocommit=True) as connection:
        for text in (up, *seeds, *seeds):
            connection.execute(text.encode())
        counted = "SELECT count(*), count(*) FILTER (WHERE NOT is_published), count(DISTINCT title) FROM article"
        assert connection.execute(counted.encode()).fetchone() == (400, 71, 400)
        assert connection.execute(b"SELECT count(*) FROM author").fetchone() == (30,)
        of_all = b"SELECT count(DISTINCT author_id) FROM article WHERE NOT is_published"
        assert connection.execute(of_all).fetchone() == (30,)
        assert connection.execute(b"SELECT min(rating), max(rating) FROM article").fetchone() == (1, 5)
        next_id = b"INSERT INTO article (title, author_id) VALUES ('x', 1) RETURNING id"
        assert connection.execute(next_id).fetchone() == (401,)
        connection.execute(down.encode())
        left = b"SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(left).fetchone() == (0,)


def test_the_metadata_says_who_may_do_what() -> None:
    """Anonymous reads what is published, without addresses; users write what is theirs."""
    article = tomllib.loads(texts()["metadata/tables/public.article.toml"])
    author = tomllib.loads(texts()["metadata/tables/public.author.toml"])
    assert article["permissions"]["anonymous"] == {
        "select": {
            "columns": ["id", "title", "content", "rating", "author_id", "created_at"],
            "filter": {"is_published": {"_eq": True}},
        }
    }
    assert set(article["permissions"]["user"]) == {"select", "insert", "update", "delete"}
    assert article["permissions"]["user"]["insert"]["set"] == {"author_id": "X-Hasura-User-Id"}
    assert "email" not in author["permissions"]["anonymous"]["select"]["columns"]
    assert article["relationships"]["author"] == {"kind": "object", "foreign_key": "author_id"}
    assert author["relationships"]["articles"] == {"kind": "array", "foreign_key": "article.author_id"}


# -- writing -----------------------------------------------------------------------------------------------------------


def test_forced_writing_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    """A link in the folder is refused, whether it stands for a file or for a folder above one."""
    from howdah.templates.errors import NotWritable

    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("mine")
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "a").symlink_to(outside / "victim")
    (folder / "b").symlink_to(outside)
    for path in ("a", "b/victim"):
        with pytest.raises(NotWritable):
            write([File(path, "theirs")], folder, force=True)
    assert (outside / "victim").read_text() == "mine"


def test_only_changed_files_are_called_replaced(tmp_path: Path) -> None:
    """Writing the same again replaces nothing; another text does."""
    assert write([File("a", "1"), File("b", "1")], tmp_path) == ()
    assert write([File("a", "1"), File("b", "2")], tmp_path, force=True) == ("b",)


# -- the service -------------------------------------------------------------------------------------------------------


@contextmanager
def serving(sample: Path, environment: dict[str, str] | None = None) -> Iterator[int]:
    """The sample's service under its own command, alone."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    project = load_project(sample, {})
    words = [word.replace("$HOST", "127.0.0.1").replace("$PORT", str(port)) for word in project.services[0].command]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOWDAH_")}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name(words[0])), *words[1:]],
        cwd=project.services[0].folder,
        env={**clean, "PYTHONDONTWRITEBYTECODE": "1", "PORT": str(port), **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                assert get(port, "/-/health")[0] == 200
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                break
        yield port
    finally:
        process.terminate()
        process.wait(20)


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_service_stands_alone(sample: Path) -> None:
    """Without howdah dev it starts, greets, and says what is missing instead of dying (H6, H20)."""
    with serving(sample) as port:
        status, page = get(port, "/")
        assert status == 200
        for link in ("/json", "/get_articles", "/whoami"):
            assert f'href="{link}"' in page
        assert "http://" not in page
        assert re.search(rf'href="//localhost:{port}/auth/ui/login"', page.replace("127.0.0.1", "localhost"))
        assert get(port, "/json")[0] == 404
        status, body = get(port, "/get_articles")
        assert status == 500
        assert "HOWDAH_DATA_URL is not set" in json.loads(body)["message"]


def test_the_service_knows_its_caller(sample: Path) -> None:
    """The gateway's headers are told; without them it is explained that there are none (H4, H7)."""
    with serving(sample) as port:
        assert json.loads(get(port, "/whoami", X_Hasura_Role="user", X_Hasura_User_Id="7")[1]) == {
            "role": "user",
            "user_id": "7",
        }
        assert "gateway" in json.loads(get(port, "/whoami")[1])["message"]


def test_the_walk_through_two_places(sample: Path) -> None:
    """Uncommenting the import and the route makes /json answer (H2)."""
    server = sample / "services" / "app" / "src" / "app" / "server.py"
    lines = server.read_text().splitlines()
    commented = [index for index, line in enumerate(lines) if line.startswith("# ")]
    assert len(commented) == 4
    assert commented[0] == 1
    assert commented[1:] == list(range(commented[1], commented[1] + 3))
    server.write_text(re.sub(r"^# ", "", server.read_text(), flags=re.MULTILINE))
    with serving(sample) as port:
        assert get(port, "/json") == (200, '{"message":"Hello World"}\n')
        assert "You have just added it" in get(port, "/")[1]


def test_the_service_says_when_the_data_api_is_down(sample: Path) -> None:
    """Nobody listens there: 502 at once, in JSON (H3)."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}/data"
    with serving(sample, {"HOWDAH_DATA_URL": nowhere}) as port:
        status, body = get(port, "/get_articles")
        assert (status, json.loads(body)["code"]) == (502, "kit-unreachable")
