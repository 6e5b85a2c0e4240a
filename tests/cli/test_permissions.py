"""`howdah table`, `perm`, `metadata` and `test` on a database that somebody else runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cli.conftest import Here

FILES = {
    "migrations/1_author/up.sql": "create table author (id int primary key, name text not null);",
    "migrations/1_author/down.sql": "drop table author;",
    "migrations/2_article/up.sql": "create table article"
    " (id int primary key, title text not null, author_id int not null references author, open boolean not null);",
    "migrations/2_article/down.sql": "drop table article;",
    "seeds/1_rows.sql": "insert into author values (1, 'Ann'), (2, 'Bob');"
    "insert into article values (1, 'Tea', 1, true), (2, 'Coffee', 2, false);",
    "metadata/tables/public.article.toml": """\
schema = "public"
table = "article"

# What is open is for everybody.
[permissions.anonymous.select]
columns = ["id", "title"]
filter.open = true

[permissions.user.select]
columns = "*"
filter = {}

[permissions.user.update]
columns = ["title"]
filter.author_id._eq = "X-Hasura-User-Id"
check.title._ne = ""
""",
    "tests/permissions/article.toml": """\
table = "article"

[[case]]
name = "others' articles stay as they are"
role = "user"
variables = { X-Hasura-User-Id = "1" }
operation = "update"
where = { author_id = 2 }
set = { title = "x" }
expect = "denied"

