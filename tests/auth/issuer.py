"""An issuer of accounts on this machine: OpenID Connect and plain OAuth 2, with codes for whoever agreed."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey


@dataclass
class Person:
    """Somebody who has an account there."""

    subject: str
    email: str | None = None
    verified: bool = True


@dataclass
class FakeIssuer:
    """What it knows and what it was asked. ``codes`` are good once."""

    url: str = ""
    key: ECKey = field(
        default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
    )
    codes: dict[str, tuple[Person, dict[str, str]]] = field(default_factory=dict)
    tokens: dict[str, Person] = field(default_factory=dict)
    emails: list[dict[str, Any]] = field(default_factory=list)
    hook: tuple[int, Any] = (200, {})
    visitor: Person | None = None
    """Who is logged in there in the browser that comes, and agrees to everything; nobody: they decline."""
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def agree(self, location: str, person: Person) -> dict[str, str]:
        """What the browser comes back with after the person agreed to what ``location`` asks."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = f"code-{len(self.codes)}-{time.monotonic_ns()}"
        self.codes[code] = (person, query)
        return {"code": code, "state": query["state"], "scope": "openid email"}

    def id_token(self, person: Person, *, audience: str = "shop", **claims: Any) -> str:
        now = int(time.time())
        told = {
            "iss": self.url,
            "aud": audience,
            "sub": person.subject,
            "iat": now,
            "exp": now + 300,
            "email": person.email,
            "email_verified": person.verified,
            **claims,
        }
        return jwt.encode({"alg": "ES256", "kid": self.key.kid, "typ": "JWT"}, told, self.key)

    def answer(
        self, method: str, path: str, query: dict[str, str], form: dict[str, Any], fields: dict[str, str]
    ) -> Any:
        self.asked.append((path, form or query, fields))
        match path:
            case "/.well-known/openid-configuration":
                return 200, {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/keys",
                }
            case "/keys":
                return 200, {"keys": [self.key.as_dict(private=False)]}
            case "/token":
                person, wanted = self.codes.pop(form["code"], (None, {}))
                if person is None or form.get("redirect_uri") != wanted.get("redirect_uri", form.get("redirect_uri")):
                    return 400, {"error": "invalid_grant"}
                if "code_challenge" in wanted:
                    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != wanted["code_challenge"]:
                        return 400, {"error": "invalid_grant"}
                self.tokens["access-" + person.subject] = person
                token = self.id_token(person, nonce=wanted.get("nonce"))
                return 200, {"access_token": "access-" + person.subject, "id_token": token, "token_type": "bearer"}
            case "/user":
                known = self.tokens.get(fields.get("authorization", "").removeprefix("Bearer "))
                return (401, {"error": "bad"}) if known is None else (200, {"id": known.subject, "email": known.email})
            case "/debug_token":
                known = self.tokens.get(query["input_token"])
                app = "other" if query["input_token"].startswith("foreign") else "shop"
                return 200, {"data": {"is_valid": known is not None, "app_id": app}}
            case "/user/emails":
                return 200, self.emails
            case "/hook" | "/merge" | "/create" | "/delete":
                return self.hook
            case "/authorize":
                location = f"{self.url}{path}?{urlencode(query)}"
                back = {"error": "access_denied", "state": query["state"]}
                if self.visitor is not None:
                    back = self.agree(location, self.visitor)
                return 302, {"location": f"{query['redirect_uri']}?{urlencode(back)}"}
            case "/welcome":
                return 200, "welcome"
            case _:
                return 404, {"error": "not found"}


@contextmanager
def running() -> Iterator[FakeIssuer]:
    """An issuer that listens."""
    issuer = FakeIssuer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            kind = self.headers.get("content-type", "")
            form = (
                json.loads(raw) if kind == "application/json" else {k: v[0] for k, v in parse_qs(raw.decode()).items()}
            )
            fields = {name.lower(): value for name, value in self.headers.items()} | {"raw": raw.decode()}
            status, told = issuer.answer(self.command, parts.path, query, form, fields)
            body = json.dumps(told).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("location", told["location"])
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _serve  # noqa: N815 - what the base class looks for

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
