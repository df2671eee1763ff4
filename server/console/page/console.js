// The page's beginning: its key, its sections, its theme.
import { forgetKey, hasKey, openSession, Fault } from "./api.js";
import { openClients, setClientsSession } from "./clients.js";
import { startLive, stopLive } from "./live.js";
import { openMaking, setMakingSession, stopWatching } from "./making.js";
import { openPlayground, setSession, stopAsking } from "./playground.js";
import { openTargets, setTargetsSession } from "./targets.js";
import { openTrial } from "./trial.js";

const element = (id) => document.getElementById(id);
const SECTIONS = { playground: openPlayground, targets: openTargets, making: openMaking, clients: openClients, live: startLive, data: openTrial };

function show(name) {
  stopLive();
  stopWatching();
  for (const id of ["door", ...Object.keys(SECTIONS)]) element(id).hidden = id !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  element("leave").hidden = name === "door";
  document.title = `${name === "door" ? "" : document.querySelector(`#${name} h1`).textContent + " · "}Lethe console`;
  SECTIONS[name]?.();
}

function follow() {
  const name = location.hash.slice(1);
  if (name === "main") return;
  if (!hasKey()) show("door");
  else show(name in SECTIONS ? name : "playground");
}

async function enter(key) {
  const session = await openSession(key);
  setSession(session);
  setTargetsSession(session);
  setMakingSession(session);
  setClientsSession(session);
  follow();
}

element("door-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  element("door-fault").textContent = "";
  try {
    await enter(element("key").value.trim());
    element("key").value = "";
    element("main").focus();
  } catch (fault) {
    element("door-fault").textContent = fault instanceof Fault ? fault.message : "The proxy does not answer.";
  }
});

element("leave").addEventListener("click", () => {
  stopAsking();
  forgetKey();
  location.reload();
});

element("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

const theme = localStorage.getItem("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
addEventListener("hashchange", follow);
addEventListener("lethe:key-refused", () => show("door"));
if (hasKey()) enter().catch(() => show("door"));
else follow();
