"""The composition root: a Project becomes one application, and a process that serves it.

Here, and nowhere else, the parts are wired together: what one needs of another it is given. Everything above the parts'
borders is visible in `build`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from howdah.auth.changes import ANYTHING, Change
from howdah.auth.keys import caller_proof_keys, internal_token_keys
from howdah.auth.part import Auth, PublicSite, build_auth
from howdah.auth.routes.calls import auth_routes
from howdah.auth.routes.none import NoAccounts
from howdah.auth.sealing import Keyring, derive_key, make_keyring, open_sealed, seal
from howdah.data.execute import Engine
from howdah.data.routes import DataRoutes
from howdah.errors import HowdahError
from howdah.gateway import site as gateway_site
from howdah.gateway.app import Gateway
from howdah.gateway.assertions import Assertions, KnownService
from howdah.gateway.breaker import BreakerLimits, Breakers
from howdah.gateway.checked import CheckRoute
from howdah.gateway.csrf import Tokens
from howdah.gateway.direct import DirectRoute
from howdah.gateway.hot import HotRoute
from howdah.gateway.internal import InternalTokens
from howdah.gateway.pool import Pool, PoolLimits
from howdah.gateway.proxy import Proxy, ProxyLimits
from howdah.gateway.routing import route_table
from howdah.gateway.session import Resolver
from howdah.gateway.site import transport_security
from howdah.gateway.tunnel import TunnelLimits, Tunnels
from howdah.mail.outbox import Seal
from howdah.mail.part import MailPart, build_mail
from howdah.observe import events
from howdah.observe.secret import Secret
from howdah.project.sections import Project
from howdah.services.registry import Endpoint, Registry, fixed_endpoint
from howdah.session import ANONYMOUS_ROLE
from howdah.tasks.part import TasksPart, build_tasks

PARTS = ("auth", "data")

HOT_PATH = "/v1/query"
"""The path within the data part whose requests need no ASGI."""


class NoDatabase(HowdahError):
    """No database is configured."""

    code = "E124"
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Application:
    """A Project, wired: the ASGI application, and what must happen around it."""

    gateway: Gateway
    engine: Engine
    registry: Registry
    proxy: Proxy
    hot: HotRoute
    direct: DirectRoute
    check: CheckRoute
    auth: Auth | None
    mail: MailPart | None
    tasks: TasksPart

    async def start(self) -> None:
        """Every part is started. Raises CannotConnect and CannotInstall."""
        await self.engine.start()
        if self.auth is not None:
            await self.auth.start()
        if self.mail is not None:
            role = None if self.auth is None else self.auth.store.role
            await self.mail.start(writers=() if role is None else (role,))
        await self.tasks.start(self.engine.installation.role)

    async def stop(self) -> None:
        """Every part is stopped, and nothing is connected any more."""
        if self.auth is not None:
            await self.auth.stop()
        if self.mail is not None:
            await self.mail.stop()
        await self.tasks.stop()
        await self.engine.stop()


def build(project: Project, *, development: bool = False) -> Application:
    """The application of a project, wired. Nothing is started and nothing connected yet.

    Raises NoDatabase and MailSettingsError.
    """
    engine = Engine(database_url(project).reveal(), database=project.database, data=project.data)
    registry = Registry(
        fixed_endpoint(service.name, service.url)
        if service.url is not None and service.kind != "grpc"
        else Endpoint(service.name, "127.0.0.1", 0, "starting" if development else "stopped")
        for service in project.services
    )
    given = (project.secrets.admin_secret, project.secrets.previous_admin_secret)
    secrets = tuple(secret for secret in given if secret is not None)
    section = project.gateway
    keyring = secret_keys(project)
    mail = None if keyring is None else messages(project, keyring, development=development)
    auth = None if keyring is None or mail is None else accounts(project, keyring, mail)
    site = _site(project, auth)
    table = route_table(project.server, section, project.services, PARTS)
    resolver = Resolver(
        secrets,
        section.anonymous_user_id,
        accounts=auth,
        cookie="" if auth is None else auth.cookie.name,
        services=None if keyring is None else _assertions(project, keyring),
    )
    if auth is not None:
        auth.watch(partial(_forget, resolver))
    tunnels = Tunnels(TunnelLimits(section.websocket_idle_timeout), events.emit)
    resolver.tell(tunnels.forget)
    pool = Pool(PoolLimits(connect_timeout=section.connect_timeout, upstream_timeout=section.upstream_timeout))
    breakers = Breakers(BreakerLimits(section.breaker_failures, section.breaker_seconds), events.emit)
    proxy = Proxy(
        registry, pool, ProxyLimits(max_body=section.max_body, server_timing=section.server_timing), tunnels, breakers
    )
    tasks = build_tasks(
        project.tasks,
        database_url(project),
        database=project.database,
        is_wanted=any(service.kind == "worker" for service in project.services),
    )
    application: list[Application] = []
    gateway = Gateway(
        parts={
            "data": DataRoutes(engine, max_body=project.data.max_body),
            "auth": NoAccounts() if auth is None else auth_routes(auth),
        },
        routes=table,
        resolver=resolver,
        registry=registry,
        proxy=proxy,
        readiness=engine.readiness,
        emit=events.emit,
        startup=lambda: application[0].start(),
        shutdown=lambda: application[0].stop(),
        development=development,
        site=site,
        expired_cookie="" if auth is None else auth.cookie.remove(),
    )
    hot = HotRoute(
        part="data",
        path=HOT_PATH,
        max_body=project.data.max_body,
        engine=engine,
        routes=table,
        resolver=resolver,
        emit=events.emit,
        site=site,
    )
    direct = DirectRoute(
        routes=table,
        resolver=resolver,
        registry=registry,
        pool=pool,
        breakers=breakers,
        site=site,
        emit=events.emit,
        max_body=section.max_body,
        server_timing=section.server_timing,
    )
    check = CheckRoute(table, resolver, site, events.emit)
    application.append(Application(gateway, engine, registry, proxy, hot, direct, check, auth, mail, tasks))
    return application[0]


def secret_keys(project: Project) -> Keyring | None:
    """The keys of a project's accounts; None where those are switched off or there is no secret key."""
    key = project.secrets.secret_key
    if key is None or not project.auth.enabled:
        return None
    former = () if project.secrets.previous_secret_key is None else (project.secrets.previous_secret_key,)
    return make_keyring(key, *former)


