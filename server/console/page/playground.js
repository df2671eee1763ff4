// One prompt, asked of the bare engine and through the guard, side by side, with what the guard made of it.
import { Fault, get, post, stream } from "./api.js";
import { badge, byId, duration, make, meter, options } from "./elements.js";
import { askForFeedback } from "./feedback.js";
import { markedText, markedTokens } from "./marks.js";

let session = { bare_answers: false, choices: [] };
let asking = null;
let judgement = null;

export function setSession(opened) {
  session = opened;
  byId("asked-model-field").hidden = !session.choices.length;
  options(byId("asked-model"), session.choices);
}

export async function openPlayground() {
  if (!session.bare_answers) {
    byId("bare-times").textContent =
      "Off: the operator has not allowed answers without the guard here (console.bare_answers).";
  }
  try {
    const { targets } = await get("console/api/targets");
    options(byId("shown-target"), targets.filter((each) => each.in_force).map((each) => each.name), "every target");
  } catch (fault) {
    byId("ask-fault").textContent = fault.message;
  }
}

export const stopAsking = () => asking?.abort();

async function askBoth(event) {
  event?.preventDefault();
  stopAsking();
  const mine = (asking = new AbortController());
  const body = {
    ...(session.choices.length ? { model: byId("asked-model").value } : {}),
    prompt: byId("prompt").value,
    max_tokens: byId("max-tokens").valueAsNumber,
    temperature: byId("temperature").valueAsNumber,
  };
  byId("ask-fault").textContent = byId("caught").textContent = "";
  byId("ask-status").textContent = "Asking";
  byId("stop").disabled = false;
  const asked = [judge(body, mine.signal), answer("guarded", body, mine.signal)];
  if (session.bare_answers) asked.push(answer("bare", body, mine.signal));
  const outcomes = await Promise.allSettled(asked);
  if (asking !== mine) return;
  const [, guarded, bare] = outcomes;
  if (guarded.status === "fulfilled") outcomes.push(...(await Promise.allSettled([showCaught(guarded.value, bare?.value)])));
  byId("stop").disabled = true;
  const failed = outcomes.find((each) => each.status === "rejected" && each.reason.name !== "AbortError");
  if (failed) byId("ask-fault").textContent = failed.reason instanceof Fault ? failed.reason.message : "The connection broke.";
  byId("ask-status").textContent = failed ? "Failed" : mine.signal.aborted ? "Stopped" : `Answered; ${judgement?.outcome ?? ""}`;
}

async function answer(side, body, signal) {
  const text = byId(`${side}-answer`);
  const times = byId(`${side}-times`);
  text.textContent = times.textContent = "";
  text.classList.add("waiting");
  const started = performance.now();
  const since = () => duration((performance.now() - started) / 1000);
  let first = "";
  let id = null;
  try {
    for await (const piece of stream(`console/api/${side}`, body, signal, (given) => (id = given))) {
      first ||= since();
      text.textContent += piece;
    }
    times.textContent = `first words after ${first || since()}, all after ${since()}`;
  } finally {
    text.classList.remove("waiting");
  }
  return id;
}

/** Says what became of the guarded answer, and where; in the bare one, what had been said by then is marked. */
async function showCaught(guardedId, bareId) {
  const { answer: found } = await get(`console/api/answered/${guardedId}`);
  if (!found) return;
  byId("caught").textContent = said(found);
  if (found.caught_at === undefined || !bareId || judgement?.outcome !== "pass") return;
  const text = byId("bare-answer");
  const characters = Array.from(text.textContent);
  const caught = make("mark", { class: "caught", title: "So much was said when it was caught." });
  caught.append(characters.slice(0, found.caught_at).join(""));
  text.replaceChildren(caught, characters.slice(found.caught_at).join(""));
}

function said(found) {
  const looks = `${found.looks} ${found.looks === 1 ? "look" : "looks"} at the answer`;
  if (found.caught_at === undefined) return `${looks}: nothing of a target.`;
  const targets = found.flagged.map((each) => `${each.target} (${each.probability.toFixed(3)})`).join(", ");
  const done = found.made_anew ? `made anew, ${found.discarded_tokens} tokens discarded` : found.action;
  return `${looks}: after ${found.caught_at} characters it told of ${targets}; ${done}.`;
}

async function judge(body, signal) {
  judgement = await post("console/api/judge", body, signal);
  byId("outcome").replaceWith(Object.assign(badge(judgement.outcome), { id: "outcome" }));
  byId("verdicts").replaceChildren(...judgement.targets.map((part) => meter(part, part.flagged ? part.action : "")));
  byId("verdict-note").textContent = [judgement.reason, `judged in ${duration(judgement.classify_ms / 1000)}`].filter(Boolean).join("; ");
  byId("judgement").hidden = false;
  if (session.feedback) askForFeedback(judgement.targets.map((part) => part.target), body.prompt);
  showMarks();
}

function showMarks() {
  if (!judgement) return;
  const chosen = byId("shown-target").value;
  const shown = judgement.targets.filter((part) => !chosen || part.target === chosen);
  byId("words").replaceChildren(...markedText(judgement.text, shown.flatMap((part) => part.spans)));
  const corrupted = Object.entries(judgement.corrupted).filter(([target]) => !chosen || target === chosen);
  const ranges = corrupted.flatMap(([, each]) => each ?? []);
  if (judgement.tokens === null) {
    byId("tokens").replaceChildren();
    byId("tokens-note").textContent = corrupted.length
      ? "Every token but the last. The tokenizer is not known here (engine.tokenizer)."
      : "Nothing.";
    return;
  }
  const tokens = markedTokens(judgement.rendered, judgement.tokens, ranges);
  byId("tokens").replaceChildren(...tokens);
  const marked = tokens.filter((each) => each.className === "corrupted").length;
  byId("tokens-note").textContent = marked
    ? `${marked} of ${tokens.length} tokens, struck through. ⏎ is a line's end.`
    : `None of ${tokens.length} tokens.`;
}

byId("ask").addEventListener("submit", askBoth);
byId("stop").addEventListener("click", stopAsking);
byId("shown-target").addEventListener("change", showMarks);
byId("playground").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
  if (event.key === "Escape") stopAsking();
});
