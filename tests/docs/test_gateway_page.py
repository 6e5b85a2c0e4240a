"""docs/gateway.md: every setting in it starts, and every request in it is answered as it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.gateway.support import gateway, upstream

from howdah.gateway.routing import route_table
from howdah.gateway.site import Site
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import Project, Secrets

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(toml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = [text for kind, text in BLOCK.findall(PAGE) if kind == "toml"]


def project(toml: str) -> Project:
    return parse_project(Sources(toml), root=Path("/home/me/shop"), secrets=Secrets())


def exchanges() -> list[tuple[str, str, list[str]]]:
    """Each request, with the settings above it and the lines of the answer below it."""
    found = []
    settings = ""
    for kind, text in BLOCK.findall(PAGE):
        if kind == "toml":
            settings = text
            continue
        for exchange in text.split("$ curl ")[1:]:
            words, *lines = exchange.splitlines()
            found.append((settings, words, lines))
    return found


@pytest.mark.parametrize("toml", SETTINGS)
def test_what_is_written_can_be_routed(toml: str) -> None:
    """Every example of howdah.toml is a project with a table of routes."""
    read = project(toml)
    assert route_table(read.server, read.gateway, read.services, ("data", "auth")).domains


def request_of(words: str) -> tuple[str, str, str, list[str], bytes]:
    """Method, path, host, header fields and body of a curl command."""
    method, url, fields, body = "GET", "", [], b""
    given = iter(shlex.split(words))
    for word in given:
        if word == "-X":
            method = next(given)
        elif word == "-H":
            fields.append(next(given))
        elif word == "-d":
            body = next(given).encode()
        elif word != "-i":
            url = word
    parts = urlsplit(url)
    host = next((field.partition(": ")[2] for field in fields if field.startswith("Host:")), parts.netloc)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return method, path, host, [field for field in fields if not field.startswith("Host:")], body


@pytest.mark.parametrize(("toml", "words", "lines"), exchanges())
def test_requests_are_answered_as_the_page_says(toml: str, words: str, lines: list[str]) -> None:
    """Status, header fields and the beginning of the body, through a gateway with the settings above the request."""
    read = project(toml)
    method, path, host, fields, body = request_of(words)
    with upstream() as up:
        names = {service.name for service in read.services}
        given: dict[str, Any] = {"table": route_table(read.server, read.gateway, read.services, ("data", "auth"))}
        with gateway(service=up.port, names=names, site=Site(), parts=("data", "auth"), **given) as running:
            answer = running.request(method, path, *fields, body=body, host=host)
    status, *others = lines
    assert status == f"HTTP/1.1 {answer.status}"
    for line in others:
        if line.startswith("{"):
            assert answer.body.decode().startswith(line)
        else:
            name, _, value = line.partition(": ")
            assert answer.values(name) == [value]
