"""What each sentence of a scenario does, or expects, by topic."""

from tests.scenarios.sentences import (
    agents,
    beginning,
    callbacks,
    callers,
    expected,
    machines,
    outside,
    supervisors,
    transfers,
)

__all__ = [
    "agents",
    "beginning",
    "callbacks",
    "callers",
    "expected",
    "machines",
    "outside",
    "supervisors",
    "transfers",
]
