"""howdah.toml, the environment and ``--set`` become a Project, or every problem at once."""

# ruff: noqa: E501 - in the table of cases, a row is a line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.observe.secret import Secret
from howdah.project.errors import BrokenToml, InvalidSettings
from howdah.project.parse import Sources, parse_project
from howdah.project.schema import SECTIONS, SERVICE_SETTINGS, SETTINGS
from howdah.project.sections import MIB, Project, Ready, Route, Secrets

ROOT = Path("/home/me/shop")


def parse(toml: str = "", *, root: Path | None = ROOT, **sources: Any) -> Project:
    """The project that these sources make."""
    return parse_project(Sources(toml, **sources), root=root, secrets=Secrets())


def problems(toml: str = "", **sources: Any) -> list[tuple[str, str]]:
    """Place and message of everything wrong with these sources."""
    with pytest.raises(InvalidSettings) as caught:
        parse(toml, **sources)
    return [(problem.place, problem.message) for problem in caught.value.problems]


def test_an_empty_file_is_a_project() -> None:
    """Everything has a default, the name is the folder's."""
    project = parse()
    assert (project.name, project.server.port, project.services) == ("shop", 8080, ())
    assert project.database.url is None


def test_every_section_is_read() -> None:
    """What is written replaces the default, in the type of its section."""
    project = parse(
        """
        [project]
        name = "The Shop"
        [server]
        port = 9000
        [database]
        url = "postgresql://me:hidden@db/shop"
        statement_timeout = 5
        [data]
        max_body = "2 MiB"
        stringify_numerics = true
        [gateway]
        anonymous_user_id = "0"
        [logs]
        level = "debug"
        """
    )
    assert project.name == "The Shop"
    assert project.server.port == 9000
    assert project.database.url == Secret("postgresql://me:hidden@db/shop")
    assert project.database.statement_timeout == 5.0
    assert isinstance(project.database.statement_timeout, float)
    assert project.data.max_body == 2 * MIB
    assert project.data.stringify_numerics is True
    assert (project.gateway.anonymous_user_id, project.logs.level) == ("0", "debug")


def test_a_project_does_not_print_its_secrets() -> None:
    """Neither the database's address nor what `.env` holds is in the repr (R75)."""
    project = parse('database.url = "postgresql://me:hidden@db/shop"', dotenv={"STRIPE_KEY": "sk_live_1"})
    assert "hidden" not in repr(project)
    assert "sk_live_1" not in repr(project)


def test_a_service_is_read_whole() -> None:
    """Command, routes, watch, environment and readiness of a service."""
    project = parse(
        """
        [services.app]
        command = "gunicorn --bind $HOST:$PORT 'app:create()'"
        routes = ["/", { subdomain = "app" }, { path = "/old", strip_prefix = true }]
        watch = ["src", "templates"]
        ready = { path = "/-/health", timeout = 5 }
        stop_timeout = 3
        [services.app.environment]
        MODE = "fast"
        [services.worker]
        folder = "jobs/worker"
        command = ["python", "-m", "worker"]
        ready.command = "true"
        routes = []
        [services.remote]
        url = "http://10.0.0.7:8000"
        """
    )
    app, worker, remote = project.services
    assert app.folder == ROOT / "services/app"
    assert app.command == ("gunicorn", "--bind", "$HOST:$PORT", "app:create()")
    assert app.routes == (Route(None, "/"), Route("app", "/"), Route(None, "/old", strip_prefix=True))
    assert (app.watch, app.stop_timeout) == (("src", "templates"), 3.0)
    assert app.ready == Ready("http", "/-/health", (), 5.0)
    assert app.environment == {"MODE": "fast"}
    assert (worker.folder, worker.routes) == (ROOT / "jobs/worker", ())
    assert (worker.ready.kind, worker.ready.command) == ("exec", ("true",))
    assert (remote.url, remote.routes, remote.ready.kind) == ("http://10.0.0.7:8000", (Route("remote", "/"),), "tcp")
    assert project.service("app") is app
    assert project.service("api") is None


