"""How our commands are made: every one takes the common options, and groups load their commands when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from howdah.cli.console import Console, Options


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command before it is loaded: the module that defines it, its line of help, the heading it is listed under."""

    module: str
    help: str
    heading: str


def common_options() -> list[click.Parameter]:
    """The options that may stand before and after any command."""
    folder = click.Path(file_okay=False, path_type=Path)
    return [
        _option("--project", help="The project's folder; else the one around here.", type=folder, metavar="DIR"),
        _option("--json", help="Results as JSON, for programs.", is_flag=True),
        _option("-q", "--quiet", help="Say less.", is_flag=True),
        _option("-v", "--verbose", help="Say more: tracebacks of what goes wrong.", is_flag=True),
        _option("--no-input", help="Never ask.", is_flag=True),
    ]


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember, is_eager=True, **attributes)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep what was said; what was said before the command is not unsaid by silence after it."""
    options = context.find_root().ensure_object(Options)
    if value:
        setattr(options, parameter.name or "", value)


def console_of(context: click.Context) -> Console:
    """The console that the options of this call ask for."""
    return Console(context.find_root().ensure_object(Options))


class Command(click.Command):
    """A command with the common options."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        # Click's mark for lines that are not to be joined is the character; raw docstrings spell it.
        self.help = (self.help or "").replace(r"\b", "\b")
        self.params.extend(common_options())


def command(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Decorate a function as a command of ours."""
    return click.command(name, cls=Command, **attributes)


class Group(click.Group):
    """A noun, whose commands are its verbs; all of them are in one module."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.help = (self.help or "").replace(r"\b", "\b")
        self.params.extend(common_options())


class Program(click.Group):
    """The group of all commands, each in the module its Lazy names."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, Lazy], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params.extend(common_options())
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of this name, loaded now."""
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return None
        loaded = importlib.import_module(lazy.module).command_
        assert isinstance(loaded, click.Command)
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the commands under their headings, without loading one."""
        headings = dict.fromkeys(lazy.heading for lazy in self._lazy.values())
        for heading in headings:
            with formatter.section(heading):
                formatter.write_dl(
                    [(name, lazy.help) for name, lazy in self._lazy.items() if lazy.heading == heading],
                    col_max=14,
                )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without loading one; and this group's options."""
        names = [
            CompletionItem(name, help=lazy.help) for name, lazy in self._lazy.items() if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)
