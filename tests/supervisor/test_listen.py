"""The public address: bound once, or refused with the name of who has it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from howdah.supervisor.errors import AddressUnusable, PortBusy
from howdah.supervisor.listen import bind, holder_of
from howdah.supervisor.ports import free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_bound_socket_takes_connections_at_once(host: str) -> None:
    """Connections queue before anybody accepts."""
    with bind(host, 0) as listening, socket.create_connection(("127.0.0.1", listening.getsockname()[1]), timeout=5):
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert not os.get_inheritable(listening.fileno())


def test_a_busy_port_names_its_holder_and_a_free_one() -> None:
    """E110 with pid and command of the other process, and the next free port as a hint."""
    program = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        try:
            with pytest.raises(PortBusy) as refused:
                bind("127.0.0.1", port)
            assert refused.value.code == "E110"
            assert f"port {port} on 127.0.0.1 is in use by pid {holder.pid} (" in refused.value.message
            assert refused.value.hint is not None
            offered = int(refused.value.hint.split()[1])
            assert port < offered <= port + 100
            bind("127.0.0.1", offered).close()
        finally:
            holder.kill()


def test_a_free_port_has_no_holder() -> None:
    """Nobody is blamed for a port nobody has."""
    assert holder_of(free_port()) is None


def test_ports_are_not_given_twice_in_a_row() -> None:
    """Services that start together get ports of their own."""
    ports = [free_port() for _ in range(40)]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a" * 300])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    """A host of another machine, or none at all, is E113."""
    with pytest.raises(AddressUnusable) as refused:
        bind(host, 0)
    assert refused.value.code == "E113"