REFUSED = [
    # unknown section, with the nearest known one
    ("[servr]\nport = 1", "howdah.toml:1", "unknown section [servr]."),
    # unknown key, on its line
    ("[server]\n\nprot = 1", "howdah.toml:3", "unknown setting server.prot."),
    # unknown key of a service, written dotted
    ('services.app.comand = "x"\nservices.app.url = "http://a:1"', "howdah.toml:1", "unknown setting services.app.comand."),
    # unknown key of readiness, in an inline table
    ('[services.app]\nurl = "http://a:1"\nready = { pth = "/" }', "howdah.toml:3", "unknown setting services.app.ready.pth."),
    # a value where a section belongs
    ("server = 1", "howdah.toml:1", "server is a section: write [server] and its keys below it"),
    ("services.app = 1", "howdah.toml:1", "a service is a section: write [services.app] and its keys below it"),
    # wrong types
    ('[server]\nport = "80"', "howdah.toml:2", "server.port: this must be an integer, not text"),
    ("[server]\nport = true", "howdah.toml:2", "server.port: this must be an integer, not a boolean"),
    ("[server]\nhost = 1", "howdah.toml:2", 'server.host: this must be text in quotes ("…"), not an integer'),
    ("[data]\nstringify_numerics = 1", "howdah.toml:2", "data.stringify_numerics: this must be true or false, not an integer"),
    ("[database]\nlock_timeout = nan", "howdah.toml:2", "database.lock_timeout: this must be a number, not nan"),
    ("[logs]\nkeep = 1979-05-27", "howdah.toml:2", "logs.keep: this must be an integer, not a date or time"),
    # out of range
    ("[server]\nport = 65536", "howdah.toml:2", "server.port: this must be between 0 and 65535, not 65536"),
    ("[server]\nport = -1", "howdah.toml:2", "server.port: this must be between 0 and 65535, not -1"),
    ("[data]\nmax_list = 0", "howdah.toml:2", "data.max_list: this must be 1 or more, not 0"),
    ('[logs]\nlevel = "loud"', "howdah.toml:2", 'logs.level: this must be one of debug, info, warning, error, not "loud"'),
    ('[data]\nmax_body = "1 MB"', "howdah.toml:2", 'data.max_body: this must be a size, as 65536, "64 KiB" or "1 MiB", not "1 MB"'),
    # empty and unprintable texts
    ('[server]\nhost = ""', "howdah.toml:2", "server.host: this must not be empty; leave the line out for the default"),
    ('[server]\nhost = "a\\nb"', "howdah.toml:2", "server.host: this must be one line of printable text"),
    # commands
    ('[services.a]\ncommand = "run \'x"', "howdah.toml:2", "services.a.command: this cannot be split into words as a shell would: No closing quotation"),
    ('[services.a]\ncommand = ""', "howdah.toml:2", "services.a.command: this must name a program to run"),
    ("[services.a]\ncommand = [1]", "howdah.toml:2", 'services.a.command: this must be text in quotes ("…"), not an integer'),
    # a service that cannot be reached at all
    ("[services.a]", "howdah.toml:1", "services.a has neither a command to run nor the url where it runs"),
    ('[services.a]\nurl = "https://x/y"', "howdah.toml:2", "services.a.url: this must be http://host:port, without a path"),
    # names
    ('[services."My App"]\nurl = "http://a:1"', "howdah.toml:1", '"My App" cannot be a service\'s name'),
    ('[services.data]\nurl = "http://a:1"', "howdah.toml:1", '"data" is the platform\'s own name'),
    # routes
    ('[services.a]\nurl = "http://a:1"\nroutes = "/"', "howdah.toml:3", "services.a.routes: this must be a list of routes, not text"),
    ('[services.a]\nurl = "http://a:1"\nroutes = [{}]', "howdah.toml:3", "services.a.routes[0]: a route needs a subdomain, a host or a path"),
    ('[services.a]\nurl = "http://a:1"\nroutes = [{ pth = "/" }]', "howdah.toml:3", "services.a.routes[0].pth: unknown key pth; did you mean path?"),
    ('[services.a]\nurl = "http://a:1"\nroutes = ["/data/x"]', "howdah.toml:3", "services.a.routes[0]: /data is the platform's own and cannot be routed to a service"),
    ('[services.a]\nurl = "http://a:1"\nroutes = [{ subdomain = "console" }]', "howdah.toml:3", "services.a.routes[0]: console is the platform's own and cannot be routed to a service"),
    ('[services.a]\nurl = "http://a:1"\nroutes = ["/a/../b"]', "howdah.toml:3", 'services.a.routes[0].path: a route\'s path begins with "/" and has neither "//" nor dot segments; "/a/../b" is not one'),
    ('[services.a]\nurl = "http://a:1"\nroutes = ["/"]\n[services.b]\nurl = "http://a:1"\nroutes = ["/"]', "howdah.toml:6", "services.b.routes: / already leads to a"),
    # readiness
    ('[services.a]\nurl = "http://a:1"\nready = 1', "howdah.toml:3", 'services.a.ready: ready is a table, as { path = "/-/health" }'.removeprefix("services.a.ready: ")),
    ('[services.a]\nurl = "http://a:1"\nready = { path = "/", command = "x" }', "howdah.toml:3", "services.a.ready: this has either a path or a command, not both"),
    # environment
    ('[services.a]\nurl = "http://a:1"\n[services.a.environment]\nN = 1', "howdah.toml:3", "services.a.environment: N must be text in quotes, not an integer"),
    ('[services.a]\nurl = "http://a:1"\nenvironment = { "A B" = "" }', "howdah.toml:3", 'services.a.environment: "A B" cannot be the name of an environment variable'),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "place", "message"), REFUSED)
