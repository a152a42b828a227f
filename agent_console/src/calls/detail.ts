import { type Ref, onUnmounted, ref, shallowRef, watch } from "vue";

import { ApiError, api } from "../api/client";
import type { CallDetail } from "../api/types";
import { live, up } from "../live/link";
import { lost } from "../session";

/** A note may be written long after its call left the live view, so a pending one is asked for again. */
const PENDING_MS = 10_000;

/** One call with everything known of it, kept fresh: it is loaded again whenever its live row changes. */
export function useCallDetail(callId: Ref<string>) {
  const detail = shallowRef<CallDetail>();
  const problem = ref<ApiError>();
  const loading = ref(false);
  let asked = 0;
  let timer = 0;

  async function load(): Promise<void> {
    window.clearTimeout(timer);
    const id = callId.value;
    const turn = ++asked;
    if (!id) {
      detail.value = undefined;
      return;
    }
    loading.value = detail.value?.call_id !== id;
    try {
      const loaded = await api.call(id);
      if (turn !== asked) return;
      detail.value = loaded;
      problem.value = undefined;
      if (loaded.stage === "ended" && loaded.note.state === "pending") timer = window.setTimeout(load, PENDING_MS);
    } catch (error) {
      if (turn !== asked) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) lost();
      detail.value = undefined;
      problem.value = error;
    } finally {
      if (turn === asked) loading.value = false;
    }
  }

  watch(callId, load, { immediate: true });
  watch(
    () => live.value.calls.get(callId.value),
    (now, before) => now && before && now !== before && void load(),
  );
  watch(up, (now) => now && problem.value && void load());
  onUnmounted(() => {
    asked += 1;
    window.clearTimeout(timer);
  });
  return { detail, problem, loading, load };
}
