import { ElMessage } from "element-plus";
import { computed, ref } from "vue";

import { ApiError, api } from "./api/client";
import type { AgentOrder, CallSummary } from "./api/types";
import { i18n } from "./i18n";
import { live } from "./live/link";
import { lost, me } from "./session";

/** The signed-in user as an agent; undefined when they are none, or nothing is known yet. */
export const own = computed(() => {
  const id = me.value?.agent_id;
  return id ? live.value.agents.get(id) : undefined;
});

/** The call that is the agent's now: ringing, talking, or the one just worked on. */
export const ownCall = computed<CallSummary | undefined>(() => {
  const id = own.value?.call_id;
  return id ? live.value.calls.get(id) : undefined;
});

/** The order on its way to the server, "" when none is. */
export const ordering = ref<AgentOrder["order"] | "">("");

/** Tell the server what the agent wants; the answer comes as a live change. */
export async function order(what: AgentOrder["order"]): Promise<void> {
  if (ordering.value) return;
  ordering.value = what;
  try {
    await api.order(what);
  } catch (error) {
    tell(error);
  } finally {
    ordering.value = "";
  }
}

/** Show an error of the server as a message; an ended session leads to the sign-in page. */
export function tell(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) lost();
  else ElMessage.error(error.sentence(i18n.global.locale.value));
}
