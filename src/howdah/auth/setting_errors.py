"""What an operator has set up so that it cannot be used.

::

    AuthError                   bad-request             400
    ├── Unfetched               unfetched               502
    ├── UnreadableSeal          unreadable-seal         500
    ├── UnusableClaimsMapping   unusable-claims-mapping
    ├── UnusableIssuer          unusable-issuer
    ├── UnusableKey             unusable-key
    ├── UnusablePasswordHash    unusable-password-hash
    └── UnusableRedirectTarget  unusable-redirect-target
"""

from __future__ import annotations

from howdah.auth.errors import AuthError


class Unfetched(AuthError):
    """Another site does not answer as it should."""

    code = "unfetched"
    status = 502


class UnreadableSeal(AuthError):
    """A stored secret cannot be read with the secret key there is."""

    code = "unreadable-seal"
    status = 500


class UnusableClaimsMapping(AuthError):
    """The claims of an issuer cannot be read that way."""

    code = "unusable-claims-mapping"


class UnusableIssuer(AuthError):
    """The settings of an issuer or a hook are incomplete."""

    code = "unusable-issuer"
    exit_code = 2


class UnusableKey(AuthError):
    """Signatures cannot be checked with the key."""

    code = "unusable-key"


class UnusablePasswordHash(AuthError):
    """The hash is none that passwords can be compared with here."""

    code = "unusable-password-hash"


class UnusableRedirectTarget(AuthError):
    """Browsers cannot be sent there."""

    code = "unusable-redirect-target"
