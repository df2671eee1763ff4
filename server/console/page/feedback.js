// What people say of a target's verdicts: said in the playground, approved among the targets.
import { get, post } from "./api.js";
import { byId, make } from "./elements.js";
import { moment, table } from "./tables.js";

const WORDS = { about: "about it", "not-about": "not about it" };
const route = (target) => `console/api/targets/${target}/feedback`;

/** For each target that judged a text, what can be said of it. */
export function askForFeedback(targets, text) {
  byId("feedback-status").textContent = "";
  byId("feedback-ask").replaceChildren(...targets.map((target) =>
    make("div", { class: "row" },
      make("span", { class: "hint" }, `This is, for ${target}:`),
      make("div", { class: "group", role: "group", "aria-label": `What this is for ${target}` },
        ...Object.entries(WORDS).map(([verdict, words]) =>
          make("button", { type: "button", onclick: () => say(target, text, verdict) }, words))),
    )));
}

async function say(target, text, verdict) {
  try {
    const { entries } = await post(route(target), { text, verdict });
    const waits = entries[0].state === "waits" ? " It counts once another administrator approves it, among the targets." : "";
    byId("feedback-status").textContent = `Kept: ${WORDS[verdict]}, for ${target}.${waits}`;
  } catch (fault) {
    byId("feedback-status").textContent = fault.message;
  }
}

export async function feedbackOf(target) {
  const said = await get(route(target));
  const rows = said.entries.map((entry) => [
    moment(entry.time), entry.by, WORDS[entry.verdict],
    `${entry.state}${entry.decided_by ? `, by ${entry.decided_by}` : ""}`, entry.text, decisions(target, entry),
  ]);
  byId("history").replaceChildren(rows.length ? table(["When", "Key", "Is", "State", "Text", "Decide"], rows) : make("p", {}, "Nothing was said yet."));
  byId("history-command").replaceChildren(
    ...(said.counting ? [`${said.counting} texts count. Train with them where the target's prompts are: `, make("code", {}, said.command)] : []));
}

function decisions(target, { id, state, own, text }) {
  const about = text.slice(0, 40);
  const button = (decision, word) =>
    make("button", { type: "button", "aria-label": `${word}: ${about}`, onclick: () => decide(target, id, decision) }, word);
  return make("span", {},
    ...(state === "waits" && !own ? [button("approved", "Approve")] : []),
    ...(state === "withdrawn" ? [] : [button("withdrawn", "Withdraw")]));
}

async function decide(target, id, decision) {
  byId("history-fault").textContent = "";
  try {
    await post(`${route(target)}/${id}`, { decision });
    await feedbackOf(target);
    byId("history-note").textContent = `${decision[0].toUpperCase()}${decision.slice(1)}.`;
    byId("target-history").focus();
  } catch (fault) {
    byId("history-fault").textContent = fault.message;
  }
}
