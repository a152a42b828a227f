/** What the names in reasons are called: queues and registers have an id and a name. */
export interface Names {
  queue: (id: string) => string;
  register: (id: string) => string;
}

/** The core's reasons are short English phrases of fixed form; these are their Chinese readings, and what $1 names. */
const READINGS: readonly (readonly [RegExp, string, (keyof Names)?])[] = [
  [/^key (.+) in the line$/, "排队中按键 $1"],
  [/^key (.+)$/, "按键 $1"],
  [/^wrong key (.+)$/, "按了无效键 $1"],
  [/^silence$/, "未按键"],
  [/^number (.+)$/, "拨打号码 $1"],
  [/^hotline (.+)$/, "拨打归并热线 $1"],
  [/^PIN of (.+)$/, "$1名册的密码核对通过", "register"],
  [/^no PIN$/, "没有输入密码"],
  [/^wrong PIN$/, "密码不对"],
  [/^too many wrong PINs$/, "密码错误次数太多，不再询问"],
  [/^known (.+)$/, "来电号码在$1名册中", "register"],
  [/^caller (.+)$/, "来电号码在名单 $1 中"],
  [/^default$/, "默认去向"],
  [/^(\S+) closed: (.+)$/, "$1 不在开放时间（$2）"],
  [/^asked (\d+) times$/, "已询问 $1 次"],
  [/^(\d+) questions asked$/, "已询问 $1 次"],
  [/^(\d+) s in menus$/, "在菜单中已 $1 秒"],
  [/^leader day$/, "领导接听日"],
  [/^leader day over$/, "领导接听时间已过"],
  [/^(\d+) callers wait for the leader$/, "领导专线已有 $1 人等候"],
  [/^nobody signed in for (.+)$/, "$1 无人签入", "queue"],
  [/^somebody signed in for (.+)$/, "$1 已有人签入", "queue"],
  [/^(.+) overloaded: (\d+) callers ahead$/, "$1 繁忙：前面已有 $2 人", "queue"],
  [/^(.+) overloaded: waited (\d+) s$/, "$1 繁忙：已等待 $2 秒", "queue"],
  [/^(.+) overloaded: over (\d+) s expected$/, "$1 繁忙：预计还要等 $2 秒以上", "queue"],
  [/^(.+) overloaded: (\d+) s expected$/, "$1 繁忙：预计还要等 $2 秒", "queue"],
  [/^emergency word$/, "说了紧急词"],
  [/^back in the line$/, "回到排队"],
  [/^place (\d+) in the line$/, "排队第 $1 位"],
  [/^priority (-?\d+)$/, "优先级 $1"],
  [/^waited (\d+) s$/, "已等待 $1 秒"],
  [/^emergency$/, "紧急来电"],
  [/^moved up$/, "由班长提前"],
  [/^skill (\S+): (\d+) free$/, "具备技能 $1 的空闲坐席 $2 人"],
  [/^agents (.+): (\d+) free$/, "指定坐席 $1 中空闲 $2 人"],
  [/^(\d+) signed in$/, "签入 $1 人"],
  [/^kept for the agent who knows them$/, "在等接待过他的坐席"],
  [/^step (\d+)$/, "第 $1 步"],
  [/^has (\S+)$/, "具备优先技能 $1"],
  [/^knows the caller$/, "接待过该市民"],
  [/^idle$/, "空闲"],
  [/^passed over (\d+) callers ahead: nobody free for them (.+)$/, "前面 $1 位市民没有合适的空闲坐席 $2"],
  [/^passed over (\d+) callers ahead: kept for the agent who knows them (.+)$/, "前面 $1 位市民在等接待过他的坐席 $2"],
  [/^passed over (\d+) agents: do not know the caller (.+)$/, "未选 $1 人：没有接待过该市民 $2"],
  [/^passed over (\d+) agents: less of (.+) (\(.+\))$/, "未选 $1 人：优先技能 $2 不如 $3"],
  [/^passed over (\d+) agents: idle for less long (.+)$/, "未选 $1 人：空闲时间较短 $2"],
  [/^passed over (\d+) agents: not able (.+)$/, "未选 $1 人：不具备技能 $2"],
  [/^passed over (\d+) agents: not free$/, "未选 $1 人：不空闲"],
  [/^marked$/, "曾骚扰，班长已标记"],
  [/^more than (\d+) calls in (\d+) s from this number$/, "该号码 $2 秒内来电超过 $1 次"],
  [/^more than (\d+) calls at once from this number$/, "该号码同时来电超过 $1 个"],
  [/^more than (\d+) calls in (\d+) s from this trunk$/, "该中继 $2 秒内来电超过 $1 次"],
  [/^more than (\d+) calls at once from this trunk$/, "该中继同时来电超过 $1 个"],
  [/^slowed by (\d+) s$/, "放慢 $1 秒"],
  [/^(.+) rang for (\d+) s$/, "$1 已振铃 $2 秒"],
  [/^in menus for (\d+) s$/, "在菜单中 $1 秒"],
  [/^longest idle$/, "空闲时间最长"],
  [/^transferred by (\d+)$/, "坐席 $1 转来"],
  [/^asked by (\d+)$/, "坐席 $1 请来协助"],
  [/^transfer$/, "转接"],
  [/^called back$/, "回拨"],
  [/^(.+): no_answer$/, "$1 无人接听"],
  [/^(.+): busy$/, "$1 占线"],
  [/^(.+): rejected$/, "$1 拒接"],
  [/^(.+): unreachable$/, "$1 线路不通"],
  [/^(.+): cancelled$/, "$1 已取消"],
  [/^(\d+) s$/, "$1 秒"],
];

/** A reason in the language of the page; what is not known stays as it is. */
export function reading(why: string, locale: string, names?: Names): string {
  if (locale === "en") return why;
  return why
    .split(", ")
    .map((part) => {
      for (const [form, text, kind] of READINGS) {
        const found = form.exec(part);
        if (!found) continue;
        const first = kind && names ? names[kind](found[1] ?? "") : (found[1] ?? "");
        return text.replaceAll("$1", first).replaceAll("$2", found[2] ?? "").replaceAll("$3", found[3] ?? "");
      }
      return part;
    })
    .join("，");
}
