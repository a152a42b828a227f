import { readFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

import zh from "../src/i18n/zh";

const document = JSON.parse(readFileSync(join(import.meta.dirname, "../openapi.json"), "utf8"));

function values(schema: string, field: string): string[] {
  const found = document.components.schemas[schema].properties[field];
  return (found.enum ?? found.anyOf.find((one: { enum?: string[] }) => one.enum).enum) as string[];
}

it.each([
  ["CallSummary", "stage", zh.stage],
  ["CallSummary", "outcome", zh.outcome],
  ["CallSummary", "note_state", zh.note],
  ["AgentView", "status", zh.status],
  ["Me", "role", zh.role],
  ["AgentOrder", "order", zh.order],
  ["CallbackView", "state", zh.callbacks.states],
  ["TransferOrder", "kind", zh.transferKind],
] as const)("has a word for every value of %s.%s", (schema, field, words) => {
  for (const value of values(schema, field)) expect(Object.keys(words)).toContain(value);
});

it("has types that were made from this openapi.json", async () => {
  const options = { rootTypes: true, rootTypesNoSchemaPrefix: true, immutable: true };
  const made = astToString(await openapiTS(document, options)).trim();
  const kept = readFileSync(join(import.meta.dirname, "../src/api/types.ts"), "utf8").trim();
  expect(kept.endsWith(made), "run `npm run types`").toBe(true);
});
