"""Bad input and bad luck at the start: a clear line, what to do, a useful exit code, no traceback, nothing lost."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from tests.e2e.conftest import open_folder
from tests.e2e.product import Dev, eventually, free_port, howdah
from tests.support import Cluster, private_cluster

pytestmark = pytest.mark.e2e

PASSWORD = "hunter2-hunter2"
COUNT = {"type": "count", "args": {"table": "article"}}
COMMAND = re.compile(r"^command = .*$", re.MULTILINE)
READY = re.compile(r"^ready = .*$", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """A sample project, and a database of its own for it."""

    folder: Path
    environment: Mapping[str, str]

    def edit(self, name: str, old: str | re.Pattern[str], new: str) -> None:
        """Replace the one place of ``old`` in a file."""
        file = self.folder / name
        pattern = re.compile(re.escape(old)) if isinstance(old, str) else old
        text, places = pattern.subn(lambda _: new, file.read_text())
        assert places == 1, (name, old, places)
        file.write_text(text)


@pytest.fixture(scope="module")
def made(cluster: Cluster) -> Iterator[Path]:
    """A sample project as quickstart makes it."""
    name = f"test_{secrets.token_hex(6)}"
    cluster.create_database(name)
    with open_folder() as folder:
        told = howdah("quickstart", "hello", folder=folder, environment={"DATABASE_URL": url_of(cluster, name)})
        assert told.returncode == 0, told.stderr
        yield folder / "hello"
    cluster.drop_database(name)


@pytest.fixture
def sample(made: Path, cluster: Cluster, database: str) -> Iterator[Sample]:
    """A copy of it with an empty database."""
    name = next(part.split("=")[1] for part in database.split() if part.startswith("dbname="))
    with open_folder() as folder:
        shutil.copytree(made, folder / "hello", symlinks=True)
        yield Sample(folder / "hello", {"DATABASE_URL": url_of(cluster, name)})


def url_of(cluster: Cluster, database: str, user: str = "postgres") -> str:
    return f"postgresql://{user}@/{database}?host={cluster.directory}&port=5432"


class Troubled(Dev):
    """A ``howdah dev`` in which not everything works: it is up when it says so."""

    def start(self) -> Self:
        self.output.unlink(missing_ok=True)
        return super().start()

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"howdah dev ended with {self.process.returncode}:\n{self.said}")
        return "Ready in" in self.said


@contextmanager
def running(sample: Sample, **environment: str) -> Iterator[Troubled]:
    """The sample, running; afterwards it ends as it should, and nothing it has said is a traceback of ours."""
    with Troubled(sample.folder, environment={**sample.environment, **environment}) as dev:
        yield dev
        assert dev.process is not None
        assert dev.process.poll() is None, dev.said
    assert dev.stop() in {0, 130}
    assert not [line for line in dev.said.splitlines() if line.startswith("howdah") and "Traceback" in line]


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of every file of a project, apart from what runs write down."""
    passing = {folder / ".howdah" / name for name in ("logs", "run")}
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not passing & set(path.parents)
    }


def assert_refused(
    folder: Path,
    *words: str,
    code: str,
    says: tuple[str, ...],
    hint: str,
    exit_code: int = 1,
    environment: Mapping[str, str] = {},
) -> None:
    """The command says so and what to do, for people and for programs, and leaves every file as it was."""
    before = contents(folder)
    told = howdah(*words, folder=folder, environment=environment)
    assert told.returncode == exit_code, told.stdout + told.stderr
    assert f"error[{code}]: " in told.stderr
    message, *rest = re.split("\nhint: |\n(?=help: )", told.stderr.split(f"error[{code}]: ")[1])
    assert not [words for words in says if words not in message], message
    assert rest[-1] == f"help: docs/errors.md#{code.lower()}\n"
    assert hint in rest[0]
    twin = howdah("--json", *words, folder=folder, environment=environment)
    assert twin.returncode == exit_code
    error = json.loads(twin.stdout.splitlines()[-1])["error"]
    assert error["code"] == code
    assert not [words for words in says if words not in error["message"]], error
    assert hint in error.get("hint", "")
    everything = told.stdout + told.stderr + twin.stdout + twin.stderr
    assert "Traceback" not in everything
    assert PASSWORD not in everything
    assert contents(folder) == before


# -- the port ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_taken_port_is_named_with_who_has_it(command: str, sample: Sample) -> None:
    """E110 names the holder's pid and command line and a free port; the holder is not disturbed."""
    port = free_port()
    holder = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert holder.stdout is not None
    try:
        assert b"Serving HTTP" in holder.stdout.readline()
        assert_refused(
            sample.folder,
            command,
            environment={**sample.environment, "HOWDAH_SERVER_PORT": str(port)},
            code="E110",
            says=(f"port {port}", f"pid {holder.pid}", "http.server"),
            hint="is free: set server.port =",
        )
        assert holder.poll() is None
    finally:
        holder.terminate()
        holder.wait(10)
        holder.stdout.close()


