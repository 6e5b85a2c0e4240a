"""What a real browser makes of the gateway's answers: our page may, another page may not, a listed one may again."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.support import (
    COOKIE,
    Accounts,
    Received,
    RunningGateway,
    answer,
    cookie,
    eventually,
    gateway,
    upstream,
)
from tests.gateway.websocket import accepting, echo

from howdah.gateway.csrf import Tokens
from howdah.gateway.match import Route
from howdah.gateway.site import Site
from howdah.project.sections import Cors, Policy
from howdah.session import Identity

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (as root: make test-deps)")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Each attempt notes what its page learns: the role it acted in, a status, or that it learned nothing.
SCRIPT = """
const learned = {};
async function attempt(name, work) {
  try { learned[name] = await work(); } catch (error) { learned[name] = error.name; }
}
const json = {"Content-Type": "application/json"};
const asked = async (url, options) => {
  const answer = await fetch(url, {credentials: "include", ...options});
  return answer.ok ? (await answer.json()).role : answer.status;
};
const open = (url) => new Promise((done) => {
  const socket = new WebSocket(url);
  socket.onopen = () => { socket.close(); done("open"); };
  socket.onerror = () => done("refused");
});
const form = (url) => new Promise((done) => {
  document.body.innerHTML = `<iframe name="there"></iframe><form method="post" target="there" action="${url}"></form>`;
  document.querySelector("iframe").onload = () => done("sent");
  document.querySelector("form").submit();
});
"""
OURS = """
await attempt("sign in", () => asked("/auth/sign-in", {method: "POST", headers: json, body: "{}"}));
await attempt("read", () => asked("/data/ours"));
await attempt("write", () => asked("/data/ours", {method: "POST", headers: json, body: "{}"}));
await attempt("delete", () => asked("/data/ours", {method: "DELETE"}));
await attempt("socket", () => open(`ws://${location.host}/ws`));
await attempt("token", async () => (await (await fetch("/-/csrf-token")).json()).csrf_token.length);
await fetch("/report", {method: "POST", headers: json, body: JSON.stringify(learned)});
location = "ELSEWHERE";
"""
THEIRS = """
const there = "THERE";
await attempt("read", () => asked(there + "/data/theirs-read"));
await attempt("write", () => asked(there + "/data/theirs-write", {method: "POST", headers: json, body: "{}"}));
await attempt("blind", async () =>
  (await fetch(there + "/data/theirs-blind",
    {method: "POST", mode: "no-cors", credentials: "include", body: new Blob(["{}"])})).type);
await attempt("form", () => form(there + "/data/theirs-form"));
await attempt("socket", () => open(there.replace("http", "ws") + "/ws"));
await attempt("token", () => asked(there + "/-/csrf-token"));
await attempt("everybody", () => asked(there + "/all/x", {credentials: "omit"}));
await attempt("everybody, with cookies", () => asked(there + "/all/x"));
await attempt("listed read", () => asked(there + "/auth/listed"));
await attempt("listed write", () => asked(there + "/auth/listed", {method: "PUT", headers: json, body: "{}"}));
await fetch("/report", {method: "POST", headers: json, body: JSON.stringify(learned)});
"""


def page(script: str) -> Any:
    async def behaviour(request: Received, reader: Any, writer: Any) -> bool:
        text = f"<!doctype html><title>x</title><body><script type=module>{SCRIPT}{script}</script>"
        writer.write(answer(text.encode(), "Content-Type: text/html; charset=utf-8"))
        return True

    return behaviour


async def everybody(request: Received, reader: Any, writer: Any) -> bool:
    (role,) = request.values("x-hasura-role")
    writer.write(answer(json.dumps({"role": role}).encode(), "Content-Type: application/json"))
    return True


async def sign_in(scope: Any, receive: Any, send: Any) -> None:
    """A part that tells who asks, and signs in whoever asks for that."""
    while (await receive()).get("more_body"):
        pass
    body = json.dumps({"role": scope["howdah.session"].role}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if scope["path"] == "/sign-in":
        value = f"{COOKIE}={cookie('ann')}; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax"
        headers.append((b"set-cookie", value.encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def browser(url: str, profile: Path) -> Iterator[None]:
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def statuses(running: RunningGateway, path: str) -> set[tuple[str, int]]:
    return {(event.method, event.status) for event in running.named("RequestServed") if event.path == path}


def test_pages_may_what_their_origin_may(tmp_path: Path) -> None:
    """R48, R52, R53, R55: ours acts as its user; one of another port, which has the cookie too, only where listed."""
    accounts = Accounts({cookie("ann"): Identity("cookie", ("user",), {"x-hasura-user-id": "7"}, "7", "session-1")})
    with upstream(ws=accepting(echo)) as up:
        there = f"http://localhost:{up.port}"
        routes = (
            Route(None, "/", "service", "web"),
            Route(None, "/all", "service", "web", policy=Policy(cors=Cors("allow_all"))),
        )
        up.behaviours |= {"/all/x": everybody, "/page": page(OURS.replace("ELSEWHERE", f"{there}/attack"))}
        with gateway(
            service=up.port,
            routes=routes,
            parts=("data", "auth"),
            part=sign_in,
            accounts=accounts,
            policies={"auth": Policy(cors=Cors(origins=(there,)))},
            site=Site(session_cookie=COOKIE.encode(), signing_in=frozenset(("auth",)), tokens=Tokens(b"a key")),
        ) as running:
            here = f"http://localhost:{running.port}"
            up.behaviours["/attack"] = page(THEIRS.replace("THERE", here))
            with browser(f"{here}/page", tmp_path):
                ours, theirs = eventually(lambda: _reports(up.requests), seconds=60)
            assert ours == {
                "sign in": "anonymous",
                "read": "user",
                "write": "user",
                "delete": "user",
                "socket": "open",
                "token": 64,
            }
            assert theirs == {
                "read": "TypeError",  # it was asked, and the page learned nothing
                "write": "TypeError",
                "blind": "opaque",
                "form": "sent",
                "socket": "refused",
                "token": "TypeError",
                "everybody": "anonymous",
                "everybody, with cookies": "TypeError",
                "listed read": "user",
                "listed write": "user",
            }
            assert statuses(running, "/data/theirs-write") == {("OPTIONS", 403)}
            assert statuses(running, "/data/theirs-blind") == {("POST", 403)}
            assert statuses(running, "/data/theirs-form") == {("POST", 403)}
            assert statuses(running, "/ws") == {("GET", 101), ("GET", 403)}


def _reports(requests: list[Received]) -> tuple[Any, Any] | None:
    """What both pages reported, once both have: one through the gateway, one at its own server."""
    bodies = [request for request in requests if request.target == "/report" and request.method == "POST"]
    return None if len(bodies) < 2 else (json.loads(bodies[0].body), json.loads(bodies[1].body))