[[case]]
name = "everybody sees what is open"
role = "anonymous"
operation = "select"
where = { open = true }
expect = "allowed"
rows = [{ id = 1, title = "Tea" }]
""",
}


@pytest.fixture
def project(here: Here) -> Here:
    """Two tables with rows, one of them tracked, with permissions and tests of them."""
    for name, text in FILES.items():
        here.write(name, text)
    told = here.howdah("migration", "up")
    assert told.code == 0, told.err
    told = here.howdah("db", "seed")
    assert told.code == 0, told.err
    return here


def call(here: Here, kind: str, args: Any) -> None:
    """A metadata call, as the console or a client would make it."""
    from tests.support import run

    from howdah.data.execute import Engine
    from howdah.project.sections import DatabaseSection, DataSection
    from howdah.session import ADMIN

    async def go() -> None:
        engine = Engine(here.dsn, database=DatabaseSection(), data=DataSection())
        await engine.start()
        answer = await engine.answer(json.dumps({"type": kind, "args": args}).encode(), ADMIN)
        await engine.stop()
        assert answer.status == 200, answer.body

    run(go())


# -- table -------------------------------------------------------------------------------------------------------------


def test_tables_are_listed_and_shown(project: Here) -> None:
    """Tracked or not; columns with their keys, roles with what they may do."""
    tables = project.howdah("table", "list", "--json").json["tables"]
    assert [(one["table"]["name"], one["tracked"], one["roles"]) for one in tables] == [
        ("article", True, ["anonymous", "user"]),
        ("author", False, []),
    ]
    assert project.howdah("table", "list", "--untracked").out.split()[6] == "author"
    shown = project.howdah("table", "show", "article", "--json").json
    assert [column["keys"] for column in shown["columns"]] == [["primary"], [], ["→ author.id"], []]
    assert shown["roles"] == {"anonymous": ["select"], "user": ["select", "update"]}
    told = project.howdah("table", "show", "artcle")
    assert (told.code, "Did you mean article?" in told.err) == (4, True)


def test_tracking_writes_files_and_suggests_relationships(project: Here) -> None:
    """Both ways of each foreign key; what was written by hand stays; nothing is written in a dry run."""
    told = project.howdah("table", "track", "--all", "--relationships", "--dry-run")
    assert told.out.splitlines() == ["table author", "relationship article.author", "relationship author.articles"]
    assert not (project.root / "metadata/tables/public.author.toml").exists()
    assert project.howdah("table", "track", "author", "--relationships").code == 0
    text = (project.root / "metadata/tables/public.article.toml").read_text()
    assert text.index("[relationships.author]") < text.index("# What is open")
    assert project.howdah("metadata", "apply").code == 0
    shown = project.howdah("table", "show", "author", "--json").json
    assert shown["relationships"] == [{"name": "articles", "kind": "array", "table": "article"}]
    assert project.howdah("table", "track", "--all", "--relationships").err == "Everything is tracked already.\n"
    told = project.howdah("table", "untrack", "author")
    assert told.out.splitlines() == ["table author", "relationship article.author"]
    assert (project.root / "metadata/tables/public.article.toml").read_text() == FILES[
        "metadata/tables/public.article.toml"
    ]


@pytest.mark.parametrize("words", [(), ("--all", "author")])
def test_tracking_says_what_to_track(project: Here, words: tuple[str, ...]) -> None:
    """Tables, or all of them."""
    assert project.howdah("table", "track", *words).code == 2


# -- perm --------------------------------------------------------------------------------------------------------------


def test_permissions_are_a_matrix(project: Here) -> None:
    """A line for each table and role, a word for each operation; the rules themselves as JSON."""
    lines = project.howdah("perm", "list").out.splitlines()
    assert lines[0].split() == ["TABLE", "ROLE", "SELECT", "INSERT", "UPDATE", "DELETE"]
    assert lines[1].split("  ")[2:] and "2 of 4 columns, some rows" in lines[1]
    assert "1 of 4 columns, some rows, checked" in lines[2]
    (one,) = project.howdah("perm", "list", "--role", "anonymous", "--json").json["permissions"]
    assert one["permissions"] == {"select": {"columns": ["id", "title"], "filter": {"open": True}}}


def test_a_role_is_shown_as_it_is_written(project: Here) -> None:
    """As TOML; who asks for a role that may do nothing is told which may."""
    assert project.howdah("perm", "show", "article", "anonymous").out.splitlines() == [
        "[permissions.anonymous.select]",
        'columns = ["id", "title"]',
        "filter.open = true",
    ]
    told = project.howdah("perm", "show", "article", "boss")
    assert (told.code, "anonymous, user" in told.err) == (4, True)


def test_copying_writes_files(project: Here) -> None:
    """What is there is not replaced unasked; comments stay."""
    told = project.howdah("perm", "copy", "user", "editor", "--dry-run", "--json")
    assert told.json["copied"] == ["select on article for editor", "update on article for editor"]
    assert project.howdah("perm", "copy", "user", "editor", "--operation", "update").code == 0
    text = (project.root / "metadata/tables/public.article.toml").read_text()
    assert text.startswith(FILES["metadata/tables/public.article.toml"])
    assert "[permissions.editor.update]" in text
    told = project.howdah("perm", "copy", "anonymous", "user")
    assert (told.code, "E236" in told.err) == (1, True)
    assert project.howdah("perm", "copy", "anonymous", "user", "--force").code == 0
    assert project.howdah("metadata", "apply").code == 0
    assert project.howdah("perm", "show", "article", "user", "--json").json["permissions"]["select"]["columns"] == [
        "id",
        "title",
    ]
    assert project.howdah("perm", "copy", "nobody", "user", "article").code == 4


def test_a_role_is_tried_and_the_branch_named(project: Here) -> None:
    """For people a tree, for programs all of it; nothing is written."""
    words = ("perm", "test", "user", "update", "article", "--row", "2", "--set", "title=x", "--user-id", "1")
    told = project.howdah(*words)
    assert told.code == 0
    assert told.out.splitlines()[:2] == [
        "denied  user update on article",
        '  filter of update: author_id $eq "X-Hasura-User-Id" ("1") is false: author_id is 2',
    ]
    assert project.howdah(*words, "--json").json["verdict"] == "denied"
    told = project.howdah(*words[:5], "--where", "id=1", "--set", 'title=""', "--user-id", "1")
    assert 'check of update: title $ne "" is false: title is ""' in told.out
    told = project.howdah("perm", "test", "anonymous", "query", '{"type":"count","args":{"table":"article"}}')
    assert told.out.startswith("partly")
    told = project.howdah("perm", "test", "user", "delete", "nothing", "--where", "id=1")
    assert (told.code, "E237" in told.err) == (1, True)
    assert project.howdah("perm", "test", "user", "delete", "article").code == 2
    assert project.rows("article where title = 'x'") == 0


def test_a_request_is_explained(project: Here) -> None:
    """SQL, plan and permissions, from a file, too."""
    project.write("query.json", '{"type": "select", "args": {"table": "article", "columns": ["id"]}}')
    told = project.howdah("perm", "explain", "anonymous", "query.json", "--analyze")
    assert [line for line in told.out.splitlines() if not line.startswith(" ")] == ["SQL", "Plan", "Permissions"]
    assert "Execution Time" in told.out
    assert project.howdah("perm", "explain", "anonymous", "nothing.json").code == 2
    assert project.howdah("perm", "explain", "anonymous", '{"type": "run_sql", "args": {}}').code == 1


def test_a_try_is_kept_as_a_test(project: Here) -> None:
    """At the end of its table's file, under a name of its own; `howdah test` runs it."""
    words = ("perm", "test", "user", "update", "article", "--row", "1", "--set", "title=x", "--user-id", "1")
    assert project.howdah(*words, "--save", "Ann may").code == 0
    text = (project.root / "tests/permissions/article.toml").read_text()
    assert text.startswith(FILES["tests/permissions/article.toml"])
    told = project.howdah(*words, "--save", "Ann may")
    assert (told.code, "E238" in told.err) == (1, True)
    results = project.howdah("test", "permissions", "--json").json["results"]
    assert [one["state"] for one in results] == ["passed"] * 3


