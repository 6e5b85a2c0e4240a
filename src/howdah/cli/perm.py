"""``howdah perm``: list, show, explain, test, copy."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from howdah.cli import databases, running
from howdah.cli.command import Command, Group, console_of
from howdah.cli.console import Console

_OPERATIONS = ("select", "insert", "update", "delete")
_VERDICT_COLOURS = {"allowed": "green", "denied": "red", "failed": "red", "partly": "yellow", "untested": "yellow"}


@click.group("perm", cls=Group)
def command_() -> None:
    r"""Permissions: who may do what with which table, why, and whether it is as it should be.

    Where `howdah dev` does not run, the project's Postgres is started for the time of the command.

    \b
    Examples:
      howdah perm list
      howdah perm test user delete article --where author_id=3 --user-id 7
    """


@command_.command("list", cls=Command)
@click.argument("table", required=False)
@click.option("--role", metavar="ROLE", help="Only this role.")
@click.pass_context
def list_(context: click.Context, table: str | None, role: str | None) -> None:
    r"""Every role and table, and what the role may do: a line for each.

    \b
    Examples:
      howdah perm list
      howdah perm list article --role user
    """
    from howdah.maintenance import asking, permissions

    console = console_of(context)
    known = databases.with_database(console, databases.project_of(console), lambda it: asking.read_known(it.dsn))
    only = None if table is None else asking.find_table(known.database, table)
    lines = permissions.matrix(known, only=only, role=role)
    if console.json:
        problems = [{"path": one.path, "message": one.message} for one in known.catalog.problems]
        console.data({"permissions": [permissions.line_to_json(known, one) for one in lines], "problems": problems}, "")
        return
    rows = [(str(line.table), line.role, *(line.cells[operation] for operation in _OPERATIONS)) for line in lines]
    console.table(("TABLE", "ROLE", *(operation.upper() for operation in _OPERATIONS)), rows)
    for problem in known.catalog.problems:
        console.say(f"{console.paint('warning:', 'yellow')} {problem.path}: {problem.message}")


@command_.command("show", cls=Command)
@click.argument("table")
@click.argument("role")
@click.pass_context
def show(context: click.Context, table: str, role: str) -> None:
    r"""What a role may do with a table, as it is written.

    \b
    Examples:
      howdah perm show article user
      howdah perm show article user --json
    """
    from howdah.maintenance import asking, permissions

    console = console_of(context)
    known = databases.with_database(console, databases.project_of(console), lambda it: asking.read_known(it.dsn))
    name = asking.find_table(known.database, table)
    rules = permissions.rules_of(known, name, role)
    console.data({"table": str(name), "role": role, "permissions": rules}, permissions.rules_text(known, name, role))


@command_.command("copy", cls=Command)
@click.argument("from_role")
@click.argument("to_role")
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("--to-table", metavar="TABLE", help="Copy the permissions of one table to this one.")
@click.option("--operation", "operations", type=click.Choice(_OPERATIONS), multiple=True, help="Only this. Repeatable.")
@click.option("--force", is_flag=True, help="Replace permissions that are there.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.pass_context
def copy(
    context: click.Context,
    from_role: str,
    to_role: str,
    tables: tuple[str, ...],
    to_table: str | None,
    operations: tuple[str, ...],
    force: bool,
    dry_run: bool,
) -> None:
    r"""Give a role the permissions of another, on all tables or on those named; or of one table to another.

    It writes the files of the project: `howdah dev` applies them at once, `howdah migration up` otherwise. Comments in
    the files stay.

    \b
    Examples:
      howdah perm copy user editor
      howdah perm copy user user article --to-table draft
    """
    from howdah.maintenance import metadata, permissions

    if to_table is not None and len(tables) != 1:
        raise click.UsageError("--to-table takes the permissions of one table: name it.", context)
    console = console_of(context)
    root = running.project_folder(console)
    plan = permissions.plan_copy(
        root, from_role, to_role, tables=tables, to_table=to_table, operations=operations or _OPERATIONS, force=force
    )
    if not dry_run:
        metadata.write_files(root, plan.changes)
    console.data(
        {"copied": list(plan.copied), "files": sorted(plan.changes), "dry_run": dry_run}, "\n".join(plan.copied)
    )
    if dry_run:
        console.say("Nothing was changed.")


@command_.command("explain", cls=Command)
@click.argument("role")
@click.argument("query")
@click.option("--user-id", metavar="ID", help="The variable X-Hasura-User-Id.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="A session variable. May be repeated.")
@click.option("--analyze", is_flag=True, help="Try it, with times; it is rolled back.")
@click.pass_context
def explain(
    context: click.Context, role: str, query: str, user_id: str | None, variables: tuple[str, ...], analyze: bool
) -> None:
    r"""How a request of a role is answered: its SQL, Postgres's plan and the permissions it obeys.

    QUERY is a request as JSON, a file that has one, or - for standard input.

    \b
    Examples:
      howdah perm explain user query.json --user-id 7
      howdah perm explain anonymous '{"type":"count","args":{"table":"article"}}' --analyze
    """
    console = console_of(context)
    user = {"x-hasura-role": role, **_variables(context, user_id, variables)}
    told = _ask(console, "explain", {"query": _json_of(context, query), "user": user, "analyze": analyze})
    if console.json:
        console.data(told, "")
        return
    for one in _explanations(told):
        _print_explanation(console, one)


@command_.command("test", cls=Command)
@click.argument("role")
@click.argument("operation", type=click.Choice((*_OPERATIONS, "query")))
@click.argument("target", metavar="TABLE|QUERY")
@click.option("--row", metavar="KEY", help="The row with this primary key.")
@click.option("--where", "where", multiple=True, metavar="COLUMN=VALUE|JSON", help="Which rows. May be repeated.")
@click.option("--set", "changes", multiple=True, metavar="COLUMN=VALUE|JSON", help="What an update writes.")
@click.option("--object", "row_object", multiple=True, metavar="COLUMN=VALUE|JSON", help="The row of an insert.")
@click.option("--columns", metavar="A,B", help="The columns of a select.")
@click.option("--user-id", metavar="ID", help="The variable X-Hasura-User-Id.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="A session variable. May be repeated.")
@click.option("--save", metavar="NAME", help="Keep it as a test of the project, which expects this verdict.")
@click.pass_context
def test(
    context: click.Context,
    role: str,
    operation: str,
    target: str,
    row: str | None,
    where: tuple[str, ...],
    changes: tuple[str, ...],
    row_object: tuple[str, ...],
    columns: str | None,
    user_id: str | None,
    variables: tuple[str, ...],
    save: str | None,
) -> None:
    r"""Whether a role may do something, and which branch of which rule decides. Nothing stays of what it tries.

    Rows are picked with the administrator's eyes. It exits with 0 whatever the verdict is: `howdah test` is what fails.

    \b
    Examples:
      howdah perm test user update article --row 12 --set title=New --user-id 7
      howdah perm test anonymous query query.json
    """
    from howdah.maintenance import asking, permission_tests

    console = console_of(context)
    args: dict[str, Any] = {"role": role, "variables": _variables(context, user_id, variables)}
    if operation == "query":
        args["query"] = _json_of(context, target)
    else:
        args |= {"table": asking.table_json(target), "operation": operation}
        given = {
            "where": _pairs(context, where),
            "set": _pairs(context, changes),
            "object": _pairs(context, row_object),
        }
        args |= {key: value for key, value in given.items() if value is not None}
        if row is not None:
            args["where"] = {**(args.get("where") or {}), **_key(console, target, row)}
        elif operation in ("select", "update", "delete") and "where" not in args:
            raise click.UsageError("Say which rows: --row KEY or --where COLUMN=VALUE.", context)
        if columns is not None:
            args["columns"] = columns.split(",")
    told = _ask(console, "test_permission", args)
    saved = None if save is None else permission_tests.save_case(running.project_folder(console), save, args, told)
    if console.json:
        console.data(told if saved is None else {**told, "saved": saved}, "")
        return
    _print_verdict(console, told)
    if saved is not None:
        console.say(f"Saved in {saved}: `{running.command_here(running.project_folder(console))} test` runs it.")


# -- asking ------------------------------------------------------------------------------------------------------------


def _ask(console: Console, kind: str, args: Mapping[str, Any]) -> Any:
    from howdah.maintenance import asking

    project = databases.project_of(console)
    return databases.with_database(console, project, lambda it: asking.ask(project, it.dsn, kind, args))


def _key(console: Console, table: str, value: str) -> dict[str, Any]:
    from howdah.maintenance import asking

    known = databases.with_database(console, databases.project_of(console), lambda it: asking.read_known(it.dsn))
    return asking.key_of(known, asking.find_table(known.database, table), value)


def _variables(context: click.Context, user_id: str | None, pairs: tuple[str, ...]) -> dict[str, str]:
    variables = {} if user_id is None else {"X-Hasura-User-Id": user_id}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise click.UsageError(f"--var takes NAME=VALUE, and {pair!r} has no =.", context)
        variables[name] = value
    return variables


def _pairs(context: click.Context, given: tuple[str, ...]) -> dict[str, Any] | None:
    """``column=value`` pairs and JSON objects as one object; values that are JSON are taken as that."""
    import json

    if not given:
        return None
    found: dict[str, Any] = {}
    for one in given:
        if one.lstrip().startswith("{"):
            try:
                found |= json.loads(one)
            except ValueError as error:
                raise click.UsageError(f"{one!r} is not JSON: {error}", context) from None
            continue
        name, sign, text = one.partition("=")
        if not sign:
            raise click.UsageError(f"{one!r} is neither COLUMN=VALUE nor JSON.", context)
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _json_of(context: click.Context, given: str) -> Any:
    """The request that an argument is or names."""
    import json

    text = sys.stdin.read() if given == "-" else given
    if given != "-" and not given.lstrip().startswith("{"):
        path = Path(given)
        if not path.is_file():
            raise click.UsageError(f"{given!r} is neither JSON nor a file.", context)
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"the request is not JSON: {error}", context) from None


# -- showing -----------------------------------------------------------------------------------------------------------


def _explanations(told: Any) -> Iterator[Mapping[str, Any]]:
    """Those of all statements, in the order they are carried out in."""
    if isinstance(told, list):
        for one in told:
            yield from _explanations(one)
    elif "statements" in told:
        yield from told["statements"]
    else:
        yield told


def _print_explanation(console: Console, told: Mapping[str, Any]) -> None:
    from howdah.data.sql.encode import to_json

    purpose = f"  {told['purpose']} at {told['path']}" if "purpose" in told else ""
    console.line(f"{console.paint('SQL', 'bold', sys.stdout)}{purpose}")
    console.line(f"  {told['sql']}")
    for number, value in enumerate(told["parameters"], start=1):
        console.line(f"  ${number} = {'NULL' if value is None else value}")
    console.line(console.paint("Plan", "bold", sys.stdout))
    for line in told["plan"]:
        console.line(f"  {line}")
    console.line(console.paint("Permissions", "bold", sys.stdout))
    for one in told["permissions"]:
        rule = "no limit" if one["rule"] is None else to_json(one["rule"])
        console.line(f"  {one['operation']} on {_table_text(one['table'])} at {one['path']}: {rule}")


def _print_verdict(console: Console, told: Mapping[str, Any]) -> None:
    verdict = told["verdict"]
    head = console.paint(verdict, _VERDICT_COLOURS[verdict], sys.stdout)
    console.line(f"{head}  {told['role']} {told['operation']} on {_table_text(told['table'])}")
    for line in told["because"]:
        console.line(f"  {line}")
    rows = told.get("rows")
    if rows is not None:
        console.line(f"  {rows['reached']} of {rows['meant']} rows")
        for row in rows["shown"][:3]:
            _print_row(console, row)
    for row in told.get("written", ())[:3]:
        _print_row(console, row, as_written=True)
    for rule in told.get("rules", ()):
        _print_tree(console, rule["tree"], 2, f"{rule['part']} of {rule['operation']}: ")


def _print_row(console: Console, row: Mapping[str, Any], *, as_written: bool = False) -> None:
    from howdah.data.sql.encode import to_json

    sign = console.mark("✓", "+") if row["allowed"] else console.mark("✗", "-")
    console.line(f"  {sign} {'as written: ' if as_written else ''}{_cut(to_json(row['row']))}")
    for rule in row["rules"]:
        _print_tree(console, rule["tree"], 3, f"{rule['part']} of {rule['operation']}: ")


def _print_tree(console: Console, tree: Mapping[str, Any], depth: int, before: str = "") -> None:
    from howdah.data.examine.verdict import result_text, sentence

    colour = {True: "green", False: "red"}.get(tree.get("result", ""), "yellow")
    text = f"{tree['kind']}: {result_text(tree)}" if tree.get("children") else sentence(tree)
    painted = console.paint(text, colour if tree.get("decides") else "dim", sys.stdout)
    console.line(f"{'  ' * depth}{before}{painted}")
    for child in tree.get("children", ()):
        _print_tree(console, child, depth + 1)
    for row in tree.get("rows", ())[:1]:
        _print_tree(console, row["rule"], depth + 1, f"a row of {_table_text(tree['table'])}: ")


def _cut(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _table_text(table: Any) -> str:
    return table if isinstance(table, str) else f"{table['schema']}.{table['name']}"
