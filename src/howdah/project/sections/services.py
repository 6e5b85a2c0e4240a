"""The processes of the user's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from howdah.project.sections.addresses import Route
from howdah.project.sections.setting import Setting


@dataclass(frozen=True, slots=True)
class Ready:
    """How a started service shows that it can be used."""

    kind: Literal["http", "tcp", "exec"] = "tcp"
    path: Annotated[str, Setting("text", "Ready when a GET of this path answers below 500.")] = ""
    command: Annotated[tuple[str, ...], Setting("command", "Ready when this command ends with 0.")] = ()
    timeout: Annotated[
        float, Setting("number", "Seconds a service may take to become ready.", minimum=0.1, maximum=3600.0)
    ] = 30.0


@dataclass(frozen=True, slots=True)
class ServiceSection:
    """A process of the user's: how it is started, which requests it gets."""

    name: str
    folder: Annotated[Path, Setting("text", "Its folder, from the project's. `services/<name>` when left out.")] = (
        Path()
    )
    kind: Annotated[
        Literal["http", "grpc", "worker"],
        Setting(
            "text",
            "`worker` does the tasks of `src/tasks.py`: it gets no requests, and its command and readiness are known. "
            "`grpc` answers calls of other services alone, on a unix socket of its own (`HOWDAH_GRPC_ADDRESS`).",
            choices=("http", "grpc", "worker"),
        ),
    ] = "http"
    command: Annotated[
        tuple[str, ...],
        Setting(
            "command",
            "What `howdah dev` runs there, as one text or a list of words. `$PORT` and `$HOST` become the address to "
            "listen on.",
        ),
    ] = ()
    concurrency: Annotated[int, Setting("integer", "Of a worker: tasks at the same time.", minimum=1, maximum=1000)] = 2
    queues: Annotated[tuple[str, ...], Setting("texts", "Of a worker: the queues it does tasks of.")] = ("default",)
    url: Annotated[
        str | None,
        Setting(
            "text",
            "Where the service already runs, for `howdah serve`: `http://host:port`. One of gRPC: `grpcs://host:port`.",
        ),
    ] = None
    watch: Annotated[
        tuple[str, ...],
        Setting("texts", "Folders and files, from the service's folder, whose changes restart it. `[]` is none."),
    ] = (".",)
    routes: Annotated[
        tuple[Route, ...],
        Setting(
            "routes",
            "The requests it gets: a list of paths, or of tables with `subdomain` or `host`, `path`, `strip_prefix` "
            "and a policy (below). The subdomain of its own name when left out.",
        ),
    ] = ()
    role: Annotated[
        str | None,
        Setting(
            "text",
            "The role it has where it asks for itself (`data.as_service()`). Without one it is a stranger then.",
        ),
    ] = None
    stop_timeout: Annotated[
        float, Setting("number", "Seconds it has to end by itself before it is killed.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    requirements: Annotated[
        tuple[str, ...],
        Setting(
            "texts",
            "Files of requirements, or `pyproject.toml`, from its folder. With one it runs in a virtual environment of "
            "its own, `.howdah/venvs/<name>`; else with the Python that howdah runs with.",
        ),
    ] = ()
    redis: Annotated[
        bool,
        Setting("boolean", "Whether it uses a Redis: it is told `REDIS_URL`, and `howdah dev` brings one if need be."),
    ] = False
    environment: Annotated[
        Mapping[str, str], Setting("environment", "Variables it is given, beside those of `.env`.")
    ] = field(default_factory=dict)
    ready: Ready = Ready()
