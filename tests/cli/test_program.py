"""The command line as a whole: help, options, completion, errors and exit codes."""

from __future__ import annotations

import json
import os
import pty
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.commands import CLEAN, howdah, project

from howdah.cli.program import COMMANDS, program

GOOD = "Zk3-9vT1xQ8rLwYb2mNc"


def test_help_lists_every_command_with_its_line(tmp_path: Path) -> None:
    """--help shows the commands under headings, each with the first sentence of its own help."""
    told = howdah("--help", folder=tmp_path)
    assert told.code == 0
    assert told.err == ""
    for name, lazy in COMMANDS.items():
        assert f"  {name}" in told.out
        assert lazy.help in told.out
        assert lazy.heading + ":" in told.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_the_common_options(name: str, tmp_path: Path) -> None:
    """`COMMAND --help` explains, shows an example, and offers --json, --project, -q, -v and --no-input."""
    told = howdah(name, "--help", folder=tmp_path)
    assert told.code == 0
    assert f"howdah {name}" in told.out.split("\n  Examples:\n")[1], "examples stand on lines of their own"
    for option in ("--json", "--project", "--quiet", "--verbose", "--no-input"):
        assert option in told.out


def test_no_words_at_all_show_the_help(tmp_path: Path) -> None:
    """`howdah` alone is not a command: help on standard error, exit code 2."""
    told = howdah(folder=tmp_path)
    assert (told.code, told.out) == (2, "")
    assert "quickstart" in told.err


def test_help_and_completion_are_quick(tmp_path: Path) -> None:
    """Both are called while somebody waits for a key: far below a second; the medians are printed."""
    runs = {
        "help": (["--help"], {}),
        "completion": ([], {"_HOWDAH_COMPLETE": "bash_complete", "COMP_WORDS": "howdah st", "COMP_CWORD": "1"}),
    }
    for name, (words, environment) in runs.items():
        took = []
        for _ in range(5):
            began = time.perf_counter()
            howdah(*words, folder=tmp_path, environment=environment)
            took.append(time.perf_counter() - began)
        print(f"{name}: {statistics.median(took):.3f} s")
        assert statistics.median(took) < 1


def test_help_imports_nothing_heavy() -> None:
    """What makes help slow is imports: none of the platform's packages is among them."""
    code = "import sys; from howdah.cli import program; program.run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=CLEAN)
    loaded = set(done.stderr.split())
    assert not loaded & {"asyncio", "psycopg", "rich", "uvicorn", "tomllib", "subprocess", "http.client", "msgspec"}


def test_commands_and_services_are_completed(tmp_path: Path) -> None:
    """TAB offers commands after `howdah`, and the services of howdah.toml where one belongs."""
    folder = project(
        tmp_path, '[services.app]\ncommand = "x"\n[services.api]\ncommand = "x"\n[services.web]\ncommand="x"'
    )

    def complete(words: str, number: int, where: Path = folder) -> list[str]:
        environment = {"_HOWDAH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
        told = howdah(folder=where, environment=environment)
        assert told.err == ""
        return [line.split(",")[1] for line in told.out.splitlines() if line]

    assert complete("howdah st", 1) == ["stop", "status"]
    assert complete("howdah logs a", 2) == ["app", "api"]
    assert complete("howdah dev --only w", 3) == ["web"]
    assert "--json" in complete("howdah status --j", 2)
    (folder / "howdah.toml").write_text("broken [")
    assert complete("howdah logs a", 2) == []


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete -o"), ("zsh", "#compdef howdah"), ("fish", "complete --")]
)
def test_a_completion_script_is_printed(shell: str, word: str, tmp_path: Path) -> None:
    """For the shell that is named, or the one of the user."""
    assert word in howdah("completion", shell, folder=tmp_path).out
    assert word in howdah("completion", folder=tmp_path, environment={"SHELL": f"/bin/{shell}"}).out
    assert howdah("completion", shell, "--json", folder=tmp_path).json["shell"] == shell


def test_an_unknown_shell_is_asked_about(tmp_path: Path) -> None:
    """Without a shell to go by, the three are named."""
    told = howdah("completion", folder=tmp_path)
    assert told.code == 2
    assert "bash|zsh|fish" in told.err


