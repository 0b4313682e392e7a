"""Ports of this machine for servers that tests start."""

import socket
import time

_SECONDS_TO_START = 60


def free_port() -> int:
    """Return a loopback port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Wait until something listens at the port; raise RuntimeError where nothing does in time."""
    until = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens at port {port}")
