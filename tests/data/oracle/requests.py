"""Permissions and requests, made up over a world."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.data.oracle.world import IDS, NUMBERS, TEXTS, USER_ID, Kind, Row, World, seldom, some, value_of

from howdah.session import Session

PATTERNS = ("%", "", "T%", "%o%", "%.", "_e%", "100\\% %", "a\\_b")
OPERATIONS = ("select", "insert", "update", "delete")


def make_session(random: Random) -> Session:
    """A user of the role ``user``; seldom one whose session lacks what rules ask for."""
    if seldom(random):
        return Session("user")
    number = random.randint(1, 4)
    ids = ",".join(str(one) for one in random.sample(range(1, 9), 3))
    return Session("user", {USER_ID.lower(): str(number), IDS.lower(): f"{{{ids}}}"})


# -- conditions --------------------------------------------------------------------------------------------------------


def make_condition(random: Random, world: World, table: str, depth: int, *, stored: bool = False) -> Row:
    """A ``where``, or with ``stored`` the filter or check of a rule."""
    if random.random() < 0.4:
        generous = {"id": {random.choice(["$gt", "_gte", "$ne"]): random.randint(0, 4)}}
        if random.random() < 0.5:
            return generous
        return {"$or": [generous, make_condition(random, world, table, max(depth - 1, 0), stored=stored)]}
    if not depth or random.random() < 0.5:
        names = some(random, list(world.columns[table]), 1 if random.random() < 0.7 else 2)
        return {name: _comparison(random, world, table, name, stored=stored) for name in names}
    links = world.links[table]
    choice = random.choice(["and", "or", "not", "exists", "link", "link"])
    if choice == "link" and links:
        name = random.choice(list(links))
        return {name: make_condition(random, world, links[name].table, depth - 1, stored=stored)}
    if choice == "not":
        return {random.choice(["$not", "_not"]): make_condition(random, world, table, depth - 1, stored=stored)}
    if choice == "exists":
        other = random.choice(list(world.columns))
        return {"$exists": {"_table": other, "_where": make_condition(random, world, other, 0, stored=stored)}}
    parts = [make_condition(random, world, table, depth - 1, stored=stored) for _ in range(random.randint(0, 3))]
    return {random.choice(["$", "_"]) + ("or" if choice == "or" else "and"): parts}


def _operand(random: Random, kind: Kind, *, stored: bool) -> Any:
    if stored and kind in NUMBERS and random.random() < 0.4:
        return USER_ID
    value = value_of(random, kind)
    return "Ann" if stored and value == USER_ID else value


def _comparison(random: Random, world: World, table: str, name: str, *, stored: bool) -> Any:
    kind = world.columns[table][name].kind
    if random.random() < 0.3:
        return None if random.random() < 0.2 else _operand(random, kind, stored=stored)
    operators = ["eq", "ne", "neq", "gt", "lt", "gte", "lte", "in", "nin", "is_null", "ceq", "cne", "clt", "cgte"]
    if kind == "text":
        operators += ["like", "nlike", "ilike"]
    chosen = {}
    for operator in some(random, operators, 1 if random.random() < 0.8 else 2, least=1):
        chosen[random.choice("$_") + operator] = _operator_operand(random, world, table, name, operator, stored=stored)
    return chosen


def _operator_operand(random: Random, world: World, table: str, name: str, operator: str, *, stored: bool) -> Any:
    kind = world.columns[table][name].kind
    if operator in ("in", "nin"):
        if stored and kind in NUMBERS and random.random() < 0.4:
            return IDS
        values = [value_of(random, kind) for _ in range(random.randint(0, 3))]
        return ["Ann" if stored and value == USER_ID else value for value in values]
    if operator == "is_null":
        return random.random() < 0.5
    if operator in ("ceq", "cne", "clt", "cgte"):
        return random.choice([other for other, column in world.columns[table].items() if column.kind == kind])
    if operator in ("like", "nlike", "ilike"):
        return random.choice(PATTERNS)
    if operator in ("eq", "ne", "neq") and random.random() < 0.15:
        return None
    return _operand(random, kind, stored=stored)


# -- what a role may do ------------------------------------------------------------------------------------------------


def make_role(random: Random, world: World) -> dict[str, dict[str, Any]]:
    """For each table and operation a rule, or None."""
    return {
        table: {operation: _rule(random, world, table, operation) for operation in OPERATIONS}
        for table in world.columns
    }


def _rule(random: Random, world: World, table: str, operation: str) -> Row | None:
    if seldom(random):
        return None
    rule: Row = {}
    if operation != "delete":
        names = list(world.columns[table])
        hidden = some(random, names[1:], 2) if random.random() < 0.15 else []
        rule["columns"] = "*" if seldom(random) else [name for name in names if name not in hidden]
    if operation in ("insert", "update"):
        # Rules that most rows fail would leave little to be compared.
        depth = 2 if random.random() < 0.5 else 0
        if operation == "insert" or random.random() < 0.5:
            rule["check"] = make_condition(random, world, table, depth, stored=True) if random.random() < 0.5 else {}
        if random.random() < 0.15:
            preset = random.choice(list(world.columns[table])[1:])
            kind = world.columns[table][preset].kind
            rule["set"] = {preset: _operand(random, kind, stored=True)}
    if operation != "insert":
        rule["filter"] = make_condition(random, world, table, 2, stored=True) if random.random() < 0.5 else {}
    if operation == "select":
        if random.random() < 0.3:
            rule["limit"] = random.randint(0, 4)
        rule["allow_aggregations"] = not seldom(random)
    return rule


# -- reading -----------------------------------------------------------------------------------------------------------


def make_request(random: Random, world: World) -> Row:
    """A request of any kind."""
    table = random.choice(list(world.columns))
    kind = random.choice(["select", "select", "select", "count", "aggregate", "insert", "insert", "update", "delete"])
    args: Row = {"table": table}
    match kind:
        case "select":
            args |= _rows(random, world, table, depth=2, many=True)
        case "count":
            args |= _maybe_where(random, world, table)
            if random.random() < 0.5:
                args["distinct"] = some(random, list(world.columns[table]), 2, least=1)
        case "aggregate":
            args |= _aggregation(random, world, table)
        case "insert":
            args |= _insert(random, world, table)
        case "update":
            args |= _update(random, world, table)
        case "delete":
            args["where"] = make_condition(random, world, table, 2)
    if kind in ("insert", "update", "delete") and random.random() < 0.6:
        args["returning"] = some(random, [*world.columns[table], "*"], 3, least=1)
    functions = [name for name, of in world.functions.items() if of == table]
    if kind in ("select", "count", "aggregate") and functions and random.random() < 0.25:
        del args["table"]
        args |= _call(random, functions[0])
    return {"type": kind, "args": args}


def _call(random: Random, function: str) -> Row:
    """A function and what it is given: by name or in order, the second perhaps not."""
    given = [random.randint(1, 9), random.randint(1, 4)][: random.randint(1, 2)]
    by_name = dict(zip(("highest", "lowest"), given, strict=False))
    return {"function": function, "arguments": random.choice([given, by_name])}


def make_pages(random: Random, world: World) -> Row:
    """A select of one table's rows, in some order, a few of them at a time."""
    table = random.choice(list(world.columns))
    columns = ["id", *some(random, [name for name in world.columns[table] if name != "id"], 2)]
    ordered = {"order_by": _order(random, world, table), "limit": random.randint(1, 3)}
    return {"table": table, "columns": columns, **_maybe_where(random, world, table), **ordered}


