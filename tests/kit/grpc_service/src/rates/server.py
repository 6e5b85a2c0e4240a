"""The gRPC service of the kit's tests, on threads or on an event loop."""

# ruff: noqa: N802 - gRPC names methods as the .proto does

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import grpc

from howdah.errors import HowdahError
from howdah.kit import current
from howdah.kit.access import allow
from howdah.kit.grpc import serve, serve_async
from rates import rates_pb2, rates_pb2_grpc


class TooMany(HowdahError):
    """There are too many of these."""

    code, status = "too-many", 429


def told() -> str:
    """Who calls, as the kit knows it."""
    return json.dumps(
        {
            "role": current.session.role,
            "user": current.session.variables.get("x-hasura-user-id"),
            "request_id": current.request_id,
            "pid": os.getpid(),
            "thread": threading.current_thread().name,
        }
    )


def behave(currency: str, call: Any) -> rates_pb2.Rate:
    """What a currency leads to, but for those that wait."""
    if currency == "CRASH":
        raise ZeroDivisionError("postgresql://me:hidden@db is down")
    if currency == "REFUSE":
        raise TooMany("seven")
    if currency == "DOWN":
        raise HowdahError("postgresql://me:hidden@db is down")
    if currency == "EDITORS":
        editors()
    if currency == "LARGE":
        return rates_pb2.Rate(currency="x" * 5_000_000)
    return rates_pb2.Rate(currency=currency, value=1.5, told=told())


@allow("editor")
def editors() -> None:
    """Only for editors."""


class Rates(rates_pb2_grpc.RatesServicer):
    """On threads."""

    def GetRate(self, request: Any, context: Any) -> Any:
        if request.currency == "HANG":
            time.sleep(3)
        while request.currency.startswith("/") and not Path(request.currency).exists():
            time.sleep(0.02)
        if request.currency == "ABORT":
            context.abort(grpc.StatusCode.OUT_OF_RANGE, "by itself")
        return behave(request.currency, context)

    def ListRates(self, request: Any, context: Any) -> Any:
        return rates_pb2.RateList(rates=[behave(name, context) for name in ("EUR", "INR")])

    def WatchRates(self, request: Any, context: Any) -> Any:
        for number in range(request.times):
            if number == 5:
                raise TooMany("five")
            yield behave(f"R{number}", context)
            time.sleep(0.01)


class AsyncRates(rates_pb2_grpc.RatesServicer):
    """On an event loop."""

    async def GetRate(self, request: Any, context: Any) -> Any:
        if request.currency == "HANG":
            await asyncio.sleep(3)
        while request.currency.startswith("/") and not Path(request.currency).exists():  # noqa: ASYNC110, ASYNC240 - a test's
            await asyncio.sleep(0.02)
        if request.currency == "ABORT":
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "by itself")
        return behave(request.currency, context)

    async def ListRates(self, request: Any, context: Any) -> Any:
        return rates_pb2.RateList(rates=[behave(name, context) for name in ("EUR", "INR")])

    async def WatchRates(self, request: Any, context: Any) -> Any:
        for number in range(request.times):
            if number == 5:
                raise TooMany("five")
            yield behave(f"R{number}", context)
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    chosen = json.loads(os.environ.get("OPTIONS", "{}"))
    if "async" in sys.argv:
        asyncio.run(
            serve_async(lambda server: rates_pb2_grpc.add_RatesServicer_to_server(AsyncRates(), server), **chosen)
        )
    else:
        serve(lambda server: rates_pb2_grpc.add_RatesServicer_to_server(Rates(), server), **chosen)
