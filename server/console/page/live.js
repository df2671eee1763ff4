// What goes on: asked every other second and shown.
import { get } from "./api.js";
import { badge, byId, draw, duration, make, percent } from "./elements.js";
import { Rates } from "./rates.js";

const EVERY_MS = 2000;
const SPARKLINE_POINTS = 60;
const rates = new Rates();
let timer = null;
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
    const now = await get("console/api/live");
    rates.add(now);
    byId("live-fault").textContent = "";
    showTiles(now);
    showTargets(now);
    byId("engine").replaceChildren(...now.engines.flatMap(engineFacts));
    showDecisions(now.decisions);
  } catch (fault) {
    byId("live-fault").textContent = fault.message;
  }
}

function showTiles(now) {
  const quick = (name, share) => {
    const found = rates.quantile(name, share);
    return [found, found === null ? "–" : duration(found)];
  };
  const requests = rates.rate((each) => each.requests);
  const flagged = rates.rate((each) => each.flagged);
  const tiles = {
    "Requests / s": [requests, requests.toFixed(2)],
    "Flagged / s": [flagged, flagged.toFixed(2)],
    "In flight": [now.in_flight, String(now.in_flight)],
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
  if (line.length > SPARKLINE_POINTS) line.shift();
  return make("div", { class: "tile" }, make("p", { class: "what" }, what), make("p", { class: "value" }, text), sparkline(line));
}

function sparkline(values) {
  const most = Math.max(...values, 1e-9);
  const step = 100 / Math.max(values.length - 1, 1);
  const path = values.map((value, index) => `${index ? "L" : "M"}${(index * step).toFixed(1)} ${(27 - (25 * value) / most).toFixed(1)}`).join("");
  return draw("svg", { viewBox: "0 0 100 28", preserveAspectRatio: "none", "aria-hidden": "true" }, draw("path", { d: path }));
}

function showTargets(now) {
  const all = rates.growth((each) => each.requests);
  const rows = Object.keys(now.targets).sort().map((name) => {
    const ofTarget = (each) => each.targets[name] ?? 0;
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, rates.rate(ofTarget).toFixed(2)),
      make("td", {}, all ? percent(rates.growth(ofTarget) / all) : "–"), make("td", {}, String(ofTarget(now))));
  });
  byId("by-target").replaceChildren(
    rows.length
      ? make("table", {}, make("thead", {}, make("tr", {}, ...["Target", "/ s", "Share", "Since start"].map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...rows))
      : make("p", { class: "hint" }, "Nothing was flagged since the proxy started."),
  );
}

function engineFacts(engine) {
  const facts = {
    // Where several are served.
    Model: engine.model || undefined,
    State: engine.ready ? "ready" : `not ready: ${engine.reason}`,
    Running: engine.running,
    Waiting: engine.waiting,
    "KV cache, fullest": engine.kv_cache === undefined ? undefined : percent(engine.kv_cache),
    "Corrupted requests": engine.corrupted,
  };
  return Object.entries(facts).filter(([, value]) => value !== undefined).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]);
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
    make("td", {}, flagged || (entry.target ? `${entry.target}: ${entry.state ?? entry.verdict ?? entry.version ?? ""}` : "")),
    make("td", {}, String(entry.status ?? "")),
    make("td", {}, entry.total_ms === undefined ? "" : duration(entry.total_ms / 1000)),
    make("td", {}, make("code", {}, (entry.request_id ?? "").slice(0, 12))),
  );
}
