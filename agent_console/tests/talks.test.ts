import { describe, expect, it } from "vitest";

import type { RecordingView } from "../src/api/types";
import { sounding, talksOf } from "../src/calls/talks";

function legs(ring: string, from_s: number, to_s: number, other: RecordingView["leg"] = "agent"): RecordingView[] {
  return (["caller", other] as const).map((leg) => ({
    recording_id: `1.1-${ring}-${leg}`,
    ring_id: `1.1/${ring}`,
    leg,
    started_at: 1_000 + from_s,
    duration_s: to_s - from_s,
    rate: 8000,
    size_bytes: 1,
  }));
}

/** 8001 talks for 30 s, 110 is there from 10 to 20, and a colleague from 25 on, who keeps the citizen until 60. */
const CALL = [...legs("2", 25, 60), ...legs("1", 0, 30), ...legs("t1", 10, 20, "outside")];

describe("talks", () => {
  it("are in order of time, and know who came into one", () => {
    expect(talksOf(CALL)).toEqual([
      { ring_id: "1.1/1", starts_s: 0, ends_s: 30, joined: false },
      { ring_id: "1.1/t1", starts_s: 10, ends_s: 20, joined: true },
      { ring_id: "1.1/2", starts_s: 25, ends_s: 60, joined: true },
    ]);
    expect(talksOf([...legs("1", 0, 30), ...legs("2", 40, 60)]).map((talk) => talk.joined)).toEqual([false, false]);
  });

  it("sound one at a time: the words of three who talk are in the first one's recording", () => {
    const heard = (at_s: number, silenced: string[] = []) => sounding(talksOf(CALL), at_s, (id) => silenced.includes(id));
    expect([5, 15, 27, 31, 60].map((at_s) => heard(at_s))).toEqual(["1.1/1", "1.1/1", "1.1/1", "1.1/2", undefined]);
    expect(heard(15, ["1.1/1"])).toBe("1.1/t1");
    expect(heard(5, ["1.1/1"])).toBeUndefined();
  });
});
