"""`howdah service` and `howdah update` on a project's files: what is written, what is refused, what stays."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.commands import Outcome

from howdah.cli import program
from howdah.project.load import load_project
from howdah.project.sections import Route
from howdah.templates import service_template
from howdah.templates.merge import merge_keys, merge_texts
from howdah.templates.settings_file import add_section, remove_service, set_keys

HOWDAH_TOML = """\
# The shop.
[project]
name = "shop"  # a name

[services.app]
command = "python app.py"  # started so
routes = ["/", { subdomain = "app" }]

[gateway]
max_body = "1 MiB"  # small
"""

Run = Callable[..., Outcome]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project made by hand, and the folder one stands in."""
    root = tmp_path / "shop"
    (root / "services" / "app").mkdir(parents=True)
    (root / "services" / "app" / "app.py").write_text("# mine\n")
    (root / "howdah.toml").write_text(HOWDAH_TOML)
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the command sets its own
    return root


@pytest.fixture
def howdah(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command, run in this process."""

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        code = program.run(words)
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run


def commit(root: Path) -> None:
    """Everything is committed."""
    (root / ".gitignore").write_text("/.howdah/\n")
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for words in (("init", "-q"), ("add", "--all"), ("commit", "-q", "-m", "before")):
        subprocess.run([*git, *words], cwd=root, check=True, capture_output=True)


# -- add ---------------------------------------------------------------------------------------------------------------


def test_a_service_is_added_and_everything_else_stays(shop: Path, howdah: Run) -> None:
    """Its folder, its section with routes, its answers; the comments and other sections are as they were."""
    told = howdah("service", "add", "api", "--template", "flask")
    assert told.code == 0, told.err
    text = (shop / "howdah.toml").read_text()
    assert text.startswith(HOWDAH_TOML)
    api = load_project(shop, {}).services[1]
    assert api.name == "api"
    assert api.routes == (Route(None, "/api", strip_prefix=True), Route("api", "/"))
    assert api.folder == shop / "services" / "api"
    assert (api.folder / "src" / "app" / "__init__.py").is_file()
    assert "howdah service run api" in told.err
    made_of = (api.folder / ".howdah-template.toml").read_text()
    assert 'template = "flask"' in made_of


def test_what_would_be_added_is_said_and_nothing_is_written(shop: Path, howdah: Run) -> None:
    """--dry-run, also as JSON."""
    told = howdah("service", "add", "api", "--template", "flask", "--dry-run", "--json")
    said = json.loads(told.out)
    assert said["dry_run"] is True
    assert "services/api/README.md" in said["files"]
    assert said["routes"] == ["/api", "api.localhost"]
    assert not (shop / "services" / "api").exists()
    assert (shop / "howdah.toml").read_text() == HOWDAH_TOML


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("app",), "E271", 1),
        (("Shop",), "E272", 2),
        (("data",), "E272", 2),
        (("../x",), "E272", 2),
        (("api", "--route", "/"), "E270", 1),
        (("api", "--template", "flsk"), "E102", 4),
        (("api", "--route", "api"), "E310", 1),
        (("api", "--route", '/a"b'), "E310", 1),
        (("api", "--route", "/data/x"), "E310", 1),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(
    words: tuple[str, ...], code: str, exit_code: int, shop: Path, howdah: Run
) -> None:
    """A name or route that is taken or impossible, a template that does not exist."""
    before = sorted(path for path in shop.rglob("*"))
    told = howdah("service", "add", *words)
    assert (told.code, told.err.split("[")[1][:4]) == (exit_code, code), told.err
    assert (shop / "howdah.toml").read_text() == HOWDAH_TOML
    assert sorted(path for path in shop.rglob("*")) == before


def test_a_folder_that_holds_something_is_not_written_into(shop: Path, howdah: Run) -> None:
    """E101, with and without --dry-run; an empty one is taken."""
    (shop / "services" / "api").mkdir()
    (shop / "services" / "api" / "note").write_text("mine")
    assert "error[E101]" in howdah("service", "add", "api").err
    assert "error[E101]" in howdah("service", "add", "api", "--dry-run").err
    assert (shop / "howdah.toml").read_text() == HOWDAH_TOML
    (shop / "services" / "api" / "note").unlink()
    assert howdah("service", "add", "api").code == 0


def test_a_service_may_have_its_subdomain_alone(shop: Path, howdah: Run) -> None:
    """--no-route; and a route at the root is not cut off."""
    assert howdah("service", "add", "one", "--no-route").code == 0
    assert load_project(shop, {}).services[1].routes == (Route("one", "/"),)
    assert howdah("service", "add", "two", "--route", "/deep/er").code == 0
    assert load_project(shop, {}).services[2].routes[0] == Route(None, "/deep/er", strip_prefix=True)


# -- list and rm -------------------------------------------------------------------------------------------------------


def test_services_and_templates_are_listed(shop: Path, howdah: Run) -> None:
    """Name, template, version, routes; nothing runs, so there is neither state nor port."""
    howdah("service", "add", "api")
    app, api = json.loads(howdah("service", "list", "--json").out)["services"]
    assert (app["name"], app["template"], app["state"]) == ("app", None, None)
    assert (api["template"], api["version"]) == ("flask", service_template.template("flask").version)
    assert api["routes"] == ["/api", "api.localhost"]
    assert "api.localhost" in howdah("service", "list").out
    listed = json.loads(howdah("service", "list", "--templates", "--json").out)["templates"]
    assert [one["template"] for one in listed] == [one.name for one in service_template.templates()]


def test_a_service_is_removed_only_with_a_yes(shop: Path, howdah: Run) -> None:
    """E210 without one; its section goes, its files stay unless they are to go; others stay in any case."""
    howdah("service", "add", "api")
    refused = howdah("service", "rm", "api")
    assert (refused.code, "error[E210]" in refused.err) == (5, True)
    assert howdah("service", "rm", "api", "--dry-run").code == 0
    assert len(load_project(shop, {}).services) == 2
    assert howdah("service", "rm", "api", "--yes").code == 0
    assert (shop / "howdah.toml").read_text() == HOWDAH_TOML
    assert (shop / "services" / "api" / "README.md").is_file()
    assert howdah("service", "rm", "app", "--yes", "--files").code == 0
    assert not (shop / "services" / "app").exists()
    assert load_project(shop, {}).services == ()
    assert (shop / "howdah.toml").read_text().startswith('# The shop.\n[project]\nname = "shop"  # a name\n')
    assert 'max_body = "1 MiB"  # small' in (shop / "howdah.toml").read_text()
    missing = howdah("service", "rm", "api", "--yes")
    assert (missing.code, "error[E121]" in missing.err) == (4, True)


def test_files_outside_of_the_project_are_never_removed(shop: Path, howdah: Run, tmp_path: Path) -> None:
    """A service whose folder is elsewhere, the project's own folder, or another service's: E104, and all stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    sections = {
        "away": 'folder = "../outside"',
        "root": 'folder = "."',
        "twin": 'folder = "services/app"',
    }
    added = "".join(f'\n[services.{name}]\n{line}\ncommand = "x"\n' for name, line in sections.items())
    (shop / "howdah.toml").write_text(HOWDAH_TOML + added)
    for name in sections:
        assert "error[E104]" in howdah("service", "rm", name, "--files", "--yes").err
    assert outside.is_dir()
    assert (shop / "services" / "app").is_dir()


def test_the_text_keeps_what_it_does_not_concern() -> None:
    """Adding and removing gives the text of before; sections out of order, comments and odd spacing stay."""
    odd = "[services.a]\ncommand='a'\n\n[mail]\nurl   = 'x'   # why\n\n[services.b]\ncommand = 'b'\n"
    section = '[services.c]\ncommand = "c"\n'
    for text in (HOWDAH_TOML, odd, "", "# nothing yet\n"):
        assert remove_service(add_section(text, section), "c").strip() == text.strip()
    assert remove_service(odd, "a") == "[mail]\nurl   = 'x'   # why\n\n[services.b]\ncommand = 'b'\n"
    changed = set_keys(odd, "b", {"command": "c", "watch": ["src"]})
    assert "url   = 'x'   # why" in changed
    assert 'command = "c"' in changed
    assert set_keys(changed, "b", {"watch": None, "command": "b"}).replace('"', "'") == odd


# -- update ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[dict[str, str | None]], None]:
    """A released version 0 of the template flask, which differs in the texts it is called with (None: not there)."""

    def release(texts: dict[str, str | None]) -> None:
        known: dict[str, Any] = json.loads(service_template.archived("flask"))
        for path, text in texts.items():
            known.pop(path, None)
            if text is not None:
                known[path] = text
        folder = tmp_path / "released"
        folder.mkdir(exist_ok=True)
        (folder / "flask-0.json").write_text(json.dumps(known))
        monkeypatch.setattr(service_template, "RELEASED", folder)

    return release


def made_of_version_0(shop: Path, howdah: Run) -> Path:
    """A service as version 0 made it."""
    answers = {"name": "api", "identifier": "api", "routes": '[{ subdomain = "api" }]', "stamp": ""}
    rendered = service_template.render_released("flask", 0, answers)
    folder = shop / "services" / "api"
    for file in rendered.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).write_text(file.text)
    told = "".join(f"{key} = '''{value}'''\n" for key, value in answers.items())
    (folder / ".howdah-template.toml").write_text(f'template = "flask"\nversion = 0\n\n[answers]\n{told}')
    (shop / "howdah.toml").write_text(add_section(HOWDAH_TOML, rendered.section))
    return folder


