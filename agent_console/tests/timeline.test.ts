import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createI18n } from "vue-i18n";
import { describe, expect, it } from "vitest";

import type { TimelineEntry } from "../src/api/types";
import { type Words, sentence } from "../src/calls/timeline";
import { reading } from "../src/calls/why";
import en from "../src/i18n/en";
import zh from "../src/i18n/zh";

const document = JSON.parse(readFileSync(join(import.meta.dirname, "../openapi.json"), "utf8"));
const KINDS: string[] = document.components.schemas.TimelineEntry.properties.kind.enum;

function words(locale: "zh" | "en"): Words {
  const { t, te } = createI18n({ legacy: false, locale, messages: { zh, en } }).global;
  return {
    t: (key, params) => t(key, params ?? {}),
    te: (key) => te(key),
    locale,
    queue: (id) => ({ enterprise: "政企通", general: "综合席" })[id] ?? id,
    agent: (id) => ({ "8001": "8001 谭思琦" })[id] ?? id,
  };
}

function told(kind: string, fields: TimelineEntry["fields"], locale: "zh" | "en" = "zh", calledBack = false): string {
  return sentence({ kind, fields }, words(locale), calledBack);
}

describe("timeline", () => {
  it("tells a call in sentences", () => {
    expect(told("CallArrived", { ani: "13907331234", dnis: "12345", channel: "x" })).toBe("市民 13907331234 拨打 12345，交换机已应答");
    expect(told("CallArrived", { ani: "", dnis: "12345" })).toContain("号码未显示");
    expect(told("FallbackAnswered", { agent_id: "8001" })).toBe("应急排队接给坐席 8001 谭思琦");
    expect(told("StepStarted", { name: "menu:main", prompts: ["welcome"] })).toBe("开始播放语音菜单（main）");
    expect(told("StepEnded", { key: "2", failed: false })).toBe("市民按键 2");
    expect(told("StepEnded", { key: "", failed: false })).toBe("播放完毕，没有按键");
    expect(told("StepEnded", { key: "", typed: 6, entry: "7" })).toBe("市民输入了 6 位密码");
    expect(told("StepStarted", { name: "pin:deputy" })).toBe("开始播放密码询问（人大代表）");
    expect(told("StepEnded", { key: "", failed: true })).toBe("语音播放失败");
    expect(told("CallQueued", { queue: "enterprise", why: "key 2" })).toBe("进入“政企通”排队：按键 2");
    expect(told("CallQueued", { queue: "enterprise", why: "key 2, office closed: 国庆节假期，全天不开放" })).toBe(
      "进入“政企通”排队：按键 2，office 不在开放时间（国庆节假期，全天不开放）",
    );
    expect(told("RingEnded", { reason: "no_answer" })).toBe("振铃结束，未接通：超时未接");
    expect(told("OverloadMet", { queue: "general", why: "general overloaded: 20 callers ahead" })).toBe(
      "专席繁忙，按规则处理：综合席 繁忙：前面已有 20 人",
    );
    expect(told("EmergencyHeard", { word: "救命" })).toBe("听到紧急词“救命”，排到所有人之前");
    expect(told("CallMovedUp", { by: "banzhang", reason: "独居老人" })).toBe("banzhang 将其提前，理由：独居老人");
    expect(told("CallEnded", { outcome: "abandoned", why: ["skill general: 0 free, 3 signed in"] })).toContain(
      "未接原因：具备技能 general 的空闲坐席 0 人，签入 3 人",
    );
    expect(told("RatingGiven", { rating: 1 })).toBe("市民评价：非常满意");
    expect(told("RatingGiven", { rating: 0 })).toBe("市民未评价");
    expect(told("CallerRecognised", { register: "deputy", name: "张三", level: "市", by: "number" })).toBe("来电号码已登记：人大代表 张三 市级");
    expect(told("CallerRecognised", { register: "deputy", name: "张三", level: "市", by: "pin" })).toContain("密码核对通过");
    expect(told("CallerRecognised", { register: "deputy", name: "张三", level: "市", by: "number" }, "en")).toContain("deputies: 张三 city");
    expect(told("LanguageChosen", { language: "en" })).toBe("改用英语");
    expect(told("LanguageChosen", { language: "zh" }, "en")).toBe("Goes on in Chinese");
    expect(told("HotlineRecognised", { hotline: "12369", name: "环保热线", mark: "12369" })).toBe("来源是归并热线 12369 环保热线");
    expect(told("CallQueued", { queue: "enterprise", why: "known deputy" })).toBe("进入“政企通”排队：来电号码在人大代表名册中");
    expect(told("CallEnded", { outcome: "abandoned" })).toBe("通话结束，结果：排队中放弃");
  });

  it("says why an agent got a call", () => {
    const why = ["place 1 in the line, priority 5, waited 3 s", "skill enterprise: 2 free", "longest idle, 12 s"];
    expect(told("CallOffered", { agent_id: "8001", why })).toBe(
      "派给坐席 8001 谭思琦，话机开始振铃：排队第 1 位，优先级 5，已等待 3 秒；具备技能 enterprise 的空闲坐席 2 人；空闲时间最长，12 秒",
    );
    expect(told("CallOffered", { agent_id: "8001", why }, "en")).toContain("longest idle, 12 s");
  });

  it("tells of calling back", () => {
    expect(told("CallbackOpened", { reason: "asked" })).toBe("登记待办回拨：市民要求回拨");
    expect(told("CallbackOpened", { reason: "abandoned" })).toBe("登记待办回拨：排队中放弃");
    expect(told("CallbackTried", { ani: "13907331234", queue: "enterprise" })).toBe("轮到回拨 13907331234，专席“政企通”");
    expect(told("CallArrived", { ani: "13907331234", dnis: "12345" }, "zh", true)).toBe("市民接听了回拨");
    expect(told("CitizenNotReached", { reason: "busy" })).toBe("回拨未接通：占线");
    expect(told("CallbackFailed", { reason: "no_answer", next_at: 1700000000 })).toMatch(/（无人接听），2023-11-1\d .*以后再次呼叫/);
    expect(told("CallbackDropped", { reason: "called_again" })).toContain("已再次来电");
    expect(told("CallbackDropped", { reason: "asked_anew" })).toContain("重新登记");
  });

  it("shows an unknown kind and an unknown reason as they are", () => {
    expect(told("CallTransferred", { to: "110" })).toBe('CallTransferred {"to":"110"}');
    expect(told("RingEnded", { reason: "moon" })).toContain("moon");
    expect(reading("phase of the moon", "zh")).toBe("phase of the moon");
  });

  it.each(["zh", "en"] as const)("has a sentence without holes for every kind (%s)", (locale) => {
    for (const kind of KINDS) {
      const text = told(kind, {}, locale);
      expect(text).not.toMatch(/timeline\.|[{}]|undefined/);
    }
    expect(KINDS).toContain("CallArrived");
  });
});
