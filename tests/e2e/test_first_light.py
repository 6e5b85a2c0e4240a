"""What the first user does on the first day, in the order of the README."""

from __future__ import annotations

import json
import re
import stat
import time
from pathlib import Path

import pytest
from tests.e2e.product import Dev, eventually, howdah, processes_of

pytestmark = pytest.mark.e2e

ARTICLES = {
    "type": "select",
    "args": {
        "table": "article",
        "columns": ["id", "title", {"name": "author", "columns": ["name"]}],
        "where": {"rating": {"$gte": 4}},
        "order_by": "-id",
        "limit": 3,
    },
}


def test_quickstart_makes_a_whole_project(project: Path) -> None:
    """One command, no question: folder, repository, settings, secrets, migrations, metadata, seeds and a service."""
    for name in (
        "howdah.toml",
        ".env.example",
        ".gitignore",
        "README.md",
        "metadata/tables/public.article.toml",
        "metadata/tables/public.author.toml",
        "services/app",
        "seeds",
    ):
        assert (project / name).exists(), name
    assert list((project / "migrations").glob("*/up.sql"))
    assert stat.S_IMODE((project / ".howdah" / "secrets.toml").stat().st_mode) == 0o600
    assert (project / ".git").is_dir()
    assert ".howdah" in (project / ".gitignore").read_text()


def test_quickstart_refuses_a_folder_that_holds_something(project: Path) -> None:
    """Running it again over the project changes nothing and says what to do (E101)."""
    before = (project / "howdah.toml").read_bytes()
    again = howdah("quickstart", project.name, folder=project.parent)
    assert again.returncode != 0
    assert "E101" in again.stderr
    assert "hint" in again.stderr
    assert (project / "howdah.toml").read_bytes() == before


def test_the_page_greets(dev: Dev) -> None:
    """The service answers at the root (H1), and at the subdomain of its name."""
    page = dev.get("/")
    assert page.status == 200
    assert "/get_articles" in page.text
    assert dev.get("/", Host=f"app.localhost:{dev.port}").body == page.body


def test_the_service_shows_rows_of_the_data_api(dev: Dev) -> None:
    """``/get_articles`` fetches rows through the Data API, under anonymous permissions (H3)."""
    rows = dev.get("/get_articles").json()["data"]
    assert len(rows) > 5
    assert {"id", "title"} <= set(rows[0])
    assert dev.get("/get_articles", Host=f"app.localhost:{dev.port}").json()["data"] == rows


def test_anybody_may_ask_within_the_anonymous_permissions(dev: Dev) -> None:
    """The README's query answers with three articles and their authors; what is not permitted is refused."""
    answer = dev.query(ARTICLES)
    assert answer.status == 200
    rows = answer.json()
    assert len(rows) == 3
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert all(set(row) == {"id", "title", "author"} and row["author"]["name"] for row in rows)
    hidden = dev.query({"type": "count", "args": {"table": "article", "where": {"is_published": False}}})
    assert hidden.status == 400
    refused = dev.query({"type": "delete", "args": {"table": "article", "where": {}}})
    assert refused.status == 400
    assert refused.json()["code"] == "permission-denied"


def test_the_sample_is_of_a_real_size(dev: Dev) -> None:
    """Tens of authors, hundreds of articles; the anonymous caller sees fewer articles than there are (H15)."""
    count = {"type": "count", "args": {"table": "article"}}
    everything = dev.query(count, dev.admin).json()["count"]
    published = dev.query(count).json()["count"]
    authors = dev.query({"type": "count", "args": {"table": "author"}}, dev.admin).json()["count"]
    assert everything >= 200
    assert published < everything
    assert 10 <= authors <= 99


