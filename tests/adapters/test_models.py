"""Fetching and unpacking models, from a small site on this machine."""

import asyncio
import fcntl
import hashlib
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from ivr.adapters import models
from ivr.adapters.models import DEFAULT, KnownModel, find_model, install, installed
from ivr.config import Config
from ivr.core.errors import SpeechError

NAME = "vosk-model-tiny-zh-0.1"


def zipped(top: str = NAME, extra: Callable[[zipfile.ZipFile], None] = lambda archive: None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{top}/am/final.mdl", os.urandom(300_000))
        archive.writestr(f"{top}/conf/model.conf", "--beam=10\n")
        extra(archive)
    return out.getvalue()


@dataclass
class Site:
    """Serves one file, as badly as a test wants it."""

    content: bytes
    etag: str = '"1"'
    ranges: bool = True
    cut_after: int | None = None
    """Break the connection after so many bytes of every answer, as soon as the other side has them."""
    arrived: int = 0
    total: int = 0
    more_arrived: asyncio.Event = field(default_factory=asyncio.Event)
    base_url: str = ""
    asked: list[str] = field(default_factory=list)
    """`Range` of each request, "" for none."""

    def progress(self, done: int, total: int) -> None:
        self.arrived, self.total = done, total
        self.more_arrived.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range", "")
        self.asked.append(asked)
        self.arrived = 0
        start = 0
        if asked and self.ranges and request.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": self.etag} if self.etag else {}
        size = len(self.content)
        if start >= size:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
        body = self.content[start:]
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        answer = web.StreamResponse(status=206 if start else 200, headers=headers)
        answer.content_length = len(body)
        await answer.prepare(request)
        await answer.write(body[: self.cut_after])
        if self.cut_after is not None and self.cut_after < len(body) and request.transport:
            while self.arrived < start + self.cut_after:
                self.more_arrived.clear()
                await self.more_arrived.wait()
            request.transport.close()
        return answer


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(zipped())
    app = web.Application()
    app.router.add_get(f"/{NAME}.zip", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.base_url = "http://{}:{}".format(*runner.addresses[0])
    yield site
    await runner.cleanup()


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in (".lock", NAME))


# --- fetching --------------------------------------------------------------------------------------------------------


async def test_fetch_with_progress(site, tmp_path):
    steps: list[tuple[int, int]] = []
    folder = await install(tmp_path / "models", NAME, base_url=site.base_url, progress=lambda *step: steps.append(step))
    assert folder == tmp_path / "models" / NAME
    assert (folder / "am" / "final.mdl").stat().st_size == 300_000
    assert steps[0] == (0, len(site.content))
    assert steps[-1] == (len(site.content), len(site.content))
    assert steps == sorted(steps)
    [model] = installed(tmp_path / "models")
    assert model.name == NAME
    assert model.origin
    assert model.origin.sha256 == hashlib.sha256(site.content).hexdigest()
    assert not model.origin.checked
    assert left_over(tmp_path / "models") == []


async def test_an_installed_model_is_not_fetched_again(site, tmp_path):
    await install(tmp_path, NAME, base_url=site.base_url)
    assert await install(tmp_path, NAME, base_url=site.base_url) == tmp_path / NAME
    assert len(site.asked) == 1


async def test_cuts_are_resumed_for_as_long_as_it_goes_forward(site, tmp_path):
    site.cut_after = 100_000
    await install(tmp_path, NAME, base_url=site.base_url, progress=site.progress)
    assert site.asked == ["", "bytes=100000-", "bytes=200000-", "bytes=300000-"]
    assert site.arrived == site.total == len(site.content)
    assert left_over(tmp_path) == []


async def test_a_later_run_goes_on_where_the_first_stopped(site, tmp_path):
    site.cut_after = 0
    (tmp_path / f".{NAME}.zip.part").write_bytes(site.content[:1000])
    (tmp_path / f".{NAME}.zip.part.version").write_text(site.etag)
    with pytest.raises(SpeechError, match="run the same command again"):
        await install(tmp_path, NAME, base_url=site.base_url, progress=site.progress)
    site.cut_after = None
    await install(tmp_path, NAME, base_url=site.base_url, progress=site.progress)
    assert site.asked == ["bytes=1000-", "bytes=1000-"]


async def test_a_file_that_changed_meanwhile_is_fetched_anew(site, tmp_path):
    (tmp_path / f".{NAME}.zip.part").write_bytes(b"the beginning of an older file")
    (tmp_path / f".{NAME}.zip.part.version").write_text('"0"')
    await install(tmp_path, NAME, base_url=site.base_url, progress=site.progress)
    assert site.asked == ["bytes=30-"]


async def test_a_whole_download_that_was_not_unpacked_is_not_fetched_again(site, tmp_path):
    (tmp_path / f".{NAME}.zip.part").write_bytes(site.content)
    (tmp_path / f".{NAME}.zip.part.version").write_text(site.etag)
    await install(tmp_path, NAME, base_url=site.base_url, progress=site.progress)
    assert site.asked == [f"bytes={len(site.content)}-"]


@pytest.mark.parametrize("how", ["no ranges", "no validator", "weak validator"])
async def test_a_site_that_cannot_resume_is_asked_from_the_start(site, tmp_path, how):
    site.ranges = how != "no ranges"
    site.etag = {"no validator": "", "weak validator": 'W/"1"'}.get(how, site.etag)
    site.cut_after = 100_000
    with pytest.raises(SpeechError, match=r"broke after 0\.1 MB"):
        await install(tmp_path, NAME, base_url=site.base_url, progress=site.progress)
    site.cut_after = None
    folder = await install(tmp_path, NAME, base_url=site.base_url, progress=site.progress)
    assert models.is_model(folder)


async def test_the_site_cannot_be_reached(tmp_path, unused_tcp_port):
    with pytest.raises(SpeechError, match=r"cannot be reached.*install --from FILE"):
        await install(tmp_path, base_url=f"http://127.0.0.1:{unused_tcp_port}")


async def test_the_site_has_no_such_model(site, tmp_path):
    with pytest.raises(SpeechError, match=r"vosk-model-xx\.zip: the site answered 404 Not Found"):
        await install(tmp_path, "vosk-model-xx", base_url=site.base_url)


async def test_a_name_is_no_path(tmp_path):
    with pytest.raises(SpeechError, match="not a model's name"):
        await install(tmp_path, "../evil")


async def test_two_installations_at_once(site, tmp_path):
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SpeechError, match="another installation"):
            await install(tmp_path, NAME, base_url=site.base_url)
    await install(tmp_path, NAME, base_url=site.base_url)


