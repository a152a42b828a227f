import { createI18n } from "vue-i18n";

import en from "./en";
import zh from "./zh";

export type Locale = "zh" | "en";
const STORED = "hotline-language";

export const i18n = createI18n({
  legacy: false,
  locale: stored(),
  fallbackLocale: "zh",
  messages: { zh, en },
});

export function setLocale(locale: Locale): void {
  i18n.global.locale.value = locale;
  localStorage.setItem(STORED, locale);
  document.documentElement.lang = locale === "zh" ? "zh-CN" : "en";
}

function stored(): Locale {
  return localStorage.getItem(STORED) === "en" ? "en" : "zh";
}