def test_what_cannot_be_used_is_refused_with_its_line(toml: str, place: str, message: str) -> None:
    """Each mistake is reported alone, with file, line and reason."""
    assert problems(toml) == [(place, message)]


def test_the_nearest_name_is_offered() -> None:
    """A slip of the keys leads to the setting that was meant."""
    with pytest.raises(InvalidSettings) as caught:
        parse("[server]\nprot = 1")
    assert caught.value.hint == "Did you mean port?"
    assert str(caught.value) == "howdah.toml:2: unknown setting server.prot."
    assert caught.value.code == "E310"


def test_every_problem_is_reported_at_once() -> None:
    """One run shows all mistakes of the file, the environment and the command line."""
    found = problems(
        '[server]\nprot = 1\nport = "x"\n[services.app]\n',
        environment={"HOWDAH_SERVER_WORKERS": "many", "HOWDAH_LOGS_LEVLE": "info"},
        overrides=("nothing", "data.max_dept=3"),
    )
    assert [place for place, _ in found] == [
        "howdah.toml:2",
        "HOWDAH_LOGS_LEVLE",
        "--set nothing",
        "--set data.max_dept",
        "howdah.toml:3",
        "HOWDAH_SERVER_WORKERS",
        "howdah.toml:4",
    ]


BROKEN = [
    ("[server\nport = 1", "howdah.toml:1:8: "),
    ("a = 1\na = 2", "howdah.toml:2"),
    ("[server]\nport = ", "howdah.toml:2"),
    ("a = \x00", "howdah.toml:1:5: "),
]


@pytest.mark.parametrize(("toml", "begins"), BROKEN)
def test_what_is_not_toml_names_line_and_column(toml: str, begins: str) -> None:
    """A syntax error is one error, E311, with the place where reading stopped."""
    with pytest.raises(BrokenToml) as caught:
        parse(toml)
    assert str(caught.value).startswith(begins)
    assert caught.value.code == "E311"


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    """A file of brackets is refused as any other broken file."""
    with pytest.raises(BrokenToml):
        parse("a = " + "[" * 100_000)