# -- test --------------------------------------------------------------------------------------------------------------


def test_the_project_is_tested(project: Here) -> None:
    """Permissions in a database of their own, drift, services; nothing of it stays on the server."""
    told = project.howdah("test")
    assert told.code == 0, told.out + told.err
    assert told.out.splitlines()[-1] == "3 passed"
    left = project.cluster.execute(
        "select count(*) from pg_roles where rolname like 'howdah_api_howdah_scratch%'"
        " union all select count(*) from pg_database where datname like 'howdah_scratch%'"
    )
    assert left == [(0,), (0,)]


def test_what_fails_is_named_with_the_rule(project: Here) -> None:
    """Somebody opens the filter: the test fails, at its line, with what let the row through; and exits with 1."""
    path = "metadata/tables/public.article.toml"
    project.write(path, FILES[path].replace('filter.author_id._eq = "X-Hasura-User-Id"', "filter = {}"))
    told = project.howdah("test", "permissions")
    assert told.code == 1
    assert "failed  others' articles stay as they are  (tests/permissions/article.toml:3)" in told.out
    assert "expected denied, but it is allowed" in told.out
    told = project.howdah("test", "permissions", "--json")
    assert (told.json["passed"], told.json["failed"]) == (1, 1)


def test_drift_fails(project: Here) -> None:
    """What was changed by hand is shown."""
    project.cluster.execute("alter table author add column born date", database=project.name)
    told = project.howdah("test", "database")
    assert told.code == 1
    assert "born" in told.out


def test_services_are_tested_as_they_run(project: Here) -> None:
    """Pytest in the folder of each service that has tests, with its environment."""
    project.write("howdah.toml", '[services.app]\ncommand = "true"\nenvironment = { COLOUR = "green" }\n')
    project.write(
        "services/app/tests/test_app.py", "import os\n\n\ndef test():\n    assert os.environ['COLOUR'] == 'green'\n"
    )
    told = project.howdah("test", "services", "--json")
    (result,) = told.json["results"]
    assert (told.code, result["state"]) == (0, "passed"), told.out
    assert result["name"].startswith("app: 1 passed")
    project.write("services/app/tests/test_app.py", "def test():\n    assert False\n")
    told = project.howdah("test", "services")
    assert (told.code, "assert False" in told.out) == (1, True)


