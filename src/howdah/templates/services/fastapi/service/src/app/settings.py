"""The settings: from the environment, then from .env files in this service's folder, which git ignores.

After a change, in src: python -m howdah.kit.settings app.settings:Settings --write ../.env.example
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from howdah.kit.settings import load


@dataclass(frozen=True, slots=True)
class Contact:
    name: str = "The team"
    email: str = "team@example.com"
    terms: Annotated[str, "where the terms of service are"] = "https://example.com/terms"


@dataclass(frozen=True, slots=True)
class Settings:
    contact: Contact
    title: Annotated[str, "what the API is called"] = "Notes"


settings = load(Settings, folder=Path(__file__).parents[2])
