// What each target did and would have done, by day.
import { get } from "./api.js";
import { byId, percent } from "./elements.js";
import { moment, table } from "./tables.js";

const HEADS = ["Day", "Target", "Requests", "Flagged", "Share", "Done", "Would have", "Keys"];

export async function showDays() {
  const { days, since } = await get("console/api/days");
  const note = days === null ? "No audit log is kept (audit.folder)." : days.length ? `Since ${moment(since)}, in UTC days. A target in shadow does nothing, and would have done what its bundle says.` : "Nothing yet.";
  byId("days-note").textContent = note;
  byId("days").hidden = !days?.length;
  byId("days").replaceChildren(table(HEADS, (days ?? []).map(cells)));
}

const counts = (of) => Object.entries(of).map(([action, count]) => `${action} ${count}`).join(", ") || "–";

function cells({ day, target, requests, flagged, done, would, keys }) {
  return [day, target, String(requests), String(flagged), percent(requests ? flagged / requests : 0), counts(done), counts(would), String(keys)];
}
