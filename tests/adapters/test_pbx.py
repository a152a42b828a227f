"""Asterisk found, rendered, started, adopted, watched, stopped; and each way in which that fails, as one sentence."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
from pathlib import Path

import pytest

from ivr.adapters import pbx
from ivr.config import Config
from ivr.core.errors import PbxError, PromptError
from tests.e2e import asterisk as real
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.e2e


async def test_it_starts_without_complaints(asterisk: real.Running) -> None:
    complaints = [line for line in asterisk.log.splitlines() if "ERROR" in line or "WARNING" in line]
    assert complaints == []
    assert int(asterisk.installation.version.partition(".")[0]) >= 20


async def test_secrets_are_the_owners_alone(asterisk: real.Running) -> None:
    state = asterisk.config.state.dir
    assert stat.S_IMODE((state / "secrets.json").stat().st_mode) == 0o600
    readable = [
        path for path in state.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o077
        and not path.is_relative_to(state / "asterisk")
    ]  # fmt: skip
    assert readable == []
    again = pbx.render(asterisk.config, asterisk.installation, real.REPO)
    assert again == asterisk.secrets


async def test_it_listens_on_loopback_only(asterisk: real.Running) -> None:
    loopback, config = "0100007F", asterisk.config
    assert _bound(asterisk.pbx.pid, "tcp", "tcp6") == {(loopback, config.ami.port), (loopback, config.http.port)}
    # PJSIP has a DNS client of its own besides: two UDP sockets on ports that the system gives away.
    udp = _bound(asterisk.pbx.pid, "udp", "udp6")
    assert (loopback, config.sip.port) in udp
    assert len(udp) == 3


def _bound(pid: int, *tables: str) -> set[tuple[str, int]]:
    """Hexadecimal address and port of each socket on which the process takes what strangers send."""
    found = set()
    for table in tables:
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[9] in _inodes(pid) and fields[2].endswith(":0000"):
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


def _inodes(pid: int) -> set[str]:
    links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    return {link[8:-1] for link in links if link.startswith("socket:[")}


async def test_a_restarted_controller_adopts_it(asterisk: real.Running) -> None:
    second = pbx.Pbx(asterisk.config, asterisk.installation, asterisk.secrets)
    await second.start()
    assert (second.pid, second.adopted, second.outdated) == (asterisk.pbx.pid, True, False)
    assert os.getsid(second.pid) == second.pid

    more = asterisk.config.model_copy(update={"agent": asterisk.config.agent[:1]})
    secrets = pbx.render(more, asterisk.installation, real.REPO)
    third = pbx.Pbx(more, asterisk.installation, secrets)
    await third.start()
    assert (third.adopted, third.outdated) == (True, True)


async def test_its_death_is_noticed_and_it_starts_again(asterisk: real.Running) -> None:
    watch = asyncio.create_task(asterisk.pbx.died())
    await asyncio.sleep(0)
    first = asterisk.pbx.pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        await watch
    await asterisk.pbx.start()
    assert asterisk.pbx.pid != first
    assert not asterisk.pbx.adopted


async def test_a_port_in_use_is_named_with_its_owner(unpacked: None, config: Config) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", config.sip.port))
        with pytest.raises(PbxError) as caught:
            async with real.running(config):
                pass
    assert f"UDP port {config.sip.port} (sip.port in config.toml) is in use by" in str(caught.value)
    assert f"(pid {os.getpid()})" in str(caught.value)


async def test_dying_at_the_start_tells_the_last_lines(unpacked: None, config: Config, tmp_path: Path) -> None:
    real.share_tree(config.state.dir)
    installation = await pbx.ensure(config, print)
    secrets = pbx.render(config, installation, real.REPO)
    (config.state.dir / "etc-asterisk/modules.conf").write_text("[modules]\nautoload = no\nrequire = nothing.so\n")
    with pytest.raises(PbxError, match=r"Asterisk died at its start\..*nothing"):
        await pbx.Pbx(config, installation, secrets).start()


async def test_a_sound_of_the_wrong_form_is_named(unpacked: None, config: Config, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "prompts/zh").mkdir(parents=True)
    (root / "dialplans").symlink_to(real.REPO / "dialplans")
    (root / "prompts/zh/welcome.wav").write_bytes(b"RIFF no")
    with pytest.raises(PromptError, match=r"welcome\.wav is not a WAV"):
        async with real.running(config, root):
            pass


def test_every_language_lies_below_the_usual_one(config: Config, tmp_path: Path) -> None:
    """Added while calls are up, and taken away again; Asterisk knows them as hotline/welcome and hotline/en/welcome."""
    source = real.REPO / "prompts/zh/welcome.wav"
    for language in ("zh", "en"):
        folder = tmp_path / "prompts" / language
        folder.mkdir(parents=True)
        (folder / "prompts.toml").touch()
        shutil.copy(source, folder / "welcome.wav")
    sounds = config.state.dir / "share-asterisk/sounds/hotline"
    sounds.mkdir(parents=True)
    for _ in range(2):
        pbx.link_prompts(config, tmp_path)
        found = sorted(str(path.relative_to(sounds)) for path in sounds.rglob("*.wav16"))
        assert found == ["en/welcome.wav16", "welcome.wav16"]
    (tmp_path / "prompts/en/welcome.wav").unlink()
    pbx.link_prompts(config, tmp_path)
    assert sorted(path.name for path in sounds.rglob("*.wav16")) == ["welcome.wav16"]


async def test_no_unpacker_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("ivr.adapters.pbx.find._system", lambda: None)
    config = Config(state={"dir": tmp_path / "state"})
    assert ("mmdebstrap", "sudo apt-get install -y mmdebstrap") in pbx.missing(config)
    with pytest.raises(PbxError, match=r"mmdebstrap is missing .* sudo apt-get install -y mmdebstrap"):
        await pbx.ensure(config, print)


async def test_a_dead_mirror_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unpacked: None) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{real.free_port()}")
    monkeypatch.setattr("ivr.adapters.pbx.find._system", lambda: None)
    config = Config(state={"dir": tmp_path / "state"})
    if pbx.missing(config):
        pytest.skip("mmdebstrap is not installed here")
    with pytest.raises(PbxError, match=r"cannot be fetched from the Debian mirror .*[Cc]onnect"):
        await pbx.ensure(config, print)
    assert not (tmp_path / "state/asterisk").exists()
    assert list((tmp_path / "state").iterdir()) == []


async def test_a_binary_that_is_not_there(tmp_path: Path) -> None:
    config = Config(state={"dir": tmp_path}, asterisk={"binary": "/nowhere/asterisk"})
    with pytest.raises(PbxError, match=r"asterisk\.binary: there is no file /nowhere/asterisk"):
        await pbx.ensure(config, print)
