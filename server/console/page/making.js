// Targets of one's own: their data, their build as it goes on, and what was built put in shadow.
import { get, post } from "./api.js";
import { badge, byId, make, options } from "./elements.js";

const LOOK_MS = 2000;
const SIDES = { "forget.txt": "to forget", "near.txt": "near", "names.txt": "names", "questions.yaml": "questions", "unknown.txt": "unknown" };
// Of the opened target, by file, what was typed and is not saved.
const typed = new Map();
let opened = "";
let watched = "";
let timer = 0;
let look = 0;

export function setMakingSession(session) {
  byId("making-link").hidden = !session.target_data;
}

export async function openMaking() {
  await guarded(async () => show(await get("console/api/target-data")));
}

export function stopWatching() {
  look += 1;
  clearTimeout(timer);
}

async function guarded(work, done = "") {
  byId("making-fault").textContent = "";
  try {
    await work();
    byId("making-note").textContent = done;
  } catch (fault) {
    byId("making-note").textContent = "";
    byId("making-fault").textContent = fault.message;
  }
}

function show({ targets }) {
  byId("making-list").replaceChildren(...targets.map(card));
  const running = targets.find((target) => target.running);
  if (running) watch(running.name);
}

function card({ name, counts, built, running }) {
  const button = (word, work, rest = {}) => make("button", { type: "button", "aria-label": `${word} ${name}`, onclick: work, ...rest }, word);
  const counted = Object.entries(SIDES).map(([file, word]) => `${counts[file] ?? 0} ${word}`).join(" · ");
  return make("article", { class: "card" },
    make("div", { class: "target-head" }, make("h2", {}, name), badge(running ? "building" : built ? "built" : "data"),
      make("div", { class: "group", role: "group", "aria-label": `What to do with ${name}` },
        button("Data", () => edit(name)),
        button("Build", () => build(name), { disabled: running }),
        button("Shadow", () => shadow(name), { disabled: !built || running }))),
    make("p", { class: "hint" }, counted + (built ? ` · built ${built}` : "")));
}

async function edit(name) {
  await guarded(async () => {
    const { files } = await get(`console/api/target-data/${name}`);
    opened = name;
    typed.clear();
    byId("making-edit-title").textContent = `Data of ${name}`;
    options(byId("making-file"), Object.keys(files));
    const choose = () => { byId("making-text").value = files[byId("making-file").value]; };
    byId("making-file").onchange = choose;
    byId("making-text").oninput = () => {
      const [file, text] = [byId("making-file").value, byId("making-text").value];
      files[file] = text;
      typed.set(file, text);
    };
    choose();
    byId("making-edit").hidden = false;
    byId("making-edit").focus();
  });
}

async function save() {
  for (const [file, text] of typed) {
    await post(`console/api/target-data/${opened}/files/${file}`, { text });
    typed.delete(file);
  }
}

async function build(name) {
  await guarded(async () => {
    if (name === opened) await save();
    await post(`console/api/target-data/${name}/build`);
    show(await get("console/api/target-data"));
    await watch(name);
  });
}

async function shadow(name) {
  await guarded(async () => show(await post(`console/api/target-data/${name}/shadow`)),
    `${name} observes. Look at it for a day, then enable it under Targets.`);
}

async function watch(name) {
  clearTimeout(timer);
  const mine = ++look;
  watched = name;
  byId("making-build").hidden = false;
  byId("making-build-title").textContent = `Build of ${name}`;
  await guarded(async () => {
    const { running, lines, status } = await get(`console/api/target-data/${name}/build`);
    // Another look has begun meanwhile.
    if (mine !== look) return;
    const ended = status === null ? [] : [status ? `ended with status ${status}; the next build goes on from here` : "done"];
    byId("making-lines").textContent = [...lines, ...ended].join("\n");
    byId("making-stop").disabled = !running;
    if (running) timer = setTimeout(() => watch(name), LOOK_MS);
    else byId("making-list").replaceChildren(...(await get("console/api/target-data")).targets.map(card));
  });
}

byId("making-new").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = byId("making-name").value.trim();
  await guarded(async () => {
    show(await post("console/api/target-data", { name }));
    byId("making-name").value = "";
    await edit(name);
  });
});

byId("making-save").addEventListener("click", async () => {
  const files = [...typed.keys()];
  await guarded(async () => {
    await save();
    byId("making-list").replaceChildren(...(await get("console/api/target-data")).targets.map(card));
  }, files.length ? `${files.join(", ")} of ${opened} ${files.length === 1 ? "is" : "are"} saved.` : "Nothing was changed.");
});

byId("making-stop").addEventListener("click", () => guarded(async () => {
  await post(`console/api/target-data/${watched}/stop`);
  await watch(watched);
}));
