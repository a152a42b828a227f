import type { TimelineEntry } from "../api/types";
import { dateTime } from "./time";
import { reading } from "./why";

/** What a sentence is made with: translation, and names of queues and agents. */
export interface Words {
  t: (key: string, params?: Record<string, unknown>) => string;
  te: (key: string) => boolean;
  locale: string;
  queue: (id: string) => string;
  agent: (id: string) => string;
}

type Fields = TimelineEntry["fields"];

/**
 * One event as a sentence, `timeline.<kind>` in the messages; an event of an unknown kind is shown as it is.
 * `calledBack`: of a call that we made to call a citizen back.
 */
export function sentence(entry: Pick<TimelineEntry, "fields"> & { kind: string }, words: Words, calledBack = false): string {
  const { kind, fields } = entry;
  const key = `timeline.${variant(kind, fields, calledBack)}`;
  return words.te(key) ? words.t(key, params(kind, fields, words)) : `${kind} ${JSON.stringify(fields)}`;
}

/** One word, or the word itself when there is no message for it. */
export function word(group: string, value: string, words: Pick<Words, "t" | "te">): string {
  const key = `${group}.${value}`;
  return value && words.te(key) ? words.t(key) : value;
}

/** Some kinds have two sentences, told apart by a field. */
function variant(kind: string, fields: Fields, calledBack: boolean): string {
  if (kind === "StepEnded") {
    if (fields.failed) return "StepEndedFailed";
    if (fields.typed) return "StepEndedPin";
    return fields.key ? "StepEndedKey" : "StepEnded";
  }
  if (kind === "RatingGiven") return fields.rating ? "RatingGiven" : "RatingGivenNone";
  if (kind === "CallerRecognised") return fields.by === "pin" ? "CallerRecognisedPin" : "CallerRecognised";
  if (kind === "CallEnded" && Array.isArray(fields.why) && fields.why.length) return "CallEndedWhy";
  if (kind === "CallArrived" && calledBack) return "CallArrivedBack";
  if (kind === "CallArrived") return fields.ani ? "CallArrived" : "CallArrivedWithheld";
  if (kind === "CallbackDropped" && fields.reason === "asked_anew") return "CallbackDroppedAnew";
  return kind;
}

function params(kind: string, fields: Fields, words: Words): Record<string, string> {
  const text = (name: string) => String(fields[name] ?? "");
  const list = (name: string) => (Array.isArray(fields[name]) ? fields[name] : []).map(String);
  switch (kind) {
    case "CallArrived":
      return { ani: text("ani"), dnis: text("dnis") };
    case "CallerRecognised":
      return { person: [text("name"), word("level", text("level"), words)].filter(Boolean).join(" "), register: word("register", text("register"), words) };
    case "CallerSlowed":
      return { seconds: String(Math.round(Number(fields.slow_s))), why: read(text("why"), words) };
    case "HotlineRecognised":
      return { hotline: text("hotline"), name: text("name") };
    case "LanguageChosen":
      return { language: language(text("language"), words.locale) };
    case "StepStarted":
      return { name: step(text("name"), words) };
    case "StepEnded":
      return { key: text("key"), typed: text("typed") };
    case "CallQueued":
      return { queue: words.queue(text("queue")), why: read(text("why"), words) };
    case "CallOffered": {
      return { agent: words.agent(text("agent_id")), why: reasons(list("why"), words) };
    }
    case "OverloadMet":
      return { why: read(text("why"), words) };
    case "EmergencyHeard":
      return { word: text("word") };
    case "CallMovedUp":
      return { by: text("by"), reason: text("reason") };
    case "CallerKnown":
    case "FallbackAnswered":
      return { agent: words.agent(text("agent_id")) };
    case "CallbackOpened":
      return { reason: callbackWhy(text("reason"), words) };
    case "CallbackTried":
      return { ani: text("ani"), queue: words.queue(text("queue")) };
    case "CallbackFailed":
      return { reason: word("callbackReason", text("reason"), words), next: dateTime(Number(fields.next_at ?? 0)) };
    case "CitizenNotReached":
      return { reason: word("callbackReason", text("reason"), words) };
    case "CallKept":
      return { by: word("keptBy", text("by"), words) };
    case "LegEnded":
      return { reason: word("legReason", text("reason"), words) };
    case "RingEnded":
      return { reason: word("reason", text("reason"), words) };
    case "TransferAsked": {
      const to = text("agent_id") ? words.agent(text("agent_id")) : text("queue") ? words.queue(text("queue")) : text("name");
      return { kind: word("transferKind", text("kind"), words), name: to };
    }
    case "LegDialled":
      return { name: text("name"), why: read(text("why"), words) };
    case "CallFound":
      return { doing: word("doing", text("doing"), words) };
    case "RatingGiven":
      return { rating: word("rating", text("rating"), words) };
    case "CallEnded":
      return { outcome: word("outcome", text("outcome"), words), why: reasons(list("why"), words) };
    default:
      return {};
  }
}

/** Why somebody is to be called back: they asked for it, or how the call ended that reached nobody. */
export function callbackWhy(reason: string, words: Pick<Words, "t" | "te">): string {
  return reason === "asked" ? words.t("callbacks.asked") : word("outcome", reason, words);
}

function read(why: string, words: Words): string {
  return reading(why, words.locale, { queue: words.queue, register: (id) => word("register", id, words) });
}

/** "en" → "英语"; what is no language code stays as it is. */
function language(code: string, locale: string): string {
  try {
    return new Intl.DisplayNames(locale, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

function reasons(why: string[], words: Words): string {
  return why.map((reason) => read(reason, words)).join(words.locale === "en" ? "; " : "；");
}

function step(name: string, words: Words): string {
  const [kind = "", menu = ""] = name.split(":");
  if (kind === "pin") return words.t("step.pin", { register: word("register", menu, words) });
  return menu ? words.t("step.menu", { menu }) : word("step", kind, words);
}
