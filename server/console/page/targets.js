// The targets: what there is, what each card says, and how each is in force.
import { get, getBlob, post } from "./api.js";
import { showDays } from "./days.js";
import { badge, byId, make } from "./elements.js";
import { feedbackOf } from "./feedback.js";
import { versionsOf } from "./versions.js";

const STATES = { enabled: "Enable", shadow: "Shadow", disabled: "Disable" };
let figures = [];
let session = { feedback: false };

export function setTargetsSession(opened) {
  session = opened;
}

export async function openTargets() {
  await guarded(async () => {
    await refresh();
    await showDays();
  });
}

async function guarded(work, done = "") {
  byId("targets-fault").textContent = "";
  try {
    await work();
    byId("targets-note").textContent = done;
  } catch (fault) {
    byId("targets-fault").textContent = fault.message;
  }
}

function show({ targets, writable }) {
  const focused = document.activeElement?.id;
  byId("target-list").replaceChildren(...targets.map((target) => row(target, writable)));
  if (!targets.length) byId("target-list").append(make("p", {}, "There are no bundles."));
  if (focused) byId(focused)?.focus();
}

function row(target, writable) {
  const { name, fault } = target;
  // A damaged one can be put aside, so that the others can be switched again.
  const switches = Object.entries(STATES).filter(([state]) => !fault || state === "disabled").map(([state, word]) =>
    make("button", {
      type: "button",
      id: `${name}-${state}`,
      disabled: !writable,
      "aria-pressed": String(target.state === state),
      onclick: () => change(target, state),
    }, word),
  );
  return make(
    "article",
    { class: "card" },
    make(
      "div",
      { class: "target-head" },
      make("h2", {}, name),
      badge(fault ? "damaged" : target.state),
      make("div", { class: "group", role: "group", "aria-label": `How ${name} is in force` }, ...switches),
      ...(fault ? [] : [make("button", { type: "button", id: `${name}-card`, disabled: !target.has_card, onclick: () => showCard(name) }, "Model card")]),
      make("button", { type: "button", id: `${name}-versions`, onclick: () => openHistory(`Versions of ${name}`, () => versionsOf(name, writable, refresh)) }, "Versions"),
      ...(session.feedback ? [make("button", { type: "button", id: `${name}-feedback`, onclick: () => openHistory(`Feedback on ${name}`, () => feedbackOf(name)) }, "Feedback")] : []),
    ),
    make("p", { class: fault ? "fault" : "text" }, fault ?? target.description),
    make("p", { class: "hint" }, fault ? inForce(target) : facts(target).join(" · ")),
    ...(writable ? [] : [make("p", { class: "hint" }, "The folder of bundles is read-only here; change it where it is kept, with lethe targets.")]),
  );
}

const inForce = ({ in_force }) => (in_force ? `version ${in_force} is in force` : "");

function facts(target) {
  const share = target.percent < 100 ? `for ${target.percent} % of the keys` : "";
  const stale = target.in_force !== target.version ? inForce(target) : "";
  const instead = Object.entries(target.done_instead).map(([model, done]) => `${model ? `before ${model} ` : ""}${done}`).join(", ");
  const action = instead ? `action ${instead}, not ${target.action}: it is for another model` : `action ${target.action}`;
  const answers = target.answers === "off" ? "" : `answers: ${target.answers}`;
  return [`version ${target.version}`, stale, action, share, answers, `flags from ${target.threshold.toFixed(3)}`, target.base_models.join(", ")].filter(Boolean);
}

async function change(target, state) {
  await guarded(async () => show(await post(`console/api/targets/${target.name}`, { state })), `${target.name}: ${state}.`);
}

const refresh = async () => show(await get("console/api/targets"));

async function openHistory(title, fill) {
  await guarded(async () => {
    byId("history-note").textContent = byId("history-fault").textContent = "";
    byId("history-title").textContent = title;
    await fill();
    byId("target-history").hidden = false;
    byId("target-history").focus();
  });
}

async function showCard(name) {
  await guarded(async () => {
    const { html } = await get(`console/api/targets/${name}/card`);
    const card = byId("target-card");
    figures.forEach(URL.revokeObjectURL);
    figures = [];
    const parsed = new DOMParser().parseFromString(html, "text/html");
    for (const image of parsed.querySelectorAll("img")) await loadFigure(image, name);
    card.replaceChildren(...parsed.body.childNodes);
    card.hidden = false;
    card.focus();
  });
}

// Figures need the key, which an image's address cannot carry.
async function loadFigure(image, target) {
  const path = image.getAttribute("src");
  image.removeAttribute("src");
  image.alt ||= path;
  try {
    const url = URL.createObjectURL(await getBlob(`console/api/targets/${target}/figures/${path}`));
    figures.push(url);
    image.src = url;
  } catch {
    image.replaceWith(`(no figure ${path})`);
  }
}

byId("reload").addEventListener("click", () =>
  guarded(async () => {
    await post("admin/reload");
    show(await get("console/api/targets"));
  }, "Reloaded."),
);
