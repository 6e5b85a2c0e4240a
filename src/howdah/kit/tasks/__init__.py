"""Tasks: work for later, asked for in a transaction and done once that has committed.

    from howdah.kit.tasks import current, task

    @task(retries=5)
    def send_receipt(order_id: int) -> None: ...

    with connection.transaction():
        ...
        send_receipt.send(connection, order_id=7)

This half needs nothing but the connection it is given. What does the tasks is `howdah.kit.tasks.worker`, on Celery.
"""

from howdah.kit.tasks.declare import Task, declared, named, task
from howdah.kit.tasks.errors import (
    GiveUp,
    NotATransaction,
    OutboxUnavailable,
    TaskError,
    TaskLost,
    TaskMisdeclared,
    TryAgain,
    WrongArguments,
)
from howdah.kit.tasks.running import current

__all__ = [
    "GiveUp",
    "NotATransaction",
    "OutboxUnavailable",
    "Task",
    "TaskError",
    "TaskLost",
    "TaskMisdeclared",
    "TryAgain",
    "WrongArguments",
    "current",
    "declared",
    "named",
    "task",
]
