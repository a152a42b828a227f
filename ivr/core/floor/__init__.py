"""The floor: every live call and every agent, and what follows from each event.

`state` holds them and changes them, and keeps the line as they say; `floor` knows to which topic an event belongs. Each
topic has its module: `leading` (from the door through the menus), `waiting` (in the line), `talking` (rings, talks,
ratings, notes), `transfers`, `calling_back`, `overload` (full lines), `abuse` (floods), `listening` (emergency words),
`recovery` (after a restart). All speak to callers by `steps`, each of which renews the call's lease (`leases`).
"""

from ivr.core.floor.floor import Floor
from ivr.core.floor.state import Rules

__all__ = ["Floor", "Rules"]