# --- the hash --------------------------------------------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch) -> Callable[[bytes], str]:
    """Makes the hash of some content the known one of the tiny model."""

    def know(content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        monkeypatch.setattr(models, "KNOWN", (KnownModel(NAME, "zh", 1, sha256, "the test"),))
        return sha256

    return know


async def test_a_known_hash_is_checked(site, tmp_path, known):
    known(site.content)
    await install(tmp_path, NAME, base_url=site.base_url)
    [model] = installed(tmp_path)
    assert model.origin
    assert model.origin.checked


async def test_a_wrong_hash_is_refused_and_tells_both(site, tmp_path, known):
    wanted = known(b"something else")
    with pytest.raises(SpeechError) as refused:
        await install(tmp_path, NAME, base_url=site.base_url)
    assert wanted in str(refused.value)
    assert hashlib.sha256(site.content).hexdigest() in str(refused.value)
    assert installed(tmp_path) == []
    assert left_over(tmp_path) == []


async def test_a_wrong_hash_by_hand_is_refused_and_the_file_left_alone(tmp_path, known):
    known(b"something else")
    file = tmp_path / "model.zip"
    file.write_bytes(zipped())
    with pytest.raises(SpeechError, match="SHA-256"):
        await install(tmp_path / "models", from_file=file)
    assert file.exists()


# --- by hand ---------------------------------------------------------------------------------------------------------


async def test_from_file(tmp_path):
    file = tmp_path / "renamed.zip"
    file.write_bytes(zipped())
    folder = await install(tmp_path / "models", from_file=file)
    assert folder.name == NAME
    with pytest.raises(SpeechError, match="is there already; remove it first"):
        await install(tmp_path / "models", from_file=file)
    with pytest.raises(SpeechError, match=f"holds the model {NAME}, not {DEFAULT}"):
        await install(tmp_path / "models", DEFAULT, file)
    with pytest.raises(SpeechError, match="no such file"):
        await install(tmp_path / "models", from_file=tmp_path / "none.zip")


def _link(archive: zipfile.ZipFile) -> None:
    link = zipfile.ZipInfo(f"{NAME}/graph")
    link.external_attr = 0o120777 << 16
    archive.writestr(link, "/etc")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (zipped(extra=lambda a: a.writestr(f"{NAME}/../../evil", "x")), "outside its folder"),
        (zipped(extra=lambda a: a.writestr("/evil", "x")), "outside its folder"),
        (zipped(extra=lambda a: a.writestr(f"{NAME}\\..\\..\\evil", "x")), "outside its folder"),
        (zipped(extra=_link), "is a link"),
        (zipped(extra=lambda a: a.writestr("evil", "x")), "lies outside the model's folder"),
        (zipped(extra=lambda a: a.writestr("second/x", "x")), "holds 2 folders"),
        (zipped(top=".hidden"), "instead of a model's one"),
        (zipped()[:-100], "not readable as a zip file"),
        (zipped().replace(b"--beam=10", b"--beam=99"), "not readable as a zip file"),
        (b"", "not readable as a zip file"),
    ],
)
async def test_a_bad_zip_leaves_nothing_behind(tmp_path, content, sentence):
    file = tmp_path / "bad.zip"
    file.write_bytes(content)
    with pytest.raises(SpeechError, match=sentence) as refused:
        await install(tmp_path / "inner" / "models", from_file=file)
    assert str(file) in str(refused.value)
    assert left_over(tmp_path / "inner" / "models") == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".lock", "bad.zip", "inner", "models"]


