"""The settings: from the environment, then from env/<environment>/.env in this service's folder, which git ignores.

HOWDAH_ENVIRONMENT says which environment it is. After a change, in src:
python -m howdah.kit.settings app.settings:Settings --write ../.env.example
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from howdah.kit.settings import Secret, load


@dataclass(frozen=True, slots=True)
class Settings:
    bearer: Annotated[tuple[Secret, ...], "what callers show who come around the gateway; two to replace one"] = ()
    page_size: Annotated[int, "how many users one call finds"] = 100


settings = load(Settings, folder=Path(__file__).parents[2])
