// Tables of what a route lists.
import { make } from "./elements.js";

export function table(heads, rows) {
  return make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))))),
  );
}

export const moment = (seconds) => new Date(1000 * seconds).toLocaleString();
