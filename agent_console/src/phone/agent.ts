import { ref, shallowRef, watch } from "vue";

import { ApiError, api } from "../api/client";
import { type Holder, hold } from "./holder";
import { Softphone } from "./softphone";
import { bell } from "./sounds";

/** The telephone of the agent who is signed in: one for all console pages of this tab. */
export const phone = new Softphone();
/** True when another tab or window of this browser holds the telephone. */
export const elsewhere = ref(false);
/** Why the server would not give the telephone's settings; asked again by itself. */
export const refusal = shallowRef<ApiError>();

const RETRY_MS = 5_000;
let holder: Holder | undefined;
let retry = 0;

export function startAgentPhone(agentId: string): void {
  stopAgentPhone();
  holder = hold(`telephone-${agentId}`, (mine) => {
    elsewhere.value = !mine;
    if (mine) void ring();
    else silence();
  });
  window.addEventListener("pagehide", silence);
  window.addEventListener("beforeunload", warn);
}

export function stopAgentPhone(): void {
  holder?.release();
  holder = undefined;
  elsewhere.value = false;
  window.removeEventListener("pagehide", silence);
  window.removeEventListener("beforeunload", warn);
  silence();
}

/** Take the telephone from the other tab. */
export function takeHere(): void {
  holder?.take();
}

async function ring(): Promise<void> {
  const asked = holder;
  try {
    const settings = await api.phone();
    if (holder !== asked || elsewhere.value) return;
    refusal.value = undefined;
    phone.start(settings);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    refusal.value = error;
    retry = window.setTimeout(() => holder === asked && void ring(), RETRY_MS);
  }
}

function silence(): void {
  window.clearTimeout(retry);
  phone.stop();
}

function warn(event: BeforeUnloadEvent): void {
  if (phone.state.call) event.preventDefault();
}

watch(
  () => phone.state.call?.phase === "ringing",
  (rings) => (rings ? bell.start() : bell.stop()),
);