def test_an_update_brings_in_what_changed_beside_what_the_user_changed(
    shop: Path, howdah: Run, older: Callable[[dict[str, str | None]], None]
) -> None:
    """Changed, added and removed files, a merge of both, a file the user removed, and a key of howdah.toml."""
    current = json.loads(service_template.archived("flask"))
    server, whoami = current["service/src/app/server.py"], current["service/src/app/whoami.py"]
    older(
        {
            "service/src/app/whoami.py": "# whoami of old\n",
            "service/src/app/server.py": f"# the first line of old\n{server}",
            "service/src/app/gone.py": "# no longer\n",
            "service/src/app/articles.py": None,
            "service/requirements.txt": "flask\n",
            "service.toml.jinja": current["service.toml.jinja"].replace('watch = ["src", ', 'watch = ["old", '),
        }
    )
    folder = made_of_version_0(shop, howdah)
    mine = (folder / "src" / "app" / "server.py").read_text() + "\n\n# my own last line\n"
    (folder / "src" / "app" / "server.py").write_text(mine)
    (folder / "requirements.txt").unlink()
    (folder / "mine.txt").write_text("mine")
    commit(shop)
    looked = json.loads(howdah("update", "--dry-run", "--json").out)["services"][0]
    assert (looked["before"], looked["after"]) == (0, service_template.template("flask").version)
    assert (folder / "src" / "app" / "whoami.py").read_text() == "# whoami of old\n"
    told = howdah("update", "api", "--json")
    assert told.code == 0, told.err
    outcomes = {
        file["path"].removeprefix("services/api/"): file["outcome"]
        for file in json.loads(told.out)["services"][0]["files"]
    }
    assert outcomes == {
        "requirements.txt": "kept",
        "src/app/articles.py": "added",
        "src/app/gone.py": "removed",
        "src/app/server.py": "merged",
        "src/app/whoami.py": "changed",
    }
    assert (folder / "src" / "app" / "server.py").read_text() == f"{server}\n\n# my own last line\n"
    assert (folder / "src" / "app" / "whoami.py").read_text() == whoami
    assert not (folder / "requirements.txt").exists()
    assert not (folder / "src" / "app" / "gone.py").exists()
    assert (folder / "mine.txt").read_text() == "mine"
    assert load_project(shop, {}).services[1].watch == ("src", "gunicorn.conf.py")
    again = howdah("update")
    assert (again.code, again.out) == (0, "")
    assert "newest" in again.err


