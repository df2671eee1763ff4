// Keys and teams: what each is held to, and changing that.
import { get, put, remove } from "./api.js";
import { badge, byId, make, options } from "./elements.js";
import { table } from "./tables.js";

const AS_OTHERS = "as for others";
// What a key or team may say of a target; the first says nothing.
const WAYS = [AS_OTHERS, "act", "refuse", "observe", "exempt"];
let clients = { keys: [], teams: [] };
let targets = [];
let models = [];
let edited = null;

export function setClientsSession(session) {
  models = session.models;
}

export async function openClients() {
  await guarded(async () => {
    const overview = await get("console/api/targets");
    targets = overview.targets.map((target) => target.name);
    show(await get("admin/clients"));
  });
}

async function guarded(work, done = "") {
  byId("clients-fault").textContent = "";
  try {
    await work();
    byId("clients-note").textContent = done;
  } catch (fault) {
    byId("clients-note").textContent = "";
    byId("clients-fault").textContent = fault.message;
  }
}

function show(answered) {
  clients = answered;
  byId("team-list").replaceChildren(
    table(
      ["Team", "Targets", "Models", "A minute", "At a time", "Keys", "Change"],
      clients.teams.map((team) => [team.name, ...policyCells(team), team.keys.join(" "), button("Change", team.name, () => edit("team", team))]),
    ),
  );
  byId("key-list").replaceChildren(
    table(
      ["Key", "Name", "Team", "Scopes", "Targets", "Models", "A minute", "At a time", "State", "Change"],
      clients.keys.map((key) => [
        key.id, key.name, key.team ?? "", key.scopes.join(" "), ...policyCells(key), badge(key.state), button("Change", key.id, () => edit("key", key)),
      ]),
    ),
  );
}

const button = (word, name, onclick) => make("button", { type: "button", "aria-label": `${word} ${name}`, onclick }, word);

function policyCells(client) {
  const said = client.exempt.map((name) => `${name} exempt`);
  for (const [name, { action, threshold }] of Object.entries(client.targets))
    said.push([name, action, threshold === null ? "" : `from ${threshold}`].filter(Boolean).join(" "));
  return [said.join(", ") || AS_OTHERS, client.models?.join(" ") ?? "all", client.requests_per_minute ?? "", client.concurrency ?? ""].map(String);
}

function edit(kind, client) {
  edited = { kind, name: kind === "key" ? client.id : client.name };
  byId("client-title").textContent = `${kind === "key" ? "Key" : "Team"} ${edited.name}`;
  byId("client-team-field").hidden = kind !== "key";
  options(byId("client-team"), clients.teams.map((team) => team.name), "none");
  byId("client-team").value = client.team ?? "";
  // What is said of a target that is gone would otherwise be lost unseen.
  const named = [...new Set([...targets, ...client.exempt, ...Object.keys(client.targets)])];
  byId("client-targets").replaceChildren(table(["Target", "What is flagged", "Flagged from"], named.map((name) => targetRow(name, client))));
  byId("client-models").value = client.models?.join(" ") ?? "";
  byId("client-models").placeholder = models.length ? `all of ${models.join(" ")}` : "all";
  byId("client-rate").value = client.requests_per_minute ?? "";
  byId("client-places").value = client.concurrency ?? "";
  byId("client-remove").hidden = kind !== "team";
  byId("client-edit").hidden = false;
  byId("client-edit").focus();
}

function targetRow(name, { exempt, targets: held }) {
  const way = make("select", { "aria-label": `What is flagged for ${name}` });
  way.dataset.way = name;
  options(way, WAYS);
  way.value = exempt.includes(name) ? "exempt" : (held[name]?.action ?? AS_OTHERS);
  const threshold = make("input", {
    type: "number", min: "0.001", max: "1", step: "any", placeholder: "its own", "aria-label": `Flagged for ${name} from`, value: held[name]?.threshold ?? "",
  });
  threshold.dataset.threshold = name;
  return [name, way, threshold];
}

const number = (id) => (byId(id).value === "" ? null : Number(byId(id).value));

function policy() {
  const held = { exempt: [], targets: {}, requests_per_minute: number("client-rate"), concurrency: number("client-places") };
  const named = byId("client-models").value.split(/[\s,]+/).filter(Boolean);
  held.models = named.length ? named : null;
  for (const way of byId("client-targets").querySelectorAll("[data-way]")) {
    const name = way.dataset.way;
    const threshold = byId("client-targets").querySelector(`[data-threshold="${CSS.escape(name)}"]`).value;
    const action = ["act", "refuse", "observe"].includes(way.value) ? way.value : null;
    if (way.value === "exempt") held.exempt.push(name);
    if (action || threshold) held.targets[name] = { action, threshold: threshold ? Number(threshold) : null };
  }
  if (edited.kind === "key") held.team = byId("client-team").value || null;
  return held;
}

const path = () => `admin/${edited.kind}s/${encodeURIComponent(edited.name)}`;

byId("client-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await guarded(async () => show(await put(path(), policy())), `${edited.name} is held to this from now on.`);
});

byId("client-remove").addEventListener("click", () => guarded(async () => {
  show(await remove(path()));
  byId("client-edit").hidden = true;
}, `${edited.name} is removed.`));

byId("team-new").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = byId("team-name").value.trim();
  await guarded(async () => {
    show(await put(`admin/teams/${encodeURIComponent(name)}`, {}));
    byId("team-name").value = "";
    edit("team", clients.teams.find((team) => team.name === name));
  }, `${name} is made. Say what it is held to.`);
});
