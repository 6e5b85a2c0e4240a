"""Alembic for one service: its own folder of revisions, its own table of what was applied, nobody else's tables.

The revisions of a service are in its folder ``migrations``; nothing else of Alembic's is there, and no address: the
database is the one that the environment names. `migrate` is the command over this.
"""

from __future__ import annotations

import importlib
import io
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, MetaData, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from howdah.kit.db import pool
from howdah.kit.db.settings import DatabaseSettings
from howdah.kit.orm.errors import MigrationFailed, NoModels
from howdah.kit.orm.failures import explain

FOLDER: Final = "migrations"
LOCK_SECONDS: Final = 600
"""How long one waits for another that upgrades the same service's tables."""

_SCRIPTS: Final = Path(__file__).with_name("alembic")


@dataclass(frozen=True, slots=True)
class Target:
    """Whose tables, what they should be, where the revisions are, and in which database."""

    service: str
    folder: Path
    metadata: MetaData
    settings: DatabaseSettings | None

    @property
    def version_table(self) -> str:
        """Where it is written which revisions were applied: a table of this service's alone."""
        return f"alembic_version_{self.service.replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Revision:
    """One step, and whether it was applied."""

    revision: str
    message: str
    path: Path
    applied: bool


def find_metadata(folder: Path, models: str | None) -> MetaData:
    """What the models of a service say its tables are.

    ``models`` is ``module`` or ``module:name``; without it the one ``models`` below the folder. Raises NoModels.
    """
    source = folder / "src" if (folder / "src").is_dir() else folder
    if str(source) not in sys.path:
        sys.path.insert(0, str(source))
    module_name, _, name = (models or _only_models(source)).partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise NoModels(f"There is no module {module_name} in {source}.") from None
    names = [name] if name else ["metadata", "Base", *vars(module)]
    for one in names:
        found = getattr(module, one, None)
        metadata = found if isinstance(found, MetaData) else getattr(found, "metadata", None)
        if isinstance(metadata, MetaData) and (metadata.tables or name):
            return metadata
    raise NoModels(f"{module_name} has no SQLAlchemy models.")


def revise(target: Target, message: str, *, empty: bool = False) -> Path | None:
    """A new revision with what the models have and the database has not; None when that is nothing.

    Raises MigrationFailed: the database is not at the newest revision.
    """
    (target.folder / FOLDER).mkdir(parents=True, exist_ok=True)
    config = _config(target)

    def keep_changes(_context: Any, _revision: Any, directives: list[Any]) -> None:
        if not empty and directives and directives[0].upgrade_ops.is_empty():
            directives.clear()

    config.attributes["process_revision_directives"] = keep_changes
    config.attributes["only_looks"] = True
    with _explained():
        made = command.revision(config, message=message, autogenerate=not empty)
    scripts = [one for one in (made if isinstance(made, list) else [made]) if one]
    return Path(scripts[0].path) if scripts else None


def upgrade(target: Target, revision: str = "head") -> None:
    """The database is at ``revision``. Raises MigrationFailed, DbError."""
    with _explained():
        command.upgrade(_config(target), revision)


def downgrade(target: Target, revision: str = "-1") -> None:
    """The database is at ``revision`` again; ``base`` is before the first. Raises MigrationFailed, DbError."""
    with _explained():
        command.downgrade(_config(target), revision)


def preview(target: Target, revision: str = "head") -> str:
    """The SQL that an upgrade runs, from the beginning or, as ``from:to``, from a revision. It asks no database."""
    shown = io.StringIO()
    with _explained():
        command.upgrade(_config(target, output=shown), revision, sql=True)
    return shown.getvalue()


def history(target: Target) -> list[Revision]:
    """Every revision of the folder, the oldest first. Raises MigrationFailed, DbError."""
    scripts = ScriptDirectory.from_config(_config(target))
    with _explained(), _connected(target) as connection:
        context = MigrationContext.configure(connection, opts=_version_options(target))
        heads = context.get_current_heads()
        applied = {one.revision for one in scripts.iterate_revisions(heads, "base")} if heads else set()
        steps = reversed(list(scripts.walk_revisions()))
        return [Revision(one.revision, one.doc, Path(one.path), one.revision in applied) for one in steps]


