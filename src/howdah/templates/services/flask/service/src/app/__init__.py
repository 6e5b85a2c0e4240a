"""A Flask app, and one line that makes it a service of howdah's."""

from flask import Flask
from howdah.kit.flask import Howdah

app = Flask(__name__)
Howdah(app)  # who is asking, JSON errors, a log line for each request, /-/health

# The routes register themselves when they are imported, and need the app above.
from app import articles, server, whoami  # noqa: E402, F401
