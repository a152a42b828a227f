import { describe, expect, it } from "vitest";

import type { AgentView, CallSummary, Change, CheckView, Snapshot } from "../src/api/types";
import { EMPTY, type LiveState, apply, backOff_ms } from "../src/live/state";

function call(callId: string, stage: CallSummary["stage"]): CallSummary {
  return {
    call_id: callId, arrived_at: 100, ani: "13900000001", dnis: "12345", stage, keys: "2", queue: "enterprise",
    queue_name: "政企通", mark: "enterprise", known_as: "", person: "", level: "", hotline: "",
    hotline_name: "", about: "", slowed_by: "", task_id: "", agent_id: "8001", agent_name: "谭思琦", outcome: null, queued_at: 105,
    answered_at: null, ended_at: null, wait_s: 3, talk_s: 0, rating: null, leg: null, colleague: null, talking_since: null, note_state: "none",
  };
}

function agent(status: AgentView["status"]): AgentView {
  return { agent_id: "8001", name: "谭思琦", skills: ["general"], status, since: 100, reason: "", phone_reached: true, call_id: "", leaving: "", ready_at: null };
}

const WARNING: CheckView = { name: "recogniser", ok: false, needed: false, code: "speech_no_model", params: {}, sentence: "没有语音模型" };

const snapshot: Snapshot = {
  kind: "snapshot", number: 1, now: 200, calls: [call("a", "waiting")], agents: [agent("ready")],
  queues: [{ queue: "general", name: "综合席", waiting: 1, longest_wait_since: 150, ready: 1, signed_in: 1 }], warnings: [WARNING],
};

function change(number: number, fields: Partial<Change> = {}): Change {
  return { kind: "change", number, now: 201, ...fields } as Change;
}

function after(...messages: (Snapshot | Change)[]): LiveState {
  return messages.reduce<LiveState>((state, message) => {
    const next = apply(state, message, 190);
    if (next === "gap") throw new Error("gap");
    return next;
  }, EMPTY);
}

describe("live state", () => {
  it("begins with a snapshot, and knows how far the server's clock is ahead", () => {
    const state = after(snapshot);
    expect([...state.calls.keys()]).toEqual(["a"]);
    expect(state.offset_s).toBe(10);
  });

  it("replaces calls and agents by id, and leaves the others", () => {
    const state = after(snapshot, change(2, { calls: [call("b", "menu")] }), change(3, { calls: [call("a", "talking")], agents: [agent("talking")] }));
    expect(state.calls.get("a")?.stage).toBe("talking");
    expect(state.calls.get("b")?.stage).toBe("menu");
    expect(state.agents.get("8001")?.status).toBe("talking");
  });

  it("forgets calls that are gone", () => {
    expect(after(snapshot, change(2, { gone: ["a"] })).calls.size).toBe(0);
  });

  it("keeps queues when none are told, and warnings when they are null", () => {
    const state = after(snapshot, change(2, { queues: [], warnings: null }));
    expect(state.queues).toHaveLength(1);
    expect(state.warnings).toEqual([WARNING]);
    expect(after(snapshot, change(2, { warnings: [] })).warnings).toEqual([]);
  });

  it("applies nothing after a gap, nor before the first snapshot, nor twice", () => {
    expect(apply(after(snapshot), change(3), 190)).toBe("gap");
    expect(apply(after(snapshot), change(1), 190)).toBe("gap");
    expect(apply(EMPTY, change(2), 190)).toBe("gap");
  });

  it("goes on from a snapshot of any number", () => {
    const fresh = { ...snapshot, number: 9, calls: [] };
    const state = after(snapshot, fresh, change(10));
    expect(state.calls.size).toBe(0);
    expect(state.number).toBe(10);
  });

  it("does not change the state it was given", () => {
    const before = after(snapshot);
    apply(before, change(2, { calls: [call("b", "menu")], gone: ["a"] }), 190);
    expect([...before.calls.keys()]).toEqual(["a"]);
  });
});

describe("back-off", () => {
  it("doubles, has a ceiling, and never waits less than half", () => {
    expect(backOff_ms(1, 1)).toBe(500);
    expect(backOff_ms(1, 0)).toBe(250);
    expect(backOff_ms(3, 1)).toBe(2000);
    expect(backOff_ms(40, 1)).toBe(5_000);
  });
});