def test_mistakes_in_tests_are_all_named(project: Here) -> None:
    """With file and line (E234)."""
    project.write(
        "tests/permissions/article.toml",
        'table = "article"\n\n[[case]]\nname = "a"\nrole = "user"\noperation = "read"\nexpect = "maybe"\nwhere = {}\n'
        '\n[[case]]\nrole = "user"\noperation = "delete"\nwere = {}\nexpect = "denied"\n',
    )
    told = project.howdah("test", "permissions")
    assert told.code == 1
    for place in ("article.toml:6", "article.toml:7", "article.toml:10", "article.toml:13"):
        assert f"tests/permissions/{place}: " in told.err
    assert "Did you mean where?" in told.err


def test_a_test_of_nothing_fails(project: Here) -> None:
    """A row that is not there shows nothing, and neither does a table that is not tracked."""
    for where, table in (("{ id = 99 }", "article"), ("{}", "author")):
        project.write(
            "tests/permissions/article.toml",
            f'table = "{table}"\n\n[[case]]\nname = "a"\nrole = "user"\noperation = "update"\nwhere = {where}\n'
            'variables = { X-Hasura-User-Id = "1" }\nexpect = "denied"\n',
        )
        told = project.howdah("test", "permissions", "--json")
        assert (told.code, told.json["failed"]) == (1, 1)


# -- metadata ----------------------------------------------------------------------------------------------------------


def test_what_calls_changed_comes_back_into_the_files(project: Here) -> None:
    """And only that: comments and layout stay, and afterwards nothing differs."""
    assert project.howdah("metadata", "diff").code == 0
    call(project, "track_table", "author")
    rule = {"columns": ["id"], "filter": {}}
    call(project, "create_select_permission", {"table": "article", "role": "reader", "permission": rule})
    told = project.howdah("metadata", "diff")
    assert (told.code, told.out.splitlines()) == (3, ["+ article: permission reader select", "+ author"])
    told = project.howdah("metadata", "diff", "--json")
    assert (told.code, told.json["changed"]) == (3, ["database"])
    told = project.howdah("metadata", "apply")
    assert (told.code, "E235" in told.err) == (1, True)
    told = project.howdah("metadata", "pull")
    assert told.out.splitlines() == ["metadata/tables/public.article.toml", "metadata/tables/public.author.toml"]
    text = (project.root / "metadata/tables/public.article.toml").read_text()
    assert text.startswith(FILES["metadata/tables/public.article.toml"])
    assert project.howdah("metadata", "diff").code == 0
    assert project.howdah("metadata", "pull", "--json").json == {"files": []}


def test_when_both_changed_somebody_has_to_decide(project: Here) -> None:
    """Neither side is overwritten unasked; --force says which one goes."""
    path = "metadata/tables/public.article.toml"
    call(project, "drop_select_permission", {"table": "article", "role": "anonymous"})
    project.write(path, FILES[path].replace('check.title._ne = ""\n', ""))
    assert project.howdah("metadata", "diff", "--json").json["changed"] == ["files", "database"]
    for verb in ("pull", "apply"):
        told = project.howdah("metadata", verb)
        assert (told.code, "E235" in told.err) == (1, True)
    assert project.howdah("metadata", "apply", "--force").code == 0
    assert project.howdah("metadata", "diff").code == 0
    assert "anonymous" in project.howdah("perm", "list").out


def test_files_that_changed_are_not_overwritten(project: Here) -> None:
    """Where only the files changed, pull would lose that; apply takes it over and says what does not fit."""
    path = "metadata/tables/public.article.toml"
    project.write(path, FILES[path].replace('"title"]\nfilter.open', '"title", "colour"]\nfilter.open'))
    told = project.howdah("metadata", "pull")
    assert (told.code, "E235" in told.err) == (1, True)
    told = project.howdah("metadata", "apply")
    assert (told.code, f"{path}:6" in told.err) == (0, True)
    assert project.howdah("metadata", "pull", "--force", "--json").json == {"files": []}
