"""Real nginx and haproxy in front of a gateway. What needs them is skipped where they are not installed."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateway.support import eventually

from howdah.supervisor.ports import free_port

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend front
    bind 127.0.0.1:{port}
    default_backend gateway
backend gateway
    server gateway 127.0.0.1:{gateway}
"""
PLAIN_SITE = """
upstream gateway {{ server 127.0.0.1:{gateway}; keepalive 8; }}
server {{
    listen 127.0.0.1:{port};
    underscores_in_headers on;
    location / {{
        proxy_pass http://gateway;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, site: str, port: int) -> Iterator[int]:
    """The port of an nginx with the site."""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, site=site))
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with _running(command, port, folder):
        yield port


@contextlib.contextmanager
def plain_nginx(folder: Path, gateway: int) -> Iterator[int]:
    """The port of an nginx that passes on what it takes for a request."""
    port = free_port()
    with nginx(folder, PLAIN_SITE.format(gateway=gateway, port=port), port):
        yield port


@contextlib.contextmanager
def plain_haproxy(folder: Path, gateway: int) -> Iterator[int]:
    """The port of a haproxy that does the same."""
    port = free_port()
    (folder / "haproxy.cfg").write_text(HAPROXY.format(gateway=gateway, port=port))
    with _running(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], port, folder):
        yield port


@contextlib.contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (as root: make test-deps)")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:

        def listens() -> bool:
            assert process.poll() is None, (folder / "output").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(listens)
        yield
    finally:
        process.terminate()
        process.wait(10)
