"""QR codes: readable, accessible, and nothing that a strict policy would block."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree as ET

import segno

from howdah.auth.qr import qr_data_uri, qr_svg

URI = "otpauth://totp/Shop:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Shop"
SVG = "{http://www.w3.org/2000/svg}"


def modules(svg: str) -> set[tuple[int, int]]:
    """The dark modules that the path draws, with the border cut off."""
    path = ET.fromstring(svg).find(f".//{SVG}path[@stroke='#000']")
    assert path is not None
    dark, x, y = set(), 0, -0.5
    for verb, numbers in re.findall(r"([Mmh])([-\d. ]+)", path.attrib["d"]):
        values = [float(number) for number in numbers.split()]
        if verb == "h":
            dark |= {(int(x) + step - 4, int(y - 0.5) - 4) for step in range(int(values[0]))}
            x += values[0]
        else:
            x, y = (values[0], values[1]) if verb == "M" else (x + values[0], y + values[1])
    return dark


def test_the_drawing_is_the_code() -> None:
    """R26: made here, module for module what the standard says for this text."""
    expected = segno.make(URI, error="m", micro=False, boost_error=False).matrix
    dark = {(x, y) for y, row in enumerate(expected) for x, module in enumerate(row) if module}
    assert modules(qr_svg(URI, title="QR code")) == dark


def test_a_screen_reader_has_a_title_and_not_the_secret() -> None:
    """R26: the text is in the modules only."""
    svg = qr_svg(URI, title='Scan <this> & "that"')
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == root.findtext(f"{SVG}title") == 'Scan <this> & "that"'
    assert "GEZDG" not in svg
    assert "otpauth" not in svg


def test_the_strictest_policy_shows_it() -> None:
    """No style, no script, no address of anything else."""
    svg = qr_svg(URI, title="QR code")
    assert re.search(r"style|script|href|url\(|\son\w+=|class=", svg) is None
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]


def test_as_data() -> None:
    head, _, body = qr_data_uri(URI, title="QR code").partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(body).decode() == qr_svg(URI, title="QR code")
