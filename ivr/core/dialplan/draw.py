"""A plan as a picture made from the data, so that it cannot lie."""

from __future__ import annotations

from collections import Counter

from ivr.core.dialplan.explain import overload_when
from ivr.core.dialplan.plan import Plan
from ivr.core.dialplan.targets import Target
from ivr.core.registers import NAMES


def mermaid(plan: Plan, texts: dict[str, str]) -> str:
    """The plan as a Mermaid flowchart, in Chinese. `texts`: what each prompt says."""
    lines = ["flowchart LR", '  caller(["市民来电"])']
    for number, target in plan.city.number.items():
        lines += _edge("caller", f"拨 {number}", target)
    for known in plan.city.caller:
        lines += _edge("caller", f"来电号码：{known.name}（{len(known.numbers)} 个）", known)
    for register, target in plan.city.known.items():
        lines += _edge("caller", f"来电号码在{NAMES[register]}名册中", target)
    merged = Counter(tuple(_edge("caller", "拨归并热线（{n} 条）", h)) for h in plan.hotlines.hotline.values())
    for edges, n in merged.items():
        lines += [edge.replace("{n}", str(n)) for edge in edges]
    lines += _edge("caller", "其他号码", plan.city.default)
    for name, menu in plan.city.menu.items():
        said = "<br>".join(texts.get(prompt, prompt) for prompt in menu.prompt)
        lines.append(f'  menu_{name}["{said}"]')
        for key, target in menu.key.items():
            lines += _edge(f"menu_{name}", f"按 {key}", target, name)
        lines += _edge(f"menu_{name}", "按错", menu.wrong_key, name)
        lines += _edge(f"menu_{name}", f"不按（{menu.wait_s:g} 秒）", menu.no_input, name)
        if menu.closed is not None:
            lines += _edge(f"menu_{name}", f"不在 {menu.hours} 时段", menu.closed, name)
    for language in plan.city.language.values():
        for usual, own in language.queue.items():
            lines.append(f'  queue_{usual} -- "{language.name}" --> queue_{own}')
    if days := plan.leader_days:
        for day in days.day:
            label = f"按 {days.key}，{day.date} {day.time}，{day.about}"
            lines.append(f'  menu_{days.menu} -- "{label}" --> queue_{days.queue}')
        lines += _edge(f"queue_{days.queue}", f"已有 {days.may_wait} 人等候，或接听时间已过", days.full)
    for register, pin in plan.city.pin.items():
        said = "<br>".join(texts.get(prompt, prompt) for prompt in pin.prompt)
        lines.append(f'  pin_{register}["{said}"]')
        lines += _edge(f"pin_{register}", "密码正确", plan.city.known[register])
        lines += _edge(f"pin_{register}", f"没有密码，或错 {pin.tries} 次", pin.otherwise)
    for name, queue in plan.queues.queue.items():
        lines.append(f'  queue_{name}[("{queue.name}<br>技能 {" ".join(queue.skill)}，优先级 {queue.priority}")]')
        if queue.nobody_signed_in:
            lines += _edge(f"queue_{name}", "无人签入", queue.nobody_signed_in)
        if queue.overload:
            lines += _edge(f"queue_{name}", f"繁忙：{overload_when(queue.overload)}", queue.overload.target)
        for key, target in queue.key.items():
            lines += _edge(f"queue_{name}", f"排队中按 {key}", target)
    return "\n".join(lines) + "\n"


def _edge(start: str, label: str, target: Target, menu: str = "") -> list[str]:
    rank = "，紧急" if target.emergency else f"，优先级 {target.priority}" if target.priority is not None else ""
    rank += f"，改用语言 {target.language}" if target.language else ""
    edges = [f'  {start} -- "{label}{rank}" --> {_end(start, target, menu)}']
    if target.closed is not None:
        edges += _edge(start, f"{label}，不在 {target.hours} 时段", target.closed, menu)
    return edges


def _end(start: str, target: Target, menu: str) -> str:
    if target.queue:
        return f"queue_{target.queue}"
    if target.transfer:
        return f'out_{target.transfer.removeprefix("+")}(["外线 {target.transfer}"])'
    if target.callback:
        return 'callback(["回拨"])'
    if target.pin:
        return f"pin_{target.pin}"
    return start if target.stay else f"menu_{menu if target.repeat else target.menu}"
