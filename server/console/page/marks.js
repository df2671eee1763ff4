// A text with its spans coloured, and a prompt's tokens. Offsets count characters as Python does, not UTF-16 units.
import { make } from "./elements.js";

/** A text whose characters are coloured by the weights of the spans over them. */
export function markedText(text, spans) {
  const characters = Array.from(text);
  const most = Math.max(...spans.filter((span) => span.kind !== "entity").map((span) => span.weight), 1e-9);
  const weights = new Float64Array(characters.length);
  const named = new Uint8Array(characters.length);
  for (const span of spans) {
    for (let at = span.start; at < span.end; at += 1) {
      if (span.kind === "entity") named[at] = 1;
      else weights[at] = Math.max(weights[at], span.weight);
    }
  }
  const pieces = [];
  for (let start = 0, end = 0; start < characters.length; start = end) {
    end = start + 1;
    while (end < characters.length && weights[end] === weights[start] && named[end] === named[start]) end += 1;
    const piece = characters.slice(start, end).join("");
    if (!weights[start] && !named[start]) {
      pieces.push(piece);
      continue;
    }
    const mark = make("mark", { class: named[start] ? "named" : "" });
    mark.style.setProperty("--weight", weights[start] > 0 ? 0.12 + (0.5 * weights[start]) / most : 0);
    mark.append(named[start] ? make("span", { class: "entity" }, piece) : piece);
    if (weights[start] > 0) mark.title = `weight ${weights[start].toFixed(2)}`;
    pieces.push(mark);
  }
  return pieces;
}

/** A prompt's tokens, those in some ranges marked. */
export function markedTokens(rendered, offsets, ranges) {
  const characters = Array.from(rendered);
  let shown = 0;
  return offsets.map(([start, end], index) => {
    // Several tokens may share a character; it is written with the first.
    const text = characters.slice(Math.max(start, shown), end).join("");
    shown = Math.max(shown, end);
    const corrupted = ranges.some(([first, last]) => first <= index && index < last);
    return make("span", { class: corrupted ? "corrupted" : "", title: `token ${index}${corrupted ? ", corrupted" : ""}` }, text.replaceAll("\n", "⏎\n"));
  });
}
