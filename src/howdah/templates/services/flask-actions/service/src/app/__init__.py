"""An API that takes only POST. A module is a folder, and its name is in the URL: POST /users/add."""

from flask import Flask
from howdah.kit.actions import Actions
from howdah.kit.db import database
from howdah.kit.flask import Howdah

from app import users
from app.settings import settings

app = Flask(__name__)
Howdah(app, actions=Actions([users.module], bearer=settings.bearer), checks={"database": lambda: database().ping()})
