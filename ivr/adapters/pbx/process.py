"""The running Asterisk: a session of its own, so that neither Ctrl-C nor the controller's death ends its calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
from pathlib import Path

from ivr.adapters.pbx import ports
from ivr.adapters.pbx.find import Installation
from ivr.adapters.pbx.render import Folders, fingerprint, write
from ivr.adapters.pbx.secrets import Secrets
from ivr.config import Config
from ivr.core.errors import PbxError

_BOOT_S = 30.0
_STOP_S = 8.0
_FILES = 65536


class Pbx:
    """One Asterisk process, started here or adopted from an earlier controller.

    `adopted` is true when it was already running; `outdated` when it runs with an older configuration than the
    rendered one, which then takes effect at its next start.
    """

    def __init__(self, config: Config, installation: Installation, secrets: Secrets) -> None:
        self._config = config
        self._folders = Folders(config.state.dir.resolve())
        self._secrets = secrets
        self._record = self._folders.run / "started.json"
        self._pidfd = -1
        self.pid = 0
        self.adopted = False
        self.outdated = False
        self.command = (*installation.command, "-f", "-n", "-C", str(self._folders.etc / "asterisk.conf"))

    async def start(self) -> None:
        """Start Asterisk, or adopt the one that runs from this state folder, and wait until it takes calls.

        Raises PbxError with one sentence: a port in use, an Asterisk that dies or does not come up.
        """
        self._close()
        self.adopted = self._adopt()
        if not self.adopted:
            ports.check(self._config)
            self._spawn()
        try:
            async with asyncio.timeout(_BOOT_S):
                await self._booted()
        except TimeoutError:
            if not self.adopted:
                await self.stop()
            raise PbxError(
                f"Asterisk (pid {self.pid}) did not come up in {_BOOT_S:.0f} s. {self._last_words()}"
            ) from None

    async def died(self) -> None:
        """Returns when the process is gone, whoever ended it."""
        if self._pidfd < 0:
            return
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        watched = os.dup(self._pidfd)
        loop.add_reader(watched, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)
        self._reap()

    async def stop(self) -> None:
        """End Asterisk and its calls: SIGTERM, and SIGKILL when that is not enough."""
        if self._pidfd < 0:
            return
        for number, wait_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _STOP_S)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self.died()
                    break
        self._record.unlink(missing_ok=True)
        self._close()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # an adopted one is not our child
            os.waitpid(self.pid, os.WNOHANG)

    def _close(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _adopt(self) -> bool:
        try:
            started = json.loads(self._record.read_text())
            pid = int(started["pid"])
            pidfd = os.pidfd_open(pid)
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if _began(pid) != started["began"]:
            os.close(pidfd)
            return False
        self.pid, self._pidfd = pid, pidfd
        self.outdated = started.get("config") != fingerprint(self._config)
        return True

    def _spawn(self) -> None:
        run, out = str(self._folders.run), str(self._folders.log / "console")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self.pid = os.posix_spawn(
            "/bin/sh",
            # The shell only sets what posix_spawn cannot; Asterisk takes its place and its process id.
            ["/bin/sh", "-c", f'umask 077; ulimit -n {_open_files()}; cd "$0" && exec "$@"', run, *self.command],
            {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": run},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        self._pidfd = os.pidfd_open(self.pid)
        self.outdated = False
        row = {"pid": self.pid, "began": _began(self.pid), "config": fingerprint(self._config)}
        write(self._record, json.dumps(row))

    async def _booted(self) -> None:
        """Wait for AMI's FullyBooted, or raise when the process dies first."""
        death = asyncio.ensure_future(self.died())
        greeting = asyncio.ensure_future(self._fully_booted())
        done, pending = await asyncio.wait((death, greeting), return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if greeting in done:
            greeting.result()
            return
        self._record.unlink(missing_ok=True)
        self._close()
        raise PbxError(f"Asterisk died at its start. {self._last_words()}")

    async def _fully_booted(self) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(self._config.ami.host, self._config.ami.port)
                try:
                    secret = self._secrets.ami_secret("watcher")
                    writer.write(f"Action: Login\r\nUsername: watcher\r\nSecret: {secret}\r\n\r\n".encode())
                    if await _answer(reader):
                        return
                    raise PbxError(
                        f"Asterisk at {self._config.ami.host}:{self._config.ami.port} refuses the password in"
                        f" {self._folders.state / 'secrets.json'}; end process {self.pid} and start again."
                    )
                finally:
                    writer.close()
            await asyncio.sleep(0.05)

    def _last_words(self) -> str:
        lines: list[str] = []
        for name in ("console", "messages"):
            with contextlib.suppress(OSError):
                lines += (self._folders.log / name).read_text("utf-8", "replace").splitlines()[-3:]
        text = " / ".join(line.strip() for line in lines if line.strip())
        return f"The last lines of its log in {self._folders.log}: {text}" if text else "It left no log."


async def _answer(reader: asyncio.StreamReader) -> bool:
    """True at FullyBooted, False when the login is refused."""
    while True:
        line = await reader.readuntil(b"\n")
        if line.startswith(b"Event: FullyBooted"):
            return True
        if line.startswith(b"Response: Error"):
            return False


def _open_files() -> int:
    """As many as we may have, up to what 10,000 legs would take."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _FILES if most == resource.RLIM_INFINITY else min(most, _FILES)


def _began(pid: int) -> str:
    """When the process began, in clock ticks since boot: with the pid, it names one process for good."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
