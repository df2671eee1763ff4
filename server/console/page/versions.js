// The versions of a target's bundle: the one in place, and those before it.
import { get, post } from "./api.js";
import { byId, make } from "./elements.js";
import { moment, table } from "./tables.js";

export async function versionsOf(target, writable, onChange) {
  show(await get(`console/api/targets/${target}/versions`));

  function show({ version, earlier }) {
    byId("history-command").textContent = "";
    const rows = earlier.map((each) => [each.version, moment(each.replaced),
      make("button", { type: "button", disabled: !writable, "aria-label": `Roll back to ${each.version}`, onclick: () => rollBack(each.version) }, "Roll back")]);
    byId("history").replaceChildren(
      make("p", {}, `In place: ${version ?? "a damaged one"}.`),
      rows.length ? table(["Earlier version", "Replaced", "Change"], rows) : make("p", {}, "No earlier version is kept."));
  }

  async function rollBack(version) {
    byId("history-fault").textContent = "";
    try {
      show(await post(`console/api/targets/${target}/rollback`, { version }));
      await onChange();
      byId("history-note").textContent = `${target} is version ${version} again.`;
      byId("target-history").focus();
    } catch (fault) {
      byId("history-fault").textContent = fault.message;
    }
  }
}
