import type { CallSummary } from "../api/types";

/** Seconds in the line, up to now for a call that still waits; null when it never joined one. */
export function wait_s(call: CallSummary, now_s: number): number | null {
  if (call.queued_at === null || call.answered_at !== null || call.ended_at !== null) return call.wait_s;
  return now_s - call.queued_at;
}

/** Seconds of the conversation under way, up to now; of all of them when none is. */
export function talk_s(call: CallSummary, now_s: number): number {
  return call.talking_since !== null ? now_s - call.talking_since : call.talk_s;
}
