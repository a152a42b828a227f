import { expect, it } from "vitest";

import type { CallSummary, LegView } from "../src/api/types";
import { stageOf } from "../src/calls/stage";

function leg(answered_at: number | null): LegView {
  return { leg_id: "a/t1", number: "110", name: "110", dialled_at: 120, answered_at, ended_at: null, reason: "", room: true, kept_by: "" };
}

function stage(stage: CallSummary["stage"], talking_since: number | null, beside: LegView | null = null): string {
  return stageOf({ stage, talking_since, leg: beside, colleague: null } as CallSummary);
}

it("speaks of three only while three talk", () => {
  expect(stage("room", 100, leg(130))).toBe("room");
  expect(stage("room", 100, leg(null))).toBe("talking");
  expect(stage("room", 100)).toBe("talking");
  expect(stage("room", null, leg(130))).toBe("outside");
});

it("leaves other stages as they are", () => {
  expect(stage("consulting", 100, leg(130))).toBe("consulting");
  expect(stage("waiting", null)).toBe("waiting");
});
