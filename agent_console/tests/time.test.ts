import { expect, it } from "vitest";

import { dateTime, dayStart, duration, grouped, period, shortMoment, setZone, timeOfDay } from "../src/calls/time";

const ZONE = "Asia/Shanghai";
const MOMENT = Date.UTC(2026, 10, 23, 6, 3, 5) / 1000;

it("writes durations", () => {
  expect([0, 5.9, 65, 3725, -3].map(duration)).toEqual(["0:00", "0:05", "1:05", "1:02:05", "0:00"]);
  expect(duration(null)).toBe("–");
});

it("writes moments in the zone, on a 24-hour clock", () => {
  expect(timeOfDay(MOMENT, ZONE)).toBe("14:03:05");
  expect(dateTime(MOMENT, ZONE)).toBe("2026-11-23 14:03:05");
  expect(timeOfDay(MOMENT - 14 * 3600, ZONE)).toBe("00:03:05");
});

it("leaves out the date of today only", () => {
  expect(shortMoment(MOMENT, MOMENT + 60, ZONE)).toBe("14:03:05");
  expect(shortMoment(MOMENT, MOMENT + 86_400, ZONE)).toBe("2026-11-23 14:03:05");
});

it("writes in the hotline's zone once that is known", () => {
  setZone(ZONE);
  expect(dateTime(MOMENT)).toBe("2026-11-23 14:03:05");
  setZone("America/New_York");
  expect(timeOfDay(MOMENT)).toBe("01:03:05");
});

it.each([
  ["2026-11-23", "Asia/Shanghai", 24],
  ["2026-03-08", "America/New_York", 23],
  ["2026-11-01", "America/New_York", 25],
  ["2026-10-25", "Europe/Berlin", 25],
  ["2026-12-31", "Pacific/Auckland", 24],
])("knows when %s begins and ends in %s", (day, zone, hours) => {
  const begin = dayStart(day, 0, zone);
  expect(dateTime(begin, zone)).toBe(`${day} 00:00:00`);
  expect((dayStart(day, 1, zone) - begin) / 3600).toBe(hours);
});

it("writes periods without saying anything twice", () => {
  const day = dayStart("2026-11-23", 0, ZONE);
  expect(period(day, day + 86_400, ZONE)).toBe("2026-11-23");
  expect(period(day, day + 3 * 86_400, ZONE)).toBe("2026-11-23 – 2026-11-25");
  expect(period(day, day + 3_600, ZONE)).toBe("2026-11-23 00:00–01:00");
  expect(period(day + 82_800, day + 86_400, ZONE)).toBe("2026-11-23 23:00–24:00");
});

it("groups mobile numbers, and landlines with their area code", () => {
  expect(grouped("13907331234")).toBe("139 0733 1234");
  expect(grouped("+8613907331234")).toBe("+86 139 0733 1234");
  expect(grouped("073122880001")).toBe("0731 2288 0001");
  expect(grouped("07352288001")).toBe("0735 228 8001");
  expect(grouped("01065001234")).toBe("010 6500 1234");
  expect(grouped("02165001234")).toBe("021 6500 1234");
  expect(grouped("28881234")).toBe("28881234");
  expect(grouped("0085212345678")).toBe("0085212345678");
  expect(grouped("")).toBe("");
});