# -- the database ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded() -> Iterator[Cluster]:
    """A Postgres that asks everybody but its superuser for a password."""
    with private_cluster() as (cluster, _):
        (cluster.directory / "data" / "pg_hba.conf").write_text(
            "local all postgres trust\nlocal all all scram-sha-256\n"
        )
        cluster.execute(f"create role shop login password '{PASSWORD}'; select pg_reload_conf()")
        cluster.create_database("shop", owner="shop")
        cluster.create_database("theirs")
        yield cluster


DATABASES = {
    # name: (the URL of a cluster, code, words of the message, words of the hint)
    "unreachable": (
        lambda _: f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop",
        "E142",
        ("127.0.0.1:1 cannot be reached: Connection refused",),
        "Is Postgres running there",
    ),
    "wrong password": (
        lambda cluster: url_of(cluster, "shop", f"shop:{PASSWORD}-no"),
        "E143",
        ('login of user "shop"',),
        "Check user and password",
    ),
    "missing": (
        lambda cluster: url_of(cluster, "nowhere", f"shop:{PASSWORD}"),
        "E144",
        ('no database "nowhere"',),
        "Create it",
    ),
    "not ours to use": (
        lambda cluster: url_of(cluster, "theirs", f"shop:{PASSWORD}"),
        "E150",
        ("permission denied for database theirs",),
        "GRANT CREATE ON DATABASE",
    ),
    "no URL": (
        lambda _: f"postgresql:/shop:{PASSWORD}@127.0.0.1",
        "E141",
        ("cannot be understood",),
        "postgresql://user:password@host:5432/",
    ),
}


@pytest.mark.parametrize("command", ["dev", "serve"])
@pytest.mark.parametrize("fault", DATABASES)
def test_a_database_that_cannot_be_had(fault: str, command: str, made: Path, guarded: Cluster) -> None:
    """Unreachable, wrong password, missing, not ours, not a URL: what and where, no password, and nothing started."""
    url, code, says, hint = DATABASES[fault]
    given: Mapping[str, str] = {"HOWDAH_SERVER_PORT": "0"}
    words: tuple[str, ...] = ("serve", "--database-url", url(guarded))
    if command == "dev":
        given, words = {**given, "DATABASE_URL": url(guarded)}, ("dev",)
    assert_refused(made, *words, environment=given, code=code, says=says, hint=hint)


@pytest.mark.parametrize("fault", ["wrong password", "not ours to use"])
def test_several_workers_do_not_hide_why(fault: str, made: Path, guarded: Cluster) -> None:
    """With ``--workers`` that is one refusal too, not workers that come and go."""
    url, code, says, hint = DATABASES[fault]
    words = ("serve", "--port", "0", "--workers", "2", "--database-url", url(guarded))
    assert_refused(made, *words, code=code, says=says, hint=hint)


# -- files -------------------------------------------------------------------------------------------------------------

ARTICLE = "metadata/tables/public.article.toml"

FILES: dict[str, tuple[str, str, str, str, tuple[str, ...], str]] = {
    # name: (file, what is replaced, with what, code, words of the message, words of the hint)
    "toml syntax": ("howdah.toml", "port = 8080", "port = = 8080", "E311", ("howdah.toml:8:",), "line shown"),
    "unknown setting": ("howdah.toml", "port = 8080", "prot = 8080", "E310", ("howdah.toml:8: ", "prot"), "mean port?"),
    "kind of setting": (
        "howdah.toml",
        "port = 8080",
        'port = "x"',
        "E310",
        ("howdah.toml:8: server.port: this must be an integer",),
        "",
    ),
    "metadata syntax": (ARTICLE, 'kind = "object"', "kind = =", "E231", (f"{ARTICLE}:6: ",), "line shown"),
    "metadata key": (
        ARTICLE,
        'kind = "object"',
        'knd = "object"',
        "E231",
        (f"{ARTICLE}:6: ", "knd", 'Did you mean "kind"?'),
        "",
    ),
}


@pytest.mark.parametrize("fault", FILES)
def test_a_broken_file_is_named_with_its_line(fault: str, sample: Sample) -> None:
    """Settings and metadata that cannot be read: file, line, the nearest name; nothing is applied, nothing started."""
    file, old, new, code, says, hint = FILES[fault]
    sample.edit(file, old, new)
    given = {**sample.environment, "HOWDAH_SERVER_PORT": "0"} if file != "howdah.toml" else sample.environment
    assert_refused(sample.folder, "dev", environment=given, code=code, says=says, hint=hint)


