"""Chromium, told what to do over the DevTools protocol: a small WebSocket client and pages that look for things."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (as root: make test-deps)")
PATIENCE = 30.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP *.test 127.0.0.1",  # a name without TLS that is not localhost
    "about:blank",
)
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), " ": (32, " ")}


class Wire:
    """A WebSocket to the browser: commands in JSON, their answers, and what it tells unasked."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        assert place.hostname is not None
        self._socket = socket.create_connection((place.hostname, place.port or 80), timeout=PATIENCE)
        self._file = self._socket.makefile("rb")
        self._last = 0
        self.told: list[dict[str, Any]] = []
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b" 101 " in self._file.readline()
        while self._file.readline() != b"\r\n":
            pass

    def ask(self, method: str, session: str | None = None, **values: Any) -> Any:
        """The result of a command; an AssertionError with what the browser says when it fails."""
        self._last += 1
        number = self._last
        self._send({"id": number, "method": method, "params": values, **({"sessionId": session} if session else {})})
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self.told.append(message)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _send(self, message: dict[str, Any]) -> None:
        payload = json.dumps(message).encode()
        size, mask = len(payload), os.urandom(4)
        head = bytes([0x80 | size]) if size < 126 else (
            b"\xfe" + size.to_bytes(2, "big") if size < 1 << 16 else b"\xff" + size.to_bytes(8, "big")
        )  # fmt: skip
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._socket.sendall(b"\x81" + head + mask + masked)

    def _receive(self) -> dict[str, Any]:
        whole = b""
        while True:
            first, second = self._file.read(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(self._file.read(2 if size == 126 else 8), "big")
            payload = self._file.read(size)
            if first & 0x0F > 2:  # ping, pong; after a close the next read fails
                continue
            whole += payload
            if first & 0x80:
                return json.loads(whole)


class Page:
    """One tab."""

    def __init__(self, wire: Wire, session: str) -> None:
        self._wire, self._session = wire, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **values: Any) -> Any:
        """What a command of the DevTools protocol answers for this tab."""
        return self._wire.ask(method, self._session, **values)

    def go(self, url: str) -> None:
        """The page is at ``url`` and loaded."""
        assert "errorText" not in (told := self.ask("Page.navigate", url=url)), told
        self.wait(f"document.readyState === 'complete' && location.href !== 'about:blank' || {json.dumps(url)} === ''")

    def run(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        told = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, script: str, *, seconds: float = PATIENCE) -> Any:
        """The first true value of an expression; an AssertionError with what the page shows when there is none."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if found := self.run(script):
                    return found
            except AssertionError as error:
                if time.monotonic() > deadline or "context" not in str(error).lower():
                    raise  # while a page gives way to the next, there is nothing that could run a script
            assert time.monotonic() < deadline, f"{script}: {self.text()}"
            time.sleep(0.05)

    def wait_text(self, text: str) -> None:
        """The page shows this text."""
        self.wait(f"document.body && document.body.innerText.includes({json.dumps(text)})")

    def text(self, selector: str = "body") -> str:
        """What an element shows."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def fill(self, selector: str, text: str) -> None:
        """Somebody types into an input that was empty or had another value."""
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.run(f"(e => {{ e.focus(); e.select() }})(document.querySelector({json.dumps(selector)}))")
        self.type(text)

    def type(self, text: str) -> None:
        """Text arrives where the focus is."""
        self.ask("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key goes down and up: Tab, Enter, Escape, the space bar."""
        code, text = _KEYS[key]
        given = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **given)

    def click(self, selector: str) -> None:
        """An element is clicked."""
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def leave_by(self, selector: str) -> None:
        """A click, after which another document is there and loaded."""
        self.run("window.before = true")
        self.click(selector)
        self.arrive()

    def arrive(self) -> None:
        """Another document than the one where ``window.before`` was set is loaded."""
        self.wait("!window.before && document.readyState === 'complete'")

    def screenshot(self, file: Path) -> None:
        """The whole page as a PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        told = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(told["data"]))

    def looks(self, *, width: int = 1000, dark: bool = False) -> None:
        """From now on the window is so wide, and its owner likes it light or dark."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def scripts(self, *, on: bool) -> None:
        """Whether pages that are opened from now on run theirs."""
        self.ask("Emulation.setScriptExecutionDisabled", value=not on)

    def complaints(self) -> list[str]:
        """What the console was told as an error or a warning, and scripts that failed; but not failed requests."""
        self.run("1")
        found = []
        for message in self._wire.told:
            given = message.get("params", {})
            if message.get("sessionId") != self._session:
                continue
            if message["method"] == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
                if given["entry"]["source"] != "network":  # a form that is refused is a 4xx, which is no complaint
                    found.append(given["entry"]["text"])
            elif message["method"] == "Runtime.exceptionThrown":
                found.append(str(given["exceptionDetails"]))
            elif message["method"] == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
                found.append(str(given["args"]))
        return found


@contextmanager
def browser() -> Iterator[Page]:
    """A tab of a Chromium with a profile of its own, which ends with the block."""
    assert CHROMIUM is not None
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, f"--user-data-dir={profile}", *_FLAGS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wire = Wire(_address(Path(profile), process))
            try:
                target = wire.ask("Target.createTarget", url="about:blank")["targetId"]
                session = wire.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
                yield Page(wire, session)
                wire.ask("Browser.close")
            finally:
                wire.close()
        finally:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE
    file = profile / "DevToolsActivePort"
    while not (file.exists() and len(lines := file.read_text().splitlines()) == 2):
        assert process.poll() is None, "chromium ended"
        assert time.monotonic() < deadline, "chromium did not open its port"
        time.sleep(0.05)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
