"""SQL out of calls, made up at random: no value in a text, no name that gets out of its quotes, values that return."""

from __future__ import annotations

import os
import re
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import Cluster

from howdah.kit.db import errors as e
from howdah.kit.db import statements
from howdah.kit.db.settings import DatabaseSettings
from howdah.kit.db.sync import Database
from howdah.kit.db.transactions import TransactionOptions, begin
from howdah.observe.secret import Secret
from howdah.session import Session

EXAMPLES = int(os.environ.get("HOWDAH_TEST_EXAMPLES", "60"))
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
VALUES = st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
PIECE = re.compile(r'"(?:[^"]|"")+"|%s|[A-Za-z0-9_ .,()=*>-]+')


@given(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_a_text_is_words_quoted_names_and_placeholders(table: str, where: dict[str, Any], data: dict[str, Any]) -> None:
    """Nothing else; and there are as many placeholders as parameters."""
    key = next(iter(data))
    made = [
        statements.select((table,), where, columns=list(data), order_by=["-" + key], limit=1, offset=1),
        statements.insert((table,), data, list(data)),
        statements.update((table,), data, where, every=True, returning=list(data)),
        statements.delete((table,), where, every=True, returning=()),
        statements.call((table,), data),
        statements.function((table,), data, "all"),
    ]
    if data[key] is not None:
        made.append(statements.upsert((table,), data, key, ()))
    for work in made:
        (statement,) = work.statements
        assert PIECE.sub("", statement.text) == ""
        outside = re.sub(r'"(?:[^"]|"")+"', "", statement.text)
        assert outside.count("%s") == len(statement.params or ())
        assert "%" not in outside.replace("%s", "")


@pytest.fixture(scope="module")
def odd(cluster: Cluster) -> Any:
    name = f"odd_{os.getpid()}"
    db = Database(DatabaseSettings(Secret(cluster.create_database(name))))
    yield db
    db.close()
    cluster.drop_database(name)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, NAMES, VALUES, VALUES)
def test_values_come_back_under_whatever_names(odd: Any, table: str, column: str, value: Any, other: Any) -> None:
    """Inserted, found, changed, deleted: in a table and column whose names were made up."""
    table, column = table.encode()[:60].decode(errors="ignore"), column.encode()[:60].decode(errors="ignore")
    quoted = statements.qualified((table,)).replace("%%", "%")
    with odd.transaction():
        odd.execute(f"CREATE TEMP TABLE {quoted} ({statements.name(column).replace('%%', '%')} text) ON COMMIT DROP")
        assert odd.insert((table,), {column: value}, returning=column) == {column: value}
        assert odd.select((table,), {column: value}) == [{column: value}]
        assert odd.select((table,), {column: [value, None]}, columns=[column], order_by=[column]) == [{column: value}]
        if other != value:
            assert odd.select((table,), {column: other}) == []
        assert odd.update((table,), {column: other}, {column: value}) == 1
        assert odd.delete((table,), {column: other}) == 1


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["x-hasura-user-id", "x-hasura-org"]), VALUES.filter(bool)), NAMES)
def test_for_whom_a_transaction_is_arrives_as_it_was(odd: Any, variables: dict[str, str], role: str) -> None:
    """Written into the text, as there are no parameters; quotes and backslashes and all."""
    caller = Session(role, variables)
    with odd.transaction(caller=caller):
        told = odd.fetch_value("SELECT current_setting('hasura.user')::json")
    assert told == {**variables, "x-hasura-role": role}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_literal_is_one_text_to_postgres_too(text: str) -> None:
    """Or is refused: a NUL."""
    if "\0" in text:
        with pytest.raises(e.Mistake):
            statements.literal(text)
        return
    assert re.fullmatch(r"'(?:[^'\\]|'')*'|E'(?:[^'\\]|''|\\\\)*'", statements.literal(text), re.DOTALL)
    assert statements.literal(text) in begin(TransactionOptions(), text)


def test_the_driver_and_we_agree_on_names() -> None:
    """It quotes names as we do."""
    for text in ('a"b', "a b", "1", "select"):
        assert psycopg.sql.Identifier(text).as_string(None) == statements.name(text)
