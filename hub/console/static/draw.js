// The page drawn from its state. Whatever came from outside is set as text, never as markup.

import { badge, sparkline } from "./chart.js";
import { ago, at, elapsed, hazard, kind, language, level, pick, quantity, t } from "./words.js";

const RANK = { extreme: 4, severe: 3, moderate: 2, minor: 1, unknown: 0 };
const STATUS = { triggered: 0, acknowledged: 1, resolved: 2 };
const ARROWS = { rising: "↗", falling: "↘", steady: "→" };

export function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "class") node.className = value;
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Replaces only what changed, by key, so that focus and open menus stay where they were.
export function keyed(list, items, draw) {
  const old = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const sign = JSON.stringify([item, language()]);
    const before = old.get(item.id);
    if (before && before.sign === sign) return before;
    const node = draw(item);
    node.dataset.key = item.id;
    node.sign = sign;
    return node;
  });
  const focused = document.activeElement;
  const holder = focused && list.contains(focused) ? focused.closest("[data-key]") : null;
  if (nodes.length !== list.children.length || nodes.some((node, i) => list.children[i] !== node)) {
    list.replaceChildren(...nodes);
    if (holder) refocus(list, holder.dataset.key, focused.dataset.act);
  }
}

function refocus(list, key, act) {
  const holder = [...list.children].find((node) => node.dataset.key === key);
  const target = holder && (holder.querySelector(`[data-act="${act}"]`) || holder.querySelector("button"));
  if (target) target.focus();
}

// A fault or a silence is work for a technician: shown, but never above a danger.
/** Where, what, since when and by which code; a drill is of no place. */
export function whereLine(incident) {
  const facts = [pick(incident.site_name), incident.drill ? "" : hazard(incident.hazard)];
  facts.push(`${t("since")} ${at(incident.raised, incident.zone, { seconds: false })}`, `${t("code")} ${incident.code}`);
  return facts.filter(Boolean).join(" · ");
}

const quiet = (incident) => (incident.hazard === "sensor" ? 1 : 0);

export function order(incidents) {
  return [...incidents].sort(
    (a, b) =>
      quiet(a) - quiet(b) ||
      STATUS[a.status] - STATUS[b.status] ||
      RANK[b.severity] - RANK[a.severity] ||
      Date.parse(a.triggered) - Date.parse(b.triggered),
  );
}

export function incidentCard(incident, acts) {
  const buttons = [
    el("button", { type: "button", data: { act: "details" }, on: { click: () => acts.open(incident.id) } }, t("details")),
  ];
  if (incident.status === "triggered") {
    buttons.unshift(
      el("button", { type: "button", class: "main", data: { act: "acknowledge" }, on: { click: (e) => acts.acknowledge(incident, e.target) } }, t("acknowledge")),
    );
  }
  return el(
    "li",
    { class: `card ${incident.severity} ${incident.status}${quiet(incident) ? " quiet" : ""}` },
    el("div", { class: "top" }, badge(incident.severity), el("strong", { class: "level" }, level(incident.severity)),
      ...marks(incident)),
    el("p", { class: "timer", title: t("since"), data: { since: Date.parse(incident.triggered), until: incident.resolved ? Date.parse(incident.resolved) : "" } }, ""),
    el("h3", {}, pick(incident.headline) || hazard(incident.hazard)),
    el("p", { class: "where" }, whereLine(incident)),
    el("p", { class: "answer" }, answer(incident)),
    el("p", { class: "told" }, told(incident)),
    el("p", { class: "words", role: "status" }),
    el("div", { class: "buttons" }, ...buttons),
  );
}

function marks(incident) {
  const found = [];
  if (incident.drill) found.push(el("span", { class: "mark" }, t("drill")));
  if (incident.found_late) found.push(el("span", { class: "mark" }, t("foundLate")));
  if (incident.presence === "past" && !incident.drill && incident.status !== "resolved") found.push(el("span", { class: "mark" }, t("past")));
  return found;
}

export function answer(incident) {
  if (incident.status === "triggered") return t("unanswered");
  if (incident.status === "resolved") {
    return incident.resolved_by ? `${t("closedBy")} ${pick(incident.resolved_by.name)}` : t("closed");
  }
  const who = incident.acknowledged_by ? pick(incident.acknowledged_by.name) : "";
  return `${t("answeredBy")} ${who} · ${incident.acknowledged ? at(incident.acknowledged, incident.zone, { date: false }) : ""}`;
}

