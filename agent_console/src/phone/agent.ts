import { ref, watch } from "vue";

import { api } from "../api/client";
import { type Holder, hold } from "./holder";
import { Softphone } from "./softphone";
import { startRinging, stopRinging } from "./sounds";

/** The telephone of the agent who is signed in: one for all console pages of this tab. */
export const phone = new Softphone();
/** True when another tab or window of this browser holds the telephone. */
export const elsewhere = ref(false);
/** True when the server would not give the telephone's settings; tried again by itself. */
export const noSettings = ref(false);

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
    noSettings.value = false;
    phone.start(settings);
  } catch {
    noSettings.value = true;
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
  (rings) => (rings ? startRinging() : stopRinging()),
);
