"""Rows: how they are read and written."""

from howdah.kit.orm import Repository

from app.database import session
from app.foss.models import Foss


class FossRepository(Repository[Foss]):
    model = Foss

    def search(self, text, limit, offset):
        """A page of those whose name has the text in it, by name."""
        return self.page(Foss.name.icontains(text, autoescape=True), order="name", limit=limit, offset=offset)


def foss():
    """The rows, in the session of the current request."""
    return FossRepository(session())
