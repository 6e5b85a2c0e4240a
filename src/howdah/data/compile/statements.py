"""A Plan → a tree of SQL. Total: a plan is already valid. Knows no roles and looks nothing up.

The shapes are the ones that measured best: json built by Postgres from whole rows, relationships as scalar sub-selects
in the select list, the limit beside the base table's ORDER BY.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

from howdah.data.catalog.condition import (
    AllOf,
    Among,
    AmongArray,
    AnyOf,
    Behind,
    ColumnsCompared,
    Compared,
    Condition,
    Flagged,
    Invoked,
    IsNull,
    Negation,
    Operand,
    RowExists,
    Searched,
    Spatial,
)
from howdah.data.plan.values import (
    AggregateOutput,
    AggregationPlan,
    AssignmentPlan,
    Cell,
    ColumnOutput,
    ComputedOutput,
    ConflictPlan,
    CountPlan,
    DeletePlan,
    Hop,
    InsertPlan,
    OrderTerm,
    RankOutput,
    RelatedAggregateOutput,
    RelatedOutput,
    Relation,
    Returned,
    ReturningPlan,
    RowsPlan,
    SelectPlan,
    StatementPlan,
    UpdatePlan,
)
from howdah.data.query.ast import ColumnOperator, TableName, ValueOperator
from howdah.data.sql.ast import (
    AnyElement,
    AnyOfList,
    Assignment,
    Binary,
    BinaryOperator,
    Call,
    Case,
    Cast,
    ColumnOf,
    Configuration,
    Connected,
    CountDistinct,
    Delete,
    Effectful,
    Exists,
    Expression,
    FunctionSource,
    Insert,
    Invoke,
    Not,
    NullTest,
    OnConflict,
    Order,
    Output,
    Parameter,
    RowOf,
    Scalar,
    Select,
    SelectSource,
    TableSource,
    Tree,
    Update,
    WithSource,
    Word,
    Writing,
)

_TRUE = Word("true")
_EMPTY_LIST = Word("'[]'")
_ONE = Output(Word("1"), None)
_COUNT = Call("count", (Word("*"),))
_WRITTEN = "written"

Change: TypeAlias = "InsertPlan | UpdatePlan | DeletePlan"

_VALUE_OPERATORS: dict[ValueOperator, BinaryOperator] = {
    "eq": "=",
    "ne": "IS DISTINCT FROM",  # null-safe: a row without a value is not equal to any
    "gt": ">",
    "lt": "<",
    "gte": ">=",
    "lte": "<=",
    "like": "LIKE",
    "nlike": "NOT LIKE",
    "ilike": "ILIKE",
    "nilike": "NOT ILIKE",
    "similar": "SIMILAR TO",
    "nsimilar": "NOT SIMILAR TO",
    "regex": "~",
    "iregex": "~*",
    "nregex": "!~",
    "niregex": "!~*",
    "contains": "@>",
    "contained_in": "<@",
    "has_key": "?",
    "has_keys_any": "?|",
    "has_keys_all": "?&",
    "ancestor": "@>",
    "ancestor_any": "@>",
    "descendant": "<@",
    "descendant_any": "<@",
    "matches": "~",
    "matches_any": "?",
    "matches_fulltext": "@",
}
_COLUMN_OPERATORS: dict[ColumnOperator, BinaryOperator] = {
    "ceq": "=",
    "cne": "<>",
    "cgt": ">",
    "clt": "<",
    "cgte": ">=",
    "clte": "<=",
}


def compile_plan(plan: StatementPlan) -> Tree:
    """The one statement that does what the plan says; its single cell is the answer as JSON."""
    aliases = _Aliases()
    match plan:
        case SelectPlan(rows, writes):
            select = _list_of(_rows(rows, (), aliases), aliases)
            return Effectful(select) if writes else select
        case CountPlan():
            return _count(plan, aliases)
        case AggregationPlan():
            return _aggregation(plan, (), aliases)
        case InsertPlan():
            return _insert(plan, aliases)
        case UpdatePlan():
            return _update(plan, aliases)
        case DeletePlan():
            return _delete(plan, aliases)
    assert_never(plan)


class _Aliases:
    """Names for the relations of one statement, each given once. Short, so that Postgres never has to cut one."""

    __slots__ = ("_prefix", "_rows", "_tables")

    def __init__(self, prefix: str = "t") -> None:
        self._prefix = prefix
        self._tables = 0
        self._rows = 0

    def table(self) -> str:
        self._tables += 1
        return f"{self._prefix}{self._tables}"

    def row(self) -> str:
        self._rows += 1
        return f"r{self._rows}"


# Reading.


def _rows(
    rows: RowsPlan,
    joined_to: tuple[tuple[ColumnOf, str], ...],
    aliases: _Aliases,
    *,
    outside: str = "",
    one: bool = False,
) -> Select:
    """The rows, of which some columns equal columns outside; only the first of them when it is known to be wanted."""
    alias = aliases.table()
    joins = tuple([Binary(ColumnOf(alias, theirs), "=", ours) for ours, theirs in joined_to])
    outputs = _outputs(rows, alias, aliases)
    order_by = tuple([_order(term, alias, aliases) for term in rows.order_by])
    return Select(
        outputs,
        _relation(rows.table, alias, outside),
        _where(rows.condition, alias, aliases, (*joins, *_present(rows.table, alias))),
        order_by=order_by,
        limit=1 if one and rows.limit is None else rows.limit,
        offset=None if rows.offset is None else Parameter(rows.offset, "bigint"),
        distinct_on=tuple([ColumnOf(alias, column) for column in rows.distinct_on]),
    )


def _outputs(rows: RowsPlan, alias: str, aliases: _Aliases) -> tuple[Output, ...]:
    outputs: list[Output] = []
    for output in rows.outputs:
        if isinstance(output, ColumnOutput | ComputedOutput):
            outputs.append(_column(output, alias))
        elif isinstance(output, RankOutput):
            outputs.append(Output(_rank(output.search, alias), output.key))
        else:
            outputs.append(Output(_related(output, alias, aliases), output.key))
    return tuple(outputs)


def _rank(search: Searched, alias: str) -> Expression:
    return Call("ts_rank", _search(search, alias))


def _column(output: ColumnOutput | ComputedOutput, alias: str) -> Output:
    if isinstance(output, ComputedOutput):
        value = _invoke(output.invoked, alias)
        return Output(value if output.cast is None else Cast(value, output.cast), output.key)
    column = ColumnOf(alias, output.column)
    if output.cast is None:
        return Output(column, None if output.key == output.column else output.key)
    return Output(Cast(column, output.cast), output.key)


def _related(output: RelatedOutput | RelatedAggregateOutput, alias: str, aliases: _Aliases) -> Scalar:
    joined_to = tuple([(ColumnOf(alias, ours), theirs) for ours, theirs in output.mapping])
    if isinstance(output, RelatedAggregateOutput):
        return Scalar(_aggregation(output.aggregation, joined_to, aliases, outside=alias))
    if not output.single:
        return Scalar(_list_of(_rows(output.rows, joined_to, aliases, outside=alias), aliases))
    row = aliases.row()
    select = _rows(output.rows, joined_to, aliases, outside=alias, one=not output.unique)
    return Scalar(Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(select, row)))


def _list_of(select: Select, aliases: _Aliases) -> Select:
    row = aliases.row()
    rows = Call("coalesce", (Call("json_agg", (RowOf(row),)), _EMPTY_LIST))
    return Select((Output(rows, None),), SelectSource(select, row))


def _order(term: OrderTerm, alias: str, aliases: _Aliases) -> Order:
    return Order(_term(term, alias, aliases), term.descending, term.nulls_first)


def _term(term: OrderTerm, alias: str, aliases: _Aliases) -> Expression:
    if term.rank is not None:
        return _rank(term.rank, alias)
    return _value_at(term.hops, term.column, alias, aliases)


def _value_at(hops: tuple[Hop, ...], column: Operand, alias: str, aliases: _Aliases) -> Expression:
    """The column of the row that the hops lead to from ``alias``."""
    if not hops:
        return _operand(column, alias)
    hop, target = hops[0], aliases.table()
    joins = tuple([Binary(ColumnOf(target, theirs), "=", ColumnOf(alias, ours)) for ours, theirs in hop.mapping])
    return Scalar(
        Select(
            (Output(_value_at(hops[1:], column, target, aliases), None),),
            _source(hop.table, target),
            _where(hop.condition, target, aliases, joins),
            limit=None if hop.unique else 1,
        )
    )


def _aggregation(
    plan: AggregationPlan, joined_to: tuple[tuple[ColumnOf, str], ...], aliases: _Aliases, *, outside: str = ""
) -> Select:
    """One object, or a list of one for each group."""
    alias = aliases.table()
    joins = tuple([Binary(ColumnOf(alias, theirs), "=", ours) for ours, theirs in joined_to])
    select = Select(
        tuple(
            [_column(output, alias) for output in plan.group_by]
            + [Output(_aggregate(output, alias), output.key) for output in plan.aggregates]
        ),
        _relation(plan.table, alias, outside),
        _where(plan.condition, alias, aliases, (*joins, *_present(plan.table, alias))),
        tuple([ColumnOf(alias, output.column) for output in plan.group_by]),
        tuple(
            [
                # By the value and not by its text, which sorts 10 before 9.
                Order(
                    ColumnOf(alias, term.by.column)
                    if isinstance(term.by, ColumnOutput)
                    else _aggregated(term.by, alias),
                    term.descending,
                    term.nulls_first,
                )
                for term in plan.order_by
            ]
        ),
        plan.limit,
        None if plan.offset is None else Parameter(plan.offset, "bigint"),
    )
    if plan.group_by:
        return _list_of(select, aliases)
    row = aliases.row()
    return Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(select, row))


def _aggregate(output: AggregateOutput, alias: str) -> Expression:
    value = _aggregated(output, alias)
    return value if output.cast is None else Cast(value, output.cast)


def _aggregated(output: AggregateOutput, alias: str) -> Expression:
    columns = tuple([ColumnOf(alias, column) for column in output.columns])
    if output.distinct:
        return CountDistinct(columns)
    return Call(output.function, columns or (Word("*"),))


def _count(plan: CountPlan, aliases: _Aliases) -> Select:
    alias, row = aliases.table(), aliases.row()
    source = _relation(plan.table, alias)
    where = _where(plan.condition, alias, aliases, _present(plan.table, alias))
    if plan.distinct:
        tuples = aliases.row()
        columns = tuple([Output(ColumnOf(alias, column), None) for column in plan.distinct])
        counted = Select(
            (Output(_COUNT, "count"),), SelectSource(Select(columns, source, where, distinct=True), tuples)
        )
    else:
        counted = Select((Output(_COUNT, "count"),), source, where)
    return Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(counted, row))


# Writing.


def _insert(plan: InsertPlan, aliases: _Aliases) -> Writing:
    alias = aliases.table()
    conflict = None if plan.on_conflict is None else _on_conflict(plan.on_conflict, alias, aliases)
    checks = [_condition(plan.check, alias, aliases)]
    if plan.on_conflict is not None and plan.on_conflict.update is not None:
        update = plan.on_conflict.update
        check = _condition(update.check, alias, aliases)
        if update.tells_updated and check != _TRUE:
            # A new row has no xmax; an updated one has, from the lock that ON CONFLICT took on it.
            check = Connected("OR", (Binary(ColumnOf(alias, "xmax"), "=", Word("0")), check))
        checks.append(check)
    change = Insert(
        _source(plan.table, alias),
        plan.columns,
        tuple([tuple([Word("DEFAULT") if cell is None else _cell(cell) for cell in row]) for row in plan.rows]),
        conflict,
        _returning(plan, _all_of(checks), alias, aliases),
    )
    return _answer(change, plan, aliases)


def _on_conflict(plan: ConflictPlan, alias: str, aliases: _Aliases) -> OnConflict:
    if plan.update is None:
        return OnConflict(plan.key, (), None)
    update = plan.update
    assignments = [Assignment(column, ColumnOf("excluded", column)) for column in update.columns]
    assignments += [Assignment(column, _cell(cell)) for column, cell in update.presets]
    return OnConflict(plan.key, tuple(assignments), _where(update.condition, alias, aliases))


def _update(plan: UpdatePlan, aliases: _Aliases) -> Writing:
    alias = aliases.table()
    change = Update(
        _source(plan.table, alias),
        tuple([_assignment(assignment, alias) for assignment in plan.assignments]),
        _where(plan.condition, alias, aliases),
        _returning(plan, _condition(plan.check, alias, aliases), alias, aliases),
    )
    return _answer(change, plan, aliases)


def _assignment(plan: AssignmentPlan, alias: str) -> Assignment:
    if plan.cell is None:
        return Assignment(plan.column, Word("DEFAULT"))
    value = _cell(plan.cell)
    if plan.operator == "inc":
        return Assignment(plan.column, Binary(ColumnOf(alias, plan.column), "+", value))
    if plan.operator == "mul":
        return Assignment(plan.column, Binary(ColumnOf(alias, plan.column), "*", value))
    return Assignment(plan.column, value)


def _delete(plan: DeletePlan, aliases: _Aliases) -> Writing:
    alias = aliases.table()
    change = Delete(
        _source(plan.table, alias),
        _where(plan.condition, alias, aliases),
        _returning(plan, _TRUE, alias, aliases),
    )
    return _answer(change, plan, aliases)


def _returning(plan: Change, check: Expression, alias: str, aliases: _Aliases) -> tuple[Output, ...]:
    """The changed row as JSON, whether it may be shown, and the check, which ends the statement when it fails."""
    outputs: list[Output] = []
    if plan.returning is not None:
        outputs.append(Output(_row_of(plan.returning, alias, aliases), "row"))
    if plan.kept is not None:
        outputs.append(Output(_row_of(plan.kept, alias, aliases), "kept"))
    shown = plan.returning or plan.kept
    visible = _TRUE if shown is None else _condition(shown.visible, alias, aliases)
    if visible != _TRUE:
        outputs.append(Output(visible, "visible"))
    if check != _TRUE:
        outputs.append(Output(Case(check, _TRUE, Call("howdah.check_violation", ())), "checked"))
    return tuple(outputs) or (_ONE,)


def _row_of(plan: ReturningPlan, alias: str, aliases: _Aliases) -> Scalar:
    row = aliases.row()
    columns = tuple([_column(output, alias) for output in plan.columns])
    return Scalar(Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(Select(columns, None), row)))


def _answer(change: Insert | Update | Delete, plan: Change, aliases: _Aliases) -> Writing:
    """How many rows there are, and what is returned of them; before it, in a list, what is kept."""
    filtered = any(output.name == "visible" for output in change.returning)
    only = ColumnOf(_WRITTEN, "visible") if filtered else None
    outputs = [Output(_COUNT, "affected_rows")]
    if plan.returning is not None:
        outputs.append(Output(_written("row", only), "returning"))
    row = aliases.row()
    answer = SelectSource(Select(tuple(outputs), WithSource(_WRITTEN)), row)
    select = Select((Output(Call("row_to_json", (RowOf(row),)), None),), answer)
    if plan.kept is not None:
        kept = Select((Output(_written("kept", only), None),), WithSource(_WRITTEN))
        select = Select((Output(Call("json_build_array", (Scalar(kept), Scalar(select))), None),), None)
    return Writing(_WRITTEN, change, select)


def _written(column: str, only: Expression | None) -> Expression:
    return Call("coalesce", (Call("json_agg", (ColumnOf(_WRITTEN, column),), only), _EMPTY_LIST))


def _cell(cell: Cell) -> Parameter:
    return Parameter(cell.value, cell.type)


# Conditions.


def compile_condition(condition: Condition, alias: str) -> Expression:
    """The condition about the row of the relation with this alias; no alias inside it clashes with others than its own.

    For statements that are made elsewhere: call yours neither ``x1``, ``x2``… nor what they could be taken for.
    """
    return _condition(condition, alias, _Aliases("x"))


def _source(table: TableName, alias: str) -> TableSource:
    return TableSource(table.schema, table.name, alias)


def _relation(relation: Relation, alias: str, outside: str = "") -> TableSource | FunctionSource:
    """Where the rows come from; a function may be given the row of ``outside``."""
    if isinstance(relation, TableName):
        return _source(relation, alias)
    return FunctionSource(_invoke(relation.invoked, outside), alias)


def _present(relation: Relation, alias: str) -> tuple[Expression, ...]:
    """A function that returns one row returns a row of NULLs for none."""
    if isinstance(relation, Returned) and relation.single:
        return (Not(NullTest(RowOf(alias), negated=False)),)
    return ()


def _where(
    condition: Condition, alias: str, aliases: _Aliases, joins: tuple[Expression, ...] = ()
) -> Expression | None:
    compiled = _condition(condition, alias, aliases)
    if compiled == _TRUE and not joins:
        return None
    return _all_of([*joins, compiled])


def _all_of(expressions: list[Expression]) -> Expression:
    operands: list[Expression] = []
    for expression in expressions:
        if isinstance(expression, Connected) and expression.word == "AND":
            operands.extend(expression.operands)
        elif expression != _TRUE:
            operands.append(expression)
    if len(operands) > 1:
        return Connected("AND", tuple(operands))
    return operands[0] if operands else _TRUE


def _condition(condition: Condition, alias: str, aliases: _Aliases) -> Expression:
    if isinstance(condition, Compared):
        operator = _VALUE_OPERATORS[condition.operator]
        operand = Parameter(condition.value, condition.type)
        return Binary(_operand(condition.column, alias), operator, operand, condition.schema)
    match condition:
        case Flagged(column, flag):
            return Binary(_operand(column, alias), "=", Word("true" if flag else "false"))
        case AllOf(conditions):
            return _all_of([_condition(part, alias, aliases) for part in conditions])
        case AnyOf(conditions):
            operands = tuple([_condition(part, alias, aliases) for part in conditions])
            if len(operands) > 1:
                return Connected("OR", operands)
            return operands[0] if operands else Word("false")
        case Behind(filter_, inner):
            # The one construct whose parts Postgres evaluates in the order they are written.
            guard = _condition(filter_, alias, aliases)
            return Case(guard, _condition(inner, alias, aliases), Word("false"))
        case Negation(inner):
            return Not(_condition(inner, alias, aliases))
        case IsNull(column, negated):
            return NullTest(_operand(column, alias), negated)
        case AmongArray(column, negated, value, type_):
            return AnyElement(_operand(column, alias), negated, Parameter(value, type_))
        case Among(column, negated, values, type_):
            if not values:
                return _TRUE if negated else Word("false")
            return AnyOfList(_operand(column, alias), negated, tuple([Parameter(value, type_) for value in values]))
        case ColumnsCompared(left, column_operator, right):
            return Binary(_operand(left, alias), _COLUMN_OPERATORS[column_operator], _operand(right, alias))
        case Spatial(column, function, schema, arguments):
            parameters = tuple([(None, Parameter(value, type_)) for value, type_ in arguments])
            return Invoke(schema, function, ((None, _operand(column, alias)), *parameters))
        case Searched():
            vector, words = _search(condition, alias)
            return Binary(vector, "@@", words)
        case RowExists(table, mapping, inner):
            target = aliases.table()
            joins = tuple([Binary(ColumnOf(target, theirs), "=", ColumnOf(alias, ours)) for ours, theirs in mapping])
            return Exists(Select((_ONE,), _source(table, target), _where(inner, target, aliases, joins)))
    assert_never(condition)


def _search(condition: Searched, alias: str) -> tuple[Expression, Expression]:
    """The text to search, as a vector, and what to look for. Written as users write it in the index for it."""
    configuration = Configuration(condition.configuration)
    words = Call("websearch_to_tsquery", (configuration, Parameter(condition.words, "text")))
    columns = [ColumnOf(alias, column) for column in condition.columns]
    if condition.vector:
        return columns[0], words
    text: Expression = columns[0]
    if len(columns) > 1:
        parts = [Call("coalesce", (column, Word("''"))) for column in columns]
        text = parts[0]
        for part in parts[1:]:
            text = Binary(Binary(text, "||", Word("' '")), "||", part)
    return Call("to_tsvector", (configuration, text)), words


def _operand(operand: Operand, alias: str) -> Expression:
    if isinstance(operand, str):
        return ColumnOf(alias, operand)
    if isinstance(operand, Invoked):
        return _invoke(operand, alias)
    return Cast(_operand(operand.operand, alias), operand.type)


def _invoke(invoked: Invoked, alias: str) -> Invoke:
    """The function, given the row of ``alias`` where it is given one."""
    arguments = [
        (given.name, RowOf(alias) if given.value is None else Parameter(given.value, given.type))
        for given in invoked.arguments
    ]
    return Invoke(invoked.function.schema, invoked.function.name, tuple(arguments))
