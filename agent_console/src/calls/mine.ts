import { computed, onUnmounted, ref, watch } from "vue";

import { api } from "../api/client";
import type { CallSummary } from "../api/types";
import { live, up } from "../live/link";
import { tell } from "../own";
import { me } from "../session";

const SHOWN = 12;
/** Calls leave the live view after five minutes; a note still being written then is asked for. */
const PENDING_MS = 15_000;

/** The agent's own last conversations, newest first: from the archive, with live changes laid over. */
export function useOwnCalls() {
  const byId = ref(new Map<string, CallSummary>());
  const newest = computed(() =>
    [...byId.value.values()].sort((a, b) => b.arrived_at - a.arrived_at).slice(0, SHOWN),
  );

  async function load(): Promise<void> {
    const agent = me.value?.agent_id;
    if (!agent) return;
    try {
      const page = await api.calls({ agent, limit: SHOWN });
      for (const call of page.calls) byId.value.set(call.call_id, call);
      takeLive();
    } catch (error) {
      tell(error);
    }
  }

  function takeLive(): void {
    for (const call of live.value.calls.values())
      if (call.agent_id === me.value?.agent_id && call.answered_at !== null) byId.value.set(call.call_id, call);
  }

  watch(live, takeLive);
  watch(up, (now) => now && void load(), { immediate: true });
  const timer = window.setInterval(() => {
    if (up.value && newest.value.some((call) => call.note_state === "pending")) void load();
  }, PENDING_MS);
  onUnmounted(() => window.clearInterval(timer));
  return newest;
}
