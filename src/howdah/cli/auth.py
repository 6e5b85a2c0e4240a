"""``howdah auth``: the keys that tokens are signed with, and what a service checks the gateway's word by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from howdah.cli import databases
from howdah.cli.command import Command, Group, console_of
from howdah.cli.errors import UsageError
from howdah.cli.user import with_accounts

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.auth.part import Auth
    from howdah.auth.sealing import Keyring
    from howdah.auth.signing_keys import StoredKey
    from howdah.project.sections import Project

_NONE = "–"


@click.group("auth", cls=Group)
def command_() -> None:
    r"""How accounts sign what they hand out.

    \b
    Examples:
      howdah auth keys list
      howdah auth service-key app
    """


@command_.group("keys", cls=Group)
def keys() -> None:
    r"""The keys that access tokens are signed with. The first one is made by itself.

    \b
    Examples:
      howdah auth keys list
      howdah auth keys rotate
    """


@keys.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""Every key: which signs, which is published, which is retired.

    \b
    Examples:
      howdah auth keys list
    """
    console = console_of(context)

    async def work(auth: Auth) -> list[dict[str, Any]]:
        from howdah.auth.signing_keys import list_keys

        stored = await list_keys(auth.store.pool)
        published = stored.verify(stored.now, auth.longest_life)
        signs = stored.signs(stored.now)
        return [_described(key, is_signing=key is signs, is_published=key in published) for key in stored.keys]

    found = with_accounts(console, work)
    if console.json:
        console.data({"keys": found}, "")
    elif found:
        rows = [
            (each["kid"], each["algorithm"], each["state"], each["signs_from"], each["retired"] or _NONE)
            for each in found
        ]
        console.table(("KEY", "ALGORITHM", "STATE", "SIGNS FROM", "RETIRED"), rows)
    else:
        console.say("There are no keys yet.")


def _described(key: StoredKey, *, is_signing: bool, is_published: bool) -> dict[str, Any]:
    retired = key.life.retired_at
    state = "signs" if is_signing else "published" if is_published else "retired" if retired else "over"
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": state,
        "signs_from": key.life.signs_from.isoformat(timespec="seconds"),
        "retired": None if retired is None else retired.isoformat(timespec="seconds"),
    }


@keys.command("rotate", cls=Command)
@click.option("--at-once", is_flag=True, help="Sign with it from now on, before others have read it: after a leak.")
@click.pass_context
def rotate(context: click.Context, at_once: bool) -> None:
    r"""Make the next key. It is published now and signs in ten minutes; the one before is good until its last token is.

    \b
    Examples:
      howdah auth keys rotate
      howdah auth keys rotate --at-once
    """
    console = console_of(context)

    async def work(auth: Auth) -> str:
        from howdah.auth import signing_keys
        from howdah.maintenance.accounts import COMMAND

        async with auth.store.transaction() as connection:
            return await signing_keys.rotate(
                connection,
                auth.keyring,
                COMMAND.origin,
                actor=COMMAND.actor,
                algorithm=auth.section.token_algorithm,
                longest_life=auth.longest_life,
                at_once=at_once,
            )

    kid = with_accounts(console, work)
    console.data({"kid": kid}, f"The next key is {kid}.")


@keys.command("retire", cls=Command)
@click.argument("kid", metavar="KEY")
@click.pass_context
def retire(context: click.Context, kid: str) -> None:
    r"""Believe nothing the key has signed, from now on, and forget its private part. There is always one that signs.

    \b
    Examples:
      howdah auth keys retire NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
    """
    console = console_of(context)

    async def work(auth: Auth) -> None:
        from howdah.auth import signing_keys
        from howdah.maintenance.accounts import COMMAND

        async with auth.store.transaction() as connection:
            await signing_keys.retire(
                connection,
                auth.keyring,
                COMMAND.origin,
                kid,
                actor=COMMAND.actor,
                algorithm=auth.section.token_algorithm,
            )

    with_accounts(console, work)
    console.data({"kid": kid}, f"Key {kid} is retired.")


def _keyring_of(project: Project) -> Keyring:
    from howdah.maintenance.errors import NoAccounts
    from howdah.server import secret_keys

    keyring = secret_keys(project)
    if keyring is None:
        raise NoAccounts(hint="Set auth.enabled, and HOWDAH_SECRET_KEY; `howdah dev` makes a key.")
    return keyring


@command_.command("service-key", cls=Command)
@click.argument("service", metavar="SERVICE")
@click.pass_context
def service_key(context: click.Context, service: str) -> None:
    r"""Print what a service checks by that the gateway is speaking: its HOWDAH_INTERNAL_KEY.

    `howdah dev` gives it to the services it starts. Whoever has it can deceive that service, and no other.

    \b
    Examples:
      HOWDAH_SERVICE=app HOWDAH_INTERNAL_KEY=$(howdah auth service-key app) gunicorn app:app
    """
    console = console_of(context)
    project = databases.project_of(console)
    keyring = _keyring_of(project)
    if project.service(service) is None:
        raise UsageError(f"There is no service {service!r}.", hint="howdah.toml names them.")
    from howdah.auth.keys import internal_token_keys
    from howdah.kit.identity import write_keys

    key = write_keys(internal_token_keys(keyring, service))
    if console.json:
        console.data({"service": service, "key": key}, "")
    else:
        console.line(key)
