// The page: state from the feed, drawn once a second at most, and the two buttons that matter.

import { detail, order } from "./detail.js";
import { cellBox, incidentCard, keyed, order as sorted, tick } from "./draw.js";
import { listen } from "./feed.js";
import { at, isChinese, pick, setLanguage, t } from "./words.js";

const SPARK = 32;
const SHOWN = 30;
const state = { version: null, health: null, sites: [], cells: [], streams: new Map(), incidents: new Map() };
const clock = { hub: Date.now(), here: performance.now(), rate: 1 };
const $ = (id) => document.getElementById(id);
const nowMs = () => clock.hub + (performance.now() - clock.here) * clock.rate;
const who = () => $("who").value.trim() || "console";
let announced = new Set();
let due = false;

const dialog = detail($("detail"), who);
const acts = {
  open: (id) => dialog.open(id),
  async acknowledge(incident, button) {
    const card = button.closest("[data-key]");
    button.disabled = true;
    card.querySelector(".words").textContent = t("waiting");
    const done = await order(incident.id, "acknowledge", { by: who() });
    const words = card.querySelector(".words");
    words.textContent = done.words;
    button.disabled = false;
  },
};

function setClock(hubMs, rate) {
  Object.assign(clock, { hub: hubMs, here: performance.now(), rate });
  $("rate").hidden = rate === 1;
  $("rate").textContent = `${t("speed")}${rate}`;
}

function checkVersion(version) {
  if (state.version && state.version !== version) location.reload();
  state.version = version;
}

function takeIncident(incident) {
  const known = incident && state.incidents.get(incident.id);
  if (incident && (!known || known.version <= incident.version)) state.incidents.set(incident.id, incident);
}

function takeValue(value) {
  const stream = state.streams.get(value.id);
  if (!stream) return;
  const before = stream.latest && stream.latest.time;
  Object.assign(stream, value);
  if (value.latest && value.latest.time !== before) {
    const fresh = [Date.parse(value.latest.time), value.latest.result];
    stream.recent = [...stream.recent.filter(([time]) => time < fresh[0]), fresh].slice(-SPARK);
  }
}

const handlers = {
  snapshot(all) {
    checkVersion(all.version);
    setClock(Date.parse(all.health.now), all.health.rate);
    Object.assign(state, { health: all.health, sites: all.sites, cells: all.cells });
    state.streams = new Map(all.datastreams.map((stream) => [stream.id, stream]));
    state.incidents = new Map(all.incidents.map((incident) => [incident.id, incident]));
    redraw();
  },
  values(values) {
    values.forEach(takeValue);
    const dated = values.find((value) => value.latest);
    if (dated) setClock(Date.parse(dated.latest.time) + dated.latest.age_s * 1000, clock.rate);
    redraw();
  },
  network(network) {
    Object.assign(state, { sites: network.sites, cells: network.cells });
    const [silent, faulty] = [new Set(network.silent), new Set(network.faulty)];
    for (const stream of state.streams.values()) {
      Object.assign(stream, { silent: silent.has(stream.id), faulty: faulty.has(stream.id) });
    }
    redraw();
  },
  incident(step) { takeIncident(step.incident); dialog.changed(step.entry.incident); redraw(); },
  notification(step) { takeIncident(step.incident); dialog.changed(step.entry.incident); redraw(); },
  health(health) { state.health = health; redraw(); },
  heartbeat(beat) { checkVersion(beat.version); setClock(beat.now_us / 1000, beat.rate); },
};

function redraw() {
  if (!due) { due = true; requestAnimationFrame(draw); }
}

function draw() {
  due = false;
  const incidents = sorted(state.incidents.values());
  const open = incidents.filter((incident) => incident.status !== "resolved");
  const past = incidents.filter((incident) => incident.status === "resolved").reverse();
  keyed($("open"), open, (incident) => incidentCard(incident, acts));
  keyed($("past"), past, (incident) => incidentCard(incident, acts));
  $("calm").hidden = open.length > 0 || state.version === null;
  $("count").textContent = open.length ? String(open.length) : "";
  $("closed").hidden = !past.length;
  $("closedCount").textContent = String(past.length);
  keyed($("cells"), places(), cellBox);
  drawHealth();
  announce(open);
  document.title = `${open.length ? `(${open.length}) ` : ""}Tocsin 警钟`;
  tick(nowMs());
}

