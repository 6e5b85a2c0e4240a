"""Routes → an nginx site that sends requests to services itself, and asks howdah about each of them. Pure.

What nginx would let past and howdah does not is set, cleared or refused here: every field that a service could take for
identity is written by the site (R41), the rest of that kind is refused by ``/-/auth-check``; upgrades but to WebSocket
are stripped (R48), the session's cookie stays in front (R49).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from howdah.gateway.auth_check import PATH
from howdah.gateway.errors import VariableUnfit
from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER
from howdah.session import ALLOWED_ROLES_HEADER, BASE_DOMAIN_HEADER, ROLE_HEADER, USER_ID_HEADER, is_identity_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from howdah.gateway.match import Route

_TOLD: Final = (
    ROLE_HEADER,
    USER_ID_HEADER,
    ALLOWED_ROLES_HEADER,
    BASE_DOMAIN_HEADER,
    INTERNAL_TOKEN_HEADER.lower(),
)
_VARIABLE: Final = re.compile(r"x-[a-z0-9-]{1,60}")
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True)
class Site:
    """What a site is made of: where howdah and the services are (``host:port``), and under which names all is served.

    ``variables`` are names of session variables that services are told besides role, user and roles.
    """

    howdah: str
    domains: tuple[str, ...]
    services: Mapping[str, str]
    cookie: str = ""
    listen: str = "80"
    max_body: int = 20 * 1024 * 1024
    variables: tuple[str, ...] = ()


def render_site(site: Site, routes: Iterable[Route]) -> str:
    """The text of a file to include in nginx's ``http`` block. Raises VariableUnfit.

    Services whose address is not known are reached through howdah, as parts are.
    """
    told = (*_TOLD, *(_fit(name) for name in site.variables if name.lower() not in _TOLD))
    hosts: dict[tuple[str, ...], list[Route]] = {tuple(site.domains): []}
    for route in routes:
        hosts.setdefault(_names(route, site.domains), []).append(route)
    used = sorted({route.name for each in hosts.values() for route in each if _is_direct(route, site)})
    blocks = [_HEAD, _maps(site.cookie), _upstream("howdah", site.howdah)]
    blocks += [_upstream(f"howdah_service_{name}", site.services[name]) for name in used]
    blocks += [_server(site, names, each, told) for names, each in hosts.items()]
    return "\n".join(blocks)


def _fit(name: str) -> str:
    lowered = name.lower()
    if not _VARIABLE.fullmatch(lowered) or not is_identity_header(lowered):
        raise VariableUnfit(f"{name!r} is not the name of a session variable.", hint="They begin with X-Hasura-.")
    return lowered


def _names(route: Route, domains: tuple[str, ...]) -> tuple[str, ...]:
    if route.host is not None:
        return (route.host,)
    return domains if route.subdomain is None else tuple(f"{route.subdomain}.{domain}" for domain in domains)


def _is_direct(route: Route, site: Site) -> bool:
    return route.kind == "service" and route.name in site.services


_HEAD: Final = """\
# Written by `howdah gateway nginx`: for the http block of nginx.conf. nginx connects to howdah from this machine;
# from another one, gateway.trusted_proxies has to name it. Nothing behind it may be reachable but through it.
"""


def _maps(cookie: str) -> str:
    """Variables that depend on the request alone."""
    lines = [
        "map $http_upgrade $howdah_upgrade {",
        '    default "";',
        "    ~*^websocket$ websocket;",
        "}",
        "map $howdah_upgrade $howdah_connection {",
        '    default "";  # which keeps connections to services alive',
        "    websocket upgrade;",
        "}",
        "map $http_cookie $howdah_cookies {",
        "    default $http_cookie;",
    ]
    if cookie and _COOKIE.fullmatch(cookie):
        lines.append(
            f'    "~*^(?<howdah_before>(?:.*;)?)\\s*{cookie}=[^;]*;?\\s*(?<howdah_behind>.*)$" '
            '"$howdah_before$howdah_behind";'
        )
    return "\n".join([*lines, "}", ""])


def _upstream(name: str, address: str) -> str:
    return f"upstream {name} {{\n    server {address};\n    keepalive 64;\n}}\n"


def _server(site: Site, names: tuple[str, ...], routes: list[Route], told: tuple[str, ...]) -> str:
    lines = [
        "server {",
        f"    listen {site.listen};",
        f"    server_name {' '.join(names)};",
        "    server_tokens off;",
        "    underscores_in_headers off;",
        "    ignore_invalid_headers on;",
        "    merge_slashes on;",
        f"    client_max_body_size {site.max_body};",
        "    client_header_timeout 10s;",
        "    client_body_timeout 10s;",
        "    keepalive_timeout 60s;",
        "",
        *_asking(),
        "",
        f"    location = {PATH} {{",
        "        return 404;",
        "    }",
    ]
    if not any(route.path == "/" and _is_direct(route, site) for route in routes):
        lines += ["    location / {", *_through_howdah(), "    }"]
    for route in sorted(routes, key=lambda route: route.path):
        if _is_direct(route, site):
            lines += _service(route, told)
        elif route.path != "/":
            lines += _part(route)
    return "\n".join([*lines, "}", ""])


def _asking() -> list[str]:
    """The locations that ask howdah, and that answer what it refuses."""
    return [
        '    set $howdah_service "";',
        '    set $howdah_redirect "";',
        "    location = /-/ask-howdah {",
        "        internal;",
        f"        proxy_pass http://howdah{PATH};",
        "        proxy_http_version 1.1;",
        "        proxy_pass_request_body off;",
        *(
            f"        proxy_set_header {name} {value};"
            for name, value in (
                ("Connection", '""'),
                ("Content-Length", '""'),
                ("Transfer-Encoding", '""'),
                ("Upgrade", '""'),
                ("Expect", '""'),
                ("Host", "$http_host"),
                ("X-Original-URI", "$request_uri"),
                ("X-Original-Method", "$request_method"),
                ("X-Original-Host", "$http_host"),
                ("X-Original-Upgrade", "$http_upgrade"),
                ("X-Auth-Service", "$howdah_service"),
                ("X-Forwarded-Uri", '""'),
                ("X-Forwarded-Method", '""'),
                ("X-Forwarded-Host", '""'),
                ("X-Forwarded-For", "$remote_addr"),
                ("X-Forwarded-Proto", "$scheme"),
                ("X-Request-Id", "$request_id"),
            )
        ),
        "    }",
        "    location @howdah_401 {",
        "        if ($howdah_redirect) {",
        "            return 302 $howdah_redirect;",
        "        }",
        "        return 401;",
        "    }",
        "    location @howdah_403 {",
        "        if ($howdah_redirect) {",
        "            return 302 $howdah_redirect;",
        "        }",
        "        return 403;",
        "    }",
    ]


def _through_howdah() -> list[str]:
    return [
        "        proxy_pass http://howdah;",
        "        proxy_http_version 1.1;",
        "        proxy_request_buffering off;",
        *(
            f"        proxy_set_header {name} {value};"
            for name, value in (
                ("Connection", "$howdah_connection"),
                ("Upgrade", "$howdah_upgrade"),
                ("Host", "$http_host"),
                ("X-Forwarded-For", "$remote_addr"),
                ("X-Forwarded-Proto", "$scheme"),
            )
        ),
    ]


def _part(route: Route) -> list[str]:
    lines = []
    for match in (f"= {route.path}", f"{route.path}/"):
        lines += [f"    location {match} {{", *_through_howdah(), "    }"]
    return lines


def _service(route: Route, told: tuple[str, ...]) -> list[str]:
    """The locations of a service: its path itself, and what is below it."""
    path = route.path.rstrip("/")
    strip = route.strip_prefix and bool(path)
    target = f"http://howdah_service_{route.name}{'/' if strip else ''}"
    found = []
    for match in (f"= {path}", f"{path}/") if path else ("/",):
        found += [f"    location {match} {{", *_service_lines(route, target, path if strip else "", told), "    }"]
    return found


def _service_lines(route: Route, target: str, prefix: str, told: tuple[str, ...]) -> list[str]:
    variables = {name: "$auth_" + name.replace("-", "_") for name in told}
    fields = {
        "Connection": "$howdah_connection",
        "Upgrade": "$howdah_upgrade",
        "Host": "$http_host",
        "Cookie": "$howdah_cookies",
        "Authorization": '""',
        "Forwarded": '""',
        "X-Hasura-Admin-Secret": '""',
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Host": "$http_host",
        "X-Forwarded-Prefix": prefix or '""',
        "X-Forwarded-Proto": "$scheme",
        "X-Real-IP": '""',
        "X-Request-Id": "$request_id",
        **variables,
    }
    return [
        f'        set $howdah_service "{route.name}";',
        "        auth_request /-/ask-howdah;",
        *(
            f"        auth_request_set {variable} $upstream_http_{name.replace('-', '_')};"
            for name, variable in variables.items()
        ),
        "        auth_request_set $howdah_redirect $upstream_http_x_auth_redirect;",
        "        auth_request_set $howdah_set_cookie $upstream_http_set_cookie;",
        "        error_page 401 @howdah_401;",
        "        error_page 403 @howdah_403;",
        "        add_header Set-Cookie $howdah_set_cookie always;",
        "        add_header X-Request-Id $request_id always;",
        f"        proxy_pass {target};",
        "        proxy_http_version 1.1;",
        *(f"        proxy_set_header {name} {value};" for name, value in fields.items()),
        *(f"        proxy_hide_header {name};" for name in (*told, "X-Powered-By", "X-Request-Id")),
        *([f"        client_max_body_size {route.policy.max_body};"] if route.policy.max_body else []),
        *([f"        proxy_read_timeout {route.policy.timeout:g}s;"] if route.policy.timeout else []),
    ]
