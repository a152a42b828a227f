import { ref } from "vue";

/** The hotline's time zone, in which all moments are written; the browser's own until it is known. */
const hotline = ref<string>();

export function setZone(zone: string): void {
  hotline.value = zone;
}

/** 65 → "1:05", 3725 → "1:02:05". Negative and missing times are 0:00 and "–". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Time of day of a moment, "14:03:25". */
export function timeOfDay(at_s: number, zone = hotline.value): string {
  return new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium", timeZone: zone }).format(at_s * 1000);
}

/** Date and time of a moment, "2026-11-23 14:03:25". */
export function dateTime(at_s: number, zone = hotline.value): string {
  return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone }).format(at_s * 1000);
}

/** "14:03:25" for a moment of today, else with the date. */
export function shortMoment(at_s: number, now_s: number, zone = hotline.value): string {
  const day = (s: number) => dateTime(s, zone).slice(0, 10);
  return day(at_s) === day(now_s) ? timeOfDay(at_s, zone) : dateTime(at_s, zone);
}

/** From one moment to another: "2026-11-23", "2026-11-23 – 2026-11-25" for whole days, else "2026-11-23 14:00–14:30". */
export function period(start_s: number, end_s: number, zone = hotline.value): string {
  const [start, end] = [dateTime(start_s, zone), dateTime(end_s, zone)];
  const [day, last] = [start.slice(0, 10), dateTime(end_s - 1, zone).slice(0, 10)];
  if (start.endsWith("00:00:00") && end.endsWith("00:00:00"))
    return day === last ? day : `${day} – ${last}`;
  const until = end.endsWith("00:00:00") ? `${last} 24:00` : end.slice(0, 16);
  return `${start.slice(0, 16)}–${day === last ? until.slice(11) : until}`;
}

/** When a day like "2026-11-23" begins; `days` later when given. Clocks that are put on at midnight are none of ours. */
export function dayStart(day: string, days = 0, zone = hotline.value): number {
  const there_s = Date.parse(`${day}T00:00:00Z`) / 1000 + 86_400 * days;
  const ahead = (at_s: number) => Date.parse(`${dateTime(at_s, zone).replace(" ", "T")}Z`) / 1000 - at_s;
  return there_s - ahead(there_s - ahead(there_s));
}

/** Mobiles; landlines with the area code, which has three digits in the largest cities. */
const NUMBERS = [/^(\+86)?(1\d{2})(\d{4})(\d{4})$/, /^(010|02\d)(\d{4})(\d{4})$/, /^(0[3-9]\d{2})(\d{3,4})(\d{4})$/];

/** A telephone number in groups: 13907331234 → "139 0733 1234"; others stay as they are. */
export function grouped(number: string): string {
  const groups = NUMBERS.map((form) => form.exec(number)).find(Boolean);
  return groups ? groups.slice(1).filter(Boolean).join(" ") : number;
}
