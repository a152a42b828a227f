import { shallowRef, ref } from "vue";

import type { Live } from "../api/types";
import { EMPTY, apply, backOff_ms } from "./state";

/** A link that says nothing for so long is asked for a snapshot … */
const QUIET_MS = 10_000;
/** … and given up when it does not answer within this. */
const ANSWER_MS = 5_000;
/** Close code of a connection whose sign-in is over. */
const SIGNED_OUT = 4401;

/** What the server last told; `up` is false from the moment the link is in doubt. */
export const live = shallowRef(EMPTY);
export const up = ref(false);
/** True once a first snapshot has come. */
export const known = ref(false);

let socket: WebSocket | undefined;
let attempt = 0;
let timer = 0;
let onSignedOut: () => void = () => undefined;

/** Keep the link up until `disconnect`. `signedOut` is called when the server no longer knows the session. */
export function connect(signedOut: () => void): void {
  disconnect();
  onSignedOut = signedOut;
  window.addEventListener("online", probe);
  document.addEventListener("visibilitychange", probe);
  open();
}

export function disconnect(): void {
  window.removeEventListener("online", probe);
  document.removeEventListener("visibilitychange", probe);
  drop();
  live.value = EMPTY;
  known.value = false;
  attempt = 0;
}

function open(): void {
  const address = new URL("/api/live", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(address);
  socket = opened;
  later(ANSWER_MS, again);
  opened.onmessage = (event) => opened === socket && take(JSON.parse(event.data as string) as Live);
  opened.onclose = (event) => {
    if (opened !== socket) return;
    if (event.code === SIGNED_OUT) {
      disconnect();
      onSignedOut();
    } else again();
  };
}

function take(message: Live): void {
  const next = apply(live.value, message, Date.now() / 1000);
  if (next === "gap") {
    up.value = false;
    askSnapshot();
    return;
  }
  live.value = next;
  attempt = 0;
  known.value = up.value = true;
  later(QUIET_MS, askSnapshot);
}

function askSnapshot(): void {
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ kind: "snapshot" }));
  later(ANSWER_MS, again);
}

/** The network came back or the page is looked at again: find out now whether the link still holds. */
function probe(): void {
  if (document.visibilityState === "hidden") return;
  if (socket?.readyState === WebSocket.OPEN) askSnapshot();
  else if (!socket) {
    attempt = 0;
    again();
  }
}

function again(): void {
  drop();
  attempt += 1;
  later(backOff_ms(attempt, Math.random()), open);
}

function drop(): void {
  window.clearTimeout(timer);
  up.value = false;
  const old = socket;
  socket = undefined;
  old?.close();
}

function later(after_ms: number, run: () => void): void {
  window.clearTimeout(timer);
  timer = window.setTimeout(run, after_ms);
}
