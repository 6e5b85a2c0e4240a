"""Metadata, held against the database → the Catalog, in stages: tables, relationships, permissions.

Nothing is fatal: what does not hold is left out and listed as a Problem.
"""

from __future__ import annotations

from howdah.data.catalog.database import Database
from howdah.data.catalog.metadata import Metadata
from howdah.data.catalog.model import Catalog


def resolve(metadata: Metadata, database: Database, version: int) -> Catalog:
    """Everything in the metadata that holds in the database, and a Problem for everything else."""
    raise NotImplementedError
