"""A frozen record with changes, in little time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import replace as replace
else:
    T = TypeVar("T")

    def replace(record: T, /, **changes: Any) -> T:
        """What `dataclasses.replace` gives for a frozen dataclass without slots and `__post_init__`.

        That one calls `__init__`, which sets field by field: 24 µs for a call, and 2 µs here.
        """
        changed = object.__new__(type(record))
        changed.__dict__.update(record.__dict__, **changes)
        return changed
