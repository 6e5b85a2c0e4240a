"""What a browser says it is → a name that people know it by. Pure.

It is a help to recognise one's own devices, and nothing else: whoever asks can say whatever they like.
"""

from __future__ import annotations

import re
from typing import Final

# The first that is found counts: most say that they are several of these.
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Opera", "Opera"), ("Vivaldi/", "Vivaldi"), ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"), ("DuckDuckGo/", "DuckDuckGo"), ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"), ("CriOS/", "Chrome"), ("Chromium/", "Chromium"), ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_PROGRAM: Final = re.compile(r"[A-Za-z][A-Za-z0-9._ -]{0,39}(?=/|$)")


def browser_name(user_agent: str | None) -> str:
    """The browser and the device, or the program; "Unknown device" where nothing is said that anybody would know.

    >>> browser_name("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
    'Firefox on Linux'
    >>> browser_name("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1")
    'Safari on iPhone'
    >>> browser_name("curl/8.14.1"), browser_name(None), browser_name("<b>")
    ('curl', 'Unknown device', 'Unknown device')
    """
    said = user_agent or ""
    browser = next((name for mark, name in _BROWSERS if mark in said), None)
    system = next((name for mark, name in _SYSTEMS if mark in said), None)
    if browser is not None:
        return f"{browser} on {system}" if system else browser
    if said.startswith("Mozilla/"):
        return f"A browser on {system}" if system else "Unknown device"
    program = _PROGRAM.match(said)
    return program[0].strip() if program else "Unknown device"
