"""Events: the shell says what happened as a value, and whoever listens decides what to make of it.

An event is an instance of a frozen dataclass that lives beside the code which emits it. Its class name is the event's
name, its fields are what is known, and a ``level: ClassVar[str]`` (default ``info``) says how loud it is. This module
knows no event, so that every part may emit without the parts knowing each other.
"""

from __future__ import annotations

from collections.abc import Callable

Sink = Callable[[object], None]

# Replaced, never mutated, so that `emit` may run in any thread while a sink is added.
_sinks: tuple[Sink, ...] = ()


def emit(event: object) -> None:
    """Every registered sink has been told of the event, in the order of registration."""
    for sink in _sinks:
        sink(event)


def add_sink(sink: Sink) -> Callable[[], None]:
    """The sink hears every later event; the returned function ends that."""
    global _sinks  # the one registry
    _sinks = (*_sinks, sink)

    def remove() -> None:
        global _sinks  # the one registry
        _sinks = tuple(known for known in _sinks if known is not sink)

    return remove
