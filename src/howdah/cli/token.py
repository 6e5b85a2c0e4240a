"""``howdah token``: list, add, rm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from howdah.cli import databases
from howdah.cli.command import Command, Group, console_of
from howdah.cli.errors import UsageError
from howdah.cli.user import with_accounts

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.auth.part import Auth

_NONE = "–"
_DAY = 86400.0


@click.group("token", cls=Group)
def command_() -> None:
    r"""Tokens of machines and scripts: what they may do, and until when. A user's session is `howdah user token`.

    \b
    Examples:
      howdah token add reports --role editor --scope data:read --days 90
      howdah token rm reports
    """


@command_.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""Every token there is or was, without what shows it.

    \b
    Examples:
      howdah token list
      howdah token list --json
    """
    console = console_of(context)
    found = with_accounts(console, _all)
    if console.json:
        console.data({"service_tokens": found}, "")
    elif not found:
        console.say("There are no service tokens.")
    else:
        rows = [
            (
                one["name"],
                ", ".join(one["roles"]),
                ", ".join(one["scopes"] or ()) or _NONE,
                _until(one),
                one["used"] or _NONE,
            )
            for one in found
        ]
        console.table(("NAME", "ROLES", "SCOPES", "UNTIL", "LAST USED"), rows)


@command_.command("add", cls=Command)
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help="A role it may take; the first unless it asks.")
@click.option(
    "--variable", "variables", multiple=True, metavar="NAME=VALUE", help="A session variable: x-hasura-org-id=7."
)
@click.option("--scope", "scopes", multiple=True, help="data, auth, service:<name>, service:*; with :read, too.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="How long it is good for. Without: for ever.")
@click.pass_context
def add(
    context: click.Context,
    name: str,
    roles: tuple[str, ...],
    variables: tuple[str, ...],
    scopes: tuple[str, ...],
    days: float | None,
) -> None:
    r"""Make a token, which is shown this once. Without a scope it may do whatever its roles may.

    \b
    Examples:
      howdah token add reports --role editor --scope data:read --days 90
      curl -H "Authorization: Bearer $TOKEN" localhost:8080/data/v1/table/article/select
    """
    console = console_of(context)
    given = _variables(variables)

    async def work(auth: Auth) -> tuple[str, str]:
        from howdah.auth.machines import check_service_token, make_service_token
        from howdah.maintenance.accounts import COMMAND

        lifetime = None if days is None else days * _DAY
        wanted = check_service_token(name, roles, given, scopes or None, lifetime)
        made = await make_service_token(auth, wanted, COMMAND)
        return made.id, made.token

    token_id, token = with_accounts(console, work)
    console.data({"id": token_id, "name": name, "token": token}, token)


@command_.command("rm", cls=Command)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(context: click.Context, name: str, yes: bool) -> None:
    r"""End a token, by its name or its id: it is worth nothing from now on, anywhere.

    \b
    Examples:
      howdah token rm reports --yes
    """
    console = console_of(context)
    known = [one for one in with_accounts(console, _all) if name in (one["name"], one["id"]) and not one["revoked"]]
    token_id = known[0]["id"] if known else None
    if token_id is not None:
        databases.confirm_always(console, f"End the service token {known[0]['name']}", yes=yes)

    async def work(auth: Auth) -> str:
        from howdah.auth.errors import UnknownServiceToken
        from howdah.auth.machines import end_service_token
        from howdah.maintenance.accounts import COMMAND

        if token_id is None:
            raise UnknownServiceToken(f"There is no service token {name!r}, or it is revoked already.")
        return await end_service_token(auth, token_id, COMMAND)

    ended = with_accounts(console, work)
    console.data({"revoked": ended}, f"The service token {ended} is worth nothing any more.")


async def _all(auth: Auth) -> Sequence[Mapping[str, Any]]:
    from howdah.auth.service_tokens import list_service_tokens

    return await list_service_tokens(auth.store.pool)


def _until(one: Mapping[str, Any]) -> str:
    return "revoked" if one["revoked"] else one["expires"] or "for ever"


def _variables(given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"{text!r} is not NAME=VALUE.", hint="--variable x-hasura-org-id=7")
        found[name] = value
    return found
