"""How gunicorn serves the app, here and in a container: as the kit says (HOST, PORT, WEB_CONCURRENCY), and as below."""

from howdah.kit.gunicorn import *  # noqa: F403

chdir = "src"
