"""Files that say which services there are: YAML or TOML, a mapping of names to options → that mapping."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from howdah.kit.services.errors import BadServices

_YAML: Final = frozenset((".yml", ".yaml"))
_HINT: Final = "A file of services ends with .yml, .yaml or .toml."


def read_file(path: Path) -> Mapping[str, Any]:
    """What the file says by name; nothing for an empty one. Raises BadServices, which names it."""
    if path.suffix not in _YAML | {".toml"}:
        raise BadServices(f"{path} is not a file of services.", hint=_HINT)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadServices(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError:
        raise BadServices(f"{path} is not UTF-8.") from None
    document = _toml(path, text) if path.suffix == ".toml" else _yaml(path, text)
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise BadServices(f"{path} must be a mapping of names to options.", hint="billing:\n  base_url: https://…")
    return document


def _toml(path: Path, text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadServices(f"{path} is not TOML: {error}.") from error


def _yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise BadServices(f"{path} is YAML, which needs PyYAML.", hint="pip install pyyaml, or write TOML.") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise BadServices(f"{path}{line} is not YAML: {getattr(error, 'problem', None) or 'unreadable'}.") from error
    except RecursionError:
        raise BadServices(f"{path} is nested too deeply.") from None
