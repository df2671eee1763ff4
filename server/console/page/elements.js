// Making elements. Text is always set as text, so nothing that a model or a client wrote is ever read as HTML.
const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function make(tag, fields = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (name === "class") made.className = value;
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function draw(tag, fields = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(fields)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function badge(action) {
  const kind = { pass: "", enabled: "", ok: "", built: "", valid: "", data: "off", revoked: "off", expired: "off", disabled: "off", reject: "off", shadow: "off" }[action] ?? "acts";
  return make("span", { class: `badge ${kind}` }, action);
}

/** A bar of a probability, with its threshold. */
export function meter(part, note) {
  const fill = make("div", { class: part.flagged ? "fill acts" : "fill" });
  fill.style.setProperty("--share", part.probability);
  const limit = make("div", { class: "limit" });
  limit.style.setProperty("--share", part.threshold);
  const words = `${part.probability.toFixed(3)} of ${part.threshold.toFixed(3)}`;
  return make(
    "div",
    { class: "meter" },
    make("div", { class: "meter-head" }, make("strong", {}, part.target), make("span", {}, `${words}${note ? ` · ${note}` : ""}`)),
    make("div", { class: "track", role: "img", "aria-label": `${part.target}: probability ${words}` }, fill, limit),
  );
}

export function options(select, names, first) {
  const kept = select.value;
  select.replaceChildren(...(first ? [make("option", { value: "" }, first)] : []), ...names.map((name) => make("option", { value: name }, name)));
  if (kept && names.includes(kept)) select.value = kept;
}

export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
export const duration = (seconds) => (seconds < 1 ? `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(2)} s`);
