import type { CallSummary } from "../api/types";

/** What a call in the room is to people: three talk there only while there are three. */
export function stageOf(call: CallSummary): CallSummary["stage"] {
  if (call.stage !== "room") return call.stage;
  const beside = call.leg ?? call.colleague;
  if (call.talking_since === null) return "outside";
  return beside?.answered_at ? "room" : "talking";
}
