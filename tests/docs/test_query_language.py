"""Every example of the documents is sent to the sample project, in the order a reader meets them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from tests.e2e.product import Dev, Reply

from howdah.data.query.parse import METADATA_CALLS
from howdah.data.written import files

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "query-language.md"
READMES = (ROOT / "README.md", ROOT / "src/howdah/templates/quickstart/hello/README.md")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ASKED = {
    "json query": False,
    "json query as admin": True,
    "json refused": False,
    "json refused as admin": True,
}
EXPECTED = {"json answer": 200, "json error": 400}
ELSEWHERE = {"toml query_templates", "toml", "sh", "json with PostGIS"}
"""What other tests try: the test below, and ``tests/data/test_postgis.py``."""


@dataclass(frozen=True)
class Block:
    """A fenced block: what it says it is, its text, and the line it begins on."""

    kind: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 1) for found in FENCE.finditer(text)]


def test_every_example_of_the_page_does_what_it_says(dev: Dev) -> None:
    """A query is answered, a refused one is refused, and where the page shows the answer or error it is that one."""
    answer: Reply | None = None
    wrong = []
    for block in blocks(PAGE):
        place = f"{PAGE.name}:{block.line}"
        if block.kind in ASKED:
            query = json.loads(block.text)
            answer = dev.query(query, dev.admin if ASKED[block.kind] else {})
            if (answer.status == 200) == block.kind.startswith("json refused"):
                wrong.append(f"{place}: {answer.status} {answer.text}")
        elif block.kind == "sql":
            answer = dev.query({"type": "run_sql", "args": {"sql": block.text}}, dev.admin)
            if answer.status != 200:
                wrong.append(f"{place}: {answer.status} {answer.text}")
        elif block.kind in EXPECTED:
            assert answer is not None, place
            if (answer.status, answer.json()) != (EXPECTED[block.kind], json.loads(block.text)):
                wrong.append(f"{place}: {answer.status} {answer.text}")
        else:
            assert block.kind in ELSEWHERE, f"{place}: nobody tries a block of {block.kind!r}"
    assert not wrong, "\n".join(wrong)


def test_the_statuses_the_page_names(dev: Dev) -> None:
    """A wrong admin secret is 401, an unknown URL 404; the ``data.`` host has the same path."""
    count = {"type": "count", "args": {"table": "article"}}
    assert dev.query(count, {"X-Hasura-Admin-Secret": "wrong"}).status == 401
    assert dev.request("POST", "/data/v1/nothing", b"{}").status == 404
    elsewhere = dev.request("POST", "/v1/query", json.dumps(count).encode(), {"Host": f"data.localhost:{dev.port}"})
    assert elsewhere.json() == dev.query(count).json()


def test_permissions_are_written_as_the_page_writes_them() -> None:
    """The page's TOML, in the file of a table, is metadata without a mistake."""
    examples = [block for block in blocks(PAGE) if block.kind == "toml"]
    assert examples
    for block in examples:
        text = f'schema = "public"\ntable = "article"\n{block.text}'
        (table,) = files.from_files({"public.article.toml": text}, folder="metadata/tables").tables
        assert {permission.role for permission in table.permissions} == {"user"}


def test_every_metadata_call_is_on_the_page() -> None:
    """Also the sisters of a call, which the page names together."""
    named = set(re.findall(r"[a-z]+(?:_[a-z]+)+", PAGE.read_text()))
    sisters = {f"{verb}_{operation}_permission" for verb in ("create", "drop") for operation in OPERATIONS}
    assert METADATA_CALLS - sisters - {"add_existing_table_or_view"} <= named


OPERATIONS = ("select", "insert", "update", "delete")


def curls(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each curl command in the page's blocks: where it stands, and its words after ``curl``."""
    for block in (block for block in blocks(page) if "curl " in block.text):
        words = [word for word in shlex.split(block.text, comments=True) if word != "\n"]
        starts = [place for place, word in enumerate(words) if word == "curl"]
        for start, end in pairwise([*starts, len(words)]):
            yield f"{page.name}:{block.line}", words[start + 1 : end]


def test_the_pages_curl_commands_answer(dev: Dev) -> None:
    """As an anonymous caller gives them, without a body a GET."""
    commands = list(curls(PAGE))
    assert commands
    for place, (address, *words) in commands:
        assert words[:1] in ([], ["-d"]), place
        path = address.removeprefix("localhost:8080")
        answer = dev.request("POST", path, words[1].encode()) if words else dev.request("GET", path)
        assert answer.status == 200, f"{place}: {answer.text}"


def test_the_readmes_curl_commands_answer(dev: Dev) -> None:
    """Each is answered with what the text around it says: rows within the caller's permissions."""
    answers = []
    for page in READMES:
        for place, (address, *words) in curls(page):
            assert address == "localhost:8080/data/v1/query", place
            given = list(zip(words[::2], words[1::2], strict=True))
            assert {option for option, _ in given} <= {"-H", "-d"}, place
            headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
            if "X-Hasura-Admin-Secret" in headers:
                assert headers["X-Hasura-Admin-Secret"] == "$SECRET", place
                headers |= dev.admin
            (body,) = (value for option, value in given if option == "-d")
            answer = dev.request("POST", "/data/v1/query", body.encode(), headers)
            assert answer.status == 200, f"{place}: {answer.text}"
            answers.append(answer.json())
    assert len(answers) == 5
    for rows in (answers[0], answers[2]):
        assert len(rows) == 3
        assert all(row["author"]["name"] for row in rows)
    as_user, everything = answers[1]["count"], answers[3]["count"]
    assert as_user < everything
    assert answers[4], "author 7 has drafts of her own"


def test_query_templates_are_written_as_the_page_writes_them() -> None:
    """The page's TOML of templates is metadata without a mistake."""
    (text,) = (block.text for block in blocks(PAGE) if block.kind == "toml query_templates")
    assert len(files.from_files({files.TEMPLATES: text}).query_templates) == 1
