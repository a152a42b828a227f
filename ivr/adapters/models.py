"""Speech models on disk: fetch one, unpack one, list them, find the one to use.

A model is one folder below the models folder, unpacked from the zip file of the same name. `origin.json` inside it
tells where it came from, and each file's size, by which a model that was cut later is recognised: Vosk loads one
whose graph lacks its tail without a word, and then mishears.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

import aiohttp
import structlog

from ivr.config import Config
from ivr.core.errors import SpeechError

BASE_URL = "https://alphacephei.com/vosk/models"
"""The Vosk project's own site."""

Progress = Callable[[int, int], None]
"""Called with bytes so far and bytes in all; the latter is 0 when the site does not tell."""

log = structlog.get_logger()


class ModelRefused(SpeechError):
    """The zip file itself is at fault."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    name: str
    language: str
    megabytes: int
    """Size of the download."""
    sha256: str
    """Of the zip file; "" when nobody has published one, so that the download cannot be checked."""
    sha256_source: str


KNOWN = (
    KnownModel(
        "vosk-model-small-cn-0.22",
        "zh",
        42,
        "3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba",
        "published by a third party, not by the Vosk project",
    ),
    KnownModel("vosk-model-cn-0.22", "zh", 1300, "", "none published"),
)
DEFAULT = KNOWN[0].name


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an installed model came from; kept as `origin.json` in its folder."""

    source: str
    """URL or file."""
    sha256: str
    """Of the zip file, as seen."""
    checked: bool
    """The hash was known beforehand, and equal."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each file, by its path in the folder."""


@dataclass(frozen=True, slots=True)
class Installed:
    path: Path
    origin: Origin | None
    """None when somebody put the folder there by hand."""

    @property
    def name(self) -> str:
        return self.path.name


def is_model(folder: Path) -> bool:
    """True for a folder that Vosk can take for a model: today's layout, or the older flat one."""
    return (folder / "am" / "final.mdl").is_file() or (folder / "final.mdl").is_file()


def installed(models_dir: Path) -> list[Installed]:
    """Models below the folder, newest first."""
    if not models_dir.is_dir():
        return []
    folders = [folder for folder in models_dir.iterdir() if not folder.name.startswith(".") and is_model(folder)]
    folders.sort(key=lambda folder: (folder.stat().st_mtime, folder.name), reverse=True)
    return [Installed(folder, _origin(folder)) for folder in folders]


def find_model(config: Config) -> Path | None:
    """The model to use: `[speech].model` when set, else the newest installed one, else None.

    Raises SpeechError when that folder is no model, or not whole any more.
    """
    if config.speech.model:
        if not is_model(config.speech.model):
            raise SpeechError(f"config.toml: speech.model: {config.speech.model} is not the folder of a Vosk model.")
        return _whole(Installed(config.speech.model, _origin(config.speech.model)))
    models = installed(config.models)
    return _whole(models[0]) if models else None


async def install(
    models_dir: Path,
    name: str | None = None,
    from_file: Path | None = None,
    *,
    base_url: str = BASE_URL,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Install a model and return its folder: by name from the site, or from a zip file that is here already.

    Without a name: the small Chinese one, or whatever the file holds. A model that is already installed is left as it
    is and not fetched again. A download that broke off goes on where it stopped. Raises SpeechError.
    """
    if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise SpeechError(f"{name!r} is not a model's name; names look like {DEFAULT}.")
    with _alone(models_dir):
        if from_file:
            return await asyncio.to_thread(_unpack, models_dir, from_file, name, str(from_file))
        name = name or DEFAULT
        if is_model(models_dir / name):
            return models_dir / name
        url = f"{base_url}/{name}.zip"
        part = models_dir / f".{name}.zip.part"
        await _download(url, part, progress)
        try:
            folder = await asyncio.to_thread(_unpack, models_dir, part, name, url)
        except ModelRefused:
            _forget(part)
            raise
        _forget(part)
        return folder


@contextmanager
def _alone(models_dir: Path) -> Iterator[None]:
    """Make the folder, and keep a second installation out of it."""
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        lock = (models_dir / ".lock").open("w")
    except OSError as error:
        raise SpeechError(f"{models_dir}: models cannot be kept here: {error.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpeechError(f"{models_dir}: another installation of a model is under way.") from None
        yield


# --- the download ----------------------------------------------------------------------------------------------------


class _Cut(Exception):
    """The connection broke in the middle."""


async def _download(url: str, part: Path, progress: Progress) -> None:
    """Fetch the whole file into `part`, going on where an earlier attempt stopped."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=30)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False, trust_env=True) as session:
        while True:
            before = _size(part)
            try:
                return await _fetch(session, url, part, progress)
            except _Cut as cut:
                if _size(part) <= before:
                    raise SpeechError(
                        f"{url}: the connection broke after {_megabytes(_size(part))} ({cut});"
                        " run the same command again to go on from there."
                    ) from None
            except (aiohttp.ClientError, TimeoutError) as error:
                raise SpeechError(
                    f"{url} cannot be reached ({_reason(error)}), so there is no speech model and recordings wait for"
                    " their notes; fetch the zip file on another machine and run `ivr models install --from FILE`."
                ) from None


async def _fetch(session: aiohttp.ClientSession, url: str, part: Path, progress: Progress) -> None:
    validator = _validator_file(part)
    start = _size(part) if validator.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator.read_text()}
    async with session.get(url, headers=headers) as answer:
        if answer.status == 416 and answer.headers.get("Content-Range") == f"bytes */{start}":
            return  # it was whole, and then not unpacked
        if answer.status == 416:
            _forget(part)
            raise SpeechError(f"{url}: the file changed on the site; run the same command again to fetch it anew.")
        if answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            mode = "ab"
        elif answer.status == 200:
            start, mode = 0, "wb"
            _keep_validator(validator, answer)
        else:
            raise SpeechError(f"{url}: the site answered {answer.status} {answer.reason}.")
        total = start + answer.content_length if answer.content_length else 0
        _want_room(part.parent, (answer.content_length or 0), f"download {url}")
        await _save(answer, part, mode, start, total, progress)
    if total and _size(part) < total:
        raise _Cut("the file ended too early")