def test_what_both_changed_is_marked_and_told(
    shop: Path, howdah: Run, older: Callable[[dict[str, str | None]], None]
) -> None:
    """Conflict markers in the file, exit code 3, and the user's key of howdah.toml left alone."""
    current = json.loads(service_template.archived("flask"))
    older(
        {
            "service/src/app/whoami.py": "# whoami of old\n",
            "service.toml.jinja": current["service.toml.jinja"].replace('watch = ["src", ', 'watch = ["old", '),
        }
    )
    folder = made_of_version_0(shop, howdah)
    (folder / "src" / "app" / "whoami.py").write_text("# whoami of mine\n")
    (shop / "howdah.toml").write_text(set_keys((shop / "howdah.toml").read_text(), "api", {"watch": ["mine"]}))
    commit(shop)
    told = howdah("update")
    assert told.code == 3
    text = (folder / "src" / "app" / "whoami.py").read_text()
    assert text.startswith("<<<<<<< here\n# whoami of mine\n||||||| the template before\n# whoami of old\n=======\n")
    assert text.rstrip().endswith(">>>>>>> flask 1")
    assert "conflict" in told.out
    assert "services.api.watch" in told.out
    assert load_project(shop, {}).services[1].watch == ("mine",)


def test_an_update_that_could_not_be_taken_back_is_refused(
    shop: Path, howdah: Run, older: Callable[[dict[str, str | None]], None]
) -> None:
    """E274 without a repository and with changes that are not committed; looking is allowed."""
    older({"service/src/app/whoami.py": "# whoami of old\n"})
    folder = made_of_version_0(shop, howdah)
    assert "E274" in howdah("update").err
    commit(shop)
    (shop / "note").write_text("not committed")
    refused = howdah("update")
    assert "E274" in refused.err
    assert "note" in refused.err
    assert (folder / "src" / "app" / "whoami.py").read_text() == "# whoami of old\n"
    assert howdah("update", "--dry-run").code == 0
    (shop / "note").unlink()
    assert howdah("update").code == 0


