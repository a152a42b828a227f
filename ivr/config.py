"""`config.toml`, checked into typed objects. Any key is overridden by the environment as IVR_<SECTION>__<KEY>."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ivr.core import toml
from ivr.core.callbacks import Dialling
from ivr.core.errors import ConfigError, sentences
from ivr.core.skills import Skill

_T = TypeVar("_T", str, Path)
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]*"
_IPV6 = r"[0-9A-Fa-f:.]+"


def _shown(value: _T) -> _T:
    if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", str(value)):
        raise ValueError(f"{str(value)!r} holds characters that cannot be shown")
    return value


def _written(pattern: str, example: str) -> AfterValidator:
    """Text of this form; `port` in it is a port."""

    def check(value: str) -> str:
        found = re.fullmatch(pattern, value)
        if not found or int(found.groupdict().get("port") or 1) not in range(1, 65536):
            raise ValueError(f'{value!r} will not do; write as "{example}"')
        return value

    return AfterValidator(check)


Text = Annotated[str, AfterValidator(_shown)]
Folder = Annotated[Path, AfterValidator(_shown)]
Host = Annotated[str, _written(rf"{_HOST}|{_IPV6}", "127.0.0.1")]
Port = Annotated[int, Field(ge=1, le=65535)]
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class City(_Section):
    name: Text = "株洲"
    language: Name = "zh"


class State(_Section):
    dir: Folder = Path("var")
    recordings: Folder | None = None

    @field_validator("recordings", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        return value or None


class Asterisk(_Section):
    binary: Text = ""
    suite: Name = "sid"
    lease_s: Annotated[int, Field(ge=10, le=120)] = 12


class Sip(_Section):
    host: Host = "127.0.0.1"
    port: Port = 5060
    rtp_start: Port = 10000
    rtp_end: Port = 10999

    @model_validator(mode="after")
    def _room(self) -> Sip:
        if self.rtp_end < self.rtp_start + 4:
            raise ValueError("rtp_end must be at least 4 above rtp_start: a call takes two ports per leg")
        return self

    @property
    def conversations(self) -> int:
        """How many there are ports for: two telephones each, and two ports for each of them (RTP and RTCP)."""
        return (self.rtp_end - self.rtp_start + 1) // 4


class Listen(_Section):
    host: Host = "127.0.0.1"
    port: Port

    @property
    def loopback(self) -> bool:
        """True when nobody outside this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Http(Listen):
    port: Port = 8088


class Ami(Listen):
    port: Port = 5038


class Web(Listen):
    port: Port = 8080
    phone_url: Annotated[
        str,
        _written(
            rf"(wss?://({_HOST}|\[{_IPV6}\])(:(?P<port>[0-9]{{1,5}}))?(/[!-~]*)?)?", "wss://hotline.example.cn/ws"
        ),
    ] = ""


class Speech(_Section):
    model: Folder | None = None
    fetch: bool = True
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    live_at_most: Annotated[int, Field(ge=0, le=16)] = 0

    @field_validator("model", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        return value or None


class Desk(_Section):
    ring_s: Annotated[int, Field(ge=3, le=120)] = 15
    wrap_up_s: Annotated[int, Field(ge=0, le=3600)] = 120
    rating_s: Annotated[float, Field(ge=1, le=30)] = 6


class Books(_Section):
    service_level_s: Annotated[float, Field(gt=0, le=3600)] = 15


class Outside(_Section):
    """Calls to the outside: departments, 110, the duty mobile, callbacks."""

    trunk: str = ""
    caller_id: Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")] = "12345"
    ring_s: Annotated[int, Field(ge=3, le=120)] = 25


class QueueLog(_Section):
    numbers: bool = False


class Callback(_Section):
    """When, how often and whom the hotline calls back; through `[outside]`."""

    opens: Annotated[str, Field(pattern=_CLOCK)] = "08:00"
    closes: Annotated[str, Field(pattern=_CLOCK)] = "21:00"
    missed: Literal["automatic", "by_hand"] = "automatic"
    missed_after_s: Annotated[float, Field(ge=0, le=86400)] = 1800
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    pause_s: Annotated[float, Field(ge=30, le=86400)] = 600
    ring_s: Annotated[int, Field(ge=5, le=120)] = 40

    @model_validator(mode="after")
    def _order(self) -> Callback:
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")
        return self


class Log(_Section):
    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"


class Trunk(_Section):
    name: Name
    match: list[str] = Field(min_length=1)
    codecs: list[Literal["g722", "alaw", "ulaw", "opus"]] = Field(["g722", "alaw", "ulaw"], min_length=1)
    host: Annotated[str, _written(rf"({_HOST}(:(?P<port>[0-9]{{1,5}}))?)?", "203.0.113.7:5060")] = ""
    channels: Annotated[int, Field(ge=0, le=100_000)] = 0
    """How many calls it carries at once; 0: as many as there are ports for."""

    @field_validator("match")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for network in value:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"{network!r} is not an IP address or network") from None
        return value


