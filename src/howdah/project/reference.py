"""Every setting with its default and its meaning, as data and as the page docs/configuration.md.

``python -m howdah.project.reference > docs/configuration.md`` writes the page; a test holds the two against each other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from howdah.project.schema import NAME, NAMED, SECTIONS, SERVICE_SETTINGS, settings_of
from howdah.project.sections import GIB, KIB, MIB, Policy, Ready, ServiceSection, Setting


@dataclass(frozen=True, slots=True)
class Reference:
    """One setting as a reader looks it up: ``services.<name>.ready.timeout``, its kind, default, bounds and meaning."""

    key: str
    kind: str
    default: str
    doc: str


def references() -> tuple[Reference, ...]:
    """Every setting there is, in the order of the sections."""
    return tuple(_references())


def _references() -> Iterator[Reference]:
    yield Reference("project.name", _kind(NAME), "its folder's name", NAME.doc)
    for name, section in SECTIONS.items():
        defaults = section()
        for key, setting in settings_of(section).items():
            yield Reference(f"{name}.{key}", _kind(setting), _shown(getattr(defaults, key), setting), setting.doc)
    for path, section in NAMED.items():
        defaults = section("name")
        for key, setting in settings_of(section).items():
            place = f"{'.'.join(path)}.<name>.{key}"
            yield Reference(place, _kind(setting), _shown(getattr(defaults, key), setting), setting.doc)
    service, ready = ServiceSection("name"), Ready()
    for path, setting in SERVICE_SETTINGS.items():
        default = getattr(ready if path[0] == "ready" else service, path[-1])
        shown = {"folder": "`services/<name>`", "routes": "its subdomain"}.get(path[0]) or _shown(default, setting)
        yield Reference(f"services.<name>.{'.'.join(path)}", _kind(setting), shown, setting.doc)


def _kind(setting: Setting) -> str:
    """The kind and the bounds of a setting, in words."""
    low, high = (_bound(bound, setting) for bound in (setting.minimum, setting.maximum))
    kind = {
        "secret": "text",
        "command": "text or list",
        "texts": "list of texts",
        "secrets": "list of texts",
        "routes": "list",
        "environment": "table of texts",
        "claims": "table of texts",
        "arguments": "table",
        "hosts": "list of texts",
        "url": "text",
        "redirect": "text",
        "proxies": "integer or list of texts",
        "roles": "list of texts",
        "cors": "text or list of texts",
        "parts": "tables",
    }.get(setting.kind, setting.kind)
    if setting.choices:
        return ", ".join(f'`"{choice}"`' for choice in setting.choices)
    if low is not None and high is not None:
        return f"{kind}, {low} to {high}"
    return f"{kind}, {low} or more" if low is not None else kind


def _bound(bound: float | None, setting: Setting) -> str | None:
    if bound is None:
        return None
    return _size(int(bound)) if setting.kind == "size" else f"{bound:.15g}"


def _size(size: int) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit} {name}"
    return str(size)


def _shown(default: Any, setting: Setting) -> str:
    """A default as it would be written in howdah.toml."""
    match default:
        case None | "" | ():
            return "–"
        case bool():
            return f"`{str(default).lower()}`"
        case str():
            return f"`'{default}'`" if '"' in default else f'`"{default}"`'
        case tuple():
            words = ", ".join(f'"{item}"' for item in default)
            return f"`[{words}]`"
        case int() if setting.kind == "size":
            return f'`"{_size(default)}"`'
        case int() | float():
            return f"`{default:.15g}`"
        case _:
            return "–"


_INTRODUCTION = """\
# Configuration

*Written by `python -m howdah.project.reference` from `src/howdah/project/sections/`.*

