import { describe, expect, it } from "vitest";

import type { CallSummary, ConsultedView, LegView } from "../src/api/types";
import { hearsRingback } from "../src/calls/ringback";

const ASKS = "8001";
const ASKED = "8002";

function leg(answered_at: number | null): LegView {
  return { leg_id: "a/l1", number: "110", name: "110", dialled_at: 120, answered_at, ended_at: null, reason: "", room: true, kept_by: "" };
}

function colleague(answered_at: number | null): ConsultedView {
  return { agent_id: ASKED, name: "李志远", by: ASKS, by_name: "谭思琦", answered_at };
}

function hears(agentId: string, stage: CallSummary["stage"], beside: Partial<Pick<CallSummary, "leg" | "colleague">> = {}): boolean {
  return hearsRingback({ stage, agent_id: ASKS, leg: null, colleague: null, ...beside } as CallSummary, agentId);
}

describe("ringback", () => {
  it("is heard while an outside number or a colleague is rung, until they answer", () => {
    expect(hears(ASKS, "consulting", { leg: leg(null) })).toBe(true);
    expect(hears(ASKS, "consulting", { leg: leg(130) })).toBe(false);
    expect(hears(ASKS, "consulting", { colleague: colleague(null) })).toBe(true);
    expect(hears(ASKS, "consulting", { colleague: colleague(130) })).toBe(false);
  });

  it("is not heard with the citizen, nor when the other side is gone, nor without a call", () => {
    for (const stage of ["talking", "room", "rating", "ended"] as const) {
      expect(hears(ASKS, stage, { leg: leg(null) })).toBe(false);
      expect(hears(ASKS, stage)).toBe(false);
    }
    expect(hears(ASKS, "consulting")).toBe(false);
    expect(hearsRingback(undefined, ASKS)).toBe(false);
  });

  it("is not heard by the colleague who is rung", () => {
    expect(hears(ASKED, "consulting", { colleague: colleague(null) })).toBe(false);
  });
});