def _maybe_where(random: Random, world: World, table: str) -> Row:
    return {"where": make_condition(random, world, table, 3)} if random.random() < 0.6 else {}


def _rows(random: Random, world: World, table: str, depth: int, *, many: bool) -> Row:
    args: Row = {"columns": _columns(random, world, table, depth)}
    if not many:
        return args
    args |= _maybe_where(random, world, table)
    args["order_by"] = _order(random, world, table)
    if random.random() < 0.3:
        args["limit"] = random.randint(0, 4)
    if random.random() < 0.2:
        args["offset"] = random.randint(0, 2)
    return args


def _columns(random: Random, world: World, table: str, depth: int) -> list[Any]:
    entries: list[Any] = some(random, list(world.columns[table]), 3)
    if random.random() < 0.2:
        entries.append("*")
    if depth and random.random() < 0.15:
        entries.append("*.*")
    links = world.links[table]
    for name in some(random, list(links), 2) if depth else ():
        link = links[name]
        if link.many and random.random() < 0.3:
            entries.append({"name": name, "alias": f"made of {name}"} | _aggregation(random, world, link.table))
            continue
        entry: Row = {"name": name} | _rows(random, world, link.table, depth - 1, many=link.many)
        if random.random() < 0.2:
            entry["alias"] = f"other {name}"
        entries.append(entry)
    random.shuffle(entries)
    return entries or ["id"]


