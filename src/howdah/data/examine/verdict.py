"""What Postgres said of rows and branches → the answer of the permission tester: a verdict, and what decided it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from howdah.data.catalog.values import session_variable
from howdah.data.errors import render_path
from howdah.data.examine.branches import Branch, Compared, Rule
from howdah.data.query.ast import TableName
from howdah.data.sql.encode import to_json
from howdah.data.written.document_parts import table_to_json
from howdah.session import ROLE_HEADER, Session

Verdict = Literal["allowed", "partly", "denied", "failed", "untested"]
"""Whether all rows that are meant are reached, some, or none; or the database refused for another reason than a
permission; or no row is meant, so that nothing was tried out."""


def verdict_of(meant: int, reached: int) -> Verdict:
    """The verdict over rows.

    >>> verdict_of(3, 3), verdict_of(3, 1), verdict_of(3, 0), verdict_of(0, 0)
    ('allowed', 'partly', 'denied', 'untested')
    """
    if meant == 0:
        return "untested"
    if reached == 0:
        return "denied"
    return "allowed" if reached >= meant else "partly"


def rows_to_json(found: Sequence[Mapping[str, Any]], rules: Sequence[Rule], session: Session) -> list[dict[str, Any]]:
    """Rows as Postgres gave them, with the trees of the rules in the place of the numbered branches."""
    rows: list[dict[str, Any]] = []
    for one in found:
        row: dict[str, Any] = {"row": one["row"]}
        if "reached" in one:
            row["allowed"] = one["reached"]
        if "passed" in one:
            row["allowed"] = one["passed"]
        if "new" in one:
            row["new"] = one["new"]
        values = one["row"]
        row["rules"] = [
            rule_to_json(rule, session, values, one.get(f"rule{index}"))
            for index, rule in enumerate(rules)
            if not (one.get("new") and rule.operation == "update")  # the check of an update is not for new rows
        ]
        rows.append(row)
    return rows


def rule_to_json(
    rule: Rule, session: Session, row: Mapping[str, Any] | None = None, results: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One rule and its tree; without results as it is written, with the session's values in it."""
    told: dict[str, Any] = {"table": table_to_json(rule.table), "operation": rule.operation, "part": rule.part}
    tree = _Telling(session, stored=rule.stored).tree(rule.branch, row, results)
    if results is not None:
        told["result"] = tree["result"]
        _mark(tree)
    return {**told, "tree": tree}


