import { computed } from "vue";
import { useI18n } from "vue-i18n";

import type { CallSummary } from "./api/types";
import { stageOf } from "./calls/stage";
import { type Words, word } from "./calls/timeline";
import { live } from "./live/link";

/** Translation with the names of queues and agents, for sentences about calls. */
export function useWords() {
  const { t, te, locale } = useI18n();
  const queues = computed(() => new Map(live.value.queues.map((queue) => [queue.queue, queue.name])));
  const words = computed<Words>(() => ({
    t: (key, params) => t(key, params ?? {}),
    te: (key) => te(key),
    locale: locale.value,
    queue: (id) => queues.value.get(id) ?? id,
    agent: (id) => {
      const name = live.value.agents.get(id)?.name;
      return name ? `${id} ${name}` : id;
    },
  }));
  const named = (group: string, value: string | number | null | undefined): string =>
    value === null || value === undefined ? "–" : word(group, String(value), words.value);
  /** How a call ended, or where it is now. */
  const standing = (call: CallSummary): string =>
    call.outcome ? named("outcome", call.outcome) : named("stage", stageOf(call));
  /** Who the registers say is calling, or "". */
  const person = (call: CallSummary): string =>
    call.level ? t("call.deputyOf", { name: call.person, level: named("level", call.level) }) : call.person;
  /** The dialled number, with the name of the merged hotline that it is. */
  const dialled = (call: CallSummary): string => [call.dnis || "–", call.hotline_name].join(" ").trim();
  return { t, te, locale, words, named, standing, person, dialled };
}
