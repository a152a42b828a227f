"""Agents' telephones: which of them are reached."""

from __future__ import annotations

from collections.abc import Callable

from ivr.adapters.ami_events import EndpointSeen
from ivr.core.events import PhoneLost, PhoneReached

_KINDS = ("-web", "-sip")
"""An agent has two SIP endpoints: `<id>-web` for the browser and `<id>-sip` for any other telephone."""


class Telephones:
    """Emits what changes; at the first look at each telephone: what is."""

    def __init__(self, emit: Callable[[PhoneReached | PhoneLost], None]) -> None:
        self._emit = emit
        self._endpoints: dict[str, bool] = {}

    def seen(self, seen: EndpointSeen) -> None:
        """An agent's telephone is reached when either endpoint is."""
        phone = seen.endpoint.rpartition("-")[0]
        before = self._reached(phone)
        self._endpoints[seen.endpoint] = seen.reachable
        after = self._reached(phone)
        if after != before:
            self._emit(PhoneReached(seen.at, phone) if after else PhoneLost(seen.at, phone))

    def _reached(self, phone: str) -> bool | None:
        """None when nothing is known yet."""
        known = [self._endpoints[name] for name in (phone + kind for kind in _KINDS) if name in self._endpoints]
        return any(known) if known else None