def reasons(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """The comparisons that decided, as sentences: of the rules that do not hold, or of all when all do."""
    failed = [rule for rule in rules if rule.get("result") is not True]
    said: list[str] = []
    for rule in failed or rules:
        what = "where of the request" if rule["part"] == "where" else f"{rule['part']} of {rule['operation']}"
        said += [f"{what}: {line}" for line in _deciding(rule["tree"])]
    return said


class _Telling:
    """What is the same for a whole tree."""

    def __init__(self, session: Session, *, stored: bool) -> None:
        self._session = session
        self._stored = stored

    def tree(self, branch: Branch, row: Mapping[str, Any] | None, results: Mapping[str, Any] | None) -> dict[str, Any]:
        return self._branch(branch, row, results, iter(range(1_000_000)))

    def _branch(
        self, branch: Branch, row: Mapping[str, Any] | None, results: Mapping[str, Any] | None, numbers: Iterator[int]
    ) -> dict[str, Any]:
        number = next(numbers)
        told: dict[str, Any] = {"kind": branch.kind, "path": render_path(branch.path)}
        if results is not None:
            told["result"] = results[f"n{number}"]
        if branch.compared is not None:
            told |= self._compared(branch.compared, row)
        if branch.inside is not None:
            next(numbers)  # of the rows inside
            told["table"] = table_to_json(branch.inside.table.name)
            inner = branch.inside.branch
            if results is None:
                told["rule"] = self.tree(inner, None, None)
            else:
                told["rows"] = [
                    {"row": one["row"], "rule": self.tree(inner, one["row"], one["rule"])}
                    for one in results[f"r{number}"]
                ]
        if branch.children:
            told["children"] = [self._branch(child, row, results, numbers) for child in branch.children]
        return told

    def _compared(self, compared: Compared, row: Mapping[str, Any] | None) -> dict[str, Any]:
        comparison = compared.comparison
        told: dict[str, Any] = {"column": compared.column, "operator": f"${comparison.operator}"}
        if compared.cast is not None:
            told["cast"] = compared.cast
        if row is not None:
            told["value"] = row[compared.source]
        told["operand"] = operand = comparison.operand
        if compared.other is not None:
            told["against"] = None if row is None else row[compared.other]
        elif isinstance(operand, list):
            told["against"] = [self._filled(item, told) for item in operand]
        else:
            told["against"] = self._filled(operand, told)
        return told

    def _filled(self, operand: Any, told: dict[str, Any]) -> Any:
        """The operand, with the session's value in the place of a variable; one that is missing is named."""
        variable = session_variable(operand) if self._stored else None
        if variable is None:
            return operand
        role = variable.name == ROLE_HEADER
        value = self._session.role if role else self._session.variables.get(variable.name)
        if value is None:
            told["missing"] = variable.name
        return value


# -- what decided ------------------------------------------------------------------------------------------------------


def _mark(tree: dict[str, Any]) -> None:
    """Mark the branches that make the whole what it is with ``decides``."""
    tree["decides"] = True
    for row in tree.get("rows", ()):
        _mark(row["rule"])
    children = tree.get("children", [])
    result = tree["result"]
    if tree["kind"] == "and" and result is not True:
        children = _first(children, False) or _first(children, None)
    elif tree["kind"] == "or" and result is not False:
        children = _first(children, result)
    for child in children:
        _mark(child)


def _first(children: Sequence[dict[str, Any]], result: bool | None) -> list[dict[str, Any]]:
    return next(([child] for child in children if child["result"] is result), [])


def _deciding(tree: Mapping[str, Any]) -> Iterator[str]:
    """A line for each marked leaf; after that of an EXISTS those of the first row it looked at."""
    children = [child for child in tree.get("children", ()) if child.get("decides")]
    if children:
        for child in children:
            yield from _deciding(child)
        return
    yield sentence(tree)
    for row in tree.get("rows", ())[:1]:
        for line in _deciding(row["rule"]):
            yield f"in that row of {_table_text(tree['table'])}: {line}"


def sentence(tree: Mapping[str, Any]) -> str:
    """A branch and what it is, in one line.

    >>> sentence({"kind": "comparison", "path": "$.filter.id", "column": "id", "operator": "$eq", "value": 3,
    ...     "operand": "X-Hasura-User-Id", "against": "7", "result": False})
    'id $eq "X-Hasura-User-Id" ("7") is false: id is 3'
    """
    result = result_text(tree)
    match tree["kind"]:
        case "comparison":
            value = f": {tree['column']} is {to_json(tree['value'])}" if "value" in tree else ""
            return f"{tree['column']} {tree['operator']} {_operand_text(tree)} is {result}{value}"
        case "exists":
            return f"{_place(tree)}, a row of {_table_text(tree['table'])}, is {result}{_looked_at(tree)}"
        case "and" if not tree.get("children"):
            return "there is no condition"
        case kind:
            return f"{_place(tree)} ({kind}) is {result}"


def result_text(tree: Mapping[str, Any]) -> str:
    """What a branch is for the row, in a word."""
    return {True: "true", False: "false", None: "null"}[tree["result"]] if "result" in tree else "not evaluated"


def _place(tree: Mapping[str, Any]) -> str:
    return str(tree["path"]).removeprefix("$.")


def _looked_at(tree: Mapping[str, Any]) -> str:
    if tree.get("result") is True or "rows" not in tree:
        return ""
    return ": none fulfils the condition" if tree["rows"] else ": there is none"


def _operand_text(tree: Mapping[str, Any]) -> str:
    """The operand as it is written, and what a variable stands for."""
    written, filled = to_json(tree["operand"]), to_json(tree["against"])
    if "missing" in tree:
        return f"{written} (missing)"
    return written if written == filled else f"{written} ({filled})"


def _table_text(table: Any) -> str:
    name = TableName("public", table) if isinstance(table, str) else TableName(table["schema"], table["name"])
    return str(name)
