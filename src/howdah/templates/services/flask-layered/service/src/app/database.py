"""The database, for the backends of all features."""

from flask import current_app
from howdah.kit.db import database

ping = database().ping


def session():
    """The session of the current request."""
    return current_app.extensions["sessions"].current
