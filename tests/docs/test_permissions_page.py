"""docs/permissions.md, followed by somebody who types it all in."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path

import pytest
from tests.docs.test_query_language import blocks
from tests.e2e.product import Dev, Reply

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
ASKED = re.compile(r"json query(?: as user (\d+))?")


def test_every_example_of_the_page_does_what_it_says(dev: Dev) -> None:
    """Files are saved and applied, commands run, requests sent; what the page shows of the answers is in them."""
    said, answer, wrong = "", None, []
    for block in blocks(PAGE):
        place = f"{PAGE.name}:{block.line}"
        kind, _, path = block.kind.partition(" ")
        asked = ASKED.fullmatch(block.kind)
        if kind == "toml":
            (dev.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (dev.folder / path).write_text(block.text)
            applied = dev.howdah("metadata", "apply")
            assert applied.returncode == 0, f"{place}: {applied.stderr}"
            until_known(dev)
        elif kind == "sh":
            program, *words = shlex.split(block.text)
            assert program == "howdah", place
            done = dev.howdah(*words)
            said = done.stdout
            if done.returncode:
                wrong.append(f"{place}: {done.returncode} {done.stdout} {done.stderr}")
        elif kind == "text":
            wrong += [f"{place}: {line!r} is not in:\n{said}" for line in block.text.splitlines() if line not in said]
        elif asked is not None:
            answer = ask(dev, block.text, asked[1])
        elif block.kind in ("json answer", "json error"):
            assert answer is not None, place
            status = 200 if block.kind == "json answer" else 400
            if (answer.status, answer.json()) != (status, json.loads(block.text)):
                wrong.append(f"{place}: {answer.status} {answer.text}")
        else:
            wrong.append(f"{place}: nobody tries a block of {block.kind!r}")
    assert not wrong, "\n".join(wrong)


def ask(dev: Dev, body: str, user: str | None) -> Reply:
    """The request as a user, by the admin's leave to be one, or as nobody."""
    headers = {} if user is None else {**dev.admin, "X-Hasura-Role": "user", "X-Hasura-User-Id": user}
    return dev.query(json.loads(body), headers)


def until_known(dev: Dev) -> None:
    """The platform has heard of the metadata of the page: another process has written it."""
    deadline = time.monotonic() + 10
    permission = {"type": "select", "args": {"table": "article", "columns": ["content"], "limit": 1}}
    while dev.query(permission).status == 200 and time.monotonic() < deadline:  # anonymous may not, on this page
        time.sleep(0.05)
