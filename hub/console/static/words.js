// Every word of the page in both languages, and how numbers, ages and instants are written.

const TEXTS = {
  brand: ["Tocsin", "警钟"],
  skip: ["Skip to incidents", "跳到事件"],
  you: ["You are", "值班人"],
  incidents: ["Incidents", "事件"],
  closed: ["Closed lately", "近期已结束"],
  grid: ["Grid", "网格"],
  calm: ["No open incident.", "没有未结事件。"],
  live: ["live", "实时"],
  connecting: ["connecting", "连接中"],
  lost: ["feed lost, trying again", "连接中断，重连中"],
  acknowledge: ["Acknowledge", "接警"],
  details: ["Details", "详情"],
  close: ["Close", "关闭"],
  told: ["Told", "已通知"],
  nobodyTold: ["Nobody has been told yet", "尚未通知任何人"],
  unanswered: ["NOBODY HAS ANSWERED", "无人接警"],
  answeredBy: ["Answered by", "已接警："],
  closedBy: ["Closed by", "结束："],
  since: ["since", "始于"],
  drill: ["DRILL", "演练"],
  foundLate: ["found late", "补报发现"],
  past: ["no longer measured; not yet closed", "险情已过，待结束"],
  responsible: ["Responsible", "责任人"],
  deputy: ["deputy", "副责任人"],
  sighted: ["watched", "有监测"],
  blind: ["BLIND", "盲区"],
  noCell: ["Outside every cell", "不在任何网格"],
  noCellWhy: ["nobody answers for these sites", "无人负责"],
  noStreams: ["no datastream yet", "暂无数据流"],
  never: ["never spoke", "从未上报"],
  silent: ["SILENT", "中断"],
  faulty: ["FAULT", "故障"],
  muted: ["muted until", "静音至"],
  late: ["late", "迟到"],
  untrusted: ["time uncertain", "时间不确定"],
  ago: ["ago", "前"],
  rising: ["rising", "上升"],
  falling: ["falling", "下降"],
  steady: ["steady", "平稳"],
  perHour: ["/h", "/时"],
  perMinute: ["/min", "/分"],
  colon: [": ", "："],
  conditions: ["What was measured", "测得情况"],
  standing: ["stands", "持续"],
  over: ["over", "已过"],
  limit: ["limit", "阈值"],
  timeline: ["Timeline", "时间线"],
  notifications: ["Notifications", "通知"],
  act: ["Act", "处置"],
  note: ["Note or reason", "备注或原因"],
  addNote: ["Add note", "添加备注"],
  arrived: ["On site", "到场"],
  escalate: ["Need more help", "需增援"],
  resolve: ["Resolve", "结束事件"],
  standDown: ["Stand down", "解除响应"],
  falseAlarm: ["False alarm", "误报"],
  again: ["Press again to confirm", "再按一次确认"],
  waiting: ["working…", "处理中…"],
  noAnswer: ["The hub did not answer; try again.", "中枢无应答，请重试。"],
  speed: ["clock ×", "时钟 ×"],
  red: ["The alarm path is broken", "报警链路异常"],
  degraded: ["Something is not well", "部分功能异常"],
  code: ["code", "回复码"],
  newRed: ["New red incident", "新的红色事件"],
  evidence: ["Evidence", "依据"],
  step: ["step", "第"],
  more: ["more datastreams (see the API)", "个数据流未显示（见接口）"],
  peopleTold: ["told", "人已通知"],
  statistic: ["statistic", "统计量"],
  parameters: ["Parameters", "参数"],
};

const LEVELS = {
  extreme: ["RED · extreme", "红色·特别严重", "I"],
  severe: ["ORANGE · severe", "橙色·严重", "II"],
  moderate: ["YELLOW · moderate", "黄色·较重", "III"],
  minor: ["BLUE · minor", "蓝色·一般", "IV"],
  unknown: ["NOTICE", "提示", "?"],
};

const HAZARDS = {
  flood: ["flood", "洪水"], fire: ["fire", "火警"], gas: ["gas", "燃气"], leak: ["leak", "漏水"],
  structure: ["structure", "结构险情"], sensor: ["sensor", "传感器"], hub: ["hub", "中枢"],
  other: ["other", "其他"],
};