function places() {
  const streams = [...state.streams.values()];
  const bySite = grouped(streams);
  const sites = state.sites.map((site) => ({ ...site, ...shown(bySite.get(site.id) || []) }));
  const inCells = new Set(state.cells.flatMap((cell) => cell.sites));
  const cells = state.cells.map((cell) => ({ ...cell, places: sites.filter((site) => cell.sites.includes(site.id)) }));
  const outside = sites.filter((site) => !inCells.has(site.id));
  const known = new Set(state.sites.map((site) => site.id));
  const strange = [...bySite.keys()].filter((id) => !known.has(id));
  for (const id of strange) {
    outside.push({ id, name: { en: id, zh: id }, zone: "UTC", severity: null, ...shown(bySite.get(id)) });
  }
  if (outside.length) cells.push({ id: " outside", name: { en: t("noCell"), zh: t("noCell") }, sighted: false, blind_because: { en: t("noCellWhy"), zh: t("noCellWhy") }, places: outside });
  return cells;
}

function grouped(streams) {
  const found = new Map();
  for (const stream of streams) {
    if (!found.has(stream.site)) found.set(stream.site, []);
    found.get(stream.site).push(stream);
  }
  return found;
}

// A site of hundreds of datastreams shows what is in trouble first, then as many as fit.
function shown(streams) {
  if (streams.length <= SHOWN) return { streams, hidden: 0 };
  const trouble = streams.filter((stream) => stream.severity || stream.silent || stream.faulty);
  const rest = streams.filter((stream) => !trouble.includes(stream)).slice(0, SHOWN);
  return { streams: [...trouble, ...rest].slice(0, SHOWN), hidden: streams.length - SHOWN };
}

function drawHealth() {
  const health = state.health;
  if (!health) return;
  const trouble = health.trouble.map(pick).join(" · ");
  $("trouble").hidden = !health.trouble.length;
  $("trouble").className = health.ready ? "degraded" : "broken";
  const words = health.trouble.length ? `${t(health.ready ? "degraded" : "red")}${t("colon")}${trouble}` : "";
  if ($("trouble").textContent !== words) $("trouble").textContent = words;
  $("history").textContent = `${pick(health.history)} · ${health.version}`;
}

function announce(open) {
  const red = open.filter((incident) => incident.severity === "extreme" && incident.status === "triggered");
  const fresh = red.filter((incident) => !announced.has(incident.id));
  if (fresh.length) $("announce").textContent = fresh.map((incident) => `${t("newRed")}${t("colon")}${pick(incident.headline)}`).join("; ");
  announced = new Set(red.map((incident) => incident.id));
}

function onState(name) {
  $("link").textContent = t(name === "live" ? "live" : "lost");
  $("link").className = name === "live" ? "pill ok" : "pill bad";
  const wasStale = document.body.classList.contains("isStale");
  if (name === "stale") {
    const zone = state.sites.length ? state.sites[0].zone : "UTC";
    $("staleSince").textContent = at(nowMs() - 30000 * clock.rate, zone);
    $("stale").showPopover();
    document.body.classList.add("isStale");
  } else if (name === "live" && wasStale) {
    $("stale").hidePopover();
    document.body.classList.remove("isStale");
  }
}

function speak(language) {
  setLanguage(language);
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  $("language").textContent = isChinese() ? "English" : "中文";
  $("language").lang = isChinese() ? "en" : "zh-CN";
  $("link").textContent = t("connecting");
  if (state.version) { $("link").textContent = t("live"); redraw(); dialog.redraw(); }
}

function stored(name, fallback) {
  try { return localStorage.getItem(name) || fallback; } catch { return fallback; }
}

function store(name, value) {
  try { localStorage.setItem(name, value); } catch { /* private browsing: kept for this page only */ }
}

speak(stored("language", navigator.language || "en"));
$("who").value = stored("who", "");
$("who").addEventListener("change", () => store("who", who()));
$("language").addEventListener("click", () => {
  const next = isChinese() ? "en" : "zh";
  store("language", next);
  speak(next);
});
setInterval(() => {
  tick(nowMs());
  const zone = state.sites.length ? state.sites[0].zone : undefined;
  $("clock").textContent = at(nowMs(), zone);
}, 1000);
listen(handlers, onState);
