"""A page's name and values → HTML that runs nothing but its own script (R56). Pure but for the package's own files."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from howdah.auth.part import Auth

ROOT: Final = "/auth/ui"
API: Final = "/auth"
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: https:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

_TEMPLATES: Final = Environment(
    loader=PackageLoader("howdah.auth", "pages/templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")


def page(auth: Auth, name: str, title: str, **values: Any) -> str:
    """The HTML of a page. Every value is text there, whatever is in it."""
    given = {"problem": None, "done": None, "sent": {}, "redirect_url": "/", "logo": auth.section.ui_logo, **values}
    return _TEMPLATES.get_template(f"{name}.html").render(title=title, site=auth.site, root=ROOT, api=API, **given)


@cache
def asset(name: str) -> str:
    """A file of the pages: ``style.css`` or ``page.js``."""
    return resources.files("howdah.auth.pages").joinpath(name).read_text("utf-8")


def style(auth: Auth) -> str:
    """The look of all pages, in the settings' colour."""
    colour = auth.section.ui_color
    return asset("style.css") + (f":root {{ --accent: {colour}; }}\n" if _COLOUR.fullmatch(colour) else "")