def messages(project: Project, keyring: Keyring, *, development: bool) -> MailPart:
    """How a project's mails and text messages leave. Raises NoDatabase and MailSettingsError."""
    return build_mail(
        project.mail,
        database_url(project),
        app=project.name,
        root=project.root,
        database=project.database,
        seal=Seal(partial(seal, keyring, "mail"), partial(open_sealed, keyring, "mail")),
        development=development,
    )


def accounts(project: Project, keyring: Keyring, mail: MailPart) -> Auth:
    """The accounts of a project, which send what they have to say by ``mail``. Raises NoDatabase."""
    return build_auth(
        project.auth,
        PublicSite(project.name, public_url(project)),
        database_url(project).reveal(),
        database=project.database,
        keyring=keyring,
        send=mail.outbox.enqueue,
        root=project.root,
    )


def public_url(project: Project) -> str:
    """Where people reach the project: links lead there."""
    section = project.server
    port = f":{section.port}" if section.port else ""  # 0 is whichever was free, which only who listens knows
    return section.public_url or f"http://{section.domain}{port}"


def _forget(resolver: Resolver, change: Change) -> None:
    if change.session_id is not None or change.user_id is not None or change == ANYTHING:
        resolver.forget(session_id=change.session_id, user_id=change.user_id)


def _site(project: Project, auth: Auth | None) -> gateway_site.Site:
    public_url, section = project.server.public_url, project.gateway
    return gateway_site.Site(
        trusted_proxies=section.trusted_proxies,
        public_scheme=None if public_url is None else public_url.partition(":")[0],
        over_tls=transport_security(section.hsts_max_age, subdomains=section.hsts_subdomains),
        session_cookie=b"" if auth is None else auth.cookie.name.encode("ascii"),
        tokens=None if auth is None else Tokens(derive_key(auth.keyring.current, "csrf")),
        signing_in=frozenset({"auth"}),
        internal=None if auth is None else _internal_tokens(project, auth.keyring),
    )


def _internal_tokens(project: Project, keyring: Keyring) -> InternalTokens:
    """Every service has a key of its own, which it is given when it is started (R36)."""
    names = [service.name for service in project.services]
    keys = {name: internal_token_keys(keyring, name)[0] for name in names}
    return InternalTokens(keys, proof_key=caller_proof_keys(keyring)[0])


def _assertions(project: Project, keyring: Keyring) -> Assertions:
    """What services say, checked by the same keys."""
    known = {
        service.name: KnownService(internal_token_keys(keyring, service.name), service.role or ANONYMOUS_ROLE)
        for service in project.services
    }
    return Assertions(known, caller_proof_keys(keyring))


def database_url(project: Project) -> Secret:
    """Where the project's database is. Raises NoDatabase."""
    if project.database.url is None:
        raise NoDatabase(hint="Give --database-url, or set DATABASE_URL: postgresql://user:password@host:5432/name.")
    return project.database.url
