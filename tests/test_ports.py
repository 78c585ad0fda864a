"""A port that is given out is not one that any outgoing connection may take before its program."""

from __future__ import annotations

import socket

from hub.ports import first_lent, free_port


def test_a_port_is_free_and_not_lent_to_connections() -> None:
    """It can be listened on, and lies below the system's own range."""
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 1
    assert all(port < first_lent() for port in ports)
    with socket.create_server(("127.0.0.1", ports.pop())):
        pass


def test_the_wanted_port_is_given_unless_somebody_listens_there() -> None:
    """Who listens keeps it."""
    wanted = free_port()
    assert free_port(wanted) == wanted
    with socket.create_server(("127.0.0.1", wanted)):
        assert free_port(wanted) != wanted
