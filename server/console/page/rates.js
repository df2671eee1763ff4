// What counters have grown by over the last minute.
const WINDOW_S = 60;

/** The counters of the last minute, as they stood whenever they were asked for. */
export class Rates {
  #snapshots = [];

  add(now) {
    // Those of a proxy that was started again begin anew, and what the one before it counted is not theirs.
    const kept = this.#snapshots.filter((each) => each.started === now.started && now.time - each.time < WINDOW_S);
    this.#snapshots = [...kept, now];
  }

  /** How much a figure has grown. */
  growth(figure) {
    return figure(this.#snapshots.at(-1)) - figure(this.#snapshots[0]);
  }

  /** How much a figure has grown in a second; 0 before there are two snapshots. */
  rate(figure) {
    const seconds = this.#snapshots.at(-1).time - this.#snapshots[0].time;
    return seconds > 0 ? this.growth(figure) / seconds : 0;
  }

  /** A quantile of a histogram's growth, or of all there was if nothing came since, in seconds; null of none. */
  quantile(name, share) {
    const now = this.#snapshots.at(-1).seconds[name] ?? {};
    const bounds = Object.keys(now).sort((a, b) => bound(a) - bound(b));
    let counts = bounds.map((le) => this.growth((each) => each.seconds[name][le] ?? 0));
    if (!counts.at(-1)) counts = bounds.map((le) => now[le]);
    const total = counts.at(-1);
    if (!total) return null;
    const wanted = share * total;
    const index = counts.findIndex((count) => count >= wanted);
    const [low, below] = index ? [bound(bounds[index - 1]), counts[index - 1]] : [0, 0];
    const high = bound(bounds[index]);
    return Number.isFinite(high) ? low + ((high - low) * (wanted - below)) / (counts[index] - below) : low;
  }
}

const bound = (text) => (text === "+Inf" ? Infinity : Number(text));
