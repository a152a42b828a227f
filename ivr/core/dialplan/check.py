"""What is wrong with tables that are well-formed each: one sentence per mistake, naming the file and the key."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ivr.core.dialplan.city import City, Menu
from ivr.core.dialplan.departments import Departments
from ivr.core.dialplan.hotlines import Hotlines, listed_twice
from ivr.core.dialplan.leader_days import LeaderDays
from ivr.core.dialplan.limits import MARK, NUMBER, TRUNK, Pacing
from ivr.core.dialplan.queues import EXPECTED_MIN, OFFER_KEY, Queues
from ivr.core.dialplan.stand_in import circles
from ivr.core.dialplan.targets import Target
from ivr.core.numbers import national

_DOOR = frozenset({"menu", "queue", "pin"})
"""Ways that are open everywhere."""
_CHOSEN = _DOOR | {"transfer"}
"""For who has dialled or pressed something: silence and mistakes lead to our own people."""
_KNOWN = frozenset({"menu", "queue"})
_ANSWER = _DOOR | {"repeat"}
_LINE = frozenset({"menu", "queue", "stay", "callback", "transfer"})
_STAND_IN = frozenset({"queue", "transfer"})
_QUEUE = frozenset({"queue"})
_MUST = {_QUEUE: "must lead to a queue", _KNOWN: "must lead to a menu or a queue"}
_ELSEWHERE = {
    "menu": "must lead to a queue or a transfer",
    "pin": "only a number or a menu's answer can ask for a PIN",
    "transfer": "only a number, a caller, a key, a hotline and nobody_signed_in can lead to a transfer",
    "repeat": "only a menu's answers can repeat",
    "stay": "only a key of a line can stay",
    "callback": "only a key of a line can ask for a callback",
}


class Place(NamedTuple):
    """A target, the file and the key at which it stands, and the ways that it may hold there."""

    file: str
    where: str
    target: Target
    ways: frozenset[str]


def places(city: City, queues: Queues, hotlines: Hotlines, days: LeaderDays | None = None) -> Iterator[Place]:
    """Every target, those of `closed` too."""
    for file, where, written, ways in _written(city, queues, hotlines, days):
        target: Target | None = written
        while target is not None:
            yield Place(file, where, target, ways)
            where, target = f"{where}.closed", target.closed


def mistakes(
    city: City,
    queues: Queues,
    departments: Departments,
    hotlines: Hotlines,
    pacing: Pacing,
    prompts: Mapping[str, float],
    days: LeaderDays | None = None,
) -> Iterator[str]:
    """`prompts`: seconds by the name of each prompt that exists."""
    for place in places(city, queues, hotlines, days):
        yield from _misled(place, city, queues)
    for name, menu in city.menu.items():
        if menu.hours is not None and menu.hours not in city.hours:
            yield f"city.toml: menu.{name}: there are no hours {menu.hours!r}."
    for code, language in city.language.items():
        for name in (*language.queue, *language.queue.values()):
            if name not in queues.queue:
                yield f"city.toml: language.{code}.queue: there is no queue {name!r} in queues.toml."
    if city.emergency and city.emergency.queue not in queues.queue:
        yield f"city.toml: emergency.queue: there is no queue {city.emergency.queue!r} in queues.toml."
    if days:
        yield from _leader_days(days, city, queues)
    for name in circles({n: q.nobody_signed_in.queue for n, q in queues.queue.items() if q.nobody_signed_in}):
        yield f"queues.toml: queue.{name}: nobody_signed_in leads in a circle."
    yield from _overloads(queues)
    for where, name in used_prompts(city, queues, hotlines, departments, pacing, days):
        if name not in prompts:
            yield f"{where}: there is no prompt {name!r} in prompts/."
    yield from _circles(city)
    yield from _callers(city)
    yield from listed_twice(hotlines, city.number)
    for register in city.pin.keys() - city.known.keys():
        yield f"city.toml: pin.{register}: there is no [known.{register}] that the right PIN leads to."


def _written(city: City, queues: Queues, hotlines: Hotlines, days: LeaderDays | None) -> Iterator[Place]:
    yield Place("city.toml", "default", city.default, _DOOR)
    for number, target in city.number.items():
        yield Place("city.toml", f"number.{number}", target, _CHOSEN)
    for caller in city.caller:
        yield Place("city.toml", f"caller {caller.name!r}", caller, _CHOSEN)
    for register, target in city.known.items():
        yield Place("city.toml", f"known.{register}", target, _KNOWN)
    for register, pin in city.pin.items():
        yield Place("city.toml", f"pin.{register}.otherwise", pin.otherwise, _QUEUE)
    for name, menu in city.menu.items():
        for key, target in menu.key.items():
            yield Place("city.toml", f"menu.{name}.key.{key}", target, _ANSWER | _CHOSEN)
        yield Place("city.toml", f"menu.{name}.no_input", menu.no_input, _ANSWER)
        yield Place("city.toml", f"menu.{name}.wrong_key", menu.wrong_key, _ANSWER)
        if menu.closed is not None:
            yield Place("city.toml", f"menu.{name}.closed", menu.closed, _DOOR)
    for name, queue in queues.queue.items():
        for key, target in queue.key.items():
            yield Place("queues.toml", f"queue.{name}.key.{key}", target, _LINE)
        if queue.nobody_signed_in is not None:
            yield Place("queues.toml", f"queue.{name}.nobody_signed_in", queue.nobody_signed_in, _STAND_IN)
        if queue.overload is not None:
            yield Place("queues.toml", f"queue.{name}.overload", queue.overload.target, _LINE)
    if days:
        yield Place("leader_days.toml", "full", days.full, _QUEUE)
    for number, hotline in hotlines.hotline.items():
        yield Place("hotlines.toml", f"hotline.{number}", hotline, _CHOSEN)


def _misled(place: Place, city: City, queues: Queues) -> Iterator[str]:
    """What a target names that is not there."""
    at, target = f"{place.file}: {place.where}", place.target
    for way in target.ways:
        if way not in place.ways:
            yield f"{at}: {_MUST.get(place.ways) or _ELSEWHERE[way]}."
    if target.queue is not None and target.queue not in queues.queue:
        yield f"{at}: there is no queue {target.queue!r} in queues.toml."
    if target.menu is not None and target.menu not in city.menu:
        yield f"{at}: there is no menu {target.menu!r}{'' if place.file == 'city.toml' else ' in city.toml'}."
    if target.language is not None and target.language not in city.language:
        yield f"{at}: there is no language {target.language!r}{'' if place.file == 'city.toml' else ' in city.toml'}."
    if target.pin is not None and target.pin not in city.pin:
        yield f"{at}: there is no [pin.{target.pin}] in city.toml."
    if target.hours is not None and target.hours not in city.hours:
        yield f"{at}: there are no hours {target.hours!r}{'' if place.file == 'city.toml' else ' in city.toml'}."


def _leader_days(days: LeaderDays, city: City, queues: Queues) -> Iterator[str]:
    if days.menu not in city.menu:
        yield f"leader_days.toml: menu: there is no menu {days.menu!r} in city.toml."
    elif days.key in city.menu[days.menu].key:
        yield f"leader_days.toml: key: menu.{days.menu}.key.{days.key} in city.toml leads elsewhere."
    if days.queue not in queues.queue:
        yield f"leader_days.toml: queue: there is no queue {days.queue!r} in queues.toml."
    if days.full.queue == days.queue:
        yield "leader_days.toml: full: must lead to another queue than the leader's."


def _overloads(queues: Queues) -> Iterator[str]:
    for name in circles({name: queue.overload.queue for name, queue in queues.queue.items() if queue.overload}):
        yield f"queues.toml: queue.{name}: overload leads in a circle: two lines that are full cannot help each other."
    for name, queue in queues.queue.items():
        key = queue.key.get(OFFER_KEY)
        if queue.overload and queue.overload.callback and key and not key.callback:
            yield (
                f"queues.toml: queue.{name}.overload: callback is asked for with key {OFFER_KEY}, "
                f"and queue.{name}.key.{OFFER_KEY} leads elsewhere."
            )


def _callers(city: City) -> Iterator[str]:
    seen: dict[str, str] = {}
    for caller in city.caller:
        for number in caller.numbers:
            digits = national(number)
            if not digits:
                yield f"city.toml: caller {caller.name!r}: {number!r} is not a telephone number."
            elif digits in seen:
                yield f"city.toml: caller {caller.name!r}: {number!r} is there already, for {seen[digits]!r}."
            seen[digits] = caller.name


def used_prompts(
    city: City,
    queues: Queues,
    hotlines: Hotlines,
    departments: Departments,
    pacing: Pacing,
    days: LeaderDays | None,
) -> Iterator[tuple[str, str]]:
    """Every prompt that somebody may hear, with the place that names it."""
    yield from _prompts(city, queues, hotlines, days)
    yield from _departments_prompts(departments)
    for by in (MARK, NUMBER, TRUNK):
        for prompt in pacing.say(by):
            yield f"limits.toml: {'marked' if by == MARK else by}.say", prompt


def _prompts(city: City, queues: Queues, hotlines: Hotlines, days: LeaderDays | None) -> Iterator[tuple[str, str]]:
    for where, prompt in days.prompts() if days else ():
        yield f"leader_days.toml: {where}", prompt
    for place in places(city, queues, hotlines, days):
        for prompt in place.target.say:
            yield f"{place.file}: {place.where}.say", prompt
    for name, menu in city.menu.items():
        for prompt in menu.prompt:
            yield f"city.toml: menu.{name}.prompt", prompt
    for register, pin in city.pin.items():
        for prompt in (*pin.prompt, *pin.again):
            yield f"city.toml: pin.{register}", prompt
    yield "city.toml: recording.notice", city.recording.notice
    yield "city.toml: rating.prompt", city.rating.prompt
    yield "city.toml: rating.rated", city.rating.rated
    yield "city.toml: rating.not_rated", city.rating.not_rated
    for name, queue in queues.queue.items():
        for prompt in queue.prompt:
            yield f"queues.toml: queue.{name}.prompt", prompt
    for digits in ("0123", "4567", "89"):
        for prompt in city.callback.confirmation(digits):
            yield "city.toml: callback.confirm", prompt
    yield "city.toml: callback.impossible", city.callback.impossible
    yield "city.toml: callback.connecting", city.callback.connecting
    announce = queues.announce
    for n in range(announce.most + 2):
        yield "queues.toml: announce", announce.prompt_for(n)
    for expected_s in (*(60 * minutes for minutes in EXPECTED_MIN), math.inf):
        if told := announce.prompt_for_wait(expected_s):
            yield "queues.toml: announce.expected", told
    yield "queues.toml: announce.nobody", announce.nobody
    yield "queues.toml: announce.busy", announce.busy


def _departments_prompts(departments: Departments) -> Iterator[tuple[str, str]]:
    yield "departments.toml: context", departments.context
    yield "departments.toml: unanswered", departments.unanswered


def _circles(city: City) -> Iterator[str]:
    """Menus that a call might never leave, whatever the hour: each `hours` may be open or not."""
    shut = {name: _menus(menu.closed) if menu.closed else set() for name, menu in city.menu.items()}
    leaving = _ending(shut)
    silent = _ending({name: shut[name] | _silence(menu) for name, menu in city.menu.items()})
    for name in city.menu:
        if name not in leaving:
            yield f"city.toml: menu.{name}: closed leads in a circle."
        elif name not in silent:
            yield f"city.toml: menu.{name}: a silent caller never reaches a queue: no_input leads in a circle."


def _ending(following: Mapping[str, set[str]]) -> set[str]:
    """The menus from which every way ends."""
    ending: set[str] = set()
    while more := {name for name, menus in following.items() if name not in ending and menus <= ending}:
        ending |= more
    return ending


def _silence(menu: Menu) -> set[str]:
    """The menus that silence may lead to from here. "" stands for this menu, without an end."""
    after = _menus(menu.no_input)
    if "" in after:
        # After `tries` questions silence leads on by the last answer a menu has: its wrong_key.
        after = (after - {""}) | _menus(menu.wrong_key)
    return after


def _menus(target: Target) -> set[str]:
    """The menus that a target may lead to, open or closed; "" is a repeat."""
    own = {target.menu} if target.menu is not None else {""} if target.repeat else set()
    return own | (_menus(target.closed) if target.closed is not None else set())
