"""Python of ``.proto`` files, beside each: ``_pb2.py``, ``_pb2_grpc.py`` and ``_pb2.pyi``; or whether it is current.

The files are compiled from the folder that is on the service's path (``src``), so that what they import of each other
is imported by its whole name, also inside a package. The same compiler makes the same bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from howdah.kit.errors import KitError

_MADE = ("_pb2.py", "_pb2_grpc.py", "_pb2.pyi")
_NOT_OURS = frozenset((".venv", "node_modules", "__pycache__", ".git"))


class ProtoError(KitError):
    """A .proto file cannot be compiled."""

    code = "E180"
    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Generated:
    """What was made, and which of it differs from what was there. Paths are from the service's folder."""

    protos: tuple[str, ...]
    changed: tuple[str, ...]


def generate(folder: Path, *, check: bool = False) -> Generated:
    """The Python of every ``.proto`` below the folder is current; with ``check`` nothing is written.

    Raises ProtoError, with the compiler's own words.
    """
    root = folder / "src" if (folder / "src").is_dir() else folder
    protos = sorted(path for path in root.rglob("*.proto") if not _NOT_OURS & set(path.relative_to(root).parts))
    if not protos:
        raise ProtoError(f"There is no .proto file in {root}.", hint="src/rates/rates.proto, for example.")
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        _compile(root, protos, made)
        changed = [path for path in _files(protos, root) if _differs(made / path, root / path)]
        if not check:
            for path in changed:
                (root / path).write_bytes((made / path).read_bytes())
    below = root.relative_to(folder)
    return Generated(
        tuple(str(below / path.relative_to(root)) for path in protos), tuple(str(below / path) for path in changed)
    )


def _files(protos: list[Path], root: Path) -> list[Path]:
    """The files that are made of these, from the root."""
    return [
        path.relative_to(root).with_name(path.name.removesuffix(".proto").replace("-", "_") + end)
        for path in protos
        for end in _MADE
    ]


def _compile(root: Path, protos: list[Path], into: Path) -> None:
    names = [str(path.relative_to(root)) for path in protos]
    out = [f"--python_out={into}", f"--pyi_out={into}", f"--grpc_python_out={into}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *out, *names]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProtoError(f"The .proto files cannot be compiled:\n{done.stderr.strip()}", hint=_hint(done.stderr))


def _hint(said: str) -> str | None:
    return 'pip install "howdah[grpc]"' if "No module named" in said else None


def _differs(made: Path, there: Path) -> bool:
    try:
        return made.read_bytes() != there.read_bytes()
    except FileNotFoundError:
        return made.exists()
