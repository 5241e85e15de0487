"""No test, and nothing of shgae, may reach another machine: Python tells of every connection before it is made.

Loopback and Unix sockets are allowed: processes of one machine talk so. The hook cannot be taken out again.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

_NAMES = ("", "localhost", None)


def refuse_other_machines() -> None:
    """From here on, looking up or connecting to another machine is a ``PermissionError``."""
    sys.addaudithook(_audited)


def _audited(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1] if len(arguments) > 1 else None
        host = address[0] if isinstance(address, tuple) and address else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not _is_here(host):
        raise PermissionError(f"no test may reach another machine: {event} {host}")


def _is_here(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host in _NAMES:
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False
