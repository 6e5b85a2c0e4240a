"""How gunicorn serves the app, here and in a container. Its documentation lists every setting."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
pythonpath = "src"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))  # twice the cores and one more is a good beginning on a server
threads = 8
graceful_timeout = 5
loglevel = "warning"  # the kit logs the requests
control_socket_disable = True


def on_starting(_server):
    """The tables are as migrations/ says before anybody asks; of several that start at once, one does it."""
    from howdah.kit.orm.migrate import main

    if main(["upgrade"]):
        raise SystemExit("The tables could not be brought up to date.")