async def _save(
    answer: aiohttp.ClientResponse, part: Path, mode: str, done: int, total: int, progress: Progress
) -> None:
    with await asyncio.to_thread(part.open, mode) as file:
        try:
            progress(done, total)
            async for chunk in answer.content.iter_chunked(2**20):
                await asyncio.to_thread(file.write, chunk)
                done += len(chunk)
                progress(done, total)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _Cut(_reason(error)) from None
        except OSError as error:
            raise SpeechError(f"{part.parent}: the download cannot be written: {error.strerror}.") from None


def _keep_validator(file: Path, answer: aiohttp.ClientResponse) -> None:
    """Remember by what `If-Range` can ask for the same file again (RFC 9110, 13.1.5: a strong ETag, or the date)."""
    etag = answer.headers.get("ETag", "")
    mark = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
    if mark:
        file.write_text(mark)
    else:
        file.unlink(missing_ok=True)


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator_file(part).unlink(missing_ok=True)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _reason(error: Exception) -> str:
    return str(error) or "no answer in time"


# --- the zip file ----------------------------------------------------------------------------------------------------


def _unpack(models_dir: Path, file: Path, name: str | None, source: str) -> Path:
    """Check the zip file and unpack it, all or nothing. Blocks."""
    try:
        sha256 = _sha256(file)
        with zipfile.ZipFile(file) as archive:
            top = _top_folder(archive, source)
            if name and name != top:
                raise ModelRefused(f"{source}: holds the model {top}, not {name}.")
            checked = _check(top, sha256, source)
            folder = models_dir / top
            if folder.exists():
                raise SpeechError(f"{folder} is there already; remove it first to install {source} in its place.")
            _want_room(models_dir, sum(member.file_size for member in archive.infolist()), f"unpack {source}")
            return _unpack_to(archive, folder, source, sha256, checked)
    except FileNotFoundError:
        raise SpeechError(f"{file}: there is no such file.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelRefused(f"{source}: not readable as a zip file: {error}.") from None
    except OSError as error:
        raise SpeechError(f"{source}: cannot be unpacked into {models_dir}: {error.strerror or error}.") from None


def _unpack_to(archive: zipfile.ZipFile, folder: Path, source: str, sha256: str, checked: bool) -> Path:
    workplace = folder.parent / f".unpacking-{folder.name}"
    shutil.rmtree(workplace, ignore_errors=True)
    try:
        archive.extractall(workplace)
        model = workplace / folder.name
        if not is_model(model):
            raise ModelRefused(f"{source}: holds no Vosk model: there is no am/final.mdl in it.")
        sizes = {str(f.relative_to(model)): f.stat().st_size for f in sorted(model.rglob("*")) if f.is_file()}
        origin = Origin(source, sha256, checked, sizes)
        (model / "origin.json").write_text(json.dumps(asdict(origin), ensure_ascii=False, indent=1), "utf-8")
        model.rename(folder)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    log.info("model_installed", model=folder.name, sha256=sha256, checked=checked)
    return folder


def _top_folder(archive: zipfile.ZipFile, source: str) -> str:
    """The one folder that everything in the zip file lies in."""
    tops = set()
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename or not path.parts:
            raise ModelRefused(f"{source}: refused, because {member.filename!r} would be unpacked outside its folder.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ModelRefused(f"{source}: refused, because {member.filename!r} is a link.")
        if len(path.parts) > 1 or member.is_dir():
            tops.add(path.parts[0])
        else:
            raise ModelRefused(f"{source}: {member.filename!r} lies outside the model's folder.")
    if len(tops) != 1 or next(iter(tops)).startswith("."):
        raise ModelRefused(f"{source}: holds {len(tops)} folders instead of a model's one.")
    return str(tops.pop())


def _check(name: str, sha256: str, source: str) -> bool:
    """True when the hash is known and equal, False when none is known."""
    known = next((model.sha256 for model in KNOWN if model.name == name), "")
    if known and sha256 != known:
        raise ModelRefused(f"{source}: refused: its SHA-256 is {sha256}, but that of {name} is {known}.")
    if not known:
        log.warning("model_unchecked", model=name, sha256=sha256, reason="no hash of this model is known")
    return bool(known)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _want_room(folder: Path, size: int, purpose: str) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise SpeechError(f"{folder}: {_megabytes(size)} are needed to {purpose}, {_megabytes(free)} are free.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


# --- what is there ---------------------------------------------------------------------------------------------------


def _origin(folder: Path) -> Origin | None:
    file = folder / "origin.json"
    if not file.exists():
        return None
    try:
        return Origin(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SpeechError(f"{file}: not readable: {error}; remove {folder} and install it again.") from None


def _whole(model: Installed) -> Path:
    for name, size in model.origin.sizes.items() if model.origin else ():
        seen = _size(model.path / name)
        if seen != size:
            raise SpeechError(
                f"{model.path / name} has {seen} bytes instead of {size}; remove {model.path} and run"
                f" `ivr models install {model.name}`."
            )
    return model.path