def test_the_stronger_source_wins() -> None:
    """Default, file, .env, environment, --set: each beats the one before it."""
    sources: dict[str, Any] = {}
    assert parse("", **sources).server.port == 8080
    toml = "[server]\nport = 1"
    assert parse(toml, **sources).server.port == 1
    sources["dotenv"] = {"HOWDAH_SERVER_PORT": "2"}
    assert parse(toml, **sources).server.port == 2
    sources["environment"] = {"HOWDAH_SERVER_PORT": "3"}
    assert parse(toml, **sources).server.port == 3
    sources["overrides"] = ("server.port=4",)
    assert parse(toml, **sources).server.port == 4


URLS = [
    # .env, environment, the one that counts
    ({}, {"DATABASE_URL": "postgresql://a"}, "postgresql://a"),
    ({}, {"DATABASE_URL": "postgresql://a", "HOWDAH_DATABASE_URL": "postgresql://b"}, "postgresql://b"),
    ({"DATABASE_URL": "postgresql://c"}, {}, "postgresql://c"),
    # what is in .env never beats the real environment, whichever of the two names it uses
    ({"HOWDAH_DATABASE_URL": "postgresql://c"}, {"DATABASE_URL": "postgresql://a"}, "postgresql://a"),
    # a hosting platform's empty variable is none
    ({}, {"DATABASE_URL": ""}, "postgresql://toml"),
]


@pytest.mark.parametrize(("dotenv", "environment", "expected"), URLS)
def test_the_databases_address_has_two_names(
    dotenv: dict[str, str], environment: dict[str, str], expected: str
) -> None:
    """DATABASE_URL is honoured, HOWDAH_DATABASE_URL is stronger, the real environment beats .env."""
    project = parse('database.url = "postgresql://toml"', dotenv=dotenv, environment=environment)
    assert project.database.url == Secret(expected)


def test_other_variables_are_not_settings() -> None:
    """What services are told, and what belongs to others, is neither read nor refused."""
    project = parse(environment={"HOWDAH_DATA_URL": "x", "HOWDAH_CONTROL_SOCKET": "y", "HOWDAH": "z", "PATH": "p"})
    assert project == parse()


def test_a_service_is_overridden_by_its_variables() -> None:
    """A dash in a name is an underscore in the variable; values are read by their kind."""
    toml = '[services.my-app]\ncommand = "run"\n'
    environment = {
        "HOWDAH_SERVICES_MY_APP_URL": "http://10.0.0.7:80",
        "HOWDAH_SERVICES_MY_APP_COMMAND": "serve --fast",
        "HOWDAH_SERVICES_MY_APP_READY_TIMEOUT": "2.5",
        "HOWDAH_SERVICES_MY_APP_WATCH": '["src"]',
    }
    (service,) = parse(toml, environment=environment).services
    assert (service.url, service.command, service.watch) == ("http://10.0.0.7:80", ("serve", "--fast"), ("src",))
    assert service.ready.timeout == 2.5


def test_a_variable_cannot_invent_a_service_of_a_project() -> None:
    """A misspelt service is refused where howdah.toml names the services."""
    toml = '[services.app]\ncommand = "run"\n'
    assert problems(toml, environment={"HOWDAH_SERVICES_AP_URL": "http://a:1"}) == [
        ("HOWDAH_SERVICES_AP_URL", "unknown setting.")
    ]
    assert problems(toml, overrides=("services.ap.url=http://a:1",)) == [("--set services.ap.url", "unknown setting.")]


def test_without_a_folder_overrides_may_name_services() -> None:
    """`serve` needs no howdah.toml to know where a service runs."""
    environment = {"HOWDAH_SERVICES_MY_APP_URL": "http://a:1"}
    project = parse(root=None, environment=environment, overrides=("services.api.url=http://b:2",))
    assert [(service.name, service.url) for service in project.services] == [
        ("my-app", "http://a:1"),
        ("api", "http://b:2"),
    ]