async def test_a_zip_without_a_model(tmp_path):
    file = tmp_path / "holiday.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("holiday/beach.jpg", "x")
    with pytest.raises(SpeechError, match="holds no Vosk model"):
        await install(tmp_path / "models", from_file=file)
    assert left_over(tmp_path / "models") == []


async def test_no_room(tmp_path, monkeypatch):
    file = tmp_path / "model.zip"
    file.write_bytes(zipped())
    usage = models.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(models.shutil, "disk_usage", lambda folder: usage._replace(free=100_000))
    with pytest.raises(SpeechError, match=r"0\.3 MB are needed to unpack .*, 0\.1 MB are free"):
        await install(tmp_path / "models", from_file=file)


# --- finding ---------------------------------------------------------------------------------------------------------


def config(tmp_path: Path, **speech: object) -> Config:
    return Config(state={"dir": tmp_path}, speech=speech)  # type: ignore[arg-type]


def by_hand(folder: Path, inner: str = "am") -> Path:
    (folder / inner).mkdir(parents=True)
    (folder / inner / "final.mdl").write_bytes(b"x")
    return folder


def test_no_model(tmp_path):
    assert find_model(config(tmp_path)) is None
    (tmp_path / "models" / "empty").mkdir(parents=True)
    assert find_model(config(tmp_path)) is None


def test_the_newest_model(tmp_path):
    older = by_hand(tmp_path / "models" / "b-older")
    newer = by_hand(tmp_path / "models" / "a-newer", inner=".")
    by_hand(tmp_path / "models" / ".unpacking-c" / "c")
    os.utime(older, (1, 1))
    assert find_model(config(tmp_path)) == newer


def test_the_configured_model(tmp_path):
    by_hand(tmp_path / "models" / "other")
    mine = by_hand(tmp_path / "mine")
    assert find_model(config(tmp_path, model=mine)) == mine
    with pytest.raises(SpeechError, match=r"speech\.model: .*nowhere is not the folder of a Vosk model"):
        find_model(config(tmp_path, model=tmp_path / "nowhere"))


async def test_a_model_that_was_cut_later_is_told(tmp_path):
    """Vosk loads a model whose graph lacks its last bytes without a word, and then mishears."""
    file = tmp_path / "model.zip"
    file.write_bytes(zipped())
    folder = await install(tmp_path / "models", from_file=file)
    assert find_model(config(tmp_path)) == folder
    os.truncate(folder / "am" / "final.mdl", 299_999)
    with pytest.raises(SpeechError, match="has 299999 bytes instead of 300000"):
        find_model(config(tmp_path))


async def test_an_unreadable_origin_is_told(tmp_path):
    folder = by_hand(tmp_path / "models" / "one")
    (folder / "origin.json").write_text(json.dumps({"colour": "red"}))
    with pytest.raises(SpeechError, match=r"origin\.json: not readable"):
        find_model(config(tmp_path))
