"""The app's files at /totp/, with the policy that its page runs under. The standard library is enough."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
TYPES = {
    "index.html": "text/html; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "totp.js": "text/javascript; charset=utf-8",
    "store.js": "text/javascript; charset=utf-8",
    "qr.js": "text/javascript; charset=utf-8",
    "howdah.js": "text/javascript; charset=utf-8",
    "worker.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "manifest.webmanifest": "application/manifest+json",
    "icon.svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Files(BaseHTTPRequestHandler):
    """Each file that is named above, and nothing else."""

    def do_GET(self) -> None:
        """A file, or 404; ``/totp`` leads to ``/totp/``."""
        path = self.path.partition("?")[0]
        name = path.removeprefix("/totp/") or "index.html"
        if path == "/totp":
            self.send_response(308)
            self.send_header("location", "/totp/")
            content = b""
        elif not path.startswith("/totp/") or name not in TYPES:
            self.send_response(404)
            content = b"There is nothing here.\n"
        else:
            self.send_response(200)
            self.send_header("content-type", TYPES[name])
            self.send_header("cache-control", "no-cache")
            content = (HERE / name).read_bytes()
        self.send_header("content-security-policy", POLICY)
        self.send_header("referrer-policy", "no-referrer")
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Files).serve_forever()
