"""A text as a QR code, made here and never by a service on the network (R26)."""

from __future__ import annotations

import base64
import io
from typing import Final

import segno

_BORDER: Final = 4  # modules of light around it: ISO/IEC 18004 asks for them, and cameras do


def qr_svg(text: str, *, title: str) -> str:
    """The QR code of ``text`` as an ``<svg>`` element to stand in a page.

    ``title`` is what a screen reader says instead; it must not be the text itself where that is a secret. There is
    neither a style nor a script in it, so the strictest Content-Security-Policy shows it; its size is the page's
    choice. It is dark on light whatever the page's colours are, because cameras need it so.

    >>> qr_svg("otpauth://totp/…", title="QR code")[:79]
    '<svg role="img" aria-label="QR code" xmlns="http://www.w3.org/2000/svg" viewBox'
    """
    return _svg(text, title).replace("<svg ", f'<svg role="img" aria-label="{_escape(title)}" ', 1)


def qr_data_uri(text: str, *, title: str) -> str:
    """The same as a ``data:`` URI, for clients that show an image; a page's policy must allow ``img-src data:``."""
    return "data:image/svg+xml;base64," + base64.b64encode(qr_svg(text, title=title).encode()).decode("ascii")


def _svg(text: str, title: str) -> str:
    code = segno.make(text, error="m", micro=False, boost_error=False)
    drawn = io.BytesIO()
    code.save(
        drawn, kind="svg", xmldecl=False, svgns=True, nl=False, omitsize=True, svgclass=None, lineclass=None,
        border=_BORDER, dark="#000", light="#fff", title=title,
    )  # fmt: skip
    return drawn.getvalue().decode("utf-8")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
