"""How gunicorn serves the app, here and in a container: as the kit says (HOST, PORT, WEB_CONCURRENCY), and as below."""

from howdah.kit.gunicorn import *  # noqa: F403

pythonpath = "src"


def on_starting(_server):
    """The tables are as migrations/ says before anybody asks; of several that start at once, one does it."""
    from howdah.kit.orm.migrate import main

    if main(["upgrade"]):
        raise SystemExit("The tables could not be brought up to date.")
