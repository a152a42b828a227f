"""Asterisk's configuration, written from the templates beside this file into `<state>/etc-asterisk`."""

from __future__ import annotations

import hashlib
import os
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template

from ivr.adapters.pbx import modules
from ivr.adapters.pbx.find import Installation
from ivr.adapters.pbx.secrets import CITIZEN, Secrets, keep
from ivr.config import Config
from ivr.core.errors import PbxError, PromptError

EVENTS = (
    "AsyncAGIStart",
    "AsyncAGIExec",
    "AsyncAGIEnd",
    "Hangup",
    "HangupRequest",
    "DialBegin",
    "DialEnd",
    "OriginateResponse",
    "DTMFEnd",
    "UserEvent",
    "ContactStatus",
    "DeviceStateChange",
    "FullyBooted",
    "Shutdown",
    "InvalidAccountID",
    "InvalidPassword",
    "ChallengeResponseFailed",
)
"""What Asterisk tells over AMI unasked; everything else is dropped before it is written to the socket."""

_PLAIN = {
    "ccss.conf": "[general]\ncc_max_requests = 0\n",
    "cdr.conf": "[general]\nenable = no\n",
    "cel.conf": "[general]\nenable = no\n",
    "features.conf": "[general]\n",
    "udptl.conf": "[general]\n",
    "acl.conf": "",
    "pjproject.conf": "",
    "queuerules.conf": "",
    "stasis.conf": "",
    "indications.conf": "[general]\ncountry = cn\n\n[cn]\ndescription = China\nringcadence = 1000,4000\n"
    "dial = 450\nbusy = 450/350,0/350\nring = 450/1000,0/4000\ncongestion = 450/700,0/700\n",
}
"""Files that Asterisk complains about when they are not there."""

