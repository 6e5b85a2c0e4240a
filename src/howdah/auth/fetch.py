"""Documents of other sites, read over https: in time, of bounded size, from exactly the address that is configured."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from howdah.auth.setting_errors import Unfetched
from howdah.services.errors import ServiceUnreachable
from howdah.services.http import HttpRequest, send

SECONDS: Final = 5.0
MOST: Final = 512 * 1024
"""Bytes; a longer document is cut off, and then no JSON."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def check_address(url: str) -> str:
    """The URL, when it may be fetched: https, or http on this very machine. Raises Unfetched."""
    place = urlsplit(url)
    is_safe = place.scheme == "https" or (place.scheme == "http" and place.hostname in _LOOPBACK)
    if is_safe and place.hostname and not place.username:
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
