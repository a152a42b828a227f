import type { AgentView, CallSummary, CheckView, Live, QueueView } from "../api/types";

/** Everything live that this user may see, as of message `number`. */
export interface LiveState {
  readonly number: number;
  /** Server's clock minus this browser's, seconds. */
  readonly offset_s: number;
  readonly calls: ReadonlyMap<string, CallSummary>;
  readonly agents: ReadonlyMap<string, AgentView>;
  readonly queues: readonly QueueView[];
  readonly warnings: readonly CheckView[];
}

export const EMPTY: LiveState = {
  number: 0,
  offset_s: 0,
  calls: new Map(),
  agents: new Map(),
  queues: [],
  warnings: [],
};

/**
 * The state after a message, or "gap" when a message before it is missing: then nothing is applied, and a snapshot
 * must be asked for.
 * @param here_s this browser's clock, seconds since the epoch
 */
export function apply(state: LiveState, message: Live, here_s: number): LiveState | "gap" {
  const offset_s = message.now - here_s;
  if (message.kind === "snapshot") {
    return {
      number: message.number,
      offset_s,
      calls: byId(message.calls, (call) => call.call_id),
      agents: byId(message.agents, (agent) => agent.agent_id),
      queues: message.queues,
      warnings: message.warnings,
    };
  }
  if (message.number !== state.number + 1) return "gap";
  const calls = new Map(state.calls);
  for (const call of message.calls ?? []) calls.set(call.call_id, call);
  for (const callId of message.gone ?? []) calls.delete(callId);
  const agents = new Map(state.agents);
  for (const agent of message.agents ?? []) agents.set(agent.agent_id, agent);
  return {
    number: message.number,
    offset_s,
    calls,
    agents,
    queues: message.queues?.length ? message.queues : state.queues,
    warnings: message.warnings ?? state.warnings,
  };
}

/** Milliseconds to wait before connection attempt `attempt` (from 1): doubling from 0.5 s to 5 s, with jitter. */
export function backOff_ms(attempt: number, random: number): number {
  const most = Math.min(5_000, 500 * 2 ** (attempt - 1));
  return most * (0.5 + random / 2);
}

function byId<T>(items: readonly T[], id: (item: T) => string): Map<string, T> {
  return new Map(items.map((item) => [id(item), item]));
}