_RATES = {8000: "wav", 16000: "wav16"}
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things lie in the state folder."""

    state: Path

    @property
    def etc(self) -> Path:
        return self.state / "etc-asterisk"

    @property
    def share(self) -> Path:
        return self.state / "share-asterisk"

    @property
    def run(self) -> Path:
        return self.state / "run-asterisk"

    @property
    def log(self) -> Path:
        return self.state / "log-asterisk"

    @property
    def prompts(self) -> Path:
        """Played as `hotline/<name>`."""
        return self.share / "sounds/hotline"

    @property
    def music(self) -> Path:
        return self.share / "moh"


def render(config: Config, installation: Installation, root: Path) -> Secrets:
    """Write the whole configuration, and link the prompts. `root` holds `dialplans/` and `prompts/`.

    Raises PbxError when the dialplan is not there, PromptError when Asterisk could not play a sound file.
    """
    dialplan = (root / "dialplans/extensions.conf").resolve()
    if not dialplan.is_file():
        raise PbxError(f"{dialplan} is missing.")
    state = config.state.dir.resolve()
    folders = Folders(state)
    for folder in (state, folders.etc, folders.share, folders.run, folders.log, config.recordings):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets = keep(state / "secrets.json", (agent.id for agent in config.agent))
    _link_sounds(folders, installation, root / "prompts", config.city.language)
    for name, text in _files(config, installation, folders, secrets, dialplan).items():
        write(folders.etc / name, text)
    return secrets


def fingerprint(config: Config) -> str:
    """Hash of what was rendered: a running Asterisk started with another one is out of date."""
    digest = hashlib.sha256()
    etc = Folders(config.state.dir.resolve()).etc
    for path in sorted(etc.glob("*.conf")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(
    config: Config, installation: Installation, folders: Folders, secrets: Secrets, dialplan: Path
) -> dict[str, str]:
    loaded = [*modules.NEEDED, *(name for name in modules.OPTIONAL if (installation.modules / f"{name}.so").exists())]
    agents = [_fill("pjsip-agent", id=a.id, password=secrets.phone_secret(a.id)) for a in config.agent]
    trunks = [
        _fill("pjsip-trunk", name=t.name, codecs=",".join(t.codecs), matches=_lines("match = {}", t.match))
        for t in config.trunk
    ]
    trunks += [_fill("pjsip-trunk-out", name=t.name, host=t.host) for t in config.trunk if t.host]
    phones = [(f"PJSIP/{agent.id}-{kind}", agent.id) for agent in config.agent for kind in ("web", "sip")]
    members = [f"{phone},0,{agent_id},{phone}" for phone, agent_id in phones]
    # The form that compares names came with 22.1; the old one runs a regular expression over each event.
    names = _lines("eventfilter(action(include),name({})) =", EVENTS)
    filters = names if installation.at_least(22, 1) else f"eventfilter = Event: ({'|'.join(EVENTS)})"
    return _PLAIN | {
        "asterisk.conf": _fill(
            "asterisk",
            etc=folders.etc,
            modules=installation.modules,
            share=folders.share,
            db=folders.run,
            spool=folders.run,
            log=folders.log,
            run=folders.run,
        ),
        "modules.conf": _fill("modules", modules=_lines("load = {}.so", loaded)),
        "logger.conf": _fill("logger"),
        "http.conf": _fill("http", host=config.http.host, port=config.http.port),
        "rtp.conf": _fill("rtp", start=config.sip.rtp_start, end=config.sip.rtp_end),
        "musiconhold.conf": _fill("musiconhold", music=folders.music),
        "confbridge.conf": _fill("confbridge"),
        "queues.conf": _fill("queues", members=_lines("member = {}", members)),
        "manager.conf": _fill(
            "manager",
            host=config.ami.host,
            port=config.ami.port,
            controller=secrets.ami_secret("controller"),
            watcher=secrets.ami_secret("watcher"),
            filters=filters,
        ),
        "pjsip.conf": _fill(
            "pjsip",
            host=config.sip.host,
            port=config.sip.port,
            citizen=secrets.phone_secret(CITIZEN),
            agents="\n".join(agents),
            trunks="\n".join(trunks),
        ),
        "extensions.conf": _fill("extensions", dialplan=dialplan, recordings=config.recordings),
    }


def _fill(template: str, **values: object) -> str:
    text = (_TEMPLATES / f"{template}.conf").read_text("utf-8")
    return Template(text).substitute({name: str(value) for name, value in values.items()})


def _lines(pattern: str, values: Iterable[str]) -> str:
    return "\n".join(pattern.format(value) for value in values)


def write(path: Path, text: str) -> None:
    """Replace the file at once, readable by the owner only: some of them hold passwords."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _link_sounds(folders: Folders, installation: Installation, prompts: Path, language: str) -> None:
    """A data folder of our own: Asterisk's documentation (needed at its start) and sounds, our prompts and music."""
    for folder in (folders.prompts, folders.music):
        folder.mkdir(parents=True, exist_ok=True)
    _link(folders.share / "documentation", installation.data / "documentation")
    stock = [installation.data / "sounds" / name for name in ("en", "en_US_f_Allison")]
    english = next((folder for folder in stock if folder.is_dir()), None)
    if english:
        _link(folders.share / "sounds/en", english)
    _link_prompts(folders, prompts, language)
    _link_waves(folders.music, prompts / "music")


def link_prompts(config: Config, root: Path) -> None:
    """Let Asterisk see prompts that were added or taken away. Raises PromptError for a file that it cannot play."""
    _link_prompts(Folders(config.state.dir.resolve()), root / "prompts", config.city.language)


def _link_prompts(folders: Folders, prompts: Path, language: str) -> None:
    """The usual language in the folder itself, every other one in a folder below."""
    _link_waves(folders.prompts, prompts / language)
    for path in sorted(prompts.glob("*/prompts.toml")):
        if path.parent.name != language:
            other = folders.prompts / path.parent.name
            other.mkdir(exist_ok=True)
            _link_waves(other, path.parent)


def _link_waves(folder: Path, source: Path) -> None:
    """Link each WAV under the extension by which Asterisk tells its rate, and drop links to what is gone."""
    links = {folder / f"{path.stem}.{_extension(path)}": path.resolve() for path in sorted(source.glob("*.wav"))}
    for old in folder.iterdir():
        if old not in links and not old.is_dir():
            old.unlink()
    for link, path in links.items():
        _link(link, path)


def _extension(path: Path) -> str:
    try:
        with wave.open(str(path)) as sound:
            form = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
    except (wave.Error, EOFError, OSError) as error:
        raise PromptError(f"{path} is not a WAV file that Asterisk can play: {error}.") from None
    if form[:2] != (1, 2) or form[2] not in _RATES:
        raise PromptError(
            f"{path} has {form[0]} channel(s) of {8 * form[1]} bit at {form[2]} Hz;"
            " mono, 16 bit, 8000 or 16000 Hz is needed."
        )
    return _RATES[form[2]]


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        if link.readlink() == target:
            return
        link.unlink()
    link.symlink_to(target)
