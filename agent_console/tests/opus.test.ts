import { expect, test } from "vitest";

import { withOpusBitrate } from "../src/phone/opus";

const OPUS = "m=audio 5000 RTP/AVP 107 0\r\na=rtpmap:107 opus/48000/2\r\n";

test("the bit rate is asked for, beside what is asked for already", () => {
  expect(withOpusBitrate(`${OPUS}a=fmtp:107 useinbandfec=1\r\na=ptime:20\r\n`, 64000)).toBe(
    `${OPUS}a=fmtp:107 useinbandfec=1;maxaveragebitrate=64000\r\na=ptime:20\r\n`,
  );
});

test("it is asked for where nothing was", () => {
  expect(withOpusBitrate(`${OPUS}a=ptime:20\r\n`, 64000)).toBe(`${OPUS}a=fmtp:107 maxaveragebitrate=64000\r\na=ptime:20\r\n`);
});

test("a wish of the other side's own stays, and so does a description without Opus", () => {
  for (const sdp of [`${OPUS}a=fmtp:107 maxaveragebitrate=20000\r\n`, "m=audio 5000 RTP/AVP 0\r\n"])
    expect(withOpusBitrate(sdp)).toBe(sdp);
});
