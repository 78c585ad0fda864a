// One incident in full: evidence, timeline, notifications, and what a person can do about it.

import { badge, evidenceChart } from "./chart.js";
import { answer, el, whereLine } from "./draw.js";
import { at, isChinese, kind, level, limitName, number, pick, quantity, t } from "./words.js";

const CAREFUL = new Set(["resolve", "stand-down", "false-alarm"]);
const ACTS = [
  ["acknowledge", "acknowledge"], ["note", "addNote"], ["arrived", "arrived"], ["escalate", "escalate"],
  ["resolve", "resolve"], ["stand-down", "standDown"], ["false-alarm", "falseAlarm"],
];

export async function order(id, act, body) {
  const response = await fetch(`/api/v1/incidents/${encodeURIComponent(id)}/${act}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15000),
  }).catch(() => null);
  if (!response) return { ok: false, words: t("noAnswer") };
  if (response.status === 401) { location.assign("/login"); return { ok: false, words: "" }; }
  const answered = await response.json().catch(() => null);
  if (!answered) return { ok: false, words: t("noAnswer") };
  const words = answered.words ? pick(answered.words) : isChinese() ? answered.detail_zh : answered.detail;
  return { ok: response.ok, words };
}

export function detail(dialog, who) {
  let shown = null;

  async function load() {
    const response = await fetch(`/api/v1/incidents/${encodeURIComponent(shown)}`, { signal: AbortSignal.timeout(15000) }).catch(() => null);
    if (!response || !response.ok || !shown) return;
    const found = await response.json();
    const draft = dialog.querySelector("textarea");
    const kept = draft ? [draft.value, document.activeElement === draft, dialog.querySelector(".words").textContent] : ["", false, ""];
    dialog.replaceChildren(...parts(found, act, close));
    const field = dialog.querySelector("textarea");
    field.value = kept[0];
    dialog.querySelector(".words").textContent = kept[2];
    if (kept[1]) field.focus();
  }

  async function act(name, button) {
    if (CAREFUL.has(name) && !button.dataset.sure) { sure(button); return; }
    const field = dialog.querySelector("textarea");
    const words = dialog.querySelector(".words");
    const text = field.value.trim();
    if (name === "note" && !text) { field.focus(); return; }
    words.textContent = t("waiting");
    const body = name === "note" ? { by: who(), text } : { by: who(), reason: text };
    const done = await order(shown, name, body);
    const present = dialog.querySelector(".words");
    if (present) present.textContent = done.words;
    const draft = dialog.querySelector("textarea");
    if (done.ok && draft) draft.value = "";
    await load();
  }

  function close() { dialog.close(); }
  dialog.addEventListener("close", () => { shown = null; dialog.replaceChildren(); });

  return {
    async open(id) { shown = id; await load(); if (!dialog.open) dialog.showModal(); },
    changed(id) { if (shown === id) load(); },
    redraw() { if (shown) load(); },
  };
}

function sure(button) {
  const before = button.textContent;
  button.dataset.sure = "yes";
  button.textContent = t("again");
  setTimeout(() => { delete button.dataset.sure; button.textContent = before; }, 5000);
}

function parts(found, act, close) {
  const { incident } = found;
  return [
    el("div", { class: "top" }, badge(incident.severity), el("strong", { class: "level" }, level(incident.severity)),
      el("button", { type: "button", class: "close", on: { click: close } }, t("close"))),
    el("h2", { id: "detailTitle" }, pick(incident.headline)),
    el("p", { class: "where" }, whereLine(incident)),
    el("p", { class: "answer" }, answer(incident)),
    el("h3", {}, t("conditions")),
    ...found.conditions.map((condition) => conditionBox(condition, incident.zone)),
    el("h3", {}, t("act")),
    form(act, incident.status),
    el("h3", {}, t("timeline")),
    el("ol", { class: "timeline" }, ...found.timeline.map((entry) => entryRow(entry, incident.zone))),
    el("h3", {}, t("notifications")),
    el("ul", { class: "notes" }, ...found.notifications.map((note) => noteRow(note, incident.zone))),
  ];
}

function conditionBox(condition, zone) {
  const evidence = condition.evidence;
  const words = isChinese() ? evidence.words_zh || evidence.words_en : evidence.words_en || evidence.words_zh;
  const facts = [
    condition.datastream || condition.key,
    condition.standing ? t("standing") : t("over"),
    evidence.value === null ? "" : quantity(evidence.value, evidence.unit),
    evidence.limit === null ? "" : `${t("limit")} ${limitName(evidence.limit_name)} ${quantity(evidence.limit, evidence.unit)}`,
    evidence.statistic === null ? "" : `${t("statistic")} ${number(evidence.statistic)} / ${evidence.statistic_limit === null ? "—" : number(evidence.statistic_limit)}`,
  ].filter(Boolean);
  const settings = Object.entries(evidence.parameters).map(([name, value]) => `${name} = ${value}`).join(", ");
  return el(
    "div",
    { class: `condition ${condition.standing ? condition.severity : "over"}` },
    el("p", {}, badge(condition.standing ? condition.severity : null), el("b", {}, words || condition.key)),
    el("p", { class: "where" }, facts.join(" · ")),
    evidenceChart(evidence, zone, `${t("evidence")}${t("colon")}${words || condition.key}`),
    el("p", { class: "where" }, `${evidence.detector} ${evidence.rule}${settings ? ` · ${t("parameters")}${t("colon")}${settings}` : ""}`),
  );
}

function form(act, status) {
  const open = status === "resolved" ? ACTS.filter(([name]) => name === "note")
    : ACTS.filter(([name]) => name !== "acknowledge" || status === "triggered");
  return el(
    "form",
    { on: { submit: (event) => event.preventDefault() } },
    el("label", { htmlFor: "noteText" }, t("note")),
    el("textarea", { id: "noteText", maxLength: 500, rows: 2 }),
    el("p", { class: "words", role: "status" }),
    el("div", { class: "buttons" }, ...open.map(([name, words]) =>
      el("button", { type: "button", class: name === "acknowledge" ? "main" : "", data: { act: name }, on: { click: (event) => act(name, event.currentTarget) } }, t(words)))),
  );
}

function entryRow(entry, zone) {
  return el("li", {}, el("time", { dateTime: entry.at }, at(entry.at, zone)), " ",
    el("b", {}, kind(entry.kind)), entry.by ? ` · ${entry.by}` : "", el("span", {}, said(entry.body)));
}

function said(body) {
  const found = [];
  for (const name of ["text", "reason", "person", "to", "channel"]) if (body[name]) found.push(String(body[name]));
  if (typeof body.step === "number") found.push(isChinese() ? `${t("step")} ${body.step + 1} 步` : `${t("step")} ${body.step + 1}`);
  if (typeof body.people === "number") found.push(`${body.people} ${t("peopleTold")}`);
  if (typeof body.value === "number") found.push(quantity(body.value, body.unit));
  if (typeof body.limit === "number") found.push(`${t("limit")} ${quantity(body.limit, body.unit)}`);
  return found.length ? ` — ${found.join(" · ")}` : "";
}

function noteRow(note, zone) {
  return el("li", {}, el("time", { dateTime: note.created }, at(note.created, zone)), " ",
    el("b", {}, pick(note.person.name)), ` ${note.channel} ${note.address} · ${kind(note.purpose)} · ${kind(note.state)} ${note.reason}`,
    el("q", {}, note.text));
}
