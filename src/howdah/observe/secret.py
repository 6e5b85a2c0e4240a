"""Values that must not be seen: a holder that prints as ``***``, and the places a secret hides in text (R75)."""

from __future__ import annotations

import hmac
import re

MASK = "***"

# Any of these words in a name says that its value is secret. Words, not substrings: "authors" and "tokens" are not.
_SECRET_WORDS = frozenset({
    "apikey", "authorization", "bearer", "cookie", "credential", "credentials", "dsn", "passphrase", "passwd",
    "password", "pwd", "secret", "secrets", "token",
})  # fmt: skip
_WORD_BORDER = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s/@]*(?:@[^\s/@]*)*@")
_QUERY_SECRET = re.compile(
    r"([?&;\s](?:access_|id_|refresh_|api_)?(?:token|key|secret|password)=)[^\s&;'\"]+", re.IGNORECASE
)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+(?=\S*\d)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


class Secret:
    """A text whose ``repr``, ``str`` and formatted forms are ``***``; only ``reveal()`` gives it away.

    It is not a ``str``, so no encoder, log line or f-string can print it by accident.

    >>> password = Secret("correct horse")
    >>> f"{password} {password!r}", password.reveal()
    ('*** ***', 'correct horse')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that must use it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return format(MASK, specification)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._value.encode(errors="surrogatepass"), other._value.encode(errors="surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._value))


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is masked whatever its value is.

    >>> [is_secret_name(name) for name in ("password", "X-Hasura-Admin-Secret", "apiKey", "author", "tokens")]
    [True, True, True, False, False]
    """
    words = _WORD_BORDER.sub(" ", name).lower().split()
    return not _SECRET_WORDS.isdisjoint(words) or "api key" in " ".join(words)


def redact(text: str) -> str:
    """The text without the secrets that hide in URLs, query strings and authorization values.

    >>> redact("connect to postgresql://me:pa@ss@db/shop failed")
    'connect to postgresql://me:***@db/shop failed'
    >>> redact("GET /login?token=abc&next=/")
    'GET /login?token=***&next=/'
    """
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\g<1>{MASK}@", text)
    if "=" in text:
        text = _QUERY_SECRET.sub(rf"\g<1>{MASK}", text)
    return _BEARER.sub(rf"\g<1> {MASK}", text)
