"""Where a call leads: the city's files as one checked plan, and what each key, each hour and each number does in it.

`plan` puts the tables together (each `*.toml` has its module), `check` refuses what would strand a caller, `menu` and
`pins` are the steps of a call through it. `trial`, `explain` and `draw` show a plan without a telephone.
"""

from ivr.core.dialplan.plan import Led, Plan, parse

__all__ = ["Led", "Plan", "parse"]
