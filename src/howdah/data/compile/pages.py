"""A PagePlan → a tree of SQL: the rows of a page, the cursors of the pages beside it and how many rows there are.

One row more than asked for is read, which tells whether there is a next page. Where all of the order goes one way, the
place is one comparison of rows, which an index answers.
"""

from __future__ import annotations

from howdah.data.catalog.condition import AllOf
from howdah.data.compile.aliases import Aliases
from howdah.data.compile.conditions import all_of, condition_of, where_of
from howdah.data.compile.reading import order_value, outputs_of
from howdah.data.compile.sources import relation_source
from howdah.data.plan.values import Cell, PagePlan, PageTerm
from howdah.data.sql.ast import (
    Binary,
    BinaryOperator,
    Call,
    Case,
    Cast,
    ColumnOf,
    Connected,
    Expression,
    NullTest,
    Number,
    Order,
    OrderedRows,
    Output,
    Parameter,
    RowNumber,
    RowOf,
    RowValue,
    Scalar,
    Select,
    SelectSource,
    Word,
)
from howdah.data.sql.statement import Literal

COUNT = Call("count", (Word("*"),))
_NULL = Word("NULL")


def compile_page(plan: PagePlan, aliases: Aliases) -> Select:
    """``{"rows": […], "page": {"next", "previous"}}``, with ``total`` where it is asked for."""
    limit = plan.rows.limit
    read, placed, page = aliases.row(), aliases.row(), aliases.row()
    numbered = Select(
        (Output(ColumnOf(read, "row"), None), Output(ColumnOf(read, "cursor"), None), Output(RowNumber(), "place")),
        SelectSource(_read(plan, aliases), read),
    )
    place = ColumnOf(placed, "place")
    shown = None if limit is None else Binary(place, "<=", Number(limit))
    rows = OrderedRows(ColumnOf(placed, "row"), Order(place, plan.backward, None), shown)
    # Seen in the direction it was read in: the first row's place, and the last one's, if there are more rows behind it.
    first: Expression = _cursor_at(placed, 1)
    last: Expression = _NULL
    if limit is not None:
        last = Case(Binary(COUNT, ">", Number(limit)), _cursor_at(placed, limit), _NULL)
    if plan.position is None and plan.rows.offset is None:
        first = _NULL
    outputs = [
        Output(Call("coalesce", (rows, Word("'[]'"))), "rows"),
        Output(first if plan.backward else last, "next"),
        Output(last if plan.backward else first, "previous"),
    ]
    if plan.total:
        alias = aliases.table()
        where = where_of(plan.rows.condition, alias, aliases)
        total = Select((Output(COUNT, None),), relation_source(plan.rows.table, alias), where)
        outputs.append(Output(Scalar(total), "total"))
    answer = SelectSource(Select(tuple(outputs), SelectSource(numbered, placed)), page)
    about = tuple([Output(ColumnOf(page, output.name or ""), None) for output in outputs[1:]])
    whole = aliases.row()
    return Select(
        (Output(Call("row_to_json", (RowOf(whole),)), None),),
        SelectSource(
            Select((Output(ColumnOf(page, "rows"), None), Output(_object(about, aliases), "page")), answer), whole
        ),
    )


def _cursor_at(alias: str, place: int) -> Expression:
    return Call("max", (ColumnOf(alias, "cursor"),), Binary(ColumnOf(alias, "place"), "=", Number(place)))


def _object(outputs: tuple[Output, ...], aliases: Aliases) -> Scalar:
    row = aliases.row()
    return Scalar(Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(Select(outputs, None), row)))


def _read(plan: PagePlan, aliases: Aliases) -> Select:
    """The rows from the place on, each as JSON beside its cursor, in the direction they are read in."""
    rows, alias = plan.rows, aliases.table()
    row = _object(outputs_of(rows, alias, aliases), aliases)
    conditions = [condition_of(rows.condition, alias, aliases)]
    if plan.position is not None:
        conditions.append(_beyond(plan.terms, plan.position, alias, aliases, backward=plan.backward))
    return Select(
        (
            Output(row, "row"),
            Output(_cursor(plan, alias, aliases), "cursor"),
        ),
        relation_source(rows.table, alias),
        None if rows.condition == AllOf(()) and plan.position is None else all_of(conditions),
        order_by=tuple(
            [
                Order(
                    _value(term, alias, aliases),
                    term.order.descending != plan.backward,
                    _nulls_first(term, backward=plan.backward),
                )
                for term in plan.terms
            ]
        ),
        limit=None if rows.limit is None else rows.limit + 1,
        offset=None if rows.offset is None else Parameter(rows.offset, "bigint"),
    )