class Agent(_Section):
    id: Annotated[str, Field(pattern=r"^[0-9]{2,8}$")]
    """Work number; also the name of the agent's SIP endpoint."""
    name: Text
    skills: list[Skill] = Field(min_length=1)


class Config(_Section):
    """The whole of `config.toml`."""

    city: City = City()
    state: State = State()
    asterisk: Asterisk = Asterisk()
    sip: Sip = Sip()
    http: Http = Http()
    ami: Ami = Ami()
    web: Web = Web()
    speech: Speech = Speech()
    desk: Desk = Desk()
    books: Books = Books()
    outside: Outside = Outside()
    queue_log: QueueLog = QueueLog()
    callback: Callback = Callback()
    log: Log = Log()
    trunk: list[Trunk] = []
    agent: list[Agent] = []

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        for kind, names in (("agent", [a.id for a in self.agent]), ("trunk", [t.name for t in self.trunk])):
            for name in sorted(set(names)):
                if names.count(name) > 1:
                    raise ValueError(f"{kind} {name!r} is there {names.count(name)} times")
        way = self.outside.trunk
        if way and not any(trunk.name == way and trunk.host for trunk in self.trunk):
            raise ValueError(f"outside.trunk: there is no trunk {way!r} with a host to send calls to")
        return self

    @property
    def dialling(self) -> Dialling:
        """When, how often and whom the hotline calls back."""
        rules = self.callback
        return Dialling(
            bool(self.outside.trunk),
            time.fromisoformat(rules.opens),
            time.fromisoformat(rules.closes),
            rules.missed == "automatic",
            rules.missed_after_s,
            rules.tries,
            rules.pause_s,
            rules.ring_s,
            self.outside.caller_id,
        )

    @property
    def channels(self) -> dict[str, int]:
        """How many calls each trunk carries at once."""
        return {trunk.name: trunk.channels or self.sip.conversations for trunk in self.trunk}

    @property
    def skills(self) -> dict[str, list[Skill]]:
        """Of each agent, by work number."""
        return {agent.id: agent.skills for agent in self.agent}

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.state.dir / "hotline.db"

    @property
    def recordings(self) -> Path:
        """Folder of the recordings."""
        return self.state.recordings or self.state.dir / "recordings"

    @property
    def models(self) -> Path:
        """Folder that `ivr models install` unpacks into."""
        return self.state.dir / "models"

    @property
    def phone_url(self) -> str:
        """WebSocket address that browser telephones connect to."""
        return self.web.phone_url or f"ws://{self.http.host}:{self.http.port}/ws"


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read and check the configuration. Relative folders are relative to the file.

    Raises ConfigError with one sentence per mistake, naming file, or variable, and key.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise ConfigError(f"{path}: not readable: {error.strerror}.") from None
    table = toml.parse(str(path), content, ConfigError)
    said = _override(table, environment)
    try:
        config = Config(**table)
    except ValidationError as error:
        mistakes = error.errors()
        files = [said.get(mistake["loc"][:2], said.get(mistake["loc"][:1], str(path))) for mistake in mistakes]
        lines = [line for file, mistake in zip(files, mistakes, strict=True) for line in sentences(file, [mistake])]
        raise ConfigError("\n".join(lines)) from None
    root = path.resolve().parent
    state = config.state.model_copy(
        update={
            "dir": root / config.state.dir,
            "recordings": config.state.recordings and root / config.state.recordings,
        }
    )
    speech = config.speech.model_copy(update={"model": config.speech.model and root / config.speech.model})
    return config.model_copy(update={"state": state, "speech": speech})


def _override(table: dict[str, Any], environment: Mapping[str, str]) -> dict[tuple[int | str, ...], str]:
    """Put what the environment says into the table. Returns the name of the variable by the place that it is for.

    Lists, which have no keys, are JSON. Raises ConfigError for what is none.
    """
    said: dict[tuple[int | str, ...], str] = {}
    for variable, value in environment.items():
        prefix, _, place = variable.lower().partition("_")
        section, _, key = place.partition("__")
        if prefix != "ivr" or not (key or section in Config.model_fields):
            continue
        told = f"environment variable {variable}"
        said[(section, key) if key else (section,)] = told
        if section not in table:
            said[(section,)] = told
        if section in ("trunk", "agent"):
            table[section] = _json(variable, value, key)
        elif not key:
            raise ConfigError(f"environment variable {variable}: name the key, too, as {variable}__KEY.")
        elif isinstance(inside := table.setdefault(section, {}), dict):
            inside[key] = value
    return said


def _json(variable: str, value: str, key: str) -> Any:
    with suppress(ValueError, RecursionError):
        if not key:
            return json.loads(value)
    raise ConfigError(f"environment variable {variable}: write the whole list in JSON, as docs/configuration.md shows.")
