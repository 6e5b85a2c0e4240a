"""What is said of a foreign service, as plain data → settings that can be used, or what is wrong with them. Pure.

``timeout`` is for a call in all, ``retries`` how often it is tried again. ``${NAME}`` in any text is the variable of
the environment, so that no secret stands in a file. Whatever else httpx2's client takes may be said, too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from howdah.kit.outbound.values import Bounds
from howdah.kit.services.addresses import base_of
from howdah.kit.services.errors import BadServices
from howdah.services.breaker import BreakerLimits

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


_BOUNDS: Final = Bounds()
_BREAKER: Final = BreakerLimits()


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """One service: where it is, and how it is called. ``own`` ones are called through the gateway."""

    name: str
    base_url: str
    own: bool = False
    bounds: Bounds = _BOUNDS
    breaker: BreakerLimits = _BREAKER
    ping: str = "/"
    follow_redirects: bool = False
    trace: bool = True
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What is passed to httpx2's client as it is; it may hold secrets."""


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        raise TypeError("a number of seconds, from 0 to a day")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**40:
        raise TypeError("a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) and isinstance(each, str | int | float) for key, each in value.items()
    ):
        raise TypeError('names and texts, as { Accept = "application/json" }')
    return {key: str(each) for key, each in value.items()}


def _auth(value: Any) -> tuple[str, str]:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(isinstance(each, str) for each in value):
        raise TypeError('a name and a password, as ["me", "${PASSWORD}"]')
    return value[0], value[1]


def _certificate(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list | tuple) or len(value) not in (2, 3) or not all(isinstance(v, str) for v in value):
        raise TypeError("a file, or a list of certificate, key and password")
    return tuple(value)


def _verify(value: Any) -> bool | str:
    if not isinstance(value, bool | str):
        raise TypeError("true, false, or the file of an authority's certificate")
    return value


def _limits(value: Any) -> dict[str, Any]:
    known = {"max_connections", "max_keepalive_connections", "keepalive_expiry"}
    if not isinstance(value, Mapping) or not set(value) <= known:
        raise TypeError(f"a table of {', '.join(sorted(known))}")
    return dict(value)


_OURS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "base_url": _text,
    "timeout": _number,
    "connect_timeout": _number,
    "retries": _count,
    "max_body": _count,
    "breaker_failures": _count,
    "breaker_seconds": _number,
    "ping": _text,
    "follow_redirects": _boolean,
    "trace": _boolean,
    "params": _texts,
}
_HTTPX: Final[Mapping[str, Callable[[Any], Any]]] = {
    "auth": _auth,
    "cert": _certificate,
    "cookies": _texts,
    "default_encoding": _text,
    "headers": _texts,
    "http1": _boolean,
    "http2": _boolean,
    "limits": _limits,
    "local_address": _text,
    "proxy": _text,
    "trust_env": _boolean,
    "uds": _text,
    "verify": _verify,
}
KNOWN: Final = (*_OURS, *_HTTPX)
"""What may be said of a service."""


def read_services(tables: Mapping[str, Any], environment: Mapping[str, str], *, source: str) -> list[ServiceSettings]:
    """The services that these tables describe, by name. Raises BadServices, which names the place."""
    return [read_service(str(name), table, environment, source=source) for name, table in tables.items()]


def read_service(name: str, table: Any, environment: Mapping[str, str], *, source: str) -> ServiceSettings:
    """One of them. Raises BadServices."""
    if not NAME.fullmatch(name):
        raise BadServices(f"{source}: {name!r} cannot be a service's name.", hint="Use letters, digits and dashes.")
    if not isinstance(table, Mapping):
        raise BadServices(f"{source}: {name} must be a mapping of options, with base_url among them.", path=name)
    if "base_url" not in table:
        raise BadServices(f"{source}: {name} has no base_url.", path=name)
    said: dict[str, Any] = {}
    for key, value in table.items():
        check = _OURS.get(key) or _HTTPX.get(key)
        if check is None:
            near = difflib.get_close_matches(str(key), KNOWN, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(KNOWN)}."
            raise BadServices(f"{source}: {name} has an unknown option {key!r}.", path=f"{name}.{key}", hint=hint)
        try:
            said[key] = check(_filled(value, environment))
        except TypeError as error:
            raise BadServices(f"{source}: {name}.{key} must be {error}.", path=f"{name}.{key}") from None
        except KeyError as error:
            variable = error.args[0]
            raise BadServices(
                f"{source}: {name}.{key} needs the variable {variable}, which is not set.", path=f"{name}.{key}"
            ) from None
    return _settings(name, said)


def _settings(name: str, said: dict[str, Any]) -> ServiceSettings:
    bounds, breaker = _BOUNDS, _BREAKER
    return ServiceSettings(
        name,
        base_of(said["base_url"], name=name),
        bounds=Bounds(
            timeout=said.get("timeout", bounds.timeout),
            connect_timeout=said.get("connect_timeout", bounds.connect_timeout),
            attempts=1 + said.get("retries", bounds.attempts - 1),
            max_body=said.get("max_body", bounds.max_body),
        ),
        breaker=BreakerLimits(
            said.get("breaker_failures", breaker.failures), said.get("breaker_seconds", breaker.seconds)
        ),
        ping=said.get("ping", "/"),
        follow_redirects=said.get("follow_redirects", False),
        trace=said.get("trace", True),
        params=said.get("params", {}),
        options={key: value for key, value in said.items() if key in _HTTPX},
    )


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    """The value with the variables it names. Raises KeyError."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: environment[found[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, environment) for each in value]
    return value
