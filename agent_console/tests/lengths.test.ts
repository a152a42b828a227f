import { expect, it } from "vitest";

import type { CallSummary } from "../src/api/types";
import { talk_s, wait_s } from "../src/calls/lengths";

const call = { stage: "waiting", queued_at: 100, answered_at: null, ended_at: null, wait_s: 1, talk_s: 0, talking_since: null } as CallSummary;

it("counts on while a call waits or talks, and stops with it", () => {
  expect(wait_s(call, 130)).toBe(30);
  expect(wait_s({ ...call, queued_at: null, wait_s: null }, 130)).toBeNull();
  expect(wait_s({ ...call, answered_at: 110, wait_s: 10 }, 130)).toBe(10);
  expect(wait_s({ ...call, ended_at: 120, wait_s: 20 }, 130)).toBe(20);
  expect(talk_s({ ...call, stage: "talking", answered_at: 110, talking_since: 110 }, 130)).toBe(20);
  expect(talk_s({ ...call, stage: "room", answered_at: 90, talking_since: 120, talk_s: 5 }, 130)).toBe(10);
  expect(talk_s({ ...call, stage: "rating", answered_at: 110, talk_s: 15 }, 130)).toBe(15);
  expect(talk_s(call, 130)).toBe(0);
});
