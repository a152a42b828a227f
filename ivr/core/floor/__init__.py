"""The floor: every live call and every agent, and what follows from each event.

`floor` holds the state and knows to which topic an event belongs. Each topic has its module: `leading` (from the door
through the menus), `waiting` (in the line), `talking` (rings, talks, ratings, notes), `transfers`, `calling_back`,
`overload` (full lines), `abuse` (floods), `listening` (emergency words), `recovery` (after a restart). All speak
to callers by `steps`, each of which renews the call's lease (`leases`).
"""

from ivr.core.floor.floor import Floor, Rules

__all__ = ["Floor", "Rules"]
