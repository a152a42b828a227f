"""How long a test waits before it says that something never happened.

It only bounds failures: nothing waits longer than it has to, and a busy or shared machine is no reason to fail.
"""

from pathlib import Path

PATIENCE_S = 60.0

HELD_UP = 0.05
"""A virtual machine that its host holds up for more of the time than this cannot carry sound in real time."""


def held_up(since: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Seconds of processor time that the host took away, and all there was, since an earlier answer."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return fields[7] / 100 - since[0], sum(fields) / 100 - since[1]
