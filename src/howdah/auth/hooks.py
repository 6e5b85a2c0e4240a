"""Services of the project's own that are asked before somebody signs up or in, and that say who somebody is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from howdah.auth.oauth.exchange import signature
from howdah.auth.proof_errors import HookFailed, HookRefused
from howdah.observe.secret import Secret
from howdah.services.errors import ServiceUnreachable
from howdah.services.http import HttpRequest, send

SIGNATURE_HEADER: Final = "X-Howdah-Signature"
HIDDEN: Final = frozenset({"password", "otp", "code", "token", "id_token", "access_token", "recovery_code"})
"""What a hook that is asked beforehand is not sent: it may know who wants to come in, and not how."""


def without_secrets(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a sign-in or sign-up as hooks may see it.

    >>> without_secrets({"username": "ann", "password": "hidden"})
    {'username': 'ann'}
    """
    return {name: value for name, value in data.items() if name not in HIDDEN}


async def ask_hook(url: str, sent: Mapping[str, Any], *, secret: Secret | None, seconds: float) -> dict[str, Any]:
    """What the hook answers with a 2xx status, as an object; nothing where it answers nothing.

    Raises HookRefused with what it said for any status from 300 to 499, HookFailed where it cannot be asked: then
    nobody comes in.
    """
    body = json.dumps(sent).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    assert secret is not None, "settings without one are refused"
    headers[SIGNATURE_HEADER] = f"sha256={signature(secret.reveal(), body)}"
    try:
        async with asyncio.timeout(seconds):
            answer = await send(HttpRequest("POST", url, headers, body), seconds)
    except (ServiceUnreachable, TimeoutError) as error:
        raise HookFailed from error
    if answer.status >= 500:
        raise HookFailed
    try:
        told = json.loads(answer.body) if answer.body.strip() else {}
    except ValueError:
        told = answer.body.decode("utf-8", "replace")[:1000]
    if not 200 <= answer.status < 300:
        raise HookRefused(max(answer.status, 400), told)
    return told if isinstance(told, dict) else {}
