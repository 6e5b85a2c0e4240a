"""The models of all features, which migrations compare with the database."""

from app.foss.models import Foss as Foss
