"""A page's name and values → HTML that runs nothing but its own scripts (R56). Pure but for the package's own files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from howdah.auth.pages.theme import DARK, LIGHT, colours
from howdah.auth.part import Auth

ROOT: Final = "/auth/ui"
API: Final = "/auth"
SCRIPTS: Final = ("page.js", "passkeys.js")

_TEMPLATES: Final = Environment(
    loader=PackageLoader("howdah.auth", "pages/templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(auth: Auth, template: str, title: str, /, **values: Any) -> str:
    """The HTML of a page. Every value is text there, whatever is in it."""
    urls = {each: f"{ROOT}/{each}?v={_version(asset(each))}" for each in SCRIPTS}
    given = {
        "root": ROOT,
        "api": API,
        "site": auth.site,
        "logo": auth.section.ui_logo,
        "scripts": urls,
        "style": f"{ROOT}/style.css?v={_version(style(auth.section.ui_color))}",
        **values,
    }
    return _TEMPLATES.get_template(f"{template}.html").render(title=title, **given)


def headers(auth: Auth, *, over_tls: bool, also_to: Iterable[str] = ()) -> dict[str, str]:
    """What goes with every page: kept by nobody, framed by nobody, and told to nobody where it was (R18, R56).

    ``also_to`` is where its forms lead in the end, beside our own pages: browsers hold a form's policy against what the
    answer to it leads to. Without TLS ``no-referrer`` would make of the only thing that browsers then say of a form's
    page, its origin, ``null``; ``same-origin`` tells other sites as little.
    """
    images = " ".join(("'self' data:", *_origin(auth.section.ui_logo or "")))
    forms = " ".join(("'self'", *(origin for url in also_to for origin in _origin(url))))
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": (
            f"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src {images}; "
            f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
        ),
        "referrer-policy": "no-referrer" if over_tls else "same-origin",
        "cache-control": "no-store",
    }


def _origin(url: str) -> tuple[str, ...]:
    """What a policy calls the place of a URL; nothing for a path, which is ours."""
    place = urlsplit(url)
    if not place.scheme:
        return ()
    return (f"{place.scheme}://{place.netloc}" if place.netloc else f"{place.scheme}:",)


@cache
def asset(name: str) -> str:
    """A file of the pages: ``style.css`` or a script."""
    return resources.files("howdah.auth.pages").joinpath(name).read_text("utf-8")


@cache
def style(accent: str) -> str:
    """The look of all pages, in the settings' colour."""
    light, dark = (
        "".join(f"--{name}: {value}; " for name, value in colours(accent, scheme).items()) for scheme in (LIGHT, DARK)
    )
    return f":root {{ {light}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}\n{asset('style.css')}"


@cache
def _version(text: str) -> str:
    """Part of an address that browsers may keep for ever: another content has another one."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
