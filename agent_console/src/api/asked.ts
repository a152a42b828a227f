import { ref, shallowRef } from "vue";

import { lost } from "../session";
import { ApiError } from "./client";

/** An answer of the server that a page shows, or why there is none. A late answer to an earlier question is dropped. */
export function useAsked<T>(ask: () => Promise<T>) {
  const answer = shallowRef<T>();
  const problem = shallowRef<ApiError>();
  const loading = ref(false);
  let asked = 0;

  /** `quiet`: what is shown stays without a sign of loading. */
  async function load(quiet = false): Promise<void> {
    const turn = ++asked;
    if (!quiet) loading.value = true;
    try {
      const given = await ask();
      if (turn !== asked) return;
      answer.value = given;
      problem.value = undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== asked) return;
      if (error.status === 401) lost();
      answer.value = undefined;
      problem.value = error;
    } finally {
      if (turn === asked) loading.value = false;
    }
  }

  return { answer, problem, loading, load };
}
