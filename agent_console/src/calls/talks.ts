import type { RecordingView } from "../api/types";

/** One conversation of a call, recorded in two legs. */
export interface Talk {
  readonly ring_id: string;
  readonly starts_s: number;
  readonly ends_s: number;
  /** Somebody who was there before hears it too: an agent's colleague, or an outside number in the call's room. */
  readonly joined: boolean;
}

/** The conversations in order of time, on one clock that starts with the first one. */
export function talksOf(recordings: readonly RecordingView[]): Talk[] {
  const zero = Math.min(...recordings.map((recording) => recording.started_at));
  const spans = [...new Set(recordings.map((recording) => recording.ring_id))].map((ring_id) => {
    const legs = recordings.filter((recording) => recording.ring_id === ring_id);
    return {
      ring_id,
      starts_s: Math.min(...legs.map((leg) => leg.started_at)) - zero,
      ends_s: Math.max(...legs.map((leg) => leg.started_at + leg.duration_s)) - zero,
    };
  });
  spans.sort((a, b) => a.starts_s - b.starts_s);
  return spans.map((span, n) => ({ ...span, joined: spans.slice(0, n).some((earlier) => earlier.ends_s > span.starts_s) }));
}

/**
 * Which conversation sounds at this position. Who was there first heard and said everything, so that a second recording
 * of the same words would only be an echo; `silenced` ones give way.
 */
export function sounding(talks: readonly Talk[], at_s: number, silenced: (ring_id: string) => boolean): string | undefined {
  return talks.find((talk) => at_s >= talk.starts_s && at_s < talk.ends_s && !silenced(talk.ring_id))?.ring_id;
}
