"""Where ``howdah`` begins. It is called for every TAB of a completion, so it imports little and other modules late."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; the exit code."""
    try:
        from howdah.cli import program
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(
            "error[E003]: the command line is not part of the base installation\n"
            'hint: pip install "howdah[platform,embedded,flask]"\n'
        )
        return 1
    except KeyboardInterrupt:  # before there is anything to end, and before anybody else would catch it
        return 130
    return program.run(sys.argv[1:])
