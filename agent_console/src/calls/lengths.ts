import type { CallSummary } from "../api/types";

/** Seconds in the line, up to now for a call that still waits; null when it never joined one. */
export function wait_s(call: CallSummary, now_s: number): number | null {
  if (call.queued_at === null || call.answered_at !== null || call.ended_at !== null) return call.wait_s;
  return now_s - call.queued_at;
}

/** Seconds of conversation, up to now for one under way. */
export function talk_s(call: CallSummary, now_s: number): number {
  return call.stage === "talking" && call.answered_at !== null ? now_s - call.answered_at : call.talk_s;
}
