"""The settings: from the environment, then from env/<environment>/.env in the service's folder, which git does not see.

Which environment it is says HOWDAH_ENVIRONMENT. After a change: python -m howdah.kit.settings app.settings --write ../.env.example
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from howdah.kit.settings import Secret, load


@dataclass(frozen=True, slots=True)
class Settings:
    bearer: Annotated[tuple[Secret, ...], "what callers show who do not come through the gateway; two to replace one"] = ()
    page_size: Annotated[int, "how many users one call finds"] = 100


settings = load(Settings, folder=Path(__file__).parents[2])
