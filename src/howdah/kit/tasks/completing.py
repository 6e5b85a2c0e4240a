"""The completion of a task as part of its own transaction: what it wrote and that it is done are committed together."""

from __future__ import annotations

from typing import Any, Final

from howdah.kit.tasks import transactions
from howdah.kit.tasks.errors import TaskLost
from howdah.kit.tasks.transactions import Statement

_FINISH: Final = Statement(
    "select howdah_tasks.finish(task_id => cast(:id as uuid), attempt => cast(:attempt as integer), result => null)"
)


def complete(tx: Any, task_id: str, fence: int) -> Any:
    """The task is done if the transaction commits. Raises TaskLost, and NotATransaction."""
    parameters = {"id": task_id, "attempt": fence}
    if transactions.is_asynchronous(tx):
        return _complete_async(tx, parameters)
    if not transactions.cell(tx, _FINISH, parameters):
        raise TaskLost
    return None


async def _complete_async(tx: Any, parameters: dict[str, Any]) -> None:
    if not await transactions.cell(tx, _FINISH, parameters):
        raise TaskLost
