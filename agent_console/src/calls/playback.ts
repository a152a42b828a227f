import { onUnmounted, reactive, ref, watch } from "vue";

import { recordingUrl } from "../api/client";
import type { RecordingView } from "../api/types";
import { type Talk, sounding, talksOf } from "./talks";

const TICK_MS = 50;
/** Legs that are further apart than this are brought together again. */
const DRIFT_S = 0.12;

export interface Leg {
  readonly recording: RecordingView;
  readonly url: string;
  /** Seconds from the start of the first leg to the start of this one. */
  readonly offset_s: number;
  readonly talk: Talk;
  muted: boolean;
}

/** Legs of a call as one recording: one position, played together. */
export function usePlayback(callId: () => string, recordings: () => readonly RecordingView[]) {
  const legs = ref<Leg[]>([]);
  const state = reactive({ playing: false, position_s: 0, length_s: 0, speed: 1, broken: false });
  let talks: Talk[] = [];
  let sounds: HTMLAudioElement[] = [];
  let timer = 0;
  let told_ms = 0;

  function build(): void {
    pause();
    const start = Math.min(...recordings().map((recording) => recording.started_at));
    talks = talksOf(recordings());
    legs.value = talks.flatMap((talk) =>
      recordings()
        .filter((recording) => recording.ring_id === talk.ring_id)
        .map((recording) => ({
          recording,
          url: recordingUrl(callId(), recording.recording_id),
          offset_s: recording.started_at - start,
          talk,
          muted: false,
        })),
    );
    state.length_s = Math.max(0, ...legs.value.map((leg) => leg.offset_s + leg.recording.duration_s));
    state.position_s = 0;
    state.broken = false;
    for (const sound of sounds) sound.removeAttribute("src");
    sounds = legs.value.map((leg) => {
      const sound = new Audio();
      sound.preload = "metadata";
      sound.onerror = () => (state.broken = true);
      sound.src = leg.url;
      return sound;
    });
  }

  function tick(): void {
    const now = performance.now();
    if (sounds.every((sound, n) => !within(n) || sound.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA || sound.ended))
      state.position_s += ((now - told_ms) / 1000) * state.speed;
    told_ms = now;
    if (state.position_s >= state.length_s) {
      pause();
      state.position_s = state.length_s;
    } else align();
  }

  /** Bring every leg to the common position, and play or rest it. */
  function align(): void {
    const heard = sounding(talks, state.position_s, silenced);
    sounds.forEach((sound, n) => {
      const leg = legs.value[n];
      if (!leg) return;
      const at = state.position_s - leg.offset_s;
      sound.muted = leg.muted || leg.talk.ring_id !== heard;
      sound.playbackRate = state.speed;
      if (within(n) && Math.abs(sound.currentTime - at) > DRIFT_S * state.speed) sound.currentTime = at;
      if (state.playing && within(n)) {
        if (sound.paused && !sound.ended) void sound.play().catch(refused);
      } else sound.pause();
    });
  }

  function silenced(ring_id: string): boolean {
    return legs.value.every((leg) => leg.talk.ring_id !== ring_id || leg.muted);
  }

  function refused(error: unknown): void {
    // Pausing while a play is being prepared is no fault.
    if (error instanceof DOMException && error.name === "AbortError") return;
    state.broken = true;
    pause();
  }

  function within(n: number): boolean {
    const leg = legs.value[n];
    if (!leg) return false;
    const at = state.position_s - leg.offset_s;
    return at >= 0 && at < leg.recording.duration_s;
  }

  function play(): void {
    if (!sounds.length || state.playing) return;
    if (state.position_s >= state.length_s) state.position_s = 0;
    state.playing = true;
    told_ms = performance.now();
    align();
    timer = window.setInterval(tick, TICK_MS);
  }

  function pause(): void {
    window.clearInterval(timer);
    state.playing = false;
    for (const sound of sounds) sound.pause();
  }

  function seek(at_s: number): void {
    state.position_s = Math.min(Math.max(0, at_s), state.length_s);
    for (const [n, sound] of sounds.entries())
      if (within(n)) sound.currentTime = state.position_s - (legs.value[n]?.offset_s ?? 0);
    align();
  }

  watch(() => recordings().map((recording) => recording.recording_id).join(), build, { immediate: true });
  onUnmounted(() => {
    pause();
    for (const sound of sounds) sound.removeAttribute("src");
  });
  return { legs, state, play, pause, seek, align };
}
