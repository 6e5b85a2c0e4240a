"""``howdah gateway``: nginx."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from howdah.cli import running
from howdah.cli.command import Command, Group, console_of


@click.group("gateway", cls=Group)
def command_() -> None:
    r"""The gateway beside other proxies.

    \b
    Examples:
      howdah gateway nginx
    """


@command_.command("nginx", cls=Command)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there.")
@click.option("--listen", default="80", metavar="ADDRESS", help="What nginx listens on (80).")
@click.option("--variable", "variables", multiple=True, metavar="NAME", help="Another session variable to pass on.")
@click.pass_context
def nginx(context: click.Context, out: Path | None, listen: str, variables: tuple[str, ...]) -> None:
    r"""A site for nginx that sends requests to services itself, and asks howdah about each (auth_request).

    For whoever has nginx in front anyway. Services are those with a `url` in howdah.toml; all else goes through howdah.

    \b
    Examples:
      howdah gateway nginx --out /etc/nginx/conf.d/shop.conf
      howdah gateway nginx --listen 127.0.0.1:8081 --variable X-Hasura-Org-Id
    """
    from howdah.auth.cookies import cookie_of
    from howdah.gateway.nginx import Site, render_site
    from howdah.gateway.routing import routes_of
    from howdah.project.load import load_project
    from howdah.server import PARTS

    console = console_of(context)
    project = load_project(running.project_folder(console), os.environ)
    server = project.server
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::", "localhost") else server.host  # noqa: S104 - compared
    secure = (server.public_url or "").startswith("https://")
    cookie = cookie_of(project.auth.cookie_name, secure=secure, domain=project.auth.cookie_domain)
    site = Site(
        howdah=f"{host}:{server.port}",
        domains=(server.domain, *server.domains),
        services={service.name: _address(service.url) for service in project.services if service.url is not None},
        cookie=cookie.name,
        listen=listen,
        max_body=project.gateway.max_body,
        variables=variables,
    )
    text = render_site(site, routes_of(project.gateway, project.services, PARTS))
    if out is not None:
        out.write_text(text)
        console.data({"file": str(out)}, f"Written: {out}. Try it with nginx -t.")
    else:
        console.data({"site": text}, text.rstrip())


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 80}"
