"""Every `*.call` file beside this one is a story that must go as it is written. The format: docs/scenarios.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.core.world import REPO
from tests.scenarios import sentences  # noqa: F401  the forms
from tests.scenarios.script import FORMS, ScenarioError, parse
from tests.scenarios.stage import play

FILES = sorted(Path(__file__).parent.glob("*.call"))
DOCUMENT = (REPO / "docs/scenarios.md").read_text("utf-8")
BEGINNING = "标题: 试\n时间: 2026-11-23 09:00\n坐席: 8001 就绪 会 综合席\n"


def problem(name: str, text: str) -> str:
    """What is wrong with this story, or ""."""
    try:
        play(parse(name, text))
    except ScenarioError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_story_goes_as_it_is_written(path: Path) -> None:
    if told := problem(str(path.relative_to(REPO)), path.read_text("utf-8")):
        pytest.fail(told, pytrace=False)


@pytest.mark.parametrize("example", re.findall(r"^```call\n(.*?)^```", DOCUMENT, flags=re.M | re.S))
def test_the_examples_of_the_document_go_as_they_are_written(example: str) -> None:
    assert not problem("docs/scenarios.md", example)


def test_the_document_tells_every_form_and_no_other() -> None:
    told = re.findall(r"^\| `(?:\[甲 \])?(.+?)` \|", DOCUMENT, flags=re.M)
    assert sorted(told) == sorted(form.text for form in FORMS)
    for form in FORMS:
        assert (f"| `[甲 ]{form.text}` |" in DOCUMENT) is form.of_caller


def test_every_form_is_used_by_a_story() -> None:
    used = {step.form.text for path in FILES for step in parse(path.name, path.read_text("utf-8"))}
    assert used == {form.text for form in FORMS}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("来店: 13800138000 拨打 12345", "x.call:4: 看不懂“来店: 13800138000 拨打 12345”。是不是“来电"),
        ("按键: 22", "x.call:4: 看不懂“按键: 22”"),
        ("按键: 2", "x.call:4: “按键: 2”：甲 还没有来电"),
        ("坐席: 8002 就绪 会 门卫", "queues.toml 里没有“门卫”，有：综合席、"),
        ("坐席: 8002 吃饭 会 综合席", "坐席的状态写"),
        ("方案: 没有", "没有文件 tests/scenarios/plans/没有.toml"),
        ("8001 接听", "8001 的电话没有响"),
        ("8001 挂机", "8001 没有在通话"),
        ("8009 就绪", "开头的“坐席”里没有 8009"),
        ("来电: 1 拨打 12345\n应听到: 你好", "里没有这样的语音，请照原文整句抄写"),
        ("来电: 1 拨打 12345\n应听到: 谢谢您，再见。", "此前听到的是“您好，株洲幺二三四五。"),
        ("来电: 1 拨打 12345\n不应听到: 本次通话将会录音。", "x.call:5"),
        ("来电: 1 拨打 12345\n应听音乐", "现在听到的是“企业请按二，其他请稍候。”"),
        ("来电: 1 拨打 12345\n应进入: 综合席", "应为“综合席”，实际是“没有进入专席”"),
        ("来电: 1 拨打 12345\n应在: 排队中", "应为“排队中”，实际是“语音导航”"),
        ("来电: 1 拨打 12345\n应在: 厨房", "没有“厨房”这个说法，可以写：语音导航、"),
        ("来电: 1 拨打 12345\n应振铃: 8001", "应为“8001”，实际是“没有电话在响”"),
        ("来电: 1 拨打 12345\n应通话: 8001", "应为“8001”，实际是“没有通话”"),
        ("来电: 1 拨打 12345\n经过 9 秒\n原因应为: 按键 2", "应为“按键 2”，实际是“未按键”"),
        ("来电: 1 拨打 12345\n结果应为: 已接通", "实际是“通话还没有结束”"),
        ("来电: 1 拨打 12345\n评价应为: 满意", "实际是“没有问到评价”"),
        ("来电: 1 拨打 12345\n标记应为: 政企通", "实际是“没有标记”"),
        ("来电: 1 拨打 12345", "x.call:4: 写到这里就结束了，但是甲 还在线上"),
        ("来电: 1 拨打 12345\n挂机\n挂机", "甲 已经不在线上"),
        ("来电: 1 拨打 12345\n挂机\n来电: 1 拨打 12345", "请换一个称呼"),
        ("来电: 1 拨打 12345\n坐席: 8002 就绪 会 综合席", "这一句要写在开头"),
        ("8001 应为: 通话中", "应为“通话中”，实际是“就绪”"),
        ("8001 应为: 午休", "没有“午休”这个说法"),
        ("时间: 2026-11-24 09:00", "x.call: “时间”只能写一次。"),
    ],
)
def test_a_wrong_line_is_told_in_one_sentence(lines: str, told: str) -> None:
    assert told in problem("x.call", BEGINNING + lines + "\n")


def test_a_story_begins_with_its_title_and_time() -> None:
    assert problem("x.call", "时间: 2026-11-23 09:00\n").startswith("x.call:1: 第一句应当是“标题: <文字>”。")
    assert (
        problem("x.call", "标题: 试\n时间: 2026-02-30 09:00\n") == "x.call:2: “时间: 2026-02-30 09:00”：没有这个时间\n"
    )


def test_a_failure_shows_what_happened() -> None:
    told = problem("x.call", BEGINNING + "来电: 匿名 拨打 12345\n经过 2 秒\n按键：7\n8001 接听\n结果应为: 已接通\n")
    assert "  09:00:02.0 甲 按键 7\n  09:00:02.0 甲 进入 综合席：按了无效键 7\n  09:00:02.0 甲 派给 8001\n" in told