def test_a_version_nobody_knows_is_refused(shop: Path, howdah: Run) -> None:
    """E274 for a service of a newer howdah, and for a file that cannot be read."""
    howdah("service", "add", "api")
    file = shop / "services" / "api" / ".howdah-template.toml"
    text = file.read_text()
    file.write_text(text.replace("version = 1", "version = 999"))
    assert "E274" in howdah("update").err
    file.write_text("version = [")
    assert "E274" in howdah("update").err
    file.write_text("version = 1")
    assert "E274" in howdah("update").err


def test_every_version_of_a_template_is_kept() -> None:
    """The archive of the version that each template has now is what the template is; a change needs a new version."""
    for one in service_template.templates():
        kept = service_template.RELEASED / f"{one.name}-{one.version}.json"
        assert kept.read_text() == service_template.archived(one.name), (
            f"{one.name} has changed: raise its version once {one.version} is released; "
            "then python -m howdah.templates.service_template"
        )
        for version in range(1, one.version):
            assert (service_template.RELEASED / f"{one.name}-{version}.json").is_file()


def test_texts_and_keys_are_merged_three_ways() -> None:
    """Both changes, the same change twice, and what cannot be decided."""
    base = "".join(f"{number}\n" for number in range(9))
    merged = merge_texts(base, base.replace("8", "eight"), base.replace("0", "zero"), labels=("a", "b"))
    assert merged == (base.replace("8", "eight").replace("0", "zero"), 0)
    assert merge_texts("1\n", "2\n", "2\n", labels=("a", "b")) == ("2\n", 0)
    assert merge_texts("1\r\n", "1\r\n2\r\n", "0\r\n1\r\n", labels=("a", "b"))[1] in (0, 1)
    assert merge_keys({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "d": 4}, {"a": 1, "b": 3, "c": 1}) == (
        {"a": 2, "c": None, "d": 4},
        ("b",),
    )


def test_the_page_knows_every_template_and_every_test() -> None:
    """docs/templates.md: a row for each template; what it says rows are shown by is there."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "templates.md").read_text()
    listed = re.findall(r"^\| `([a-z-]+)` \| ", page.partition("## The templates")[2].partition("## ")[0], re.MULTILINE)
    assert sorted(listed) == [one.name for one in service_template.templates()]
    source = "".join(path.read_text() for path in (root / "tests").rglob("test_*.py"))
    source += "".join(path.read_text() for path in service_template.SERVICES.rglob("test_*.py"))
    rows = page.partition("## Where the seeds are")[2]
    for name in re.findall(r"`(test_\w+)`", rows):
        assert f"def {name}(" in source, name
    for name in re.findall(r"`(test_\w+\.py)`", rows):
        assert [*(root / "tests").rglob(name)], name
