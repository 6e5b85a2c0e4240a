"""The page of a service's API: what its OpenAPI document says, and a way to try it. Nothing comes from elsewhere."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
import json
from typing import Final

_PLACE: Final = '"{{document}}"'


def page(document: str) -> tuple[str, str]:
    """The page about the document at this address, and the Content-Security-Policy that belongs to it."""
    # In a script "<" could end it: the address is ours, but its prefix came in a header.
    written = json.dumps(document).replace("<", "\\u003c")
    html = _text().replace(_PLACE, written)
    script = html.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html, policy


@functools.cache
def _text() -> str:
    return (importlib.resources.files("howdah.kit") / "api_page.html").read_text("utf-8")