def _nulls_first(term: PageTerm, *, backward: bool) -> bool | None:
    """None where that is the default, or there are no nulls."""
    first = term.nulls_first != backward
    return None if not term.nullable or first == (term.order.descending != backward) else first


def _value(term: PageTerm, alias: str, aliases: Aliases) -> Expression:
    return order_value(term.order, alias, aliases)


def _cursor(plan: PagePlan, alias: str, aliases: Aliases) -> Expression:
    """The row's values in the order, as text, behind the mark; in base64 of the kind that URLs take."""
    mark = Parameter(Literal(plan.mark, "text"), "text")
    values = [Cast(_value(term, alias, aliases), "text") for term in plan.terms]
    text = Cast(Call("json_build_array", (mark, *values)), "text")
    encoded = Call("encode", (Call("convert_to", (text, Word("'UTF8'"))), Word("'base64'")))
    return Call("translate", (encoded, Word("E'+/=\\n'"), Word("'-_'")))


def _beyond(
    terms: tuple[PageTerm, ...], position: tuple[Cell | None, ...], alias: str, aliases: Aliases, *, backward: bool
) -> Expression:
    """The row comes behind the position, in the direction of reading."""
    pairs = list(zip(terms, position, strict=True))
    comparable = len(terms) == 1 or all(_schema(term) is None for term in terms)  # a row has one operator for all
    if (
        comparable
        and len({term.order.descending for term in terms}) == 1
        and all(cell is not None and not _nulls_ahead(term, backward=backward) for term, cell in pairs)
    ):
        values = tuple([_value(term, alias, aliases) for term in terms])
        bounds = tuple([_bound(cell) for cell in position if cell is not None])
        operator = _operator(terms[0], backward=backward)
        if len(values) == 1:
            return Binary(values[0], operator, bounds[0], _schema(terms[0]))
        return Binary(RowValue(values), operator, RowValue(bounds))
    beyond: Expression | None = None
    for term, cell in reversed(pairs):
        further = _further(term, cell, alias, aliases, backward=backward)
        if beyond is not None:
            equal: Expression = NullTest(_value(term, alias, aliases), negated=False)
            if cell is not None:
                equal = Binary(_value(term, alias, aliases), "=", _bound(cell), _schema(term))
            beyond = all_of([equal, beyond])
            beyond = beyond if further is None else Connected("OR", (further, beyond))
        else:
            beyond = further or Word("false")
    assert beyond is not None, "an order has a term"
    term, cell = pairs[0]
    if cell is not None and not _nulls_ahead(term, backward=backward):
        # Implied by the rest, and the only part of it that an index can begin at.
        from_there: BinaryOperator = ">=" if _operator(term, backward=backward) == ">" else "<="
        start = Binary(_value(term, alias, aliases), from_there, _bound(cell), _schema(term))
        return all_of([start, beyond])
    return beyond


def _further(term: PageTerm, cell: Cell | None, alias: str, aliases: Aliases, *, backward: bool) -> Expression | None:
    """The term's value comes behind the cell's; None when none does."""
    if cell is None:
        if term.nulls_first != backward:
            return NullTest(_value(term, alias, aliases), negated=True)
        return None
    further = Binary(_value(term, alias, aliases), _operator(term, backward=backward), _bound(cell), _schema(term))
    if _nulls_ahead(term, backward=backward):
        return Connected("OR", (further, NullTest(_value(term, alias, aliases), negated=False)))
    return further


def _nulls_ahead(term: PageTerm, *, backward: bool) -> bool:
    """Whether NULL comes behind every value, in the direction of reading."""
    return term.nullable and term.nulls_first == backward


def _operator(term: PageTerm, *, backward: bool) -> BinaryOperator:
    return "<" if term.order.descending != backward else ">"


def _bound(cell: Cell) -> Parameter:
    return Parameter(cell.value, cell.type)


def _schema(term: PageTerm) -> str | None:
    """Where the operators of the term's type are, if Postgres does not search there."""
    return term.type.operators or None
