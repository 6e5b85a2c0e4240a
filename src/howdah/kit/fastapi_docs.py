"""What a FastAPI service says of itself: its OpenAPI document, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import fastapi
from fastapi.datastructures import DefaultPlaceholder
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from howdah.kit import api_page, openapi
from howdah.kit.validation import checker
from howdah.kit.validation.checker import Checker, Validation

_PAGES = frozenset({"swagger_ui_html", "swagger_ui_redirect", "redoc_html"})


def name_operations(app: fastapi.FastAPI) -> None:
    """Operations are called like their functions, unless the app has its own way of naming them.

    Those of routes that are there already keep the names they have.
    """
    chosen: object = app.router.generate_unique_id_function
    if isinstance(chosen, DefaultPlaceholder):
        app.router.generate_unique_id_function = _name


def check_operations(app: fastapi.FastAPI) -> None:
    """Nothing, when no two routes are one operation. Raises DuplicateOperation."""
    openapi.check_unique(
        (operation_id(route), f"{' '.join(sorted(route.methods or ()))} {route.path}")
        for route in _operations(app)
        if route.include_in_schema
    )


def describe(app: fastapi.FastAPI) -> None:
    """The app's document knows of ``@validate`` and of the shape of errors."""
    generate = app.openapi
    made: list[dict[str, Any]] = []

    def document() -> dict[str, Any]:
        found = generate()
        if not made or made[0] is not found:  # FastAPI makes it anew when routes have come
            made[:] = [found]
            for route in _operations(app):
                _add_validation(found, route)
            openapi.with_errors(found)
        return found

    app.openapi = document  # type: ignore[method-assign]


def replace_pages(app: fastapi.FastAPI) -> None:
    """The pages at ``docs_url`` and ``redoc_url`` are the kit's own, which needs nothing from elsewhere."""
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "name", None) not in _PAGES]
    source = app.openapi_url
    if source is None:
        return

    async def show(request: Request) -> Response:
        root: str = request.scope.get("root_path", "").rstrip("/")
        html, policy = api_page.page(root + source)
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    for url in (app.docs_url, app.redoc_url):
        if url is not None:
            app.add_route(url, show, include_in_schema=False)


def operation_id(route: RouteContext) -> str:
    """What a route's operation is called."""
    return str(route.operation_id or route.unique_id)


def _name(route: APIRoute) -> str:
    return route.name


def _operations(app: fastapi.FastAPI) -> Iterable[RouteContext]:
    return (route for route in iter_route_contexts(app.router.routes) if isinstance(route.original_route, APIRoute))


def _add_validation(document: dict[str, Any], route: RouteContext) -> None:
    """What a route's ``@validate`` checks by is in the document, as far as it is a JSON Schema or a model."""
    checks: Validation | None = getattr(route.endpoint, checker.MARK, None)
    if checks is None:
        return
    for method in route.methods or ():
        operation = document.get("paths", {}).get(route.path_format, {}).get(method.lower())
        if operation is None:
            continue
        if (found := _schema_of(checks.body)) is not None:
            openapi.add_body(document, operation, *found)
        if (found := _schema_of(checks.query)) is not None:
            openapi.add_query(operation, *found)


def _schema_of(one: Checker | None) -> tuple[dict[str, Any], Callable[[str], Any]] | None:
    """The JSON Schema that something checks by, and what resolves its references."""
    schema: dict[str, Any] | None = getattr(one, "schema", None)
    if schema is None:
        return None
    return schema, getattr(one, "resolve", lambda reference: openapi.pointed(schema, reference))