def test_the_admin_may_be_anybody_and_nobody_else_may(dev: Dev) -> None:
    """With the secret a caller is admin, or whomever it names; without it the same headers mean nothing (R41, R46)."""
    drafts = {
        "type": "select",
        "args": {"table": "article", "columns": ["author_id", "is_published"], "where": {"is_published": False}},
    }
    as_author = {"X-Hasura-Role": "user", "X-Hasura-User-Id": "3"}
    assert len({row["author_id"] for row in dev.query(drafts, dev.admin).json()}) > 1
    assert {row["author_id"] for row in dev.query(drafts, {**dev.admin, **as_author}).json()} == {3}
    assert dev.query(drafts, as_author).json()["code"] == "permission-denied"
    wrong = dev.query(drafts, {**as_author, "X-Hasura-Admin-Secret": "x" * 43})
    assert wrong.status == 401
    assert wrong.json()["code"] == "access-denied"


def test_a_user_writes_own_rows_only(dev: Dev) -> None:
    """The sample's ``user`` inserts under its own id (a preset), changes and deletes its own rows, not another's."""
    me, other = ({**dev.admin, "X-Hasura-Role": "user", "X-Hasura-User-Id": number} for number in ("5", "6"))
    inserted = dev.query(
        {
            "type": "insert",
            "args": {
                "table": "article",
                "objects": [{"title": "Mine", "content": "All mine."}],
                "returning": ["id", "author_id"],
            },
        },
        me,
    )
    assert inserted.status == 200, inserted.text
    (row,) = inserted.json()["returning"]
    assert row["author_id"] == 5
    change = {"type": "update", "args": {"table": "article", "where": {"id": row["id"]}, "$set": {"title": "Ours"}}}
    assert dev.query(change, other).json()["affected_rows"] == 0
    assert dev.query(change, me).json()["affected_rows"] == 1
    forged = {"type": "insert", "args": {"table": "article", "objects": [{"title": "x", "author_id": 6}]}}
    assert dev.query(forged, me).status == 400
    remove = {"type": "delete", "args": {"table": "article", "where": {"id": row["id"]}}}
    assert dev.query(remove, other).json()["affected_rows"] == 0
    assert dev.query(remove, me).json()["affected_rows"] == 1


def test_status_says_what_runs(dev: Dev) -> None:
    """``status`` lists every part and service with its state; as JSON for machines."""
    told = dev.howdah("status")
    assert told.returncode == 0
    for name in ("postgres", "platform", "app"):
        assert name in told.stdout
    assert json.loads(dev.howdah("--json", "status").stdout)


def test_a_request_is_found_again_in_the_logs(dev: Dev) -> None:
    """``logs --request ID`` shows the lines of one request, of the platform and of the service."""
    answer = dev.get("/get_articles")
    request_id = answer.headers["x-request-id"]

    def lines() -> list[dict[str, object]]:
        out = dev.howdah("--json", "logs", "--request", request_id).stdout
        found = [json.loads(line) for line in out.splitlines()]
        return found if {line["service"] for line in found} >= {"platform", "app"} else []

    found = eventually(lines, seconds=10, what="both lines of the request")
    assert all(line["request_id"] == request_id for line in found)
    human = dev.howdah("logs", "app").stdout
    assert "/get_articles" in human


def test_no_secret_is_in_any_log(dev: Dev) -> None:
    """The admin secret never appears in what was printed or written to log files (R75)."""
    secret = dev.admin["X-Hasura-Admin-Secret"]
    dev.query({"type": "count", "args": {"table": "article"}}, dev.admin)
    logs = [path.read_text(errors="replace") for path in (dev.folder / ".howdah" / "logs").rglob("*") if path.is_file()]
    assert logs
    assert not any(secret in text for text in (*logs, dev.said))


def test_open_prints_the_address_where_there_is_no_browser(dev: Dev) -> None:
    """``open`` and ``open app`` say the URL, so that it is of use over SSH too."""
    told = dev.howdah("--json", "open", "app")
    assert told.returncode == 0, told.stderr
    assert f"localhost:{dev.port}" in told.stdout


def test_doctor_and_version_answer(dev: Dev) -> None:
    """``doctor`` finds nothing wrong with a fresh project; ``version`` tells its own."""
    told = dev.howdah("--json", "doctor")
    assert told.returncode == 0, told.stdout + told.stderr
    assert json.loads(told.stdout)
    assert re.search(r"\d+\.\d+", dev.howdah("version").stdout)