function told(incident) {
  if (!incident.told.length) return t("nobodyTold");
  const people = incident.told.map((one) => `${pick(one.person.name)} (${one.channel}, ${kind(one.state)})`);
  return `${t("told")}${t("colon")}${people.join(" · ")}`;
}

export function cellBox(cell) {
  const state = cell.sighted
    ? el("span", { class: "sighted" }, t("sighted"))
    : el("span", { class: "blind" }, `${t("blind")}${t("colon")}${cell.blind_because ? pick(cell.blind_because) : ""}`);
  const people = cell.responsible
    ? `${t("responsible")} ${pick(cell.responsible.name)} · ${t("deputy")} ${pick(cell.deputy.name)}`
    : t("noCellWhy");
  return el(
    "article",
    { class: cell.sighted ? "cell" : "cell unseeing" },
    el("div", { class: "cellHead" }, el("h3", {}, pick(cell.name)), state),
    el("p", { class: "people" }, people),
    ...cell.places.map(siteBox),
  );
}

function siteBox(site) {
  const rows = site.streams.length
    ? el("ul", { class: "streams" }, ...site.streams.map((stream) => streamRow(stream, site.zone)))
    : el("p", { class: "calm" }, t("noStreams"));
  const more = site.hidden ? el("p", { class: "where" }, `+${site.hidden} ${t("more")}`) : null;
  return el("div", { class: "site" }, el("h4", {}, badge(site.severity), pick(site.name)), rows, more);
}

export function streamRow(stream, zone) {
  const latest = stream.latest;
  const state = stream.silent ? "silent" : stream.faulty ? "faulty" : stream.severity || "normal";
  const value = latest ? quantity(latest.result, stream.unit) : "—";
  return el(
    "li",
    { class: `stream ${state}`, data: { stream: stream.id }, title: stream.id },
    badge(stream.severity),
    el("span", { class: "name" }, pick(stream.label) || stream.name,
      el("small", {}, ...states(stream, zone))),
    sparkline(stream.recent),
    el("span", { class: "value" }, el("b", {}, value), trend(stream)),
    latest
      ? el("span", { class: "age", data: { age: Date.parse(latest.time) } }, ago(latest.age_s))
      : el("span", { class: "age" }, t("never")),
  );
}

function trend(stream) {
  if (!stream.trend) return el("small", {}, "");
  const slope = stream.trend === "steady" ? "" : ` ${speed(stream)}`;
  return el("small", {}, `${ARROWS[stream.trend]} ${t(stream.trend)}${slope}`);
}

/** How fast it goes: a fire by the minute, all else by the hour. */
function speed(stream) {
  const perHour = Math.abs(stream.trend_per_h);
  if (stream.hazard === "fire") return `${quantity(perHour / 60, stream.unit)}${t("perMinute")}`;
  return `${quantity(perHour, stream.unit)}${t("perHour")}`;
}

/** What is said below a stream's name: its level, then whatever is special. */
function states(stream, zone) {
  const found = flags(stream, zone);
  if (stream.severity) found.unshift(level(stream.severity));
  return found.flatMap((one, index) => (index ? [" · ", one] : [one]));
}

function flags(stream, zone) {
  const found = [];
  if (stream.silent) found.push(t("silent"));
  if (stream.faulty) found.push(t("faulty"));
  if (stream.latest && stream.latest.late) found.push(t("late"));
  if (stream.latest && !stream.latest.trusted) found.push(t("untrusted"));
  if (stream.muted_until) found.push(`${t("muted")} ${at(stream.muted_until, zone, { seconds: false })}`);
  return found.map((words) => el("em", {}, words));
}

export function tick(nowMs) {
  for (const node of document.querySelectorAll("[data-since]")) {
    const end = node.dataset.until ? Number(node.dataset.until) : nowMs;
    node.textContent = elapsed((end - Number(node.dataset.since)) / 1000);
  }
  for (const node of document.querySelectorAll("[data-age]")) {
    node.textContent = ago((nowMs - Number(node.dataset.age)) / 1000);
  }
}

