"""Work for later. A service asks for it in the transaction that needs it:

    with db.transaction() as tx:
        greet.send(tx, name="Ann")

and it is done once that has committed; `named("greet")` of howdah.kit.tasks stands for it where this code is not.
"""

import asyncio
import logging

from howdah.kit.tasks import GiveUp, current, task

log = logging.getLogger(__name__)


@task(retries=6)
def greet(name: str) -> str:
    """What is returned can be read in `howdah task show`. When it raises, it is tried again, later each time."""
    if not name.strip():
        raise GiveUp("Nobody to greet.")  # trying again would not help
    log.info("greeting %s, attempt %d", name, current.attempt if current else 1)
    return f"Hello {name}"


@task(time_limit=30)
async def pause(seconds: list[float]) -> int:
    """A task may be async: it is awaited, and what it waits for is waited for together."""
    await asyncio.gather(*(asyncio.sleep(one) for one in seconds))
    return len(seconds)


@task
def pulse() -> None:
    """For the schedule in howdah.toml."""
    log.info("still here")
