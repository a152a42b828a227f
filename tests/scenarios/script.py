"""The written form of a scenario: a file of sentences, each checked against the forms that exist.

A form is declared where it is carried out (`sentences.py`), as `按键: <键>`; the text is its documentation, its parser
and its error message.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

CALLERS = "甲乙丙丁戊己庚辛壬癸"
_BLANKS = {
    "秒": r"\d+(?:\.\d+)?",
    "秒数": r"-?\d+(?:\.\d+)?",
    "分": r"\d+(?:\.\d+)?",
    "键": r"[0-9*#]",
    "工号": r"\d{3,6}",
    "日期": r"\d{4}-\d\d-\d\d",
    "时刻": r"\d\d:\d\d",
    "文字": r".+",
}
"""What may stand in a blank; in any other blank one word."""


class ScenarioError(Exception):
    """What is wrong with a scenario file, in Chinese sentences that name file and line."""


@dataclass(frozen=True)
class Form:
    """One kind of sentence. `of_caller`: it may begin with a caller's name and a space; without one it is 甲."""

    text: str
    of_caller: bool
    act: Callable[..., None]

    @property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"<(.+?)>", self.text)
        body = "".join(
            f"({_BLANKS.get(part, r'[^ ]+')})" if number % 2 else re.escape(part) for number, part in enumerate(parts)
        )
        return re.compile((f"(?:([{CALLERS}]) )?" if self.of_caller else "") + body)


@dataclass(frozen=True)
class Step:
    """One sentence of one file."""

    where: str
    """As `tests/scenarios/x.call:7`."""
    text: str
    form: Form
    words: tuple[str, ...]

    def take(self, stage: Any) -> None:
        self.form.act(stage, *self.words)


FORMS: list[Form] = []


def sentence(text: str, of_caller: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare a form. The function is given the caller (when `of_caller`) and what stands in the blanks."""

    def declare(act: Callable[..., None]) -> Callable[..., None]:
        FORMS.append(Form(text, of_caller, act))
        return act

    return declare


def parse(name: str, text: str) -> list[Step]:
    """The file's sentences. Raises ScenarioError with one sentence per wrong line."""
    steps, problems = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        words = _plain(line)
        if not words:
            continue
        where = f"{name}:{number}"
        step = _step(where, words)
        if step is None:
            problems.append(f"{where}: 看不懂“{words}”。{_advice(words)}")
        else:
            steps.append(step)
    if not problems:
        problems = list(_lacking(name, steps))
    if problems:
        raise ScenarioError("\n".join(problems))
    return steps


def _plain(line: str) -> str:
    """Without comment, and with one way to write colons and blanks."""
    line = re.sub(r"^#.*|\s#.*(?<!按键[:：] #)$", "", line.strip())
    line = re.sub(r"^((?:\S+ +)?[^\s\d:：]+)\s*[:：]\s*", r"\1: ", line)
    return re.sub(r"\s+", " ", line).strip()


def _step(where: str, words: str) -> Step | None:
    for form in FORMS:
        if found := form.pattern.fullmatch(words):
            given = found.groups()
            if form.of_caller:
                given = (given[0] or CALLERS[0], *given[1:])
            return Step(where, words, form, given)
    return None


def _advice(words: str) -> str:
    verbs = {re.sub(r" ?<.*", "", form.text) or form.text: form.text for form in FORMS}
    near = difflib.get_close_matches(words.split(" ")[0], verbs, n=1, cutoff=0.3)
    return f"是不是“{verbs[near[0]]}”？" if near else "全部写法见 docs/scenarios.md。"


def _lacking(name: str, steps: list[Step]) -> Iterator[str]:
    for place, (verb, form) in enumerate((("标题", "标题: <文字>"), ("时间", "时间: <日期> <时刻>"))):
        if len(steps) <= place or steps[place].form.text != form:
            yield f"{name}:1: 第{'一二'[place]}句应当是“{form}”。"
        elif sum(step.text.startswith(f"{verb}:") for step in steps) > 1:
            yield f"{name}: “{verb}”只能写一次。"
