import { shallowRef } from "vue";

import { ApiError, api } from "./api/client";
import type { Me } from "./api/types";
import { setZone } from "./calls/time";
import * as link from "./live/link";
import { startAgentPhone, stopAgentPhone } from "./phone/agent";

/** Who is signed in; undefined while that is not known yet, null when nobody is. */
export const me = shallowRef<Me | null | undefined>(undefined);

let onSignedOut: () => void = () => undefined;

/** `signedOut` is called when the server ends the session; signing out here is no surprise and does not call it. */
export function whenSignedOut(signedOut: () => void): void {
  onSignedOut = signedOut;
}

function became(who: Me): void {
  setZone(who.timezone);
  me.value = who;
}

/** Find out who is signed in, once per page load. Throws ApiError when the server cannot tell. */
export async function recall(): Promise<void> {
  if (me.value !== undefined) return;
  try {
    became(await api.me());
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error;
    me.value = null;
  }
}

export async function signIn(user: string, password: string): Promise<void> {
  became(await api.signIn({ user, password }));
}

/** Sign the agent out of the floor, and the user out of the console. */
export async function signOut(): Promise<void> {
  if (me.value?.agent_id) await api.order("sign_out");
  closeConsole();
  try {
    await api.signOut();
  } catch (error) {
    openConsole();
    throw error;
  }
  me.value = null;
}

/** The console pages show live state and, for agents, hold the telephone; the citizen's page does neither. */
export function openConsole(): void {
  if (!me.value) return;
  link.connect(lost);
  if (me.value.agent_id) startAgentPhone(me.value.agent_id);
}

export function closeConsole(): void {
  link.disconnect();
  stopAgentPhone();
}

/** The server no longer knows the session. */
export function lost(): void {
  closeConsole();
  me.value = null;
  onSignedOut();
}
