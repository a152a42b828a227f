import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

import en from "../src/i18n/en";
import zh from "../src/i18n/zh";

type Tree = { [key: string]: string | Tree };

function leaves(tree: Tree, path = ""): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "string" ? [[path + key, value] as const] : [...leaves(value, `${path}${key}.`)],
    ),
  );
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(vue|ts)$/.test(entry.name) ? [readFileSync(path, "utf8")] : [];
  });
}

const chinese = leaves(zh);
const english = leaves(en);
const code = sources(join(import.meta.dirname, "../src")).join("\n");

it("has every text in both languages, with the same gaps", () => {
  expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort());
  // One language may need a gap in several plural forms.
  const gaps = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();
  for (const [key, text] of chinese) expect(gaps(english.get(key) ?? ""), key).toEqual(gaps(text));
});

it("has Chinese in Chinese, and no empty text", () => {
  for (const [key, text] of chinese) {
    expect(text.trim(), key).not.toBe("");
    if (key !== "app.language") expect(text, key).toMatch(/[\u4e00-\u9fff]|^\S*\{/);
  }
});

it("has every text that the pages ask for", () => {
  const asked = [...code.matchAll(/\bt\(\s*["'`]([a-zA-Z_.]+)["'`]/g)].map((found) => found[1] ?? "");
  expect(asked.length).toBeGreaterThan(50);
  for (const key of asked) expect(chinese.has(key), key).toBe(true);
});

it("has a sentence for every warning of the server", () => {
  const { enum: codes } = JSON.parse(readFileSync(join(import.meta.dirname, "../openapi.json"), "utf8")).components.schemas.CheckView.properties.code;
  expect([...chinese.keys()].filter((key) => key.startsWith("warning.")).sort()).toEqual(codes.filter(Boolean).map((code: string) => `warning.${code}`).sort());
});

it("has no text that nothing asks for", () => {
  const groups = ["status", "away", "awayShort", "stage", "outcome", "mark", "rating", "reason", "legReason", "transfer", "transferKind", "keptBy", "doing", "step", "timeline", "role", "note", "callbackReason", "callbacks.states", "callbacks.what", "order", "phone", "player", "register", "level", "warning"];
  const unused = [...chinese.keys()].filter((key) => !groups.some((group) => key.startsWith(`${group}.`)) && !code.includes(`"${key}"`) && !code.includes(`'${key}'`));
  expect(unused).toEqual([]);
});
