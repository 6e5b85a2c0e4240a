"""The tables. An Entity has a UUID as key, says who made and changed it, and is not found once it is deleted."""

from howdah.kit.orm import Entity
from sqlalchemy.orm import Mapped, mapped_column


class Foss(Entity):
    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
