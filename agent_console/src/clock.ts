import { computed, ref } from "vue";

import { live } from "./live/link";

const here_s = ref(Date.now() / 1000);
window.setInterval(() => (here_s.value = Date.now() / 1000), 500);

/** The server's clock, seconds since the epoch; moves twice a second. */
export const now_s = computed(() => here_s.value + live.value.offset_s);