def test_metadata_that_does_not_fit_is_left_out_and_named(sample: Sample) -> None:
    """A permission for a column there is not: said with file and line at every start; the rest works, it does not."""
    sample.edit(ARTICLE, '"created_at"]\nfilter.is_published', '"created_at", "colour"]\nfilter.is_published')
    place = f'warning: column "colour" does not exist place={ARTICLE}:11'
    as_user = {"X-Hasura-Role": "user", "X-Hasura-User-Id": "3"}
    for _ in range(2):
        with running(sample) as dev:
            assert place in dev.said
            assert dev.get("/").status == 200
            refused = dev.query(COUNT)
            assert (refused.status, refused.json()["code"]) == (400, "permission-denied")
            assert dev.query({"type": "count", "args": {"table": "author"}}).json()["count"] == 30
            assert dev.query(COUNT, {**dev.admin, **as_user}).json()["count"] > 0
            assert dev.query(COUNT, dev.admin).json()["count"] == 400


def test_a_broken_migration_is_not_applied_at_all(sample: Sample, cluster: Cluster, database: str) -> None:
    """The file and the line Postgres refused; of the whole file nothing; once mended, the next start applies it."""
    name = next(part.split("=")[1] for part in database.split() if part.startswith("dbname="))
    file = sample.folder / "migrations" / "20261122000000_more" / "up.sql"
    file.parent.mkdir()
    file.write_text("CREATE TABLE first (id integer);\n\nALTER TABLE nowhere ADD colour text;\n")
    assert_refused(
        sample.folder,
        "dev",
        environment={**sample.environment, "HOWDAH_SERVER_PORT": "0"},
        code="E206",
        says=("migrations/20261122000000_more/up.sql:3: ", 'relation "nowhere" does not exist'),
        hint="Nothing was applied",
    )
    there = "select to_regclass('public.first')::text, to_regclass('public.article')::text"
    assert cluster.execute(there, database=name) == [(None, None)]
    file.write_text("CREATE TABLE first (id integer);\n\nALTER TABLE author ADD colour text;\n")
    with running(sample) as dev:
        assert dev.query(COUNT, dev.admin).json()["count"] == 400
    assert cluster.execute(there, database=name) == [("first", "article")]


# -- services ----------------------------------------------------------------------------------------------------------

SERVICES: dict[str, tuple[str, tuple[str, ...], str]] = {
    # name: (its command, what the page shows, what status says)
    "exits at once": (
        """["python", "-c", "raise SystemExit('no sunshine today')"]""",
        ("no sunshine today",),
        "exit code 1",
    ),
    "another python": ('"python9.9 -m app"', ("python9.9", "not found"), "exit code 127"),
    "never ready": (
        """["python", "-uc", "import time; print('still thinking'); time.sleep(600)"]""",
        ("still thinking", "not ready within 1.2 s"),
        "not ready within 1.2 s",
    ),
}


@pytest.mark.parametrize("fault", SERVICES)
def test_a_service_that_does_not_work_ends_nothing_else(fault: str, sample: Sample) -> None:
    """``dev`` goes on and says so; its page is 502 with the reason, and `status` exits with 3."""
    command, shown, reason = SERVICES[fault]
    sample.edit("howdah.toml", COMMAND, f"command = {command}")
    sample.edit("howdah.toml", READY, 'ready = { path = "/-/health", timeout = 1.2 }')
    with running(sample) as dev:
        assert re.search(rf"^  app +failed: {re.escape(reason)}", dev.said, re.MULTILINE), dev.said

        def page() -> str:
            answer = dev.get("/", Accept="text/html")
            return answer.text if answer.status == 502 and shown[0] in answer.text else ""

        text = eventually(page, seconds=5, what="the page")
        assert not [words for words in shown if words not in text], text
        machine = dev.get("/", Accept="application/json")
        assert (machine.status, machine.json()["code"]) == (502, "service-down")
        assert "howdah logs app" in machine.json()["hint"]
        assert dev.query(COUNT).status == 200
        told = dev.howdah("status")
        assert told.returncode == 3
        assert reason in told.stderr
        twin = dev.howdah("--json", "status")
        assert twin.returncode == 3
        (app,) = (process for process in json.loads(twin.stdout)["processes"] if process["name"] == "app")
        assert app["state"] == "failed"
        assert reason in app["reason"]


