"""Which changes count, and that watching begins and goes on whatever the folders do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.support import run

from howdah.supervisor.watch import changes, is_source


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("app.py", True),
        ("templates/index.html", True),
        ("settings.toml", True),
        ("catalog/logs/format.py", True),  # only names of files and known folders are judged
        (".env", True),
        ("__pycache__/app.cpython-311.pyc", False),
        (".venv/lib/x.py", False),
        ("sub/.git/index", False),
        (".howdah/logs/app.jsonl", False),
        ("app.py.swp", False),
        (".app.py.swx", False),
        ("app.py~", False),
        ("#app.py#", False),
        (".#app.py", False),
        ("4913", False),
        ("app.py.tmp", False),
        ("app.py___jb_tmp___", False),
        ("debug.log", False),
        ("db.sqlite3-journal", False),
    ],
)
def test_sources_are_told_from_what_tools_write(name: str, counts: bool) -> None:
    """A person's save counts; caches, environments and the droppings of editors do not."""
    root = Path("/home/me/.venv/project")  # what lies above the root is not judged
    assert is_source(root / name, (root,)) is counts


def test_what_is_elsewhere_does_not_count() -> None:
    """Only what lies in a watched folder, or is the watched file, restarts."""
    roots = (Path("/a/src"), Path("/a/settings.toml"))
    assert is_source(Path("/a/settings.toml"), roots)
    assert not is_source(Path("/a/other.toml"), roots)
    assert not is_source(Path("/a/source/app.py"), roots)


def test_a_folder_that_comes_later_is_watched(tmp_path: Path) -> None:
    """A missing folder is waited for, beside one that is there."""

    async def scenario() -> None:
        here, later = tmp_path / "here", tmp_path / "later"
        here.mkdir()
        async with aclosing(changes("app", (here, later))) as saved:
            first = asyncio.create_task(anext(saved))
            await asyncio.sleep(0.2)
            (here / "a.py").write_text("1")
            assert await first == (here.resolve() / "a.py",)
            second = asyncio.create_task(anext(saved))
            later.mkdir()
            await asyncio.sleep(2.6)  # the interval at which missing folders are looked for
            (later / "b.py").write_text("1")
            assert later.resolve() / "b.py" in await second

    run(scenario())


def test_atomic_saves_and_many_files_are_one_change(tmp_path: Path) -> None:
    """Editors write a temporary file and rename it; a checkout changes many files at once."""

    async def scenario() -> None:
        async with aclosing(changes("app", (tmp_path,))) as saved:
            first = asyncio.create_task(anext(saved))
            await asyncio.sleep(0.2)
            for name in ("a.py", "b.py", "c.py"):
                (tmp_path / f"{name}.tmp").write_text("1")
                (tmp_path / f"{name}.tmp").rename(tmp_path / name)
            assert {path.name for path in await first} == {"a.py", "b.py", "c.py"}

    run(scenario())