A project is configured by `howdah.toml` ([TOML 1.0](https://toml.io/en/v1.0.0)) in its folder. Everything has a
default: an empty file is a project. An unknown key is an error that names its file and line.

What wins, from the weakest to the strongest:

1. the default,
2. `howdah.toml`,
3. `.env` in the project's folder: `NAME=value` lines, taken as defaults for the environment,
4. the environment: `HOWDAH_SECTION_KEY`, as `HOWDAH_SERVER_PORT=9000` or `HOWDAH_SERVICES_APP_URL=http://10.0.0.7:8000`
   (dashes of a service's name become underscores). `DATABASE_URL` is read too, below `HOWDAH_DATABASE_URL`,
   and `REDIS_URL` below `HOWDAH_TASKS_BROKER_URL`,
5. `--set section.key=value` of `howdah serve`.

Sizes are bytes (`65536`) or have a unit (`"64 KiB"`, `"1 MiB"`). Lists in the environment are written as in TOML:
`HOWDAH_SERVICES_APP_WATCH='["src", "templates"]'`.

## Secrets

`howdah quickstart` (and `howdah dev`, in a fresh clone) makes `.howdah/secrets.toml`: mode 0600, ignored by git, read
only while nobody else on the machine can read it. `HOWDAH_ADMIN_SECRET` is stronger; `howdah serve` also takes
`--admin-secret-file`. To replace it, give the old one as `HOWDAH_PREVIOUS_ADMIN_SECRET` until nobody uses it any more:
both are valid meanwhile. Where there is no admin secret, nobody is admin by secret. An empty, short or sample secret is
refused: nothing starts with it.

`HOWDAH_SECRET_KEY` (in the file: `secret_key`, at least 43 characters) seals what accounts keep in the database: second
factors, signing keys, codes. Without one there are no accounts; with another one, what was sealed is lost. To replace
it, give the old one as `HOWDAH_PREVIOUS_SECRET_KEY` for as long as something is sealed with it.
"""

_ROUTES = """
## Routes

An element of `services.<name>.routes` is a path, or a table. Long ones are easier to read as `[[services.app.routes]]`.
`[gateway.parts.<name>]` takes the same policy for a part, but for `max_body`, `timeout` and `websockets`;
its `routes` have addresses only. [gateway.md](gateway.md) shows them at work."""
_ROUTE_ADDRESS = (
    "| `subdomain` | text | – | Requests to this subdomain. Without it and `host`, requests to the domain itself. |",
    "| `host` | text | – | Requests to this host, a domain of its own: `shop.example.com`. |",
    '| `path` | text | `"/"` | Requests at this path and below it; the longest that fits wins. |',
    "| `strip_prefix` | boolean | `false` | The service does not see `path` in front of its own paths. |",
)

_CLIENTS = """
## `[clients.<name>]`

One section for each foreign service that services of the project call by this name: its `base_url`, and what else
[services.md](services.md#foreign-services) lists. `${NAME}` in a text is a variable of the service's environment."""

_TITLES = {
    "project": "The project itself.",
    "services": "One section for each service: `[services.app]` is `app`. It has a `command`, a `url`, or both.",
}


def markdown() -> str:
    """The page docs/configuration.md."""
    lines = [_INTRODUCTION]
    section = ""
    for reference in references():
        name, _, rest = reference.key.partition(".")
        if "<name>" in reference.key:
            name, _, rest = reference.key.partition(".<name>.")
        if name != section:
            section = name
            path = tuple(name.split("."))
            several = NAMED.get(path)
            heading = f"[{name}.<name>]" if several or name == "services" else f"[{name}]"
            text = _TITLES.get(name) or " ".join(str((several or SECTIONS[name]).__doc__).split())
            lines += [f"## `{heading}`", "", text, "", "| key | kind | default | |", "|---|---|---|---|"]
        cells = [cell.replace("|", "\\|") for cell in (f"`{rest}`", reference.kind, reference.default, reference.doc)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [_CLIENTS, _ROUTES, "", "| key | kind | default | |", "|---|---|---|---|", *_ROUTE_ADDRESS]
    policy = Policy()
    for key, setting in settings_of(Policy).items():
        shown = _shown(getattr(policy, key), setting)
        lines.append(f"| `{key}` | {_kind(setting)} | {shown} | {setting.doc} |")
    text = "\n".join(lines)
    return text.replace("|\n## ", "|\n\n## ").rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