def _order(random: Random, world: World, table: str) -> list[Row]:
    """Terms, the last one by ``id``: without it the order of rows would be anybody's."""
    terms = []
    for _ in range(random.randint(0, 2)):
        path, at = [], table
        while random.random() < 0.3:
            steps = [name for name, link in world.links[at].items() if not link.many and "." not in name]
            if not steps:
                break
            path.append(random.choice(steps))
            at = world.links[at][path[-1]].table
        # How texts are sorted is the database's collation, and no rule of the language.
        sortable = [
            name
            for name, column in world.columns[at].items()
            if column.kind != "text" and (not path or "." not in name)
        ]
        term: Row = {"column": ".".join([*path, random.choice(sortable)]), "type": random.choice(["asc", "desc"])}
        if random.random() < 0.3:
            term["nulls"] = random.choice(["first", "last"])
        terms.append(term)
    return [*terms, {"column": "id"}]


def _aggregation(random: Random, world: World, table: str) -> Row:
    columns = world.columns[table]
    numbers = [name for name, column in columns.items() if column.kind in NUMBERS]
    aggregates: Row = {}
    for index in range(random.randint(1, 3)):
        function = random.choice(["count", "count", "sum", "avg", "min", "max"])
        of: Any = random.choice(numbers)
        if function == "count":
            of = random.choice(["*", random.choice(list(columns)), {"distinct": some(random, list(columns), 2, 1)}])
        aggregates[f"made {index}"] = {function: of}
    args: Row = {"aggregates": aggregates} | _maybe_where(random, world, table)
    if random.random() < 0.4:
        args["group_by"] = random.choice([name for name, column in columns.items() if column.kind != "text"])
        args["order_by"] = [{"column": args["group_by"], "type": random.choice(["asc", "desc"])}]
        if random.random() < 0.3:
            args["limit"] = random.randint(0, 3)
    return args


# -- writing -----------------------------------------------------------------------------------------------------------


def _cell(random: Random, world: World, table: str, name: str) -> Any:
    column = world.columns[table][name]
    if random.random() < (0.2 if column.nullable else 0.02):
        return None
    if column.unique and name != "id":
        return 100 + random.randint(0, 15)
    if column.kind == "text":
        return random.choice(TEXTS)
    return value_of(random, column.kind)


def _insert(random: Random, world: World, table: str) -> Row:
    columns = world.columns[table]
    wanted = [
        name
        for name, column in columns.items()
        if name == "id" or random.random() < (0.6 if column.nullable or column.default is not None else 0.97)
    ]
    objects = []
    for _ in range(random.randint(1, 3)):
        names = wanted if random.random() < 0.8 else [name for name in wanted if name == "id" or random.random() < 0.8]
        row = {name: _cell(random, world, table, name) for name in names}
        row["id"] = random.randint(1, 20)
        objects.append(row)
    args: Row = {"objects": objects}
    if random.random() < 0.5:
        key = random.choice([name for name, column in columns.items() if column.unique])
        conflict: Row = {"action": random.choice(["update", "update", "ignore"])}
        if conflict["action"] == "update" or random.random() < 0.5:
            conflict["constraint_on"] = random.choice([key, [key]])
        args["on_conflict"] = conflict
    return args


def _update(random: Random, world: World, table: str) -> Row:
    columns = world.columns[table]
    args: Row = {"where": make_condition(random, world, table, 2)}
    free = [name for name in columns if name != "id"]
    random.shuffle(free)
    for key in ("$set", "$inc", "$mul", "$default"):
        if random.random() < (0.8 if key == "$set" else 0.2):
            numbers = key in ("$inc", "$mul")
            # Adding to a key may meet the next row's on the way, or may not: it depends on the order of rows.
            usable = [
                name for name in free if not numbers or (columns[name].kind in NUMBERS and not columns[name].unique)
            ]
            chosen = some(random, usable, 2, least=1)
            free = [name for name in free if name not in chosen]
            if key == "$default":
                args[key] = chosen
            elif numbers:
                args[key] = {name: random.randint(0, 3) for name in chosen}
            elif chosen:
                args[key] = {name: _cell(random, world, table, name) for name in chosen}
    return args
