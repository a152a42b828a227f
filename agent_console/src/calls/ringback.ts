import type { CallSummary } from "../api/types";

/** Whether this agent is alone in the call's room, where it is silent, with an outside number or colleague still being rung. */
export function hearsRingback(call: CallSummary | undefined, agentId: string | undefined): boolean {
  const beside = call?.leg ?? call?.colleague;
  return call?.stage === "consulting" && call.agent_id === agentId && beside?.answered_at === null;
}
