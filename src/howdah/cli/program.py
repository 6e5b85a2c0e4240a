"""The table of all commands, and the one place where errors become words and exit codes.

Exit codes: 0 done, 1 failed, 2 not a command, 3 a check found something, 4 no project or not found, 5 not allowed,
130 interrupted.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import click

from howdah import __version__
from howdah.cli.command import Lazy, Program
from howdah.cli.console import Console, Options
from howdah.cli.errors import BUG, CommandError, MissingExtra, SystemRefused, UsageError
from howdah.errors import HowdahError

INTERRUPTED = 130

DAILY, LOOK, DATABASE, PEOPLE, OTHER = "Every day", "When you want to know", "The database", "People and secrets", "And"
COMMANDS = {
    "quickstart": Lazy("howdah.cli.quickstart", "Make a project: folder, database, sample rows, a service.", DAILY),
    "dev": Lazy("howdah.cli.dev", "Start everything here and show what it says.", DAILY),
    "stop": Lazy("howdah.cli.stop", "End what `dev` has started.", DAILY),
    "open": Lazy("howdah.cli.open", "Show a service in the browser.", DAILY),
    "service": Lazy("howdah.cli.service", "The services: list, add, adopt, run, rm; their tables: db.", DAILY),
    "update": Lazy("howdah.cli.update", "Bring in what has changed in the services' templates.", DAILY),
    "test": Lazy("howdah.cli.test", "Permissions, the database, the services: is all as it should be?", DAILY),
    "status": Lazy("howdah.cli.status", "What runs, where, and how it fares.", LOOK),
    "logs": Lazy("howdah.cli.logs", "What the services say and have said.", LOOK),
    "mail": Lazy("howdah.cli.mail", "Mails and text messages: list, show, send-test, template.", LOOK),
    "task": Lazy("howdah.cli.task", "Tasks: list, show, run, retry, purge.", LOOK),
    "schedule": Lazy("howdah.cli.schedule", "Tasks that are due again and again: list, run.", LOOK),
    "doctor": Lazy("howdah.cli.doctor", "Check this machine and project, with remedies.", LOOK),
    "migration": Lazy("howdah.cli.migration", "Change the database step by step: new, up, down, check…", DATABASE),
    "table": Lazy("howdah.cli.table", "The tables: list, show, track, untrack.", DATABASE),
    "perm": Lazy("howdah.cli.perm", "Permissions: list, show, copy, test, explain.", DATABASE),
    "metadata": Lazy("howdah.cli.metadata", "Files and database: diff, pull, apply.", DATABASE),
    "db": Lazy("howdah.cli.db", "The database itself: shell, dump, restore, reset…", DATABASE),
    "auth": Lazy("howdah.cli.auth", "Signing keys: list, rotate, retire.", PEOPLE),
    "user": Lazy("howdah.cli.user", "Accounts: list, add, set, disable, reset, token, rm.", PEOPLE),
    "token": Lazy("howdah.cli.token", "Tokens of machines and scripts: list, add, rm.", PEOPLE),
    "secret": Lazy("howdah.cli.secret", "Variables that nobody else may read: list, set, rm.", PEOPLE),
    "serve": Lazy("howdah.cli.serve", "The platform alone, for servers and containers.", OTHER),
    "gateway": Lazy("howdah.cli.gateway", "For nginx in front: a site that asks howdah.", OTHER),
    "completion": Lazy("howdah.cli.completion", "The script that completes commands in your shell.", OTHER),
    "version": Lazy("howdah.cli.version", "The version of howdah.", OTHER),
}


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"howdah {__version__}")
        context.exit()


program = Program(
    "howdah",
    lazy=COMMANDS,
    help="A backend platform in Python that rides on Postgres.",
    epilog="First time: howdah quickstart hello && cd hello && howdah dev",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="The version of howdah.",
        )
    ],
)


def run(arguments: Sequence[str]) -> int:
    """Carry out a command line; the exit code."""
    # What stands behind the words may be broken, so this is read from them and not from what they mean.
    options = Options(json="--json" in arguments, verbose="-v" in arguments or "--verbose" in arguments)
    console = Console(options)
    sys.excepthook = _report_bug
    try:
        outcome = program.main(list(arguments), prog_name="howdah", standalone_mode=False, obj=Options())
    except HowdahError as error:
        return _failed(console, error)
    except click.exceptions.NoArgsIsHelpError as error:
        console.say(error.format_message())
        return 2
    except click.ClickException as error:
        return _failed(console, _usage_error(error))
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has what it wanted. Python would complain about the pipe once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        return _failed(console, _missing_extra(error))
    except OSError as error:
        if options.verbose:
            raise
        return _failed(console, _system_refused(error))
    return outcome if isinstance(outcome, int) else 0


def _failed(console: Console, error: HowdahError) -> int:
    console.error(error)
    if console.options.verbose and error.__cause__ is not None:
        traceback.print_exception(error, file=sys.stderr)
    return error.exit_code


def _usage_error(error: click.ClickException) -> CommandError:
    """Click's complaint as an error of ours."""
    from howdah.project.schema import nearest  # only for mistakes: the way of a completion stays short

    message = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "howdah"
    hint = f"`{path} --help` shows what there is."
    if context is not None and context.command is program and message.startswith("No such command"):
        near = nearest(message.split("'")[1], COMMANDS)
        hint = f"Did you mean `howdah {near}`?" if near else hint
    return UsageError(message, hint=hint)


def _missing_extra(error: ModuleNotFoundError) -> CommandError:
    if error.name is None or error.name.startswith("howdah"):
        raise error
    return MissingExtra(
        f"The Python package {error.name} is not installed.",
        hint='pip install "howdah[platform,embedded,flask]"',
    )


def _system_refused(error: OSError) -> CommandError:
    where = f"{error.filename}: " if error.filename is not None else ""
    return SystemRefused(f"{where}{error.strerror or error}.", hint="`-v` shows where this happened.")


def _report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error nobody expected: one line, and the whole story in a file for whoever mends it. Python exits with 1."""
    from howdah.observe.secret import redact  # as late as everything a good day does not need

    story = redact("".join(traceback.format_exception(kind, error, trace)))
    if "-v" in sys.argv or "--verbose" in sys.argv:
        sys.stderr.write(story)
    said = redact(f"{kind.__name__}: {error}".splitlines()[0])
    try:
        descriptor, name = tempfile.mkstemp(prefix="howdah-bug-", suffix=".log", dir=_bug_folder())
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"howdah {__version__}, Python {sys.version}\n{story}")
        where = f"the traceback is in {name}"
    except OSError:
        where = "`-v` shows the traceback"
    if "--json" in sys.argv:
        import json

        body = {"code": BUG, "message": f"a bug in howdah: {said}", "hint": where}
        sys.stdout.write(json.dumps({"error": body}) + "\n")
    else:
        sys.stderr.write(f"error[{BUG}]: a bug in howdah: {said}\nhint: {where}\n")


def _bug_folder() -> Path | None:
    """The log folder of the project around here; None for the system's folder of temporary files."""
    logs = next(
        (f / ".howdah" / "logs" for f in (Path.cwd(), *Path.cwd().parents) if (f / "howdah.toml").exists()), None
    )
    return logs if logs is not None and logs.is_dir() else None