def run_environment(context: Any) -> None:
    """What one command of Alembic's does with the database: for `alembic/env.py` alone."""
    target: Target = context.config.attributes["target"]
    only_looks = context.config.attributes.get("only_looks", False)
    options = {
        "target_metadata": target.metadata,
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": any(table.schema is not None for table in target.metadata.tables.values()),
        "include_name": _include_name(target.metadata),
        "include_object": _include_object(target.metadata),
        "process_revision_directives": context.config.attributes.get("process_revision_directives"),
        "dont_mutate": only_looks,
        **_version_options(target),
    }
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True, **options)
        with context.begin_transaction():
            for schema in _schemas(target):
                context.execute(CreateSchema(schema, if_not_exists=True))
            context.run_migrations()
        return
    with _connected(target) as connection:
        _lock(connection, target)
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            for schema in () if only_looks else _schemas(target):
                connection.execute(CreateSchema(schema, if_not_exists=True))
            context.run_migrations()


def _lock(connection: Connection, target: Target) -> None:
    """Nobody else upgrades this service's tables until the connection ends: whoever comes second finds it done."""
    assert target.settings is not None
    connection.execute(text("SELECT set_config('statement_timeout', '0', false)"))
    connection.execute(text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": f"{LOCK_SECONDS}s"})
    connection.execute(
        text("SELECT pg_advisory_lock(hashtextextended(:key, 0))"), {"key": f"howdah.kit.orm {target.version_table}"}
    )
    connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": f"{target.settings.lock_timeout}s"}
    )
    connection.commit()


def _config(target: Target, output: io.StringIO | None = None) -> Config:
    quiet = Namespace(quiet=True)  # what was done is told by us
    config = Config(output_buffer=output, cmd_opts=quiet) if output is not None else Config(cmd_opts=quiet)
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("version_locations", str(target.folder / FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s")
    config.set_main_option("timezone", "UTC")
    config.attributes["target"] = target
    return config


def _version_options(target: Target) -> dict[str, Any]:
    return {"version_table": target.version_table, "version_table_schema": target.metadata.schema}


def _schemas(target: Target) -> list[str]:
    """The schemas of the models, which are made where they are not there."""
    found = {target.metadata.schema, *(table.schema for table in target.metadata.tables.values())}
    return sorted(one for one in found if one is not None and one != "public")


def _include_name(metadata: MetaData) -> Callable[[str | None, str, Any], bool]:
    """Only the schemas of the models are looked at: not howdah's, not those of other services."""
    schemas = {table.schema for table in metadata.tables.values()}

    def include(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "schema" or name in schemas

    return include


def _include_object(metadata: MetaData) -> Callable[[Any, str | None, str, bool, Any], bool]:
    """A table that no model has is dropped only in a schema of the service's own.

    In ``public`` it is somebody else's: of howdah's migrations, or of another service.
    """

    def include(found: Any, _name: str | None, kind: str, reflected: bool, model: Any) -> bool:
        if kind != "table" or not reflected or model is not None:
            return True
        return metadata.schema not in (None, "public") and found.schema == metadata.schema

    return include


@contextmanager
def _connected(target: Target) -> Iterator[Connection]:
    settings = target.settings
    assert settings is not None
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: pool.connect(settings, settings.startup_timeout, autocommit=False),
        poolclass=NullPool,
        hide_parameters=True,
    )
    with engine.connect() as connection:
        yield connection


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        hint = "Upgrade first, then make the next revision." if "not up to date" in str(error) else None
        raise MigrationFailed(str(error), hint=hint) from None
    except SQLAlchemyError as error:
        raise explain(error) from None


def _only_models(source: Path) -> str:
    """The module of models below a folder, when there is exactly one."""
    found = [
        path
        for pattern in ("models.py", "models/__init__.py", "*/models.py", "*/models/__init__.py")
        for path in sorted(source.glob(pattern))
        if not path.relative_to(source).parts[0].startswith((".", "test", FOLDER))
    ]
    names = [".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__") for path in found]
    if len(names) == 1:
        return names[0]
    said = f"There are several: {', '.join(names)}." if names else f"There is no models.py in {source}."
    raise NoModels(said, hint="Name the module: --models app.models, or HOWDAH_MODELS in the service's environment.")
