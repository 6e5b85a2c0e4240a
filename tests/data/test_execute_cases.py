"""Each case folder, with a database: the Engine answers the request with exactly its response or its error.

The cases named ``…session_variable…`` are R63: understood in stored permissions, plain text in a query.
``response.json`` is written and compared as values, not as bytes, so that it can be laid out for reading.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.data.support import Case, cases
from tests.support import run

from howdah.data.execute import Answer, Engine
from howdah.project.sections import DatabaseSection, DataSection

SECTION = DatabaseSection(pool_size=2, write_pool_size=2)


async def answered(dsn: str, case: Case) -> Answer:
    engine = Engine(dsn, database=SECTION, data=DataSection())
    await engine.start()
    try:
        assert engine.catalog.problems == ()
        assert engine.installation.problem is None
        return await engine.answer(case.request, case.session)
    finally:
        await engine.stop()


def is_read(case: Case) -> bool:
    try:
        request = json.loads(case.request)
    except ValueError:
        return True
    if not isinstance(request, dict) or not case.allowed:
        return True
    return request.get("type") in {"select", "count", "aggregate"} and request["args"].get("function") != "rate"


# The fixture's own rows are of 2024 and before; what is later is the time of the test.
NOW = re.compile(r"20(?:2[5-9]|[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::\d\d)?)?")


def shown(answer: Answer) -> dict[str, Any]:
    """The answer as ``response.json`` has it."""
    body = json.loads(NOW.sub("<now>", answer.body.decode()))
    return {"answer": body} if answer.status == 200 else {"status": answer.status, "error": body}


def check(dsn: str, case: Case, *, update_cases: bool) -> None:
    answer = run(answered(dsn, case))
    if not case.allowed:
        assert (answer.status, json.loads(answer.body)) == (400, json.loads(case.expected()["error.json"]))
        return
    path = case.folder / "response.json"
    if update_cases:
        path.write_text(json.dumps(shown(answer), indent=1, ensure_ascii=False) + "\n")
    assert shown(answer) == json.loads(path.read_text())


@pytest.mark.parametrize("case", [case for case in cases() if is_read(case)], ids=str)
def test_a_read_or_a_refusal_answers_as_expected(unchanged: str, case: Case, update_cases: bool) -> None:
    """Reads give their response, and what is refused is refused with its error, with Postgres behind it."""
    check(unchanged, case, update_cases=update_cases)


@pytest.mark.parametrize("case", [case for case in cases() if not is_read(case)], ids=str)
def test_a_write_answers_as_expected(changed: str, case: Case, update_cases: bool) -> None:
    """Writes give their response, or the error of the database, each in a database of its own."""
    check(changed, case, update_cases=update_cases)
