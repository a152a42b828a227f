"""What `departments.toml` may hold: whom agents and menus can give a citizen to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.core.dialplan.targets import Name, Table

Number = Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")]


class Department(Table):
    """One key on the agents' desks."""

    name: Annotated[str, Field(min_length=1, max_length=20)]
    number: Number
    emergency: bool = False
    """Shown first, and in red."""


class Departments(Table):
    department: dict[Name, Department] = Field(default_factory=dict)
    context: Name = "transfer_context"
    """What a department hears when it answers, before it is connected."""
    unanswered: Name = "transfer_unanswered"
    """What a citizen hears whose call the department did not take."""
