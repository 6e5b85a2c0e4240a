"""Settings → the table of all routes: where each part and each service is, under which policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from howdah.gateway.errors import RouteInvalid, UnknownPath
from howdah.gateway.match import RequestHead, Route, RouteTable, part_routes
from howdah.project.sections import Cors, PartPolicy, Policy
from howdah.session import ANONYMOUS_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howdah.project.sections import GatewaySection, ServerSection, ServiceSection


def route_table(
    server: ServerSection, gateway: GatewaySection, services: tuple[ServiceSection, ...], parts: tuple[str, ...]
) -> RouteTable:
    """Each part, and each service at its own routes and at the subdomain of its name.

    The subdomain of a service's name is its own, under the policy of its routes, unless another service's route or a
    part has taken it. Where its routes have different policies only what is written leads to it, so that nothing leads
    past any of them; to a service without routes nothing does, but for other services. What a policy leaves open is as
    the gateway's section says.

    Raises RouteInvalid, also for a policy that sends browsers where they are sent away again.
    """
    routes = routes_of(gateway, services, parts)
    table = RouteTable(server.domain, routes, server.domains)
    for route in routes:
        host = route.host or (f"{route.subdomain}.{server.domain}" if route.subdomain else server.domain)
        _check_redirect("no_session_redirect_url", route.policy.no_session_redirect_url, route, host, table)
        _check_redirect("no_access_redirect_url", route.policy.no_access_redirect_url, route, host, table)
    return table


def routes_of(
    gateway: GatewaySection, services: tuple[ServiceSection, ...], parts: tuple[str, ...]
) -> tuple[Route, ...]:
    """The routes of that table, unchecked."""
    return (*_of_parts(gateway, parts), *_of_services(gateway, services, parts))


def _of_parts(gateway: GatewaySection, parts: tuple[str, ...]) -> Iterator[Route]:
    for name in parts:
        written = gateway.parts.get(name, PartPolicy())
        policy = _complete(written.policy, gateway)
        if policy.cors is not None and policy.cors.mode == "upstream":
            policy = replace(policy, cors=Cors())  # a part leaves CORS to the gateway
        yield from part_routes(name, policy)
        for route in written.routes:
            yield Route(route.subdomain, route.path, "part", name, True, route.host, policy)


def _of_services(
    gateway: GatewaySection, services: tuple[ServiceSection, ...], parts: tuple[str, ...]
) -> Iterator[Route]:
    taken = {route.subdomain for service in services for route in service.routes if route.path == "/"} | set(parts)
    for service in services:
        if service.kind == "worker":
            continue
        for route in service.routes:
            policy = _complete(route.policy, gateway)
            yield Route(route.subdomain, route.path, "service", service.name, route.strip_prefix, route.host, policy)
        if not service.routes:
            continue  # it is for the other services alone
        policies = [route.policy for route in service.routes]
        alike = all(policy == policies[0] for policy in policies)
        if service.name not in taken and alike and not _stays_on_its_host(policies[0]):
            yield Route(service.name, "/", "service", service.name, policy=_complete(policies[0], gateway))


def _stays_on_its_host(policy: Policy) -> bool:
    """Whether it sends browsers to a path of the host they asked, which another host need not have."""
    return any(url is not None and url.startswith("/") for url in _redirects(policy))


def _redirects(policy: Policy) -> tuple[str | None, str | None]:
    return policy.no_session_redirect_url, policy.no_access_redirect_url


def _check_redirect(key: str, url: str | None, route: Route, host: str, table: RouteTable) -> None:
    """Raise RouteInvalid if whoever is sent to this path of the host would be sent on, or find nothing."""
    if url is None or not url.startswith("/"):
        return
    path = url.partition("?")[0]
    try:
        target = table.match(RequestHead("GET", host, path, ()))
    except UnknownPath:
        reason = "where nothing is served"
    else:
        closed = target.policy.restrict_to_roles or (
            key == "no_session_redirect_url" and not target.policy.allow_anonymous
        )
        if not closed or ANONYMOUS_ROLE in target.policy.restrict_to_roles:
            return
        reason = f"where {target.kind} {target.name!r} does not let everybody pass either"
    raise RouteInvalid(
        f"The {key} of {route.kind} {route.name!r} leads to {host}{path}, {reason}.",
        hint="Route the page of another part or service there, for example with routes in [gateway.parts.auth].",
    )


def _complete(policy: Policy, gateway: GatewaySection) -> Policy:
    return policy if policy.cors is not None else replace(policy, cors=gateway.cors)
