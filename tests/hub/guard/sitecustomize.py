"""Keep a process on this machine: Python imports this module from its path before anything else."""

import os
import socket
from pathlib import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost", None, "")

_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo


def refuse(forward_backward):
    if "GUARD_LOG" in os.environ:
        with Path(os.environ["GUARD_LOG"]).open("a") as log:
            log.write(f"{forward_backward}\n")
    raise OSError(f"a test tried to {forward_backward}")


def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
        refuse(f"reach {address}")
    return _connect(self, address)


def getaddrinfo(host, *args, **options):
    if host not in LOOPBACK:
        refuse(f"resolve {host}")
    return _getaddrinfo(host, *args, **options)


socket.socket.connect = connect
socket.getaddrinfo = getaddrinfo
