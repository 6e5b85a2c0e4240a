"""gRPC for services: a server that knows who calls, and clients that find it, within time and bounds.

    from howdah.kit.grpc import serve

    def register(server):
        rates_pb2_grpc.add_RatesServicer_to_server(Rates(), server)

    if __name__ == "__main__":
        serve(register)

docs/services.md says more.
"""

from __future__ import annotations

from howdah.kit.grpc.asynchronous import AsyncClient, serve_async
from howdah.kit.grpc.client import Client
from howdah.kit.grpc.errors import RemoteRefused
from howdah.kit.grpc.options import ServerOptions
from howdah.kit.grpc.server import serve

__all__ = ["AsyncClient", "Client", "RemoteRefused", "ServerOptions", "serve", "serve_async"]