const KINDS = {
  raised: ["raised", "触发"], worsened: ["worsened", "加重"], eased: ["eased", "减轻"],
  cleared: ["cleared", "消除"], paged: ["page queued", "已排发"], sent: ["sent", "已发送"],
  held: ["held for a digest", "汇总待发"], listed: ["listed in a digest", "已列入汇总"],
  delivered: ["delivered", "已送达"], failed: ["failed", "发送失败"], deferred: ["deferred", "稍后重发"],
  pending: ["pending", "待发送"], sending: ["sending", "发送中"], cancelled: ["cancelled", "已取消"],
  acknowledged: ["acknowledged", "接警"], acknowledge: ["acknowledged", "接警"],
  escalated: ["paging", "通知"], escalate: ["help asked for", "请求增援"],
  note: ["note", "备注"], resolved: ["resolved", "结束"], resolve: ["resolved", "结束"],
  "stood-down": ["stood down", "解除"], "stand-down": ["stood down", "解除"],
  arrived: ["on site", "到场"], "false-alarm": ["false alarm", "误报"],
  "hand-over": ["handed over", "移交"], "handed-over": ["handed over", "移交"],
  muted: ["muted", "静音"], unmuted: ["unmuted", "解除静音"], opened: ["opened", "开启"],
  restored: ["hub restored from a backup", "中心由备份恢复"],
  unreached: ["not reached", "未能联系"], skipped: ["step skipped", "跳过"],
  "reported-false": ["reported as false alarm", "报告误报"], "help-asked": ["help asked for", "请求增援"],
  drill: ["drill", "演练"], page: ["page", "告警"], reply: ["reply", "回复"], hub: ["hub", "中枢"],
};

const LIMITS = {
  watch: ["watch", "注意"], warning: ["warning", "警戒"], danger: ["danger", "危险"],
  guarantee: ["guarantee", "保证"], alarm: ["alarm", "报警"], high: ["high", "高限"],
  low: ["low", "低限"], flood: ["flood", "成灾"], action: ["action", "行动"],
};

const UNITS = {
  Cel: "°C", "[degF]": "°F", "m3/s": "m³/s", "m3/h": "m³/h", "[ppm]": "ppm", "[ppb]": "ppb",
  "ug/m3": "µg/m³", "mg/m3": "mg/m³", "m/s2": "m/s²", deg: "°", "1": "",
};

let index = 0;

export function setLanguage(language) {
  index = language.startsWith("zh") ? 1 : 0;
  document.documentElement.lang = index ? "zh-CN" : "en";
}

export const isChinese = () => index === 1;
export const language = () => (index ? "zh" : "en");
export const t = (name) => TEXTS[name][index];
export const pick = (words) => (index ? words.zh || words.en : words.en || words.zh);
export const level = (severity) => LEVELS[severity][index];
export const numeral = (severity) => LEVELS[severity][2];
export const hazard = (name) => (HAZARDS[name] || [name, name])[index];
export const kind = (name) => (KINDS[name] || [name, name])[index];
export const limitName = (name) => (LIMITS[name] || [name, name])[index];
export const unit = (code) => (code in UNITS ? UNITS[code] : code.replace(/\{[^}]*\}|[[\]]/g, ""));

export function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return new Intl.NumberFormat(index ? "zh-CN" : "en", { maximumFractionDigits: digits }).format(value);
}

export function quantity(value, code) {
  if (value === null || value === undefined) return "—";
  const name = unit(code || "");
  return name ? `${number(value)} ${name}` : number(value);
}

export function age(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const names = index ? [" 天", " 小时", " 分", " 秒"] : [" d", " h", " min", " s"];
  if (s < 90) return `${s}${names[3]}`;
  if (s < 5400) return `${Math.floor(s / 60)}${names[2]}`;
  if (s < 172800) return `${Math.floor(s / 3600)}${names[1]} ${Math.floor((s % 3600) / 60)}${names[2]}`;
  return `${Math.floor(s / 86400)}${names[0]}`;
}

export const ago = (seconds) => (index ? `${age(seconds)}${t("ago")}` : `${age(seconds)} ${t("ago")}`);

export function elapsed(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(s / 86400);
  const clock = `${two(Math.floor((s % 86400) / 3600))}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return days ? `${days}${index ? "天 " : "d "}${clock}` : clock;
}

// An instant as the place's own wall clock shows it, always with its zone.
export function at(instant, zone, { date = true, seconds = true } = {}) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
  if (seconds) options.second = "2-digit";
  if (date) Object.assign(options, { month: index ? "numeric" : "short", day: "numeric" });
  const parts = (timeZone) =>
    new Intl.DateTimeFormat("en-GB", { ...options, timeZone }).formatToParts(new Date(instant));
  let found;
  try { found = parts(zone); } catch { found = parts("UTC"); }
  const p = Object.fromEntries(found.map(({ type, value }) => [type, value]));
  const day = !date ? "" : index ? `${p.month}月${p.day}日 ` : `${p.day} ${p.month} `;
  return `${day}${p.hour}:${p.minute}${seconds ? `:${p.second}` : ""} ${p.timeZoneName}`;
}
