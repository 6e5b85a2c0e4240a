"""What was written for one setting → the value its section holds, or the reason why it cannot be."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from typing import Any, assert_never

from howdah.observe.secret import Secret
from howdah.project.addresses import host_names, origin_policy, proxies, public_url, redirect_url
from howdah.project.clients import client_tables
from howdah.project.routes import part_policies, role_names, service_routes
from howdah.project.scalars import Unusable, Written, boolean, integer, kind_of, number, size, text, texts
from howdah.project.sections import Setting

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def convert(setting: Setting, written: Written) -> Any:
    """The value of ``setting``: text is read as its kind says, TOML values must already be of that kind.

    Raises Unusable.
    """
    value = written.value
    match setting.kind:
        case "text":
            return _within_choices(text(value), setting)
        case "secret":
            return Secret(_within_choices(text(value), setting))
        case "integer":
            return _within_bounds(integer(value, is_text=written.is_text), setting)
        case "number":
            return _within_bounds(number(value, is_text=written.is_text), setting)
        case "size":
            return _within_bounds(size(value), setting)
        case "boolean":
            return boolean(value, is_text=written.is_text)
        case "command":
            return _command(value)
        case "texts":
            return texts(_toml(value) if written.is_text else value)
        case "secrets":
            return tuple(Secret(item) for item in texts(_toml(value) if written.is_text else value))
        case "environment":
            return _environment(_toml(value) if written.is_text else value)
        case "hosts":
            return host_names(_toml(value) if written.is_text else value)
        case "url":
            return public_url(text(value))
        case "redirect":
            return redirect_url(text(value))
        case "proxies":
            return proxies(_toml(value) if written.is_text else value)
        case "roles":
            return role_names(_toml(value) if written.is_text else value)
        case "cors":
            return origin_policy(_toml_or_word(value) if written.is_text else value)
        case "routes":
            return service_routes(_toml(value) if written.is_text else value, convert)
        case "claims":
            return _claims(_toml(value) if written.is_text else value)
        case "arguments":
            return _arguments(_toml(value) if written.is_text else value)
        case "clients":
            return client_tables(_toml(value) if written.is_text else value)
        case "parts":
            return part_policies(_toml(value) if written.is_text else value, convert)
    assert_never(setting.kind)


def _within_choices(value: str, setting: Setting) -> str:
    if not value:
        raise Unusable("this must not be empty; leave the line out for the default")
    if setting.choices and value not in setting.choices:
        raise Unusable(f'this must be one of {", ".join(setting.choices)}, not "{value}"')
    return value


def _within_bounds(value: Any, setting: Setting) -> Any:
    low, high = setting.minimum, setting.maximum
    if low is not None and value < low and high is not None:
        raise Unusable(f"this must be between {low:g} and {high:g}, not {value}")
    if low is not None and value < low:
        raise Unusable(f"this must be {low:g} or more, not {value}")
    if high is not None and value > high:
        between = f"between {low:g} and {high:g}" if low is not None else f"{high:g} or less"
        raise Unusable(f"this must be {between}, not {value}")
    return value


def _command(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        words = texts(value)
    else:
        try:
            words = tuple(shlex.split(text(value)))
        except ValueError as error:
            if isinstance(error, Unusable):
                raise
            raise Unusable(f"this cannot be split into words as a shell would: {error}") from error
    if not words or not words[0]:
        raise Unusable("this must name a program to run")
    return words


def _toml(value: object) -> object:
    """The TOML value that a text from the environment or the command line spells."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise Unusable(f'this must be a TOML value such as ["a", "b"], not "{value}"') from error


def _toml_or_word(value: object) -> object:
    """A single word is itself, a list is TOML's."""
    return _toml(value) if isinstance(value, str) and value.lstrip().startswith("[") else value


def _environment(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise Unusable(f"this must be a table of texts, not {kind_of(value)}")
    for name, given in value.items():
        if not _VARIABLE.fullmatch(name):
            raise Unusable(f'"{name}" cannot be the name of an environment variable')
        if not isinstance(given, str) or "\0" in given:
            raise Unusable(f"{name} must be text in quotes, not {kind_of(given)}")
    return dict(value)


def _claims(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise Unusable(f"this must be a table of texts, not {kind_of(value)}")
    for name, given in value.items():
        if not isinstance(given, str) or not given:
            raise Unusable(f"this must be the name of a claim, not {kind_of(given)}", (name,))
    return dict(value)


def _arguments(value: object) -> Mapping[str, Any]:
    """What a task is given. TOML has times, which JSON has not."""
    if not isinstance(value, Mapping):
        raise Unusable(f"this must be a table, not {kind_of(value)}")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Unusable("this must be what JSON can say: write dates and times as text") from error
    return dict(value)
