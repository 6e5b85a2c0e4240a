"""Whether a worker can do its work, for whoever runs it: ``GET /-/health`` on the port it was given."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEALTH_PATH = "/-/health"
NEEDS = ("broker", "database")


class Health:
    """What the worker needs and how that fares. It is well when each of it has worked."""

    def __init__(self) -> None:
        self._fares: dict[str, str | None] = dict.fromkeys(NEEDS, "not yet")

    def worked(self, name: str) -> None:
        """It is there."""
        self._fares[name] = None

    def failed(self, name: str, reason: str) -> None:
        """It is not there."""
        self._fares[name] = reason

    def is_well(self, name: str) -> bool:
        """Whether it was there last."""
        return self._fares[name] is None

    def serve(self, port: int) -> None:
        """Whoever asks is told, from a thread, for as long as the process lives. No reason is: this is for machines."""
        health = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = {name: "ok" if health.is_well(name) else "failed" for name in NEEDS}
                well = all(health.is_well(name) for name in NEEDS)
                known = self.path.partition("?")[0] == HEALTH_PATH
                body = json.dumps({"status": "ok" if well else "failed", "checks": found} if known else {}).encode()
                self.send_response((200 if well else 503) if known else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Say nothing: it is asked often."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="howdah-health", daemon=True).start()
