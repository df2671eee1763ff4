// What goes on: counters asked every other second, made into rates over the last minute.
import { get } from "./api.js";
import { badge, byId, draw, duration, make, percent } from "./elements.js";

const EVERY_MS = 2000;
const WINDOW_S = 60;
let timer = null;
let snapshots = [];
const history = {};

export function startLive() {
  refresh();
  timer = setInterval(refresh, EVERY_MS);
}

export function stopLive() {
  clearInterval(timer);
}

async function refresh() {
  if (document.hidden) return;
  try {
    const now = await get("/console/api/live");
    snapshots = [...snapshots.filter((each) => now.time - each.time < WINDOW_S), now];
    byId("live-fault").textContent = "";
    showTiles(now);
    showTargets(now);
    showEngine(now.engine);
    showDecisions(now.decisions);
  } catch (fault) {
    byId("live-fault").textContent = fault.message;
  }
}

const sum = (rows, holds = () => true) => rows.filter(holds).reduce((total, row) => total + row.count, 0);
const isFlagged = (row) => row.target !== "none";

/** How much a figure has grown over the window, and over how many seconds. */
function growth(figure) {
  const now = snapshots.at(-1);
  const then = snapshots[0];
  return { by: figure(now) - figure(then), seconds: Math.max(now.time - then.time, 1e-9) };
}

function rate(figure) {
  const { by, seconds } = growth(figure);
  return snapshots.length > 1 ? by / seconds : 0;
}

/** A quantile of a histogram's growth over the window, or of all there was if nothing came since; seconds. */
function quantile(name, share) {
  const bounds = Object.keys(snapshots.at(-1).seconds[name] ?? {}).sort((a, b) => bound(a) - bound(b));
  let counts = bounds.map((le) => growth((each) => each.seconds[name][le] ?? 0).by);
  if (!counts.at(-1)) counts = bounds.map((le) => snapshots.at(-1).seconds[name][le]);
  const total = counts.at(-1);
  if (!total) return null;
  const wanted = share * total;
  const index = counts.findIndex((count) => count >= wanted);
  const [low, below] = index ? [bound(bounds[index - 1]), counts[index - 1]] : [0, 0];
  const high = bound(bounds[index]);
  return Number.isFinite(high) ? low + ((high - low) * (wanted - below)) / (counts[index] - below) : low;
}

const bound = (text) => (text === "+Inf" ? Infinity : Number(text));

function showTiles(now) {
  const quick = (name, share) => {
    const found = quantile(name, share);
    return [found, found === null ? "–" : duration(found)];
  };
  const requests = rate((each) => sum(each.requests));
  const flagged = rate((each) => sum(each.requests, isFlagged));
  const tiles = {
    "Requests / s": [requests, requests.toFixed(2)],
    "Flagged / s": [flagged, flagged.toFixed(2)],
    "Under way": [now.in_flight, String(now.in_flight)],
    "Request, median": quick("request", 0.5),
    "Request, 95 %": quick("request", 0.95),
    "First byte, median": quick("first_byte", 0.5),
    "Verdict, 95 %": quick("classify", 0.95),
  };
  byId("tiles").replaceChildren(...Object.entries(tiles).map(([what, [value, text]]) => tile(what, value, text)));
}

function tile(what, value, text) {
  const line = (history[what] ??= []);
  line.push(value ?? 0);
  if (line.length > WINDOW_S) line.shift();
  return make("div", { class: "tile" }, make("p", { class: "what" }, what), make("p", { class: "value" }, text), sparkline(line));
}

function sparkline(values) {
  const most = Math.max(...values, 1e-9);
  const step = 100 / Math.max(values.length - 1, 1);
  const path = values.map((value, index) => `${index ? "L" : "M"}${(index * step).toFixed(1)} ${(27 - (25 * value) / most).toFixed(1)}`).join("");
  return draw("svg", { viewBox: "0 0 100 28", preserveAspectRatio: "none", "aria-hidden": "true" }, draw("path", { d: path }));
}

function showTargets(now) {
  const names = [...new Set(now.requests.filter(isFlagged).map((row) => row.target))].sort();
  const all = growth((each) => sum(each.requests)).by;
  const rows = names.map((name) => {
    const ofTarget = (row) => row.target === name;
    const recent = growth((each) => sum(each.requests, ofTarget)).by;
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, rate((each) => sum(each.requests, ofTarget)).toFixed(2)),
      make("td", {}, all ? percent(recent / all) : "–"), make("td", {}, String(sum(now.requests, ofTarget))));
  });
  byId("by-target").replaceChildren(
    rows.length
      ? make("table", {}, make("thead", {}, make("tr", {}, ...["Target", "/ s", "Share", "Since start"].map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...rows))
      : make("p", { class: "hint" }, "Nothing was flagged since the proxy started."),
  );
}

function showEngine(engine) {
  const facts = {
    State: engine.ready ? "ready" : `not ready: ${engine.reason}`,
    Running: engine.running,
    Waiting: engine.waiting,
    "KV cache": engine.kv_cache === undefined ? undefined : percent(engine.kv_cache),
    "Corrupted requests": engine.corrupted,
  };
  byId("engine").replaceChildren(
    ...Object.entries(facts).filter(([, value]) => value !== undefined).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]),
  );
}

function showDecisions(decisions) {
  byId("decisions-note").textContent = decisions === null ? "No audit log is kept (audit.folder)." : decisions.length ? "" : "Nothing yet.";
  byId("decisions").tBodies[0].replaceChildren(...(decisions ?? []).map(decision));
}

function decision(entry) {
  const flagged = (entry.flagged ?? []).map((each) => `${each.target} ${each.probability.toFixed(3)}`).join(", ");
  const what = entry.action ?? entry.event ?? "";
  return make("tr", {},
    make("td", {}, new Date(1000 * entry.time).toLocaleTimeString()),
    make("td", {}, entry.key ?? ""),
    make("td", {}, badge(what)),
    make("td", {}, flagged || (entry.target ? `${entry.target}: ${entry.state}` : "")),
    make("td", {}, String(entry.status ?? "")),
    make("td", {}, entry.total_ms === undefined ? "" : duration(entry.total_ms / 1000)),
    make("td", {}, make("code", {}, (entry.request_id ?? "").slice(0, 12))),
  );
}