def test_the_version_is_told(tmp_path: Path) -> None:
    """As a command, as an option and as JSON."""
    from howdah import __version__

    assert howdah("version", folder=tmp_path).out.startswith(f"howdah {__version__} ")
    assert howdah("--version", folder=tmp_path).out == f"howdah {__version__}\n"
    assert howdah("version", "--json", folder=tmp_path).json["version"] == __version__
    assert howdah("--json", "version", folder=tmp_path).json["version"] == __version__


# words, exit code, code, words of the hint
WRONG = [
    (["stattus"], 2, "E002", "howdah status"),
    (["status", "--nope"], 2, "E002", "howdah status --help"),
    (["serve", "--port", "99999"], 2, "E002", "howdah serve --help"),
    (["logs", "--since", "yesterday"], 4, "E100", "quickstart"),
    (["quickstart"], 2, "E002", "howdah quickstart --help"),
    (["quickstart", "a", "b", "c"], 2, "E002", "howdah quickstart --help"),
    (["quickstart", "helo", "x"], 4, "E102", "hello"),
    (["quickstart", "a`b"], 2, "E103", "letters"),
    (["status"], 4, "E100", "quickstart"),
    (["stop"], 4, "E100", "quickstart"),
    (["dev"], 4, "E100", "quickstart"),
    (["--project", "nowhere", "logs"], 4, "E100", "quickstart"),
    (["--project", "nowhere", "doctor"], 4, "E100", "quickstart"),
]


@pytest.mark.parametrize(("words", "exit_code", "code", "hint"), WRONG, ids=lambda value: str(value))
def test_a_mistake_has_code_hint_and_exit_code(
    words: list[str], exit_code: int, code: str, hint: str, tmp_path: Path
) -> None:
    """On standard error for people, as JSON on standard output for programs; never a traceback."""
    told = howdah(*words, folder=tmp_path)
    assert told.code == exit_code, told.err
    assert told.out == ""
    assert told.err.startswith(f"error[{code}]: ")
    assert hint in told.err.split("hint: ")[1]
    assert f"help: docs/errors.md#{code.lower()}" in told.err
    assert "Traceback" not in told.err
    twin = howdah(*words, "--json", folder=tmp_path)
    assert (twin.code, twin.err) == (exit_code, "")
    assert twin.json["error"]["code"] == code
    assert hint in twin.json["error"]["hint"]


@pytest.mark.parametrize("command", ["dev", "doctor", "serve"])
def test_every_problem_of_the_settings_is_shown(command: str, tmp_path: Path) -> None:
    """Two mistakes are two lines with file and line; the exit code is that of the command."""
    folder = project(tmp_path, "[server]\nprot = 1\nhost = 2\n")
    told = howdah(command, folder=folder)
    assert told.code == (3 if command == "doctor" else 1)
    both = told.out + told.err
    assert "howdah.toml:2: unknown setting server.prot. Did you mean port?" in both
    assert "howdah.toml:3: server.host: this must be text" in both
    assert "E310" in both
    assert "Traceback" not in both


def test_broken_toml_is_one_clear_error(tmp_path: Path) -> None:
    """File, line and column of a syntax error."""
    told = howdah("dev", folder=project(tmp_path, "[server\n"))
    assert told.code == 1
    assert told.err.startswith("error[E311]: howdah.toml:1:8: ")


def test_options_may_stand_before_and_after(tmp_path: Path) -> None:
    """--project and --json mean the same on either side of the command."""
    folder = project(tmp_path / "a b")
    before = howdah("--json", "--project", str(folder), "status", folder=tmp_path)
    after = howdah("status", "--project", str(folder), "--json", folder=tmp_path)
    assert before == after
    assert before.json["error"]["code"] == "E120"
    assert before.code == 4


def test_there_is_nothing_to_stop_open_or_follow_when_nothing_runs(tmp_path: Path) -> None:
    """Each says that nothing runs, with exit code 4, and how to start it."""
    folder = project(tmp_path)
    for words in (["stop"], ["open"], ["open", "app"], ["status"], ["logs", "-f"]):
        told = howdah(*words, folder=folder)
        assert told.code == 4, words
        assert told.err.startswith("error[E120]: ")
        assert "howdah dev" in told.err


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    """A terminal gets colours, NO_COLOR and pipes do not."""

    def seen(environment: dict[str, str]) -> str:
        parent, child = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "howdah", "status"],
            cwd=tmp_path,
            env={**CLEAN, "TERM": "xterm", **environment},
            stdin=child,
            stdout=child,
            stderr=child,
        )
        os.close(child)
        said = b""
        try:
            while chunk := os.read(parent, 4096):
                said += chunk
        except OSError:  # Linux says so when the last writer has gone
            pass
        finally:
            os.close(parent)
            process.wait(20)
        return said.decode()

    assert "\x1b[31merror[E100]:\x1b[0m" in seen({})
    assert "\x1b" not in seen({"NO_COLOR": "1"})
    assert "\x1b" not in howdah("status", folder=tmp_path).err


