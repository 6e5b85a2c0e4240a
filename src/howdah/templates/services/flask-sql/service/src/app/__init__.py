"""`from app import app` is all that wsgi.py and the tests need to know."""

from app.main import app as app
