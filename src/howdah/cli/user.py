"""``howdah user``: list, add, set, disable, reset, token, rm."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from howdah.cli import databases
from howdah.cli.command import Command, Group, console_of
from howdah.cli.console import Console
from howdah.cli.errors import UsageError
from howdah.cli.secret import read_value

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.auth.part import Auth
    from howdah.auth.users import User

Result = TypeVar("Result")

_NONE = "–"


@click.group("user", cls=Group)
def command_() -> None:
    r"""Accounts: who has one, and what they may do. USER is a number, a username, an address or +49… number.

    There is no account to begin with. The first administrator is whoever you make one:

    \b
    Examples:
      howdah user add ann --role admin
      howdah user list
    """


def with_accounts(console: Console, work: Callable[[Auth], Awaitable[Result]]) -> Result:
    """What ``work`` makes of the project's accounts."""
    from howdah.maintenance.accounts import accounts_of

    project = databases.project_of(console)

    async def inside(dsn: Any) -> Result:
        async with accounts_of(project, dsn) as auth:
            return await work(auth)

    return databases.with_database(console, project, lambda postgres: inside(postgres.dsn))


@command_.command("list", cls=Command)
@click.option("--search", metavar="TEXT", help="Only users whose name, address or number has this in it.")
@click.option("--role", help="Only users of this role.")
@click.pass_context
def list_(context: click.Context, search: str | None, role: str | None) -> None:
    r"""Every user: number, name, roles, and when they were here last.

    \b
    Examples:
      howdah user list
      howdah user list --role admin --json
    """
    console = console_of(context)

    async def work(auth: Auth) -> list[User]:
        from howdah.auth import users
        from howdah.auth.identifiers import canonical_text

        text = None if search is None else canonical_text(search)
        found: list[User] = []
        while page := await users.search_users(
            auth.store.pool, text=text, role=role, after=found[-1].id if found else 0, limit=100
        ):
            found += page
        return found

    found = with_accounts(console, work)
    if console.json:
        console.data({"users": [_described(user) for user in found]}, "")
        return
    rows = [
        (
            str(user.id),
            _name(user),
            ", ".join(user.roles),
            "yes" if user.is_active else "no",
            user.last_login or _NONE,
        )
        for user in found
    ]
    if rows:
        console.table(("ID", "NAME", "ROLES", "ACTIVE", "LAST LOGIN"), rows)
    else:
        console.say("There are no users.")


@command_.command("add", cls=Command)
@click.argument("name", metavar="USER")
@click.option("--role", "roles", multiple=True, help="A role of theirs; the first is the usual one. May be repeated.")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input: then there is no link.")
@click.pass_context
def add(context: click.Context, name: str, roles: tuple[str, ...], password_stdin: bool) -> None:
    r"""Make an account. Who it is for chooses a password by a link that opens once, within a day.

    \b
    Examples:
      howdah user add ann --role admin
      howdah user add ann@example.com --role editor --role user
    """
    console = console_of(context)
    password = read_value("Password") if password_stdin else None

    async def work(auth: Auth) -> tuple[User, str | None]:
        from howdah.auth import administration
        from howdah.maintenance.accounts import COMMAND, read_identifier

        new = administration.NewUser((read_identifier(name),), roles or auth.section.default_roles, password)
        user = await administration.create(auth, new, COMMAND)
        return user, None if password else await administration.make_password_link(auth, user.id, COMMAND)

    user, link = with_accounts(console, work)
    if console.json:
        console.data({"user": _described(user), "link": link}, "")
        return
    console.say(f"User {user.id} is {_name(user)}, {' and '.join(user.roles)}.")
    if link is not None:
        console.say("They choose a password here, once, within a day:")
        console.line(link)


@command_.command("set", cls=Command)
@click.argument("name", metavar="USER")
@click.option("--role", "roles", multiple=True, help="The roles, instead of those there are. May be repeated.")
@click.option("--variable", "variables", multiple=True, metavar="NAME=VALUE", help="The session variables, likewise.")
@click.option("--active", is_flag=True, help="They may sign in again.")
@click.pass_context
def set_(context: click.Context, name: str, roles: tuple[str, ...], variables: tuple[str, ...], active: bool) -> None:
    r"""Change what a user may do, at once: other roles end their sessions.

    \b
    Examples:
      howdah user set ann --role editor --role user
      howdah user set ann --variable X-Hasura-Org-Id=7
      howdah user set ann --active
    """
    console = console_of(context)
    if not roles and not variables and not active:
        raise UsageError("There is nothing to set.", hint="Give --role, --variable or --active.")
    pairs = [text.partition("=") for text in variables]
    if any(not sign for _, sign, _ in pairs):
        raise UsageError("A variable is written as NAME=VALUE.")
    wanted = {key: value for key, _, value in pairs}

    async def work(auth: Auth) -> User:
        from howdah.auth import administration
        from howdah.maintenance.accounts import COMMAND, find_user

        user = await find_user(auth, name)
        if roles:
            user = await administration.set_roles(auth, user.id, roles, COMMAND)
        if wanted:
            user = await administration.set_variables(auth, user.id, wanted, COMMAND)
        if active:
            user = await administration.set_active(auth, user.id, COMMAND, active=True)
        return user

    user = with_accounts(console, work)
    console.data({"user": _described(user)}, f"User {user.id}, {_name(user)}: {', '.join(user.roles)}.")


