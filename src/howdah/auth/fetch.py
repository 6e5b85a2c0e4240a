"""Documents of other sites, read over https: in time, of bounded size, from exactly the address that is configured."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from howdah.auth.setting_errors import Unfetched
from howdah.services.errors import ServiceUnreachable
from howdah.services.http import HttpRequest, send

SECONDS: Final = 5.0
MOST: Final = 512 * 1024
"""Bytes; a longer document is cut off, and then no JSON."""


def may_be_asked(url: str) -> bool:
    """Whether another site may be asked at the URL: https, or http to this very machine.

    >>> may_be_asked("https://id.example/keys"), may_be_asked("http://127.0.0.2:8000"), may_be_asked("http://id.example")
    (True, True, False)
    """
    place = urlsplit(url)
    if not place.hostname or place.username or place.fragment:
        return False
    return place.scheme == "https" or (place.scheme == "http" and _is_here(place.hostname))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(url: str) -> str:
    """The URL, when it may be fetched. Raises Unfetched."""
    if may_be_asked(url):
        return url
    raise Unfetched(f"{url[:200]} is not an https address.")


async def fetch_json(url: str) -> Any:
    """The JSON document at the address; redirects are not followed. Raises Unfetched."""
    request = HttpRequest("GET", check_address(url), {"Accept": "application/json"}, None)
    try:
        async with asyncio.timeout(SECONDS):
            answer = await send(request, SECONDS, most=MOST)
    except (TimeoutError, ServiceUnreachable) as error:
        raise Unfetched(f"{url} does not answer.") from error
    if answer.status != HTTPStatus.OK:
        raise Unfetched(f"{url} answers {answer.status}.")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Unfetched(f"What {url} answers is not JSON, or too much of it.") from None
