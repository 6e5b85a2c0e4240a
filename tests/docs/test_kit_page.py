"""docs/kit.md: its examples run, and every piece that can be chosen is on it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from howdah.kit.service import Options

PAGE = (Path(__file__).parents[2] / "docs" / "kit.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def answers(source: str, *, path: str, role: str, method: str = "GET") -> tuple[int, Any]:
    """Status and JSON of a request to the app that an example makes."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, "docs/kit.md", "exec"), names)
    app = names["app"]
    headers = {"X-Hasura-Role": role, "X-Request-Id": "page-1"}
    if "FastAPI" in source:
        answer = TestClient(app).request(method, path, headers=headers)
        return answer.status_code, answer.json()
    reply = app.test_client().open(path, method=method, headers=headers)
    return reply.status_code, reply.get_json()


@pytest.mark.parametrize("source", BLOCKS[:2])
def test_the_first_examples_are_services(source: str) -> None:
    """The same in both frameworks."""
    assert answers(source, path="/whoami", role="user") == (200, {"role": "user", "request": "page-1"})
    assert answers(source, path="/articles", role="editor", method="POST") == (200, {"added": True})
    assert answers(source, path="/articles", role="user", method="POST")[0] == 403
    assert answers(source, path="/articles", role="anonymous", method="POST")[0] == 401


@pytest.mark.parametrize("source", BLOCKS)
def test_every_example_is_python(source: str) -> None:
    """And what it imports of the kit is there."""
    compile(source, "docs/kit.md", "exec")
    for line in re.findall(r"^from howdah\..*$", source, re.MULTILINE):
        exec(line, {})


def test_every_piece_that_can_be_chosen_is_named() -> None:
    """And no other one."""
    paragraph = re.search(r"^Each piece can be done without: (.*) are arguments of `Howdah`", PAGE, re.MULTILINE)
    assert paragraph is not None
    assert set(re.findall(r"`(\w+)`", paragraph[1])) == {field.name for field in fields(Options)}
