"""A folder with an app somebody wrote already → how it is run. Its files are read, and never changed.

What its Dockerfile or Procfile starts is taken first, then the app that its modules define: a ``Flask`` or ``FastAPI``
object under a name at the top of a module, or a function ``create_app``. Nothing of it is imported.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import tomlkit

from howdah.templates.errors import NotAdoptable

Framework = Literal["flask", "fastapi", "wsgi"]

_FACTORIES = ("create_app", "make_app", "build_app")
_USUAL = ("wsgi", "asgi", "main", "app", "server", "api", "application", "run", "__init__")
_LEFT_OUT = frozenset(
    {"tests", "test", "venv", "env", "node_modules", "migrations", "alembic", "__pycache__", "site-packages"}
)
_SERVER_SETTINGS = ("conf/gunicorn_config.py", "conf/gunicorn.conf.py", "gunicorn_config.py", "gunicorn.conf.py")
_DEEPEST = 4
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(\(\))?")


@dataclass(frozen=True, slots=True)
class App:
    """Where an app is: the folder that modules are imported from, the module, its name in it, and of which kind."""

    folder: Path
    module: str
    name: str
    framework: Framework
    is_factory: bool = False


@dataclass(frozen=True, slots=True)
class Adopted:
    """How a folder's app is run. ``requirements`` are its own, and empty where everything is installed already."""

    app: App
    command: str
    watch: tuple[str, ...]
    requirements: tuple[str, ...]
    missing: tuple[str, ...]


def adopt(folder: Path, target: str | None = None) -> Adopted:
    """How the app in the folder is run; ``target`` is ``package.module:name`` where somebody says which.

    Raises NotAdoptable.
    """
    said = target or _started_by(folder)
    found = _named(folder, said) if said is not None else None
    if found is None and target is not None:
        raise NotAdoptable(
            f"There is no {target} in {folder}.", hint="It is package.module:name, from the folder or its src/."
        )
    found = found or next(iter(sorted(_apps(folder), key=_rank)), None)
    if found is None:
        raise NotAdoptable(
            f"No Flask or FastAPI app was found in {folder}.",
            hint="Say where it is: --app package.module:name.",
        )
    requirements = _requirements(folder)
    missing = tuple(_missing(folder, requirements))
    own = requirements if missing else ()
    watch = ("src",) if (folder / "src").is_dir() else (".",)
    return Adopted(found, _command(folder, found, bool(own)), watch, own, missing)


def section(name: str, folder: str, adopted: Adopted, routes: str) -> str:
    """The service for howdah.toml."""
    lines = [f"[services.{name}]"]
    if folder != f"services/{name}":
        lines.append(f"folder = {tomlkit.string(folder).as_string()}")
    lines.append(f"command = {tomlkit.string(adopted.command).as_string()}")
    if adopted.requirements:
        lines.append(f"requirements = {json.dumps(list(adopted.requirements))}  # in a virtual environment of its own")
        lines.append("ready = { timeout = 300 }  # the first start installs them")
    lines.append(f"watch = {json.dumps(list(adopted.watch))}")
    lines.append(f"routes = {routes}")
    return "\n".join(lines) + "\n"


# -- where the app is --------------------------------------------------------------------------------------------------


