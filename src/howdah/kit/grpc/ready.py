"""``python -m howdah.kit.grpc.ready unix:/run/rates.sock``: ends with 0 when the server there says that it serves."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from howdah.kit.grpc.channels import ARGUMENTS

SECONDS = 2.0


def main(words: Sequence[str]) -> int:
    """The exit code: 0 when it serves, 1 when it does not, 2 for other words."""
    if len(words) != 1:
        sys.stderr.write("usage: python -m howdah.kit.grpc.ready ADDRESS\n")
        return 2
    with grpc.insecure_channel(words[0].removeprefix("grpc://"), options=list(ARGUMENTS)) as channel:
        try:
            request = health_pb2.HealthCheckRequest()
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=SECONDS)
        except grpc.RpcError as error:
            sys.stderr.write(f"{error.code().name}: {error.details()}\n")
            return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
