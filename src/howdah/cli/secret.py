"""``howdah secret``: list, set, rm."""

from __future__ import annotations

import sys

import click

from howdah.cli import running
from howdah.cli.command import Command, Group, console_of
from howdah.cli.errors import UnknownTarget
from howdah.project.secret_file import read_secret_variables, set_secret_variable


@click.group("secret", cls=Group)
def command_() -> None:
    r"""Variables for settings and services that nobody else on this machine may read.

    They are like those of .env, and stronger, but are kept in .howdah/secrets.toml (mode 0600, ignored by git). A value
    is read from standard input, never from the command line, where others could see it. What runs is told at its next
    start.

    \b
    Examples:
      howdah secret set STRIPE_KEY
      howdah secret set HOWDAH_MAIL_URL < mail-url.txt
    """


@command_.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""The names of the variables, without their values.

    \b
    Examples:
      howdah secret list
    """
    console = console_of(context)
    names = sorted(read_secret_variables(running.project_folder(console)))
    if console.json:
        console.data({"secrets": names}, "")
        return
    for name in names:
        console.line(name)
    if not names:
        console.say("There are no secret variables.")


@command_.command("set", cls=Command)
@click.argument("name")
@click.pass_context
def set_(context: click.Context, name: str) -> None:
    r"""Keep a variable. Its value is the first line of standard input, or asked for without showing it.

    \b
    Examples:
      howdah secret set STRIPE_KEY
      pass show stripe | howdah secret set STRIPE_KEY
    """
    console = console_of(context)
    value = read_value(f"Value of {name}")
    was_there = set_secret_variable(running.project_folder(console), name, value)
    console.data({"secret": name, "replaced": was_there}, f"{name} is {'another one now' if was_there else 'kept'}.")


@command_.command("rm", cls=Command)
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    r"""Forget a variable.

    \b
    Examples:
      howdah secret rm STRIPE_KEY
    """
    console = console_of(context)
    if not set_secret_variable(running.project_folder(console), name, None):
        raise UnknownTarget(f"There is no secret variable {name}.")
    console.data({"secret": name, "removed": True}, f"{name} is forgotten.")


def read_value(prompt: str) -> str:
    """What somebody types without it being shown, or the first line of what is piped in."""
    if sys.stdin.isatty():
        value: str = click.prompt(prompt, hide_input=True, err=True)
        return value
    return sys.stdin.readline().rstrip("\r\n")
