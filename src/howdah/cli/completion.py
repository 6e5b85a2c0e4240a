"""``howdah completion``."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from howdah.cli.command import command, console_of
from howdah.cli.errors import UsageError

SHELLS = ("bash", "zsh", "fish")


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def command_(context: click.Context, shell: str | None) -> None:
    r"""The script that completes commands in your shell: bash, zsh or fish.

    \b
    Examples:
      eval "$(howdah completion bash)"          # in ~/.bashrc
      eval "$(howdah completion zsh)"           # in ~/.zshrc
      howdah completion fish > ~/.config/fish/completions/howdah.fish
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UsageError("Which shell is this?", hint=f"Name it: howdah completion {'|'.join(SHELLS)}")
    kind = get_completion_class(name)
    assert kind is not None
    completion = kind(context.find_root().command, {}, "howdah", "_HOWDAH_COMPLETE")
    script = completion.source_template % completion.source_vars()
    console_of(context).data({"shell": name, "script": script}, script)