def test_a_second_dev_in_the_same_folder_says_so(dev: Dev) -> None:
    """It ends at once, names the one that runs, and leaves it alone (E112)."""
    second = dev.howdah("dev")
    assert second.returncode != 0
    assert "E112" in second.stderr
    assert str(dev.pid) in second.stderr
    assert dev.get("/").status == 200


def test_edit_save_reload(dev: Dev) -> None:
    """The seed's walk: two places are uncommented, saved, and ``/json`` answers (H2)."""
    server = dev.folder / "services" / "app" / "src" / "app" / "server.py"
    original = server.read_text()
    assert dev.get("/json").status == 404
    commented = r"^# (?=from flask import jsonify|@app\.|def json_message|    return jsonify)"
    edited, places = re.subn(commented, "", original, flags=re.MULTILINE)
    assert places == 4, original
    server.write_text(edited)
    began = time.monotonic()
    eventually(lambda: dev.get("/json").status == 200, what="/json after the save")
    assert dev.get("/json").json() == {"message": "Hello World"}
    print(f"saved to served: {time.monotonic() - began:.2f} s")
    server.write_text(original)
    eventually(lambda: dev.get("/json").status == 404, what="/json to be gone again")


def test_a_half_edited_file_shows_what_is_wrong_and_recovers(dev: Dev) -> None:
    """A syntax error ends neither ``dev`` nor the other parts; the page names it, and the next save mends it."""
    server = dev.folder / "services" / "app" / "src" / "app" / "server.py"
    original = server.read_text()
    platform = next(p for p in dev.status()["processes"] if p["name"] == "platform")["pid"]
    server.write_text(original + "\ndef half(:\n")
    try:
        page = eventually(
            lambda: page if (page := dev.get("/", Accept="text/html")).status == 502 else None, what="the page"
        )
        assert "SyntaxError" in page.text
        assert "server.py" in page.text
        machine = dev.get("/", Accept="application/json")
        assert machine.status == 502
        assert machine.json()["code"]
        assert "SyntaxError" not in machine.text or "message" in machine.json()
        assert dev.query(ARTICLES).status == 200
    finally:
        server.write_text(original)
    eventually(lambda: dev.get("/").status == 200, what="the service to recover")
    assert next(p for p in dev.status()["processes"] if p["name"] == "platform")["pid"] == platform


def test_saved_permissions_apply_at_once(dev: Dev) -> None:
    """A change of a metadata file is served without a restart; a broken one is named and changes nothing."""
    file = dev.folder / "metadata" / "tables" / "public.author.toml"
    original = file.read_text()
    count = {"type": "count", "args": {"table": "author"}}
    assert dev.query(count).status == 200
    assert "[permissions.anonymous.select]" in original
    file.write_text(original.replace("[permissions.anonymous.select]", "[permissions.nobody.select]"))
    eventually(lambda: dev.query(count).status == 400, what="the permission to be gone")
    file.write_text(original + "\nnonsense = [\n")
    eventually(lambda: "public.author.toml" in dev.said, what="the broken file to be named")
    assert dev.query(count).status == 400
    file.write_text(original)
    eventually(lambda: dev.query(count).status == 200, what="the permission to be back")


def test_ctrl_c_ends_everything(project: Path) -> None:
    """Ctrl-C ends cleanly with exit code 0 or 130 and leaves no process; a second start is quick and has the rows."""
    dev = Dev(project)
    with dev:
        assert dev.get("/get_articles").status == 200
    assert dev.process is not None
    assert dev.process.returncode in {0, 130}
    assert eventually(lambda: not processes_of(project), seconds=10, what="no process to be left")
    began = time.monotonic()
    with dev:
        print(f"second start: {time.monotonic() - began:.2f} s")
        assert dev.query(ARTICLES).status == 200
        assert dev.howdah("stop").returncode == 0
        assert dev.process.wait(20) in {0, 130}
    assert eventually(lambda: not processes_of(project), seconds=10, what="no process to be left")
    assert dev.howdah("status").returncode == 4
