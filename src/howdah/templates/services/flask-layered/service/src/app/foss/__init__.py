"""Free and open-source software: views → domain → backend → models."""

from flask import Blueprint

blueprint = Blueprint("foss", __name__, url_prefix="/foss")

from app.foss import views  # noqa: E402, F401 - they register themselves, and need the blueprint above
