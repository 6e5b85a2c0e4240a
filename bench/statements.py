"""The statement howdah runs for a query, as a script for pgbench: the same text, prepared, with random keys."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from howdah.data.catalog.resolve import resolve
from howdah.data.compile import compile_plan
from howdah.data.found.introspect import introspect
from howdah.data.plan import plan
from howdah.data.query.ast import Insert, Select
from howdah.data.query.json import decode
from howdah.data.query.parse import parse_request
from howdah.data.sql.render import render
from howdah.data.sql.statement import Literal, bind
from howdah.data.written.document import read_document
from howdah.postgres.connect import connect
from howdah.session import Session

# Stand in the template's holes while it is compiled, and are found again among the parameters.
_ID, _AUTHOR = 424_242, 424_243
_RANDOM = {_ID: "random(1000, 20000)", _AUTHOR: "random(1, 900)"}
_PLACEHOLDER = re.compile(r"\$(\d+)")


def pgbench_script(dsn: str, metadata: Any, template: str, *, user_id: str) -> str:
    """What pgbench runs for the query ``template`` asked by the user: variables for numbers, texts written out."""
    session = Session("user", {"x-hasura-user-id": user_id})
    body = template.replace("{{id}}", str(_ID)).replace("{{author}}", str(_AUTHOR))
    catalog = resolve(read_document(metadata), asyncio.run(_introspect(dsn)), 1)
    request = parse_request(decode(body.encode()))
    assert isinstance(request, Select | Insert)
    statement = render(compile_plan(plan(request, catalog, session)))
    settings: list[str] = []
    written: dict[str, str] = {}
    for number, (parameter, value) in enumerate(zip(statement.parameters, bind(statement, session), strict=True), 1):
        text = (value or b"").decode()
        sentinel = parameter.value if isinstance(parameter, Literal) else None
        if sentinel in _RANDOM:
            settings.append(f"\\set v{number} {_RANDOM[sentinel]}")
            written[str(number)] = f":v{number}"
        elif text.isdigit():
            settings.append(f"\\set v{number} {text}")
            written[str(number)] = f":v{number}"
        else:
            written[str(number)] = "'" + text.replace("'", "''") + "'"
    # pgbench takes every colon and name for a variable, but leaves `::type` alone.
    return "\n".join([*settings, _PLACEHOLDER.sub(lambda found: written[found.group(1)], statement.text) + ";", ""])


async def _introspect(dsn: str) -> Any:
    async with await connect(dsn) as connection:
        return await introspect(connection)
