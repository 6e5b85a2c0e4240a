"""The examples of docs/tokens.md: each request is made, in order, and answered as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.auth.support import Client, platform_on
from tests.serving import SECRET

from howdah.auth.issuers import build_issuers
from howdah.observe.secret import Secret
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import Secrets

PAGE = (Path(__file__).parents[2] / "docs" / "tokens.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(http|json|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(*kinds: str) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in BLOCK.findall(PAGE) if kind in kinds]


def ask(client: Client, text: str, known: dict[str, Any]) -> Any:
    """The answer to a request as it is written, with what earlier answers said in place of ``<name>``."""
    written = re.sub(r"<(\w+)>", lambda found: str(known[found[1]]), text)
    first, *lines = written.strip().split("\n")
    method, path = first.split(" ")
    fields = dict(line.split(": ", 1) for line in lines if not line.startswith("{"))
    body = next((json.loads(line) for line in lines if line.startswith("{")), None)
    reply = client.send(method, path, body, fields)
    assert reply.status == 200, (text, reply.body)
    return reply.json


def fits(said: Any, answered: Any) -> bool:
    """Whether an answer is the one on the page, where … stands for anything."""
    if isinstance(said, dict) and isinstance(answered, dict):
        return said.keys() == answered.keys() and all(fits(said[key], answered[key]) for key in said)
    if isinstance(said, str) and said.endswith("…"):
        return isinstance(answered, str) and answered.startswith(said[:-1])
    return bool(said == answered)


def test_every_example_is_answered_as_it_says(database: str) -> None:
    """In the order of the page; what an answer names is known to what follows."""
    known: dict[str, Any] = {"admin_secret": SECRET}
    with platform_on(database) as platform:
        answered: Any = None
        count = 0
        for kind, text in blocks("http", "json"):
            if kind == "http":
                answered = ask(platform.client(), text, known)
                known |= answered
                count += 1
            else:
                assert fits(json.loads(text), answered), (text, answered)
    assert count > 7


def test_every_section_can_be_used() -> None:
    """The issuers of the page are read and built."""
    toml = "\n".join(text for _, text in blocks("toml"))
    project = parse_project(Sources(toml), root=None, secrets=Secrets(Secret(SECRET)))
    assert len(build_issuers(project.auth.issuers, None)) == len(blocks("toml")) == 2
