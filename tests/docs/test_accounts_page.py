"""docs/accounts.md: its examples, in their order, on a platform with the settings it begins with."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.auth.sending import code_in, token_in
from tests.auth.support import platform_on

from howdah.auth.routes.calls import CALLS
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import Secrets

PAGE = Path(__file__).parents[2] / "docs" / "accounts.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_every_example_is_answered_as_the_page_says(database: str, tmp_path: Path) -> None:
    """``$token`` and ``$code`` are what the last message has in it; an answer has at least what is shown."""
    blocks = BLOCK.findall(PAGE.read_text())
    section = parse_project(Sources(blocks[0][1]), root=tmp_path, secrets=Secrets()).auth
    reply = None
    with platform_on(database, auth=section) as platform:
        client = platform.client()
        for kind, text in blocks[1:]:
            if kind == "json":
                assert reply is not None
                shown = json.loads(text)
                assert {key: reply.json.get(key) for key in shown} == shown
            else:
                first, _, body = text.partition("\n")
                method, path = first.split()
                if "$" in body:
                    message = platform.mailbox.messages()[0]
                    body = body.replace("$token", token_in(message)) if "$token" in body else body
                    body = body.replace("$code", code_in(message)) if "$code" in body else body
                reply = client.send(method, path, json.loads(body))
                expected = (200, 403) if path == "/auth/v1/login" else (200,)
                assert reply.status in expected, (path, reply.body)
                if path.endswith(("signup", "/send", "send-otp")) and "$" not in text:
                    sent = json.loads(body)
                    sent = sent.get("data", sent)
                    platform.mail(sent.get("email") or f"+{sent['country_code']}{sent['mobile']}")


def test_every_call_the_page_names_is_there() -> None:
    """Beside its examples it names calls in tables and sentences."""
    named = set(re.findall(r"`(?:POST |GET )?(?:<public URL>)?(?:/auth)?(/v1/[a-z/<>.-]+)", PAGE.read_text()))
    assert len(named) > 8
    assert named <= {re.sub(r"{(\w+)}", r"<\1>", call.path) for call in CALLS}