@command_.command("disable", cls=Command)
@click.argument("name", metavar="USER")
@click.pass_context
def disable(context: click.Context, name: str) -> None:
    r"""End every session of a user, and let them sign in no more. `howdah user set USER --active` undoes it.

    \b
    Examples:
      howdah user disable ann
    """
    console = console_of(context)

    async def work(auth: Auth) -> User:
        from howdah.auth import administration
        from howdah.maintenance.accounts import COMMAND, find_user

        user = await find_user(auth, name)
        return await administration.set_active(auth, user.id, COMMAND, active=False)

    user = with_accounts(console, work)
    console.data({"user": _described(user)}, f"User {user.id}, {_name(user)}, can sign in no more.")


@command_.command("reset", cls=Command)
@click.argument("name", metavar="USER")
@click.option(
    "--password-stdin", is_flag=True, help="Take the new password from standard input: then there is no link."
)
@click.option("--factors", is_flag=True, help="Remove the second factors and end every session; no link is made.")
@click.pass_context
def reset(context: click.Context, name: str, password_stdin: bool, factors: bool) -> None:
    r"""A link by which a user chooses another password, once, within a day. Theirs holds until then.

    \b
    Examples:
      howdah user reset ann
      howdah user reset ann --factors
    """
    console = console_of(context)
    if factors and password_stdin:
        raise UsageError("One thing at a time: --factors or --password-stdin.")
    if factors:
        _reset_factors(console, name)
        return
    password = read_value("Password") if password_stdin else None

    async def work(auth: Auth) -> tuple[User, str | None]:
        from howdah.auth import administration
        from howdah.maintenance.accounts import COMMAND, find_user

        user = await find_user(auth, name)
        if password is not None:
            return await administration.reset_password(auth, user.id, password, COMMAND), None
        return user, await administration.make_password_link(auth, user.id, COMMAND)

    user, link = with_accounts(console, work)
    if console.json:
        console.data({"user": _described(user), "link": link}, "")
    elif link is None:
        console.say(f"User {user.id}, {_name(user)}, has another password, and no session.")
    else:
        console.say(f"{_name(user)} chooses a password here, once, within a day:")
        console.line(link)


def _reset_factors(console: Console, name: str) -> None:
    async def work(auth: Auth) -> tuple[User, dict[str, int]]:
        from howdah.auth import administration
        from howdah.maintenance.accounts import COMMAND, find_user

        user = await find_user(auth, name)
        return user, await administration.reset_factors(auth, user.id, COMMAND)

    user, removed = with_accounts(console, work)
    if console.json:
        console.data({"user": _described(user), "removed": removed}, "")
    else:
        console.say(f"User {user.id}, {_name(user)}, has no second factor, and no session.")
        if removed.get("password"):
            console.say("Nor a password: it was too short without. `howdah user reset` makes a link to choose another.")


@command_.command("token", cls=Command)
@click.argument("name", metavar="USER")
@click.option("--seconds", type=click.FloatRange(min=1), help="How long it is good for, at most a session's lifetime.")
@click.pass_context
def token(context: click.Context, name: str, seconds: float | None) -> None:
    r"""A session of a user's, as a bearer token that is shown this once.

    \b
    Examples:
      howdah user token ann --seconds 3600
      curl -H "Authorization: Bearer $(howdah user token ann)" localhost:8080/auth/v1/user/info
    """
    console = console_of(context)

    async def work(auth: Auth) -> str:
        from howdah.auth import administration
        from howdah.maintenance.accounts import COMMAND, find_user

        user = await find_user(auth, name)
        return (await administration.create_session(auth, user.id, COMMAND, lifetime=seconds)).token

    made = with_accounts(console, work)
    console.data({"token": made}, made)


@command_.command("rm", cls=Command)
@click.argument("name", metavar="USER")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(context: click.Context, name: str, yes: bool) -> None:
    r"""Delete an account, with its sessions and factors. What it wrote elsewhere stays.

    \b
    Examples:
      howdah user rm ann --yes
    """
    console = console_of(context)

    async def find(auth: Auth) -> User:
        from howdah.maintenance.accounts import find_user

        return await find_user(auth, name)

    user = with_accounts(console, find)
    databases.confirm_always(console, f"Delete user {user.id}, {_name(user)}", yes=yes)

    async def work(auth: Auth) -> User:
        from howdah.auth import administration
        from howdah.maintenance.accounts import COMMAND

        return await administration.delete(auth, user.id, COMMAND)

    with_accounts(console, work)
    console.data({"deleted": _described(user)}, f"User {user.id}, {_name(user)}, is gone.")


def _name(user: User) -> str:
    return ", ".join(identity.shown for identity in user.identities) or _NONE


def _described(user: User) -> dict[str, Any]:
    return {
        "hasura_id": user.id,
        "identities": [{"kind": each.kind, "shown": each.shown, "verified": each.verified} for each in user.identities],
        "roles": list(user.roles),
        "variables": dict(user.variables),
        "is_active": user.is_active,
        "created": user.created,
        "last_login": user.last_login,
    }
