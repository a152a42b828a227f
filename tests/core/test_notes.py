from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ivr.core.notes import CLOCKS_S, TURN_S, Line, Talk, Word, write


def said(*words: tuple[str, float, float]) -> list[Word]:
    return [Word(text, start, end, 0.9) for text, start, end in words]


def alone(caller: list[Word], agent: list[Word], start_s: float = 0.0, end_s: float = 3700.0) -> Talk:
    """A conversation of one agent with the citizen."""
    return Talk(start_s, end_s, said=agent, heard=caller)


def texts(lines: tuple[Line, ...]) -> list[tuple[str, str]]:
    return [(line.speaker, line.text) for line in lines]


def test_turns_in_order_of_time():
    caller = said(("我", 2.0, 2.2), ("要", 2.2, 2.4), ("投诉", 2.4, 2.9), ("对", 8.0, 8.2))
    agent = said(("你好", 0.5, 1.0), ("请", 4.0, 4.2), ("讲", 4.2, 4.5))
    assert texts(write([alone(caller, agent)], "zh")) == [
        ("agent", "你好"),
        ("caller", "我要投诉"),
        ("agent", "请讲"),
        ("caller", "对"),
    ]


def test_a_long_pause_starts_a_new_line_and_a_short_one_does_not():
    words = said(("喂", 0.0, 0.4), ("你好", 1.4, 1.9), ("在", 1.9 + TURN_S + 0.1, 4.0))
    assert texts(write([alone(words, [])], "zh")) == [("caller", "喂你好"), ("caller", "在")]


def test_speech_of_both_at_once_is_not_shredded():
    caller = said(*((f"w{n}", n * 0.3, n * 0.3 + 0.3) for n in range(10)))
    agent = said(("嗯", 1.0, 1.2))
    lines = write([alone(caller, agent)], "en")
    assert texts(lines) == [("caller", " ".join(f"w{n}" for n in range(10))), ("agent", "嗯")]


def test_what_was_said_in_a_breath_of_the_other_comes_in_between():
    caller = said(("一", 0.0, 0.3), ("二", 1.2, 1.5))
    agent = said(("嗯", 0.5, 0.8))
    assert texts(write([alone(caller, agent)], "zh")) == [("caller", "一"), ("agent", "嗯"), ("caller", "二")]


def test_spaces():
    mixed = said(("打开", 0.0, 0.2), ("word", 0.2, 0.5), ("excel", 0.5, 0.8), ("文档", 0.8, 1.0), ("吧", 1.0, 1.1))
    assert write([alone(mixed, [])], "zh")[0].text == "打开 word excel 文档吧"
    korean = said(("두", 0.0, 0.2), ("모델", 0.2, 0.5), ("의", 0.5, 0.6))
    assert write([alone([], korean)], "ko")[0].text == "두 모델 의"


def test_nobody_spoke():
    assert write([], "zh") == write([alone([], [])], "zh") == ()


def test_of_a_consult_and_a_talk_of_three_each_word_is_written_once_and_for_who_said_it():
    alone, of_three, later = ("我家停水了", 1.0, 3.0), ("好的", 12.0, 13.0), ("谢谢", 22.0, 23.0)
    asks, answers, goodbye = ("你在吗", 5.0, 6.0), ("我来处理", 8.0, 9.0), ("再见", 24.0, 25.0)
    first = Talk(0.0, 20.0, said=said(asks), heard=said(alone, ("我来处李", 8.05, 9.1), of_three))
    second = Talk(4.0, 30.0, said=said(answers, goodbye), heard=said(asks, ("好得", 12.1, 13.1), later))
    assert texts(write([first, second], "zh")) == [
        ("caller", "我家停水了"),
        ("agent", "你在吗"),
        ("agent", "我来处理"),
        ("caller", "好的"),
        ("caller", "谢谢"),
        ("agent", "再见"),
    ]


def test_what_a_department_says_to_the_agent_is_not_the_citizens():
    department = Talk(5.0, 30.0, said=said(("水务", 6.0, 7.0)), heard=said(("喂", 8.0, 8.5)), outside=True)
    heard = said(("水物", 6.1, 7.1), ("对", 7.0 + 2 * CLOCKS_S, 8.0))
    agent = Talk(0.0, 20.0, said=said(("喂", 8.0, 8.5)), heard=heard)
    assert texts(write([agent, department], "zh")) == [("caller", "对"), ("agent", "喂")]


@st.composite
def legs(draw: st.DrawFn) -> tuple[list[Word], list[Word]]:
    """Words with texts of their own on two legs, overlapping and out of order as they may come."""
    count = draw(st.integers(0, 30))
    both: tuple[list[Word], list[Word]] = ([], [])
    for number in range(count):
        start = draw(st.floats(0, 60))
        length = draw(st.floats(0, 3))
        leg = draw(st.integers(0, 1))
        both[leg].append(Word(f"{'ca'[leg]}{number}", start, start + length, draw(st.floats(0, 1))))
    return both


@given(legs())
def test_every_word_appears_once_and_in_its_place(both: tuple[list[Word], list[Word]]):
    caller, agent = both
    lines = write([alone(caller, agent)], "ko")

    heard = Counter(text for line in lines for text in line.text.split(" "))
    assert heard == Counter(word.text for word in [*caller, *agent])
    assert [line.start_s for line in lines] == sorted(line.start_s for line in lines)
    words = {word.text: word for word in [*caller, *agent]}
    for line in lines:
        own = [words[text] for text in line.text.split(" ")]
        assert {word.text[0] for word in own} == {"c" if line.speaker == "caller" else "a"}
        assert line.start_s == min(word.start_s for word in own)
        assert line.end_s == max(word.end_s for word in own)
        assert min(w.confidence for w in own) - 1e-9 <= line.confidence <= max(w.confidence for w in own) + 1e-9
        assert [word.start_s for word in own] == sorted(word.start_s for word in own)
