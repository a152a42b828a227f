/** The core's reasons are short English phrases of fixed form; these are their Chinese readings. */
const READINGS: readonly (readonly [RegExp, string])[] = [
  [/^key (.+)$/, "按键 $1"],
  [/^wrong key (.+)$/, "按了无效键 $1"],
  [/^silence$/, "未按键"],
  [/^number (.+)$/, "拨打号码 $1"],
  [/^hotline (.+)$/, "拨打归并热线 $1"],
  [/^known (.+)$/, "来电号码在 $1 名册中"],
  [/^caller (.+)$/, "来电号码在名单 $1 中"],
  [/^default$/, "默认去向"],
  [/^(\S+) closed: (.+)$/, "$1 不在开放时间（$2）"],
  [/^asked (\d+) times$/, "已询问 $1 次"],
  [/^(\d+) prompts heard$/, "已播放 $1 段语音"],
  [/^place (\d+) in the line$/, "排队第 $1 位"],
  [/^priority (-?\d+)$/, "优先级 $1"],
  [/^waited (\d+) s$/, "已等待 $1 秒"],
  [/^skill (\S+): (\d+) free$/, "具备技能 $1 的空闲坐席 $2 人"],
  [/^longest idle$/, "空闲时间最长"],
  [/^(\d+) s$/, "$1 秒"],
];

/** A reason in the language of the page; what is not known stays as it is. */
export function reading(why: string, locale: string): string {
  if (locale === "en") return why;
  return why
    .split(", ")
    .map((part) => {
      const known = READINGS.find(([form]) => form.test(part));
      return known ? part.replace(known[0], known[1]) : part;
    })
    .join("，");
}