TEXTS = [
    ("server.port=x", 'server.port: this must be an integer, not "x"'),
    ("server.port=1_0", 'server.port: this must be an integer, not "1_0"'),
    ("server.port=" + "9" * 5000, f'server.port: this must be an integer, not "{"9" * 5000}"'),
    ("database.lock_timeout=nan", 'database.lock_timeout: this must be a number, not "nan"'),
    ("data.stringify_numerics=yes", 'data.stringify_numerics: this must be true or false, not "yes"'),
    ("server.host=", "server.host: this must not be empty; leave the line out for the default"),
]


@pytest.mark.parametrize(("text", "message"), TEXTS)
def test_a_text_that_is_no_value_is_refused(text: str, message: str) -> None:
    """Text from outside is read strictly, by the kind of its setting."""
    assert problems(overrides=(text,)) == [(f"--set {text.partition('=')[0]}", message)]


@given(
    st.sampled_from(sorted(SETTINGS)),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)
def test_any_text_for_any_setting_is_a_value_or_a_named_problem(path: tuple[str, ...], text: str) -> None:
    """The environment can hold anything: the outcome is a project, or a problem that names the variable."""
    variable = "HOWDAH_" + "_".join(path).upper()
    named = [variable]
    try:
        parse(environment={variable: text})
    except InvalidSettings as error:
        named = [problem.place for problem in error.problems]
    assert named == [variable]


@given(st.sampled_from([path for path in SETTINGS if path[0] in SECTIONS]), st.integers(0, 99_999))
def test_the_environment_and_the_command_line_agree(path: tuple[str, ...], number: int) -> None:
    """A setting's variable and its --set do exactly the same."""

    def outcome(**sources: Any) -> object:
        try:
            return parse(**sources)
        except InvalidSettings as error:
            return [problem.message for problem in error.problems]

    variable = "HOWDAH_" + "_".join(path).upper()
    by_variable = outcome(environment={variable: str(number)})
    assert by_variable == outcome(overrides=(f"{'.'.join(path)}={number}",))


def test_every_setting_has_a_variable_of_its_own() -> None:
    """No two settings, also of a service, share an environment variable."""
    paths = [*SETTINGS, *(("services", "app", *key) for key in SERVICE_SETTINGS)]
    assert len({"_".join(path).upper() for path in paths}) == len(paths)


def test_sections_with_names_of_their_own() -> None:
    """As many as are written, each with its own variables; mistakes name the line."""
    toml = """
[auth]
signup = false

[auth.oauth.google]
client_id = "here"

[auth.oauth.our-own]
preset = "oidc"
issuer = "https://id.example"
"""
    project = parse(toml, environment={"HOWDAH_AUTH_OAUTH_GOOGLE_CLIENT_SECRET": "s3cret"})
    google, own = project.auth.oauth
    assert (google.name, google.client_id, google.client_secret) == ("google", "here", Secret("s3cret"))
    assert (own.name, own.preset, own.issuer, project.auth.signup) == ("our-own", "oidc", "https://id.example", False)
    wrong = problems("[auth.oauth.google]\nclient-id = 'x'\n[auth.oauth.'A B']\n[auth.custom]\nx = 1\n")
    assert sorted(place for place, _ in wrong) == ["howdah.toml:2", "howdah.toml:3", "howdah.toml:5"]


def test_issuers_are_sections_that_the_project_names() -> None:
    """Each with its defaults, secrets from the environment; a claim that is no text is a mistake of its line."""
    toml = '[auth.issuers.shop]\nissuer = "https://login.example.com/"\naudience = ["us"]\n'
    (issuer,) = parse(toml, environment={"HOWDAH_AUTH_ISSUERS_SHOP_SECRET": "s" * 32}).auth.issuers
    assert (issuer.name, issuer.issuer, issuer.audience, issuer.user_id) == (
        "shop",
        "https://login.example.com/",
        ("us",),
        "sub",
    )
    assert issuer.secret is not None
    told = problems(toml + "[auth.issuers.shop.variables]\nx-hasura-org-id = 7\n")
    place = "auth.issuers.shop.variables.x-hasura-org-id"
    assert told == [("howdah.toml:5", f"{place}: this must be the name of a claim, not an integer")]
