"""`config.toml`, checked into typed objects. Any key is overridden by the environment as IVR_<SECTION>__<KEY>."""

from __future__ import annotations

import ipaddress
import tomllib
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ivr.core.callbacks import Dialling
from ivr.core.errors import ConfigError, sentences
from ivr.core.skills import Skill

Port = Annotated[int, Field(ge=1, le=65535)]
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class City(_Section):
    name: str = "株洲"
    language: Name = "zh"


class State(_Section):
    dir: Path = Path("var")
    recordings: Path | None = None

    @field_validator("recordings", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        return value or None


class Asterisk(_Section):
    binary: str = ""
    suite: Name = "sid"
    lease_s: Annotated[int, Field(ge=10, le=120)] = 12


class Sip(_Section):
    host: str = "127.0.0.1"
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
    host: str = "127.0.0.1"
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
    phone_url: str = ""


class Speech(_Section):
    model: Path | None = None
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
    codecs: list[Name] = ["g722", "alaw", "ulaw"]
    host: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?)?$")] = ""
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
    name: str
    skills: list[Skill] = Field(min_length=1)


class Config(BaseSettings):
    """The whole of `config.toml`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="IVR_", env_nested_delimiter="__")

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

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


def load(path: Path) -> Config:
    """Read and check the configuration. Relative folders are relative to the file.

    Raises ConfigError with one sentence per mistake, naming file and key.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}.") from None
    try:
        config = Config(**table)
    except ValidationError as error:
        raise ConfigError("\n".join(sentences(str(path), error.errors()))) from None
    root = path.resolve().parent
    state = config.state.model_copy(
        update={
            "dir": root / config.state.dir,
            "recordings": config.state.recordings and root / config.state.recordings,
        }
    )
    speech = config.speech.model_copy(update={"model": config.speech.model and root / config.speech.model})
    return config.model_copy(update={"state": state, "speech": speech})
