"""What of a request goes on with the calls it leads to: the gateway's word on who calls, and its trace. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER

TRACE_HEADER: Final = "traceparent"

_TOKEN: Final = INTERNAL_TOKEN_HEADER.lower()
_TRACE: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{1,200})?")


@dataclass(frozen=True, slots=True)
class Relayed:
    """The gateway's word on who calls, as it came, and the trace (W3C Trace Context); None where there was none."""

    token: str | None = field(default=None, repr=False)
    trace: str | None = None


NOTHING: Final = Relayed()


def relayed_of(headers: Iterable[tuple[str, str]]) -> Relayed:
    """What of the headers goes on.

    >>> relayed_of([("traceparent", "nonsense")])
    Relayed(trace=None)
    """
    token = trace = None
    for name, value in headers:
        lowered = name.lower()
        if lowered == _TOKEN:
            token = value
        elif lowered == TRACE_HEADER and _TRACE.fullmatch(value):
            trace = value
    return Relayed(token, trace)
