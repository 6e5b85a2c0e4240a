"""Tasks sent over HTTP's language: with what a request writes or not at all, and only those a role may send."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support import run
from tests.tasks.rig import rows
from tests.tasks.test_row_events import ask, serving, shop, tasks  # noqa: F401 - a fixture

from howdah.data.written.document import read_document, to_document
from howdah.data.written.files import InvalidMetadataFiles, from_files
from howdah.data.written.write_files import to_files
from howdah.kit import context
from howdah.session import ADMIN, ANONYMOUS, Session

ANN, BEA = (Session("user", {"x-hasura-user-id": user}) for user in ("7", "8"))
PERMISSION = {
    "task": "send_receipt",
    "role": "user",
    "permission": {"arguments": ["article_id", "note"], "set": {"user_id": "X-Hasura-User-Id", "via": "api"}},
}


async def ready(engine: Any, dsn: str) -> None:
    rows(dsn, "select howdah_tasks.allow(%s)", engine.installation.role)
    await ask(engine, "track_table", "article")
    insert = {"table": "article", "role": "user", "permission": {"columns": "*", "check": {}}}
    await ask(engine, "create_insert_permission", insert)
    select = {"table": "article", "role": "user", "permission": {"columns": "*", "filter": {}}}
    await ask(engine, "create_select_permission", select)
    assert await ask(engine, "create_task_permission", PERMISSION) == {"message": "success"}


def asking(dsn: str, *requests: tuple[str, Any, Session]) -> list[Any]:
    async def main() -> list[Any]:
        async with serving(dsn) as engine:
            await ready(engine, dsn)
            context.request_id.set("req-3")
            return [await ask(engine, type_, args, session) for type_, args, session in requests]

    return run(main())


def test_a_role_sends_what_it_may_with_what_it_is_given_in_any_case(shop: str) -> None:  # noqa: F811
    """R72: on whose behalf, and because of which request, is with the task."""
    args = {"task": "send_receipt", "arguments": {"article_id": 5, "note": None}, "delay": 60, "key": "k"}
    [told] = asking(shop, ("enqueue", args, ANN))
    found = rows(
        shop,
        "select id::text, args, key, source, request_id, session, due_at > now() + interval '50 s'"
        " from howdah_tasks.outbox",
    )
    assert found == [
        (
            told["id"],
            {"article_id": 5, "note": None, "user_id": "7", "via": "api"},
            "user 7 k",
            "api",
            "req-3",
            {"role": "user", "variables": {"x-hasura-user-id": "7"}},
            True,
        )
    ]


@pytest.mark.parametrize(
    ("args", "session", "code"),
    [
        ({"task": "send_receipt"}, Session("editor"), "access-denied"),
        ({"task": "send_receipt"}, ANONYMOUS, "access-denied"),
        ({"task": "drop_everything"}, ANN, "access-denied"),
        ({"task": "send_receipt"}, Session("user"), "not-found"),
        ({"task": "send_receipt", "arguments": {"user_id": "8"}}, ANN, "unexpected-payload"),
        ({"task": "send_receipt", "arguments": {"amount": 8}}, ANN, "unexpected-payload"),
        ({"task": "send_receipt", "source": "cli"}, ANN, "unexpected-payload"),
        ({"task": "send_receipt", "delay": -1}, ADMIN, "parse-failed"),
        ({"task": "send_receipt", "delay": "1"}, ADMIN, "parse-failed"),
        ({"task": "send_receipt", "key": "k" * 201}, ADMIN, "parse-failed"),
        ({"task": "", "arguments": {}}, ADMIN, "parse-failed"),
        ({"task": "t", "arguments": {f"a{n}": n for n in range(41)}}, ADMIN, "parse-failed"),
        ({"task": "t", "arguments": []}, ADMIN, "parse-failed"),
    ],
)
def test_what_may_not_be_sent_is_refused(shop: str, args: Any, session: Session, code: str) -> None:  # noqa: F811
    [told] = asking(shop, ("enqueue", args, session))
    assert told["code"] == code, told
    assert tasks(shop) == []


def test_the_administrator_sends_anything(shop: str) -> None:  # noqa: F811
    args = {"task": "anything", "arguments": {f"a{n}": [n, {"é": None}, 1.5] for n in range(40)}, "key": "k"}
    asking(shop, ("enqueue", args, ADMIN))
    assert tasks(shop, "args, key") == [(args["arguments"], "k")]


def test_a_key_is_the_callers_own(shop: str) -> None:  # noqa: F811
    """Nobody can take somebody else's idempotency key, or learn its task's id."""
    args = {"task": "send_receipt", "idempotency_key": "once"}
    told = asking(shop, ("enqueue", args, ANN), ("enqueue", args, ANN), ("enqueue", args, BEA))
    assert told[0] == told[1] != told[2]
    assert tasks(shop, "idempotency_key, key") == [("user 7 once", None), ("user 8 once", None)]


def test_a_row_and_its_task_are_there_together_or_not_at_all(shop: str) -> None:  # noqa: F811
    """With what earlier queries of the transaction answered; and what is refused in it leaves neither."""

    def both(n: int, title: str | None, task: str = "send_receipt") -> list[Any]:
        new = {"table": "article", "objects": [{"id": n, "title": title}], "returning": ["id"]}
        sent = {"task": task, "arguments": {"article_id": {"$ref": "0.returning[0].id"}}}
        return [{"type": "insert", "args": new}, {"type": "enqueue", "args": sent}]

    told = asking(
        shop,
        ("transaction", both(1, "One"), ANN),
        ("transaction", [*both(2, "Two"), *both(2, "again")[:1]], ANN),
        ("transaction", both(3, "Three", "forbidden"), ANN),
        ("transaction", both(4, None), ANN),
        ("bulk", [both(5, "Five")[0], {"type": "enqueue", "args": {"task": "send_receipt"}}], ANN),
    )
    assert told[0][0]["affected_rows"] == 1
    assert told[0][1].keys() == {"id"}
    assert [one["code"] for one in told[1:4]] == ["constraint-violation", "access-denied", "constraint-violation"]
    assert rows(shop, "select id from article order by 1") == [(1,), (5,)]
    assert [task.get("article_id") for task in tasks(shop)] == [1, None]


def test_permissions_are_metadata(shop: str) -> None:  # noqa: F811
    async def main() -> None:
        async with serving(shop) as engine:
            await ready(engine, shop)
            exported = await ask(engine, "export_metadata", {})
            assert exported["tasks"] == [
                {"name": "send_receipt", "permissions": [{"role": "user", "permission": PERMISSION["permission"]}]}
            ]
            assert (await ask(engine, "create_task_permission", PERMISSION))["code"] == "already-exists"
            assert (await ask(engine, "create_task_permission", PERMISSION, ANN))["code"] == "access-denied"
            gone = {"task": "send_receipt", "role": "user"}
            assert await ask(engine, "drop_task_permission", gone) == {"message": "success"}
            assert (await ask(engine, "drop_task_permission", gone))["code"] == "not-exists"
            assert (await ask(engine, "enqueue", {"task": "send_receipt"}, ANN))["code"] == "access-denied"
            assert await ask(engine, "replace_metadata", exported) == {"message": "success"}
            assert (await ask(engine, "enqueue", {"task": "send_receipt"}, ANN)).keys() == {"id"}

    run(main())


TOML = """[send_receipt.permissions.user]
arguments = ["article_id"]

[send_receipt.permissions.user.set]
user_id = "X-Hasura-User-Id"
"""


def test_a_file_says_it_and_is_what_an_export_says() -> None:
    metadata = from_files({"tasks.toml": TOML})
    assert metadata.tasks[0].permissions[0].presets == (("user_id", "X-Hasura-User-Id"),)
    assert read_document(to_document(metadata)) == metadata
    assert from_files(to_files(metadata)) == metadata
    for wrong in ("[a.permissions]\nuser = 7", "a = 7", '["a b".permissions.user]', "[a]\nroles = []"):
        with pytest.raises(InvalidMetadataFiles):
            from_files({"tasks.toml": wrong})