def test_a_service_without_its_folder_is_refused(sample: Sample) -> None:
    """The setting and the folder that is missing; once it is there again, all is well."""
    (sample.folder / "services" / "app").rename(sample.folder / "services" / "elsewhere")
    assert_refused(
        sample.folder,
        "dev",
        environment={**sample.environment, "HOWDAH_SERVER_PORT": "0"},
        code="E310",
        says=("services.app.folder", str(sample.folder / "services" / "app")),
        hint="Make it",
    )


# -- secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_secrets_that_others_can_read_are_refused(command: str, sample: Sample) -> None:
    """Mode 0644: exit code 5 and the command that mends it; the secret itself is not shown."""
    file = sample.folder / ".howdah" / "secrets.toml"
    file.chmod(0o644)
    assert_refused(
        sample.folder,
        command,
        environment={**sample.environment, "HOWDAH_SERVER_PORT": "0"},
        code="E320",
        exit_code=5,
        says=("mode 0644", str(file)),
        hint=f"chmod 600 '{file}'",
    )


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("file", ""),
        ("file", "short"),
        ("file", "secretsecretsecret"),
        ("file", "change-me-to-a-long-random-text"),
        ("environment", "my super secret admin key"),
        ("project", "change-me-to-a-long-random-text"),
        ("project", ""),
    ],
)
def test_nothing_starts_with_a_secret_that_protects_nothing(place: str, text: str, tmp_path: Path) -> None:
    """Samples, words and nothing at all, wherever they are written (R7): exit code 5, and how to make a real one."""
    given, words, folder = dict[str, str](), ["serve", "--port", "0", "--database-url", "postgresql:///x"], tmp_path
    if place == "file":
        (tmp_path / "secret").write_text(text + "\n")
        words += ["--admin-secret-file", "secret"]
    elif place == "environment":
        given["HOWDAH_ADMIN_SECRET"] = text
    else:
        (tmp_path / "howdah.toml").write_text("")
        (tmp_path / ".howdah").mkdir()
        (tmp_path / ".howdah" / "secrets.toml").write_text(f'admin_secret = "{text}"\n')
        (tmp_path / ".howdah" / "secrets.toml").chmod(0o600)
    told = howdah(*words, folder=folder, environment=given)
    assert told.returncode == 5, told.stderr
    assert "error[E321]: " in told.stderr
    assert "token_urlsafe" in told.stderr
    assert not text or text == "short" or text not in told.stderr
    assert "Traceback" not in told.stderr


# -- a full disk, an early Ctrl-C --------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(sample: Sample) -> Iterator[Path]:
    """The sample's log folder, on a disk of its own of 64 KiB."""
    logs = sample.folder / ".howdah" / "logs"
    logs.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", str(logs)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root, and not in every container, can mount a small disk")
    yield logs
    subprocess.run(["umount", "-l", str(logs)], check=True)


def test_a_full_disk_under_the_logs_disturbs_nobody(sample: Sample, small_disk: Path) -> None:
    """Rows are served on, one warning says what is wrong, and with room again what was said meanwhile is written."""
    filler = small_disk / "filler"
    with running(sample) as dev:
        fill(filler)
        for _ in range(5):
            assert dev.query(COUNT).status == 200
            assert dev.get("/get_articles").status == 200
        warned = "cannot write"
        eventually(lambda: warned in dev.said, seconds=5, what="the warning")
        lost = dev.get("/?while=full").headers["x-request-id"]
        assert dev.howdah("logs", "--request", lost).stdout.count(lost) >= 1
        filler.unlink()
        eventually(lambda: "is written again" in dev.said, seconds=5, what="the logs to go on")
        written = small_disk / "platform.jsonl"
        eventually(lambda: lost in written.read_text(), seconds=5, what="the line that had to wait")
        assert dev.said.count(warned) == 1, dev.said
        assert dev.said.count("written again") == 1, dev.said


def fill(file: Path) -> None:
    """No byte more fits on the disk of this file."""
    with file.open("wb", buffering=0) as open_file:
        for size in (4096, 1):
            try:
                while True:
                    open_file.write(b"x" * size)
            except OSError:
                continue


INTERRUPTING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == os.environ["INTERRUPT_AT"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize("module", ["click.globals", "howdah.cli.errors", "howdah.development", "psycopg"])
def test_an_early_ctrl_c_is_no_traceback(module: str, made: Path, tmp_path: Path) -> None:
    """Ctrl-C while the command is still being loaded ends it quietly with 130."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING)
    told = howdah("dev", folder=made, environment={"PYTHONPATH": str(tmp_path), "INTERRUPT_AT": module})
    assert told.returncode == 130, told.stderr
    assert (told.stdout + told.stderr).strip() == ""
