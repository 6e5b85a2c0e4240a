"""Each case folder, without a database: a request, asked by its session, becomes exactly its statement or its error."""

from __future__ import annotations

import pytest
from tests.data.support import Case, cases, fixture_catalog, outcome_of


@pytest.mark.parametrize("case", cases(), ids=str)
def test_becomes_exactly_its_statement_or_its_error(case: Case, update_cases: bool) -> None:
    """A case that is allowed compiles to its statement and parameters; one that is not is refused with its error."""
    outcome = outcome_of(case)
    if update_cases:
        case.update(outcome)
    assert outcome == case.expected()


def test_the_fixture_has_no_problems() -> None:
    """Everything in the fixture's metadata holds in the fixture's database."""
    assert fixture_catalog().problems == ()
