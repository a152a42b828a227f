/** What the other side is said to want of our Opus. Pure. */

/** Bits per second. At the browser's own 32,000 the recogniser hears noticeably worse, and a desk's network has room. */
export const OPUS_BITRATE = 64_000;

/** The other side's SDP, asking for this bit rate (RFC 7587, maxaveragebitrate). Unchanged where there is no Opus. */
export function withOpusBitrate(sdp: string, bitrate = OPUS_BITRATE): string {
  const type = /^a=rtpmap:(\d+) opus\/48000/im.exec(sdp)?.[1];
  if (type === undefined || /maxaveragebitrate=/i.test(sdp)) return sdp;
  const wish = `maxaveragebitrate=${bitrate}`;
  const format = new RegExp(`^(a=fmtp:${type} [^\\r\\n]+)`, "m");
  if (format.test(sdp)) return sdp.replace(format, `$1;${wish}`);
  return sdp.replace(new RegExp(`^(a=rtpmap:${type} [^\\r\\n]+)(\\r?\\n)`, "m"), `$1$2a=fmtp:${type} ${wish}$2`);
}
