"""`howdah service adopt`: how an app that is there already is run, found without importing any of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from howdah.cli import program
from howdah.project.load import load_project
from howdah.templates.adopt import adopt
from howdah.templates.errors import NotAdoptable

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FACTORY = "import flask\ndef create_app(settings=None):\n    app = flask.Flask(__name__)\n    return app\n"
SEED = {
    "Dockerfile": 'FROM python:3\nCOPY . /app\nCMD ["gunicorn", "--config", "./conf/gunicorn_config.py", "src:app"]\n',
    "conf/gunicorn_config.py": 'bind = "0.0.0.0:8080"\nworkers = 1\n',
    "src/__init__.py": "from flask import Flask\napp = Flask(__name__)\nfrom .server import *\n",
    "src/server.py": "from src import app\n@app.route('/')\ndef main():\n    return 'hi'\n",
    "src/requirements.txt": "flask\n",
}
"""The first seed's microservices/app."""

CASES = {
    "the seed's layout": (
        SEED,
        "gunicorn --config conf/gunicorn_config.py --bind $HOST:$PORT --no-control-socket src:app",
    ),
    "one file": ({"app.py": FLASK}, "gunicorn --bind $HOST:$PORT --no-control-socket app:app"),
    "one file in src": ({"src/main.py": FLASK}, "gunicorn --chdir src --bind $HOST:$PORT --no-control-socket main:app"),
    "a package": (
        {"shop/__init__.py": "", "shop/web.py": f"from shop.db import x\n{FLASK}", "shop/db.py": "x = 1\n"},
        "gunicorn --bind $HOST:$PORT --no-control-socket shop.web:app",
    ),
    "a package whose modules import each other as if alone": (
        {
            "app/__init__.py": "from app import *\n",
            "app/main.py": f"from db import DB\n{FLASK}",
            "app/db.py": "class DB: pass\n",
        },
        "gunicorn --chdir app --bind $HOST:$PORT --no-control-socket main:app",
    ),
    "a factory": ({"shop/__init__.py": FACTORY}, "gunicorn --bind $HOST:$PORT --no-control-socket 'shop:create_app()'"),
    "what a factory made": (
        {
            "core/api/__init__.py": FACTORY,
            "core/__init__.py": "",
            "run.py": "from core.api import create_app\napplication = create_app()\n",
        },
        "gunicorn --bind $HOST:$PORT --no-control-socket run:application",
    ),
    "FastAPI": ({"main.py": FASTAPI}, "uvicorn --host $HOST --port $PORT main:app"),
    "FastAPI in src": (
        {"src/labs/__init__.py": "", "src/labs/api.py": FASTAPI},
        "uvicorn --app-dir src --host $HOST --port $PORT labs.api:app",
    ),
    "a FastAPI factory": (
        {"api.py": "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n"},
        "uvicorn --host $HOST --port $PORT --factory api:create_app",
    ),
    "what a Procfile starts": (
        {"Procfile": "web: gunicorn other:backend\n", "app.py": FLASK, "other.py": FLASK.replace("app =", "backend =")},
        "gunicorn --bind $HOST:$PORT --no-control-socket other:backend",
    ),
    "a module that cannot be parsed beside it": (
        {"broken.py": "print 'hi'\n", "app.py": FLASK},
        "gunicorn --bind $HOST:$PORT --no-control-socket app:app",
    ),
    "tests and environments are not looked at": (
        {"tests/app.py": FASTAPI, ".venv/x/app.py": FASTAPI, "venv/app.py": FASTAPI, "web.py": FLASK},
        "gunicorn --bind $HOST:$PORT --no-control-socket web:app",
    ),
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_how_an_app_is_run(case: str, tmp_path: Path) -> None:
    """Where its app is, what serves it, which settings of gunicorn."""
    files, command = CASES[case]
    assert adopt(written(tmp_path / "app", files)).command == command


def test_what_is_no_app_is_refused(tmp_path: Path) -> None:
    """Nothing there, nothing that can be read, and a place where nothing is."""
    for files in ({}, {"app.py": "print('hi')\n"}, {"app.py": "from flask import Flask\napp = None\n"}):
        with pytest.raises(NotAdoptable):
            adopt(written(tmp_path / f"x{len(files)}{hash(str(files))}", files) if files else tmp_path)
    folder = written(tmp_path / "app", {"app.py": FLASK})
    assert adopt(folder, "app:app").app.name == "app"
    with pytest.raises(NotAdoptable):
        adopt(folder, "nowhere:app")


def test_requirements_that_are_not_here_are_its_own(tmp_path: Path) -> None:
    """What is installed beside howdah needs no environment; another version, or a package that is not here, does."""
    here = written(tmp_path / "here", {"app.py": FLASK, "requirements.txt": "flask>=2  # web\n\ngunicorn\n"})
    assert adopt(here).requirements == ()
    old = written(tmp_path / "old", {"app.py": FLASK, "requirements.txt": "flask<1\n"})
    assert (adopt(old).requirements, adopt(old).missing) == (("requirements.txt",), ("flask<1",))
    assert "--no-control-socket" not in adopt(old).command
    other = {"app.py": FLASK, "pyproject.toml": '[project]\nname = "x"\ndependencies = ["no-such-package-here"]\n'}
    assert adopt(written(tmp_path / "other", other)).requirements == ("pyproject.toml",)
    tools = written(tmp_path / "tools", {"app.py": FLASK, "pyproject.toml": "[tool.black]\n"})
    assert adopt(tools).requirements == ()
    options = written(tmp_path / "options", {"app.py": FLASK, "requirements.txt": "-r more.txt\n"})
    assert adopt(options).requirements == ("requirements.txt",)


def test_an_app_is_adopted_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A section of howdah.toml that loads; every file of the app is as it was."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "howdah.toml").write_text('[project]\nname = "shop"\n')
    folder = written(root / "microservices" / "app", SEED)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    assert program.run(["service", "adopt", "microservices/app", "--dry-run"]) == 0
    assert load_project(root, {}).services == ()
    capsys.readouterr()
    assert program.run(["service", "adopt", "microservices/app", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["service"], told["app"], told["framework"]) == ("app", "src:app", "flask")
    (service,) = load_project(root, {}).services
    assert service.folder == root / "microservices" / "app"
    assert service.command[:3] == ("gunicorn", "--config", "conf/gunicorn_config.py")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert program.run(["service", "adopt", "microservices/app"]) == 1
    assert "E271" in capsys.readouterr().err
