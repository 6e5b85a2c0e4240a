"""Tasks are functions, and are sent in transactions: `howdah test services` brings a database with an outbox."""

import asyncio

import pytest
from howdah.kit.db import database
from howdah.kit.tasks import GiveUp
from tasks import greet, pause

db = database()


def waiting(name):
    return db.fetch_value("SELECT count(*) FROM howdah_tasks.outbox WHERE name = %s", [name])


def test_a_task_is_a_function():
    assert greet("Ann") == "Hello Ann"
    assert asyncio.run(pause([0.01, 0.01])) == 2
    with pytest.raises(GiveUp):
        greet(" ")


def test_a_task_is_asked_for_with_its_transaction_or_not_at_all():
    with db.transaction() as tx:
        greet.send(tx, name="Ann")
    assert waiting("greet") == 1
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        greet.send(tx, name="Ben")
        raise ZeroDivisionError
    assert waiting("greet") == 1
