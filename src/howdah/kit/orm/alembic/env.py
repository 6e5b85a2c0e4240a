# ruff: noqa: INP001 - Alembic runs it as a file, and nothing may import it
"""What Alembic runs for each of its commands; everything it needs was put into the Config by `migrations`."""

from alembic import context

from howdah.kit.orm import migrations

migrations.run_environment(context)
