"""What `city.toml` may hold: numbers, known callers, menus, open hours, the recording notice and the rating."""

from __future__ import annotations

from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from ivr.core.dialplan.hours import Hours
from ivr.core.dialplan.targets import Code, Gated, Key, Name, Register, Table, Target


class Caller(Target):
    """Callers recognised by the number they call from."""

    name: Name
    numbers: tuple[str, ...] = Field(min_length=1)


class Menu(Gated):
    prompt: tuple[Name, ...] = Field(min_length=1)
    wait_s: Annotated[float, Field(ge=0, le=10)] = 3
    tries: Annotated[int, Field(ge=1, le=3)] = 1
    key: dict[Key, Target] = Field(default_factory=dict)
    no_input: Target
    wrong_key: Target


class Pin(Table):
    """The question for the PIN of a register. The right one leads to where `known` leads."""

    prompt: tuple[Name, ...] = Field(min_length=1)
    again: tuple[Name, ...] = Field(min_length=1)
    wait_s: Annotated[float, Field(ge=2, le=10)] = 5
    tries: Annotated[int, Field(ge=1, le=3)] = 3
    otherwise: Target


class Recording(Table):
    notice: Name


class Rating(Table):
    prompt: Name
    keys: tuple[Key, ...] = ("1", "2", "3", "4", "5")
    rated: Name
    not_rated: Name


TAIL = 4
"""How many digits of a number are said."""


class Callback(Table):
    confirm: Name = "callback_confirm"
    """What a caller hears who asked to be called back, before the last digits of their number."""
    digit: Annotated[str, Field(pattern=r"\{n\}")] = "digit_{n}"
    """A digit, read by itself, with `{n}` for 0 … 9."""
    confirm_end: Name = "callback_confirm_end"
    impossible: Name = "callback_impossible"
    """What a caller hears whose number is withheld, where others are offered to be called back."""
    connecting: Name = "callback_connecting"
    """What the citizen hears who answers our call."""

    def confirmation(self, number: str) -> tuple[str, ...]:
        """What is said to the caller who is to be called back on this number; only its last digits."""
        digits = (self.digit.replace("{n}", digit) for digit in number[-TAIL:])
        return self.confirm, *digits, self.confirm_end


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f'{name!r} is no timezone; write as "Asia/Shanghai"') from None
    return name


class Limits(Table):
    """How much of a menu one call may hear before it is led to a person."""

    steps: Annotated[int, Field(ge=1, le=50)] = 12
    """Questions during the whole call."""
    menu_s: Annotated[float, Field(ge=10, le=600)] = 120
    """Seconds in menus without a break."""


class Language(Table):
    """A language or dialect that callers may choose."""

    name: str = Field(min_length=1)
    queue: dict[Name, Name] = Field(default_factory=dict)
    """Lines of its own, by the line that they stand for: their skills say who speaks it."""


class Emergency(Table):
    """What a caller in a menu or in the line says when they cannot wait."""

    words: tuple[Annotated[str, Field(pattern=r"^[^\W\d_]{2,12}$")], ...] = Field(min_length=1)
    queue: Name
    """Where they then stand before everybody who waits."""
    confidence: Annotated[float, Field(ge=0.5, le=1)] = 0.9
    """How sure the recogniser must be of a word."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        if twice := [word for n, word in enumerate(self.words) if word in self.words[:n]]:
            raise ValueError(f"words: {twice[0]!r} is there twice")
        return self


class City(Table):
    timezone: Annotated[str, AfterValidator(_timezone)] = "Asia/Shanghai"
    default: Target
    number: dict[str, Target] = Field(default_factory=dict)
    caller: tuple[Caller, ...] = ()
    known: dict[Register, Target] = Field(default_factory=dict)
    """Where callers of a register are led, the first register first."""
    pin: dict[Register, Pin] = Field(default_factory=dict)
    menu: dict[Name, Menu] = Field(default_factory=dict)
    language: dict[Code, Language] = Field(default_factory=dict)
    limits: Limits = Limits()
    hours: dict[Name, Hours] = Field(default_factory=dict)
    recording: Recording
    rating: Rating
    callback: Callback = Callback()
    emergency: Emergency | None = None
