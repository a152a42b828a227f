"""Skills: what an agent can, how well, and what a caller needs. Written as one word: `enterprise`, or `enterprise:2`.

An agent who has `enterprise:3` can what `enterprise:2` asks for. A word without a level means level 1, on either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field

WRITTEN = r"^[A-Za-z][A-Za-z0-9_]{0,39}(:[1-9])?$"
Skill = Annotated[str, Field(pattern=WRITTEN)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Skills = Annotated[tuple[Skill, ...], BeforeValidator(_listed)]
"""One word, or a list of words of which all count."""


def levels(words: Iterable[str]) -> dict[str, int]:
    """The level of each skill; of a skill that is there twice, the higher one."""
    found: dict[str, int] = {}
    for word in words:
        skill, _, level = word.partition(":")
        found[skill] = max(found.get(skill, 0), int(level or 1))
    return found


def has(able: Mapping[str, int], word: str) -> bool:
    """Whether somebody with these levels can what the word asks for."""
    skill, _, level = word.partition(":")
    return able.get(skill, 0) >= int(level or 1)


class Group(NamedTuple):
    """The agents who have all these skills and, where agents are named, are one of them."""

    skills: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()

    def holds(self, agent_id: str, able: Mapping[str, int]) -> bool:
        """Whether this agent, who has these levels, is one of the group."""
        return (not self.agents or agent_id in self.agents) and all(has(able, word) for word in self.skills)

    def __str__(self) -> str:
        named = f"agents {' '.join(self.agents)}" if self.agents else ""
        skilled = f"skill {'+'.join(self.skills)}" if self.skills else ""
        return " ".join(filter(None, (named, skilled)))


def lacks(able: Mapping[str, int], prefer: Iterable[str]) -> tuple[bool, ...]:
    """What of the preferred somebody has not: sorts whom to ask first, the first word counting most."""
    return tuple(not has(able, word) for word in prefer)
