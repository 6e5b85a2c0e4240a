"""On whose behalf a service is asked: what the identity headers say, and what proves that the gateway said it (R36).

A service that is given a key (``HOWDAH_INTERNAL_KEY``, with its name in ``HOWDAH_SERVICE``) believes no plain header:
it takes who calls from the gateway's token, and refuses requests without one. ``howdah dev`` gives every service its
key; ``howdah auth service-key NAME`` prints it for a service that runs elsewhere. Without a key the headers are
believed, so such a service must not be reachable except through the gateway.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Final

from howdah.kit.errors import CallerUnproven, NotConfigured
from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER, verify_internal_token
from howdah.session import Session, from_headers

KEY_VARIABLE: Final = "HOWDAH_INTERNAL_KEY"
SERVICE_VARIABLE: Final = "HOWDAH_SERVICE"

_HEADER: Final = INTERNAL_TOKEN_HEADER.lower()
_SHORTEST: Final = 32


def write_keys(keys: Iterable[bytes]) -> str:
    """The keys as ``HOWDAH_INTERNAL_KEY`` has them: one, or two while one is replaced.

    >>> read_keys(write_keys([b"k" * 32, b"l" * 32])) == (b"k" * 32, b"l" * 32)
    True
    """
    return " ".join(base64.urlsafe_b64encode(key).rstrip(b"=").decode("ascii") for key in keys)


def read_keys(text: str) -> tuple[bytes, ...]:
    """The keys in a value of ``HOWDAH_INTERNAL_KEY``; none in an empty one. Raises NotConfigured."""
    try:
        keys = tuple(base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True) for part in text.split())
    except (ValueError, binascii.Error):
        raise NotConfigured(f"{KEY_VARIABLE} is no key.", hint="`howdah auth service-key NAME` prints one.") from None
    if any(len(key) < _SHORTEST for key in keys):
        raise NotConfigured(f"{KEY_VARIABLE} is too short.", hint="`howdah auth service-key NAME` prints one.")
    return keys


class Callers:
    """Reads who calls from the headers of a request, as the environment of the service says."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Raises NotConfigured: the key cannot be one, or nobody said which service this is."""
        self._keys = read_keys(environment.get(KEY_VARIABLE, ""))
        self._service = environment.get(SERVICE_VARIABLE, "")
        if self._keys and not self._service:
            raise NotConfigured(f"{SERVICE_VARIABLE} is not set, but {KEY_VARIABLE} is.")

    @property
    def proven(self) -> bool:
        """Whether what `read` returns is the gateway's word, and not what somebody wrote into a header."""
        return bool(self._keys)

    def read(self, headers: Iterable[tuple[str, str]]) -> Session:
        """On whose behalf. Raises CallerUnproven where that must be proven and is not."""
        if not self._keys:
            return from_headers(headers)
        tokens = [value for name, value in headers if name.lower() == _HEADER]
        if len(tokens) != 1:
            raise CallerUnproven(hint="Call the service through the gateway.")
        return verify_internal_token(tokens[0], self._keys, audience=self._service)
