"""Settings → the table of all routes: where each part and each service is, under which policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from howdah.gateway.match import Route, RouteTable, part_routes
from howdah.project.sections import Cors, PartPolicy, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howdah.project.sections import GatewaySection, ServerSection, ServiceSection


def route_table(
    server: ServerSection, gateway: GatewaySection, services: tuple[ServiceSection, ...], parts: tuple[str, ...]
) -> RouteTable:
    """Each part, and each service at its own routes and at the subdomain of its name.

    The subdomain of a service's name is its own, under the policy of its routes, unless another service's route or a
    part has taken it. Where its routes have different policies only what is written leads to it, so that nothing leads
    past any of them. What a policy leaves open is as the gateway's section says.
    """
    routes = (*_of_parts(gateway, parts), *_of_services(gateway, services, parts))
    return RouteTable(server.domain, routes, server.domains)


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
        for route in service.routes:
            policy = _complete(route.policy, gateway)
            yield Route(route.subdomain, route.path, "service", service.name, route.strip_prefix, route.host, policy)
        policies = [route.policy for route in service.routes] or [Policy()]
        if service.name not in taken and all(policy == policies[0] for policy in policies):
            yield Route(service.name, "/", "service", service.name, policy=_complete(policies[0], gateway))


def _complete(policy: Policy, gateway: GatewaySection) -> Policy:
    return policy if policy.cors is not None else replace(policy, cors=gateway.cors)