def _started_by(folder: Path) -> str | None:
    """The ``module:name`` that a Dockerfile or a Procfile starts."""
    for file in ("Dockerfile", "Procfile"):
        try:
            text = (folder / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in reversed(text.replace("\\\n", " ").splitlines()):
            if re.match(r"\s*(CMD|ENTRYPOINT|web:)", line, re.IGNORECASE):
                words = re.split(r'[\s",\[\]]+', line)
                named = [word for word in words if _TARGET.fullmatch(word) and word.lower() != "web:"]
                if named:
                    return named[-1]
    return None


def _named(folder: Path, target: str) -> App | None:
    """The app of this ``module:name``, as seen from the folder or its src."""
    module, _, name = target.partition(":")
    is_call = name.endswith("()")
    name = name.removesuffix("()")
    for start in (folder, folder / "src", folder / "app"):
        for file in (start / f"{module.replace('.', '/')}.py", start / module.replace(".", "/") / "__init__.py"):
            if file.is_file():
                framework = _framework(file, folder)
                return App(start, module, name, framework, is_call or name in _FACTORIES)
    return None


def _apps(folder: Path) -> Iterator[App]:
    """Every app that a module of the folder defines."""
    for file in _modules(folder):
        tree = _parsed(file)
        if tree is None:
            continue
        start, module = _import_root(folder, file, tree)
        for name, framework, is_factory in _defined(tree):
            yield App(start, module, name, framework, is_factory)


def _modules(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in _LEFT_OUT for part in parts[:-1])
        if len(parts) <= _DEEPEST and not hidden and not parts[-1].startswith(("test_", "conftest")):
            yield path


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _defined(tree: ast.Module) -> Iterator[tuple[str, Framework, bool]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            made = _called(node.value)
            names = node.targets if isinstance(node, ast.Assign) else [node.target]
            for one in names:
                if isinstance(one, ast.Name) and made in ("Flask", "FastAPI"):
                    yield one.id, "flask" if made == "Flask" else "fastapi", False
                elif isinstance(one, ast.Name) and one.id in ("app", "application") and made in _FACTORIES:
                    yield one.id, _of_tree(tree), False
        elif isinstance(node, ast.FunctionDef) and node.name in _FACTORIES:
            yield node.name, _of_tree(node), True


def _called(call: ast.Call) -> str:
    function = call.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _of_tree(tree: ast.AST) -> Framework:
    calls = {_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return "fastapi" if "FastAPI" in calls else "flask" if "Flask" in calls else "wsgi"


def _framework(file: Path, folder: Path) -> Framework:
    """Of which kind the app of a module is: as the module says, else as the folder does."""
    trees = [tree for path in (file, *_modules(folder)) if (tree := _parsed(path)) is not None]
    return next((kind for tree in trees if (kind := _of_tree(tree)) != "wsgi"), "wsgi")


def _import_root(folder: Path, file: Path, tree: ast.Module) -> tuple[Path, str]:
    """The folder a module is imported from, and its name from there.

    A module in a package is imported as part of it, unless it imports its neighbours as if they were alone.
    """
    beside = {path.stem for path in file.parent.glob("*.py")} - {"__init__", file.stem}
    alone = any(
        node.names[0].name.split(".")[0] in beside if isinstance(node, ast.Import) else node.module in beside
        for node in tree.body
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.level == 0)
    )
    parts = [] if file.stem == "__init__" else [file.stem]
    start = file.parent
    if file.stem == "__init__" or not alone:
        while (start / "__init__.py").is_file() and (start != folder or file.stem == "__init__"):
            parts.insert(0, start.name)
            start = start.parent
    return start, ".".join(parts)


def _rank(app: App) -> tuple[int, int, int, str]:
    last = app.module.rpartition(".")[2]
    usual = _USUAL.index(last) if last in _USUAL else len(_USUAL)
    return (app.name not in ("app", "application"), app.module.count("."), usual, f"{app.folder}{app.module}")


# -- how it is run -----------------------------------------------------------------------------------------------------


def _command(folder: Path, app: App, own: bool) -> str:
    start = os.path.relpath(app.folder, folder)
    place = [] if start == "." else [shlex.quote(start)]
    if app.framework == "fastapi":
        words = ["uvicorn", *(["--app-dir", *place] if place else []), "--host", "$HOST", "--port", "$PORT"]
        words += ["--factory"] if app.is_factory else []
        return " ".join([*words, f"{app.module}:{app.name}"])
    settings = next((name for name in _SERVER_SETTINGS if (folder / name).is_file()), None)
    words = ["gunicorn", *(["--config", settings] if settings else []), *(["--chdir", *place] if place else [])]
    words += ["--bind", "$HOST:$PORT"]
    words += [] if own else ["--no-control-socket"]
    name = f"{app.name}()" if app.is_factory else app.name
    return " ".join([*words, shlex.quote(f"{app.module}:{name}")])


# -- what it requires --------------------------------------------------------------------------------------------------


def _requirements(folder: Path) -> tuple[str, ...]:
    found = [name for name in ("requirements.txt", "src/requirements.txt") if (folder / name).is_file()]
    if not found and _is_installable(folder / "pyproject.toml"):
        found = ["pyproject.toml"]
    return tuple(found)


def _is_installable(file: Path) -> bool:
    try:
        return "project" in tomlkit.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _missing(folder: Path, files: tuple[str, ...]) -> Iterator[str]:
    """What is required and not here in a version that will do."""
    for name in files:
        if name == "pyproject.toml":
            told = tomlkit.parse((folder / name).read_text(encoding="utf-8")).unwrap()
            lines = [str(one) for one in told["project"].get("dependencies", [])]
        else:
            lines = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            text = line.partition("#")[0].strip()
            if text and not _is_here(text):
                yield text


def _is_here(requirement: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(requirement)
    except InvalidRequirement:
        return False  # an option of pip's, an address, a folder: pip knows
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        return not wanted.url and wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False
