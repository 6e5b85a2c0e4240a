"""The Data API for a service: a query in, its rows out, or an error that says what went wrong.

    data = Data()
    articles = data.query({"type": "select", "args": {"table": "article", "columns": ["id", "title"]}})

Standard library only. Each query has a connection of its own and a deadline for all of it. Queries run as anonymous
unless the client was given the admin secret; with it, also on behalf of anybody (``as_session``).
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from howdah.kit.context import REQUEST_ID_HEADER, request_id
from howdah.kit.errors import BadAnswer, DataRefused, DataTimeout, DataUnreachable, KitError, NotConfigured
from howdah.observe.secret import Secret
from howdah.session import ADMIN_SECRET_HEADER, Session, to_headers

URL_VARIABLE = "HOWDAH_DATA_URL"
QUERY_PATH = "/v1/query"
DEFAULT_TIMEOUT = 5.0


class Data:
    """A client of the Data API.

    ``url`` is where the data part is, as ``http://localhost:8080/data`` (its query endpoint below that will do, too);
    ``HOWDAH_DATA_URL`` when left out, read when it is first needed, so that a service can be started without it.
    ``timeout`` is the seconds one query may take in all.
    """

    __slots__ = ("_admin_secret", "_session", "_timeout", "_url")

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        admin_secret: Secret | str | None = None,
    ) -> None:
        self._url = url
        self._timeout = timeout
        self._admin_secret = Secret(admin_secret) if isinstance(admin_secret, str) else admin_secret
        self._session: Session | None = None

    def as_session(self, session: Session) -> Data:
        """The same client, asking on behalf of ``session``. Only a client with the admin secret may.

        Raises KitError.
        """
        if self._admin_secret is None:
            raise KitError("Asking on behalf of somebody needs the admin secret.", hint="Data(admin_secret=…)")
        other = Data(self._url, timeout=self._timeout, admin_secret=self._admin_secret)
        other._session = session
        return other

    def query(self, query: Mapping[str, Any]) -> Any:
        """The result of one query: a list of rows for a select, a dict for everything else.

        Raises NotConfigured, DataUnreachable, DataTimeout, DataRefused, BadAnswer.
        """
        status, body = self._post(json.dumps(query, allow_nan=False).encode())
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise BadAnswer(f"What answered with status {status} did not answer in JSON.", hint=self._hint()) from error
        if 200 <= status < 300:
            return answer
        if not isinstance(answer, dict) or not isinstance(answer.get("code"), str):
            raise BadAnswer(f"What answered with status {status} is not the Data API.", hint=self._hint())
        message = answer.get("error") or answer.get("message") or "The Data API refused the query."
        path = answer.get("path")
        raise DataRefused(
            str(message),
            answer_status=status,
            answer_code=answer["code"],
            path=path if isinstance(path, str) else None,
        )

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        connection, path = self._connection()
        deadline = time.monotonic() + self._timeout
        try:
            connection.connect()
            line = connection.sock  # kept: http.client lets go of it when the answer ends the connection
            line.settimeout(_left(deadline))
            connection.request("POST", path, body, self._headers())
            response = connection.getresponse()
            pieces = []
            while True:
                line.settimeout(_left(deadline))
                piece = response.read1(65536)
                if not piece:
                    break
                pieces.append(piece)
        except TimeoutError as error:
            raise DataTimeout(f"The Data API did not answer within {self._timeout:g} s.", hint=self._hint()) from error
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise DataUnreachable(f"The Data API cannot be reached: {reason}.", hint=self._hint()) from error
        finally:
            connection.close()
        if response.length:  # read1 ends quietly where read would complain
            raise DataUnreachable("The Data API's answer broke off.", hint=self._hint())
        return response.status, b"".join(pieces)

    def _connection(self) -> tuple[http.client.HTTPConnection, str]:
        url = self._where()
        parts = urlsplit(url)
        kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}.get(parts.scheme)
        if kind is None or not parts.hostname:
            raise NotConfigured(f'"{url}" is not where a Data API can be: http://localhost:8080/data would be.')
        path = parts.path.rstrip("/").removesuffix(QUERY_PATH) + QUERY_PATH
        return kind(parts.hostname, parts.port, timeout=self._timeout), path

    def _where(self) -> str:
        url = self._url or os.environ.get(URL_VARIABLE)
        if not url:
            raise NotConfigured(hint="Start the service with `howdah dev`, or set it: http://localhost:8080/data")
        return url

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        current = request_id.get()
        if current is not None:
            headers[REQUEST_ID_HEADER] = current
        if self._admin_secret is not None:
            headers[ADMIN_SECRET_HEADER] = self._admin_secret.reveal()
        if self._session is not None:
            headers.update(to_headers(self._session))
        return headers

    def _hint(self) -> str:
        parts = urlsplit(self._where())
        return f"It was looked for at {parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}."


def _left(deadline: float) -> float:
    """The seconds that are left; raises TimeoutError when none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")  # noqa: UP041 - what a socket itself would raise
    return left