def test_no_control_character_of_a_message_reaches_the_terminal(tmp_path: Path) -> None:
    """What a folder's name holds is spelled out."""
    told = howdah("--project", "x\x1b[2Jy", "status", folder=tmp_path)
    assert "\x1b" not in told.err


def test_a_bug_is_one_line_and_a_file(tmp_path: Path) -> None:
    """An error nobody expected: code E001, its traceback in a file, or on the screen with -v."""
    (tmp_path / "sitecustomize.py").write_text(
        "import howdah.cli.version\n"
        "def broken(*_): raise LookupError('postgresql://me:hidden@db')\n"
        "howdah.cli.version.command_.callback = broken\n"
    )
    environment = {"PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}
    told = howdah("version", folder=tmp_path, environment=environment)
    assert told.code == 1
    assert told.err.startswith("error[E001]: a bug in howdah: LookupError")
    assert len(told.err.splitlines()) == 2
    (file,) = tmp_path.glob("howdah-bug-*.log")
    assert str(file) in told.err
    assert "Traceback" in file.read_text()
    assert "hidden" not in file.read_text() + told.err
    assert "Traceback" in howdah("version", "-v", folder=tmp_path, environment=environment).err
    assert howdah("version", "--json", folder=tmp_path, environment=environment).json["error"]["code"] == "E001"


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """On the base installation there is no click: the command says what to install."""
    code = "import sys; sys.modules['click'] = None; from howdah.cli.main import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "error[E003]" in done.stderr
    assert "howdah[platform" in done.stderr


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """`howdah ... | head -1` ends quietly."""
    logs = project(tmp_path) / ".howdah" / "logs"
    logs.mkdir(parents=True)
    line = json.dumps({"time": "2026-11-21T10:00:00.000Z", "level": "info", "service": "app", "message": "x" * 100})
    (logs / "app.jsonl").write_text(f"{line}\n" * 5000)
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah", "logs", "-n", "5000"],
        cwd=tmp_path,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(20) == 0


def test_the_table_and_the_commands_say_the_same() -> None:
    """What --help lists is what each command's own help begins with, or says shorter; each loads."""
    context = program.make_context("howdah", [], resilient_parsing=True)
    for name in COMMANDS:
        command = program.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help
    assert program.get_command(context, "nothing") is None


SERVE_WRONG = [
    # words, environment, code, exit code
    ([], {}, "E124", 2),
    (["--set", "server.prot=1"], {}, "E310", 1),
    (["--set", "nonsense"], {}, "E310", 1),
    (["--admin-secret-file", "nowhere"], {}, "E312", 1),
    ([], {"HOWDAH_ADMIN_SECRET": ""}, "E321", 5),
    ([], {"HOWDAH_ADMIN_SECRET": "changeme"}, "E321", 5),
    ([], {"HOWDAH_ADMIN_SECRET": "change-me-to-a-long-random-text"}, "E321", 5),
]


@pytest.mark.parametrize(("words", "environment", "code", "exit_code"), SERVE_WRONG)
def test_serve_does_not_start_with_what_it_cannot_use(
    words: list[str], environment: dict[str, str], code: str, exit_code: int, tmp_path: Path
) -> None:
    """No database, unknown settings, no or sample secrets (R7): refused before anything listens."""
    told = howdah("serve", "--port", "0", *words, folder=tmp_path, environment=environment)
    assert told.code == exit_code, told.err
    assert f"error[{code}]: " in told.err
    assert "Traceback" not in told.err


def test_a_secret_is_never_shown_in_an_error(tmp_path: Path) -> None:
    """Neither the admin secret nor the database's password is in what a failing serve says."""
    (tmp_path / "secret").write_text(GOOD)
    told = howdah(
        "serve", "--port", "0", "--admin-secret-file", "secret", "-v",
        "--database-url", "postgresql://me:hiddenpassword@127.0.0.1:1/x",
        folder=tmp_path,
    )  # fmt: skip
    assert told.code != 0
    assert GOOD not in told.out + told.err
    assert "hiddenpassword" not in told.out + told.err
