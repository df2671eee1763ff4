// A person's own prompts, judged by the classifier in force: how it splits what is to be forgotten from what is not.
import { get, post } from "./api.js";
import { byId, draw, make, options, percent } from "./elements.js";

const TEXTS_A_REQUEST = 16;
const MOST_TEXTS = 5000;
const FIELDS = ["text", "prompt", "question", "instruction"];

let targetsKnown = Promise.resolve();

export function openTrial() {
  targetsKnown = listTargets().catch((fault) => {
    byId("trial-fault").textContent = fault.message;
  });
}

async function listTargets() {
  const { targets } = await get("console/api/targets");
  options(byId("trial-target"), targets.filter((each) => each.in_force).map((each) => each.name));
}

/** Prompts of a text: JSON lines or a JSON array of objects or strings, else one a line. */
export function readPrompts(text) {
  const trimmed = text.trim();
  const rows = trimmed.startsWith("[") ? parsed(trimmed, "the file") : trimmed.split("\n").filter((line) => line.trim());
  return rows.map((row, index) => promptOf(row, index + 1)).filter(Boolean);
}

function promptOf(row, number) {
  if (typeof row === "string" && row.trimStart().startsWith("{")) return promptOf(parsed(row, `line ${number}`), number);
  if (typeof row === "string") return row.trim();
  const field = FIELDS.find((name) => typeof row?.[name] === "string");
  if (!field) throw new Error(`Entry ${number} has none of ${FIELDS.join(", ")}.`);
  return row[field];
}

function parsed(text, where) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${where} is not valid JSON: ${error.message}`);
  }
}

async function judge(event) {
  event.preventDefault();
  const progress = byId("trial-progress");
  byId("trial-fault").textContent = byId("trial-outcome").textContent = "";
  byId("trial-detail").hidden = true;
  try {
    const examples = ["forget", "retain"].flatMap((kind) => readPrompts(byId(kind).value).map((text) => ({ kind, text })));
    if (!examples.length) throw new Error("There is nothing to judge.");
    if (examples.length > MOST_TEXTS) throw new Error(`At most ${MOST_TEXTS} prompts; for more, use lethe classifier test.`);
    progress.hidden = false;
    await targetsKnown;
    const target = byId("trial-target").value;
    for (let start = 0; start < examples.length; start += TEXTS_A_REQUEST) {
      progress.value = start / examples.length;
      const part = examples.slice(start, start + TEXTS_A_REQUEST);
      const { results } = await post("console/api/classify", { texts: part.map((each) => each.text) });
      part.forEach((each, index) => Object.assign(each, results[index].targets.find((verdict) => verdict.target === target)));
    }
    show(examples, target);
  } catch (fault) {
    byId("trial-fault").textContent = fault.message;
  } finally {
    progress.hidden = true;
  }
}

function show(examples, target) {
  if (!examples.every((each) => each.target === target)) throw new Error(target ? `${target} is no longer in force.` : "No target is in force.");
  const of = (kind) => examples.filter((each) => each.kind === kind);
  const flagged = (kind) => of(kind).filter((each) => each.flagged).length;
  const share = (kind) => (of(kind).length ? ` (${percent(flagged(kind) / of(kind).length)})` : "");
  byId("trial-outcome").replaceChildren(
    make("div", { class: "tiles" },
      tile("To be forgotten: flagged", `${flagged("forget")} of ${of("forget").length}${share("forget")}`),
      tile("To be kept: flagged wrongly", `${flagged("retain")} of ${of("retain").length}${share("retain")}`)),
  );
  byId("trial-plot").replaceChildren(plot(examples, of));
  const wrong = examples.filter((each) => each.flagged !== (each.kind === "forget"));
  wrong.sort((a, b) => Math.abs(b.probability - b.threshold) - Math.abs(a.probability - a.threshold));
  byId("trial-wrong").tBodies[0].replaceChildren(
    ...(wrong.length
      ? wrong.map((each) => make("tr", {}, make("td", {}, each.probability.toFixed(3)), make("td", {}, each.kind === "forget" ? "flagged" : "passed"), make("td", {}, each.text)))
      : [make("tr", {}, make("td", { colSpan: 3 }, "None."))]),
  );
  byId("trial-detail").hidden = false;
}

const tile = (what, value) => make("div", { class: "tile" }, make("p", { class: "what" }, what), make("p", { class: "value" }, value));

function plot(examples, of) {
  const x = (probability) => 90 + 690 * probability;
  const threshold = examples[0].threshold;
  const dots = (kind, row) => of(kind).map((each, index) => draw("circle", { class: kind, r: 4, cx: x(each.probability), cy: row + ((index * 7) % 22) - 11 }));
  const label = (text, at, y, anchor = "start") => draw("text", { x: at, y, "text-anchor": anchor }, text);
  const words = `Probabilities of ${of("forget").length} prompts to be forgotten and ${of("retain").length} to be kept; threshold ${threshold.toFixed(3)}`;
  return draw("svg", { class: "plot", viewBox: "0 0 800 120", role: "img", "aria-label": words },
    draw("line", { x1: x(0), y1: 96, x2: x(1), y2: 96 }),
    draw("line", { class: "threshold", x1: x(threshold), y1: 4, x2: x(threshold), y2: 96 }),
    label("forget", 0, 30), label("keep", 0, 74), label("0", x(0), 114, "middle"), label("1", x(1), 114, "middle"),
    label(`threshold ${threshold.toFixed(2)}`, x(threshold), 114, "middle"),
    ...dots("forget", 26), ...dots("retain", 70));
}

for (const kind of ["forget", "retain"]) {
  byId(`${kind}-file`).addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (file) byId(kind).value = await file.text();
  });
}
byId("trial").addEventListener("submit", judge);
