"""Figures for Prometheus, described in docs/metrics.md."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ivr.adapters.web.ports import LiveSource
from ivr.adapters.web.schemas import CheckView
from ivr.core.agents import Status
from ivr.core.calls import Call, Outcome, Stage

LAG_EVERY_S = 1.0
_WAITS_S = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)
"""Bounds of the waiting times; 15 s is the national standard's."""


class Metrics:
    """All figures of one server, in a registry of its own."""

    def __init__(self, source: LiveSource, checks: Callable[[], Sequence[CheckView]], since: float) -> None:
        """Calls that ended before `since` were counted by the server before this one."""
        self._source = source
        self._checks = checks
        self.registry = CollectorRegistry()
        self._live = Gauge("ivr_live_calls", "Calls now, by stage", ["stage"], registry=self.registry)
        self._calls = Counter("ivr_calls", "Calls that ended, by outcome", ["outcome"], registry=self.registry)
        self._agents = Gauge("ivr_agents", "Agents now, by status", ["status"], registry=self.registry)
        self._wait = Histogram(
            "ivr_queue_wait_seconds",
            "Time in the line until an agent answered or the call ended, by queue and outcome",
            ["queue", "outcome"],
            buckets=_WAITS_S,
            registry=self.registry,
        )
        self._ami = Gauge("ivr_ami_link_up", "1 while the manager connection to Asterisk is up", registry=self.registry)
        self._lag = Gauge("ivr_event_loop_lag_seconds", "How late the event loop last woke up", registry=self.registry)
        self._notes = Gauge("ivr_notes_pending", "Calls that wait for the recogniser", registry=self.registry)
        self._listening = Gauge("ivr_listened_calls", "Callers listened to for emergency words", registry=self.registry)
        self._unheard = Counter(
            "ivr_calls_not_listened", "Callers not listened to from the start: no ear was free", registry=self.registry
        )
        self._unheard_told = 0
        self._build = Gauge("ivr_build_info", "1, with the version as label", ["version"], registry=self.registry)
        self._build.labels(version("ivr")).set(1)
        for outcome in Outcome:
            self._calls.labels(outcome.value)
        self._since = since
        self._counted: set[str] = set()

    def publish(self, call_ids: Iterable[str]) -> None:
        """Count those of these calls that have ended, each once."""
        calls = self._source.state().calls
        for call_id in call_ids:
            call = calls.get(call_id)
            if call and call.ended_at is not None and call.ended_at >= self._since and call_id not in self._counted:
                self._counted &= calls.keys()
                self._counted.add(call_id)
                self._count(call, call.ended_at)

    def render(self, notes_pending: int) -> bytes:
        """All figures now, in Prometheus's text format."""
        state = self._source.state()
        stages = [call.stage for call in state.calls.values() if call.live]
        for stage in Stage:
            if stage is not Stage.ENDED:
                self._live.labels(stage.value).set(stages.count(stage))
        statuses = [agent.status for agent in state.agents.values()]
        for status in Status:
            self._agents.labels(status.value).set(statuses.count(status))
        self._ami.set(any(check.ok for check in self._checks() if check.name == "ami"))
        self._notes.set(notes_pending)
        self._listening.set(state.listening)
        self._unheard.inc(state.unheard - self._unheard_told)
        self._unheard_told = state.unheard
        return generate_latest(self.registry)

    async def watch_lag(self) -> None:
        """Measure until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.set(max(0.0, time.monotonic() - before - LAG_EVERY_S))

    def _count(self, call: Call, ended_at: float) -> None:
        outcome = call.outcome.value if call.outcome else ""
        self._calls.labels(outcome).inc()
        wait = call.wait_s(ended_at)
        if wait is not None:
            self._wait.labels(call.queue, outcome).observe(wait)
