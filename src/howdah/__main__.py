"""``python -m howdah``: the command line."""

import sys

from howdah.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
