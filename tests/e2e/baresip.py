"""baresip as an agent's softphone: registers, rings, answers or not, says a tone or speech, keeps what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.e2e.asterisk import free_port
from tests.patience import PATIENCE_S

FOUND = shutil.which("baresip")

_MODULES = ("account", "ctrl_tcp", "menu", "uuid", "g711", "g722", "ausine", "aufile", "aubridge", "sndfile")
_MODULE_FOLDERS = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")


class Softphone:
    """One registered telephone. `async with` it; `heard` is the WAV of what it heard, whole when the call is over.

    It says the tone without an end, or the mono WAV `says` (16 kHz) once, and hangs up.
    """

    def __init__(
        self,
        sip_port: int,
        folder: Path,
        user: str,
        password: str,
        *,
        tone_hz: int = 1000,
        says: Path | None = None,
        codecs: str = "pcma",
    ) -> None:
        self._sip_port, self._user, self._password = sip_port, user, password
        self._folder = folder / f"baresip-{user}"
        self._source = (f"aufile,{says}", 16_000, 1) if says else (f"ausine,{tone_hz}", 48_000, 2)
        self._codecs = codecs
        self._control = free_port()
        self.port = free_port(2)  # baresip takes the next one for TLS
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._seen = 0

    async def __aenter__(self) -> Self:
        if FOUND is None:
            pytest.skip("baresip is missing: sudo apt-get install -y baresip-core")
        self._configure()
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(FOUND, "-f", str(self._folder)), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            await self._ready()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            raise
        self._listener = asyncio.create_task(self._listen())
        return self

    async def _ready(self) -> None:
        """baresip registers before anyone can listen to its events, so its log is asked."""
        log = self._folder / "log"
        try:
            async with asyncio.timeout(PATIENCE_S):
                while "200 OK" not in log.read_text("utf-8", "replace"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._control)
        except TimeoutError:
            raise AssertionError(f"baresip did not register: {log.read_text('utf-8', 'replace')}") from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._command("quit")
        try:
            async with asyncio.timeout(3):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._writer.close()

    @property
    def heard(self) -> Path:
        """The WAV of what was heard in the last call."""
        return max(self._folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)

    async def rings(self, within_s: float = PATIENCE_S) -> None:
        await self.told("CALL_INCOMING", within_s)

    async def answer(self) -> None:
        self._command("accept")
        await self.told("CALL_ESTABLISHED")

    def hang_up(self) -> None:
        """End the call, or refuse one that rings (486 Busy Here)."""
        self._command("hangup")

    async def over(self, within_s: float = PATIENCE_S) -> None:
        await self.told("CALL_CLOSED", within_s)

    async def told(self, kind: str, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for the next event of this kind, in their order."""
        async with asyncio.timeout(within_s):
            while True:
                while self._seen < len(self.events):
                    event = self.events[self._seen]
                    self._seen += 1
                    if event.get("type") == kind:
                        return event
                self._news.clear()
                await self._news.wait()

    def _configure(self) -> None:
        self._folder.mkdir(parents=True)
        modules = next((folder for folder in _MODULE_FOLDERS if Path(folder).is_dir()), _MODULE_FOLDERS[0])
        lines = [
            f"sip_listen 127.0.0.1:{self.port}",
            f"ctrl_tcp_listen 127.0.0.1:{self._control}",
            f"module_path {modules}",
            "audio_buffer 20-160",
            "call_max_calls 1",
            "net_interface 127.0.0.1",
            *(
                f"{'module_app' if name in ('account', 'ctrl_tcp', 'menu') else 'module'} {name}.so"
                for name in _MODULES
            ),
            f"audio_source {self._source[0]}",
            f"ausrc_srate {self._source[1]}",
            f"ausrc_channels {self._source[2]}",
            "audio_player aubridge,nowhere",
            "audio_alert aubridge,nowhere",
            f"snd_path {self._folder}",
        ]
        (self._folder / "config").write_text("\n".join(lines) + "\n")
        (self._folder / "accounts").write_text(self._account())
        (self._folder / "contacts").write_text("\n")

    def _account(self) -> str:
        return (
            f"<sip:{self._user}@127.0.0.1:{self._sip_port};transport=udp>;auth_user={self._user}"
            f";auth_pass={self._password};audio_codecs={self._codecs};answermode=manual;regint=60\n"
        )

    def _command(self, command: str, params: str = "") -> None:
        body = json.dumps({"command": command, "params": params, "token": command})
        with contextlib.suppress(ConnectionError):
            self._writer.write(f"{len(body)}:{body},".encode())

    async def _listen(self) -> None:
        while True:
            try:
                size = int((await self._reader.readuntil(b":"))[:-1])
                body = await self._reader.readexactly(size + 1)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            self.events.append(json.loads(body[:-1]))
            self._news.set()


class Department(Softphone):
    """Whoever answers behind a trunk: `port` is where the calls to these numbers arrive."""

    def __init__(self, folder: Path, *numbers: str, tone_hz: int = 1500) -> None:
        super().__init__(0, folder, "department", "", tone_hz=tone_hz)
        self._numbers = numbers

    def _account(self) -> str:
        how = f"regint=0;audio_codecs={self._codecs};answermode=manual"
        return "".join(f"<sip:{number}@127.0.0.1>;{how}\n" for number in self._numbers)

    async def _ready(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(ConnectionError):
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._control)
                    return
                await asyncio.sleep(0.02)
