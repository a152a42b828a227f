"""Is a port free, and if not, who has it?"""

from __future__ import annotations

import socket
from pathlib import Path

from ivr.config import Config
from ivr.core.errors import PbxError


def check(config: Config) -> None:
    """Raise PbxError with one sentence when Asterisk cannot listen where it is to."""
    wanted = (
        ("sip.port", config.sip.host, config.sip.port, socket.SOCK_DGRAM),
        ("http.port", config.http.host, config.http.port, socket.SOCK_STREAM),
        ("ami.port", config.ami.host, config.ami.port, socket.SOCK_STREAM),
    )
    for key, host, port, kind in wanted:
        _check(key, host, port, kind)


def _check(key: str, host: str, port: int, kind: socket.SocketKind) -> None:
    name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        owner = owner_of(port, name.lower())
        if owner:
            raise PbxError(f"{name} port {port} ({key} in config.toml) is in use by {owner}.") from None
        raise PbxError(
            f"{name} port {port} on {host} ({key} in config.toml) cannot be had: {error.strerror}."
        ) from None


def owner_of(port: int, protocol: str) -> str:
    """The process that has the port, as `name (pid N)`, or "" when the system does not tell us."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, protocol)}
    if not sockets:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) in sockets for fd in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"{'another Asterisk' if name.startswith('ld-linux') else name} (pid {process.name})"
        except OSError:
            continue  # it ended meanwhile, or belongs to another user
    return "another user's process"


def _inodes(port: int, protocol: str) -> set[str]:
    found = set()
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            listening = protocol == "udp" or fields[3] == "0A"
            if listening and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
