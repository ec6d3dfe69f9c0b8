// Time on the page. What happens takes room in proportion to its length; spans in which nothing happens are broken, as on a
// technical drawing, and the axis says how long each break is. So thirty seconds with twelve operations fit, and no length lies.

/** A gap of so many units between two moments is a break. */
const LONGEST_GAP = 6;
/** Room on either side of a break, and around everything, in units. */
const MARGIN = 1;

class TimeScale {
  /**
   * @param moments rising numbers: all moments at which something that is shown begins or ends
   * @param unit_us how long one unit is: about one message's way
   * @param breaks "broken" or "whole"
   */
  constructor(moments, unit_us, breaks) {
    this.unit_us = unit_us;
    this.breaks = [];
    const first = moments.length ? moments[0] : 0;
    const last = moments.length ? moments[moments.length - 1] : 0;
    this.times = [first - 2 * MARGIN * unit_us];
    this.units = [0];
    if (breaks === "broken") this.#breakGaps(moments);
    this.#straightTo(last + 2 * MARGIN * unit_us);
    this.length = this.units[this.units.length - 1];
    this.start_us = this.times[0];
    this.end_us = this.times[this.times.length - 1];
  }

  #breakGaps(moments) {
    const { unit_us } = this;
    const shortest = LONGEST_GAP * unit_us;
    for (let at = 1; at < moments.length; at += 1) {
      const gap = moments[at] - moments[at - 1];
      if (gap <= shortest) continue;
      this.#straightTo(moments[at - 1] + MARGIN * unit_us);
      const from = this.times.length - 1;
      this.times.push(moments[at] - MARGIN * unit_us);
      // Longer breaks are a little wider, so that an hour does not look like a blink.
      this.units.push(this.units[from] + 1.6 + Math.min(2.4, 0.8 * Math.log10(gap / shortest)));
      this.breaks.push({ from_us: this.times[from], to_us: this.times[from + 1], from: this.units[from], to: this.units[from + 1] });
    }
  }

  #straightTo(time_us) {
    const last = this.times.length - 1;
    this.units.push(this.units[last] + (time_us - this.times[last]) / this.unit_us);
    this.times.push(time_us);
  }

  /** Where a moment stands, in units from the left end. */
  unitsAt(time_us) {
    return this.#between(this.times, this.units, time_us);
  }

  /** The moment that stands there. */
  timeAt(units) {
    return this.#between(this.units, this.times, units);
  }

  #between(from, to, value) {
    const last = from.length - 1;
    const right = clamp(firstAtLeast(from.length, value, (at) => from[at]), 1, last);
    const share = (value - from[right - 1]) / (from[right] - from[right - 1] || 1);
    return to[right - 1] + share * (to[right] - to[right - 1]);
  }

  /** Whether a place is within a break. */
  breakAt(units) {
    const at = firstAtLeast(this.breaks.length, units, (index) => this.breaks[index].to);
    return at < this.breaks.length && this.breaks[at].from < units ? this.breaks[at] : null;
  }
}

/** Moments for the axis: in each straight stretch the roundest within reach of every so many pixels, and at least one. */
function ticks(scale, view, width) {
  const found = [];
  const apart = 90;
  const x = (units) => (units - view.u) * view.k;
  const ends = [{ to: 0 }, ...scale.breaks, { from: scale.length }];
  for (let at = 1; at < ends.length; at += 1) {
    const [left, right] = [Math.max(x(ends[at - 1].to), 0), Math.min(x(ends[at].from), width)];
    if (right - left < 4) continue;
    const parts = Math.max(1, Math.floor((right - left) / apart));
    const step = (right - left) / parts;
    const time = (pixels) => Math.max(0, scale.timeAt(view.u + pixels / view.k));
    for (let part = 0; part < parts; part += 1) {
      const middle = left + (part + 0.5) * step;
      const reach = step * (parts === 1 ? 0.5 : 0.3);
      const [time_us, step_us] = roundest(time(middle - reach), time(middle + reach));
      found.push({ x: x(scale.unitsAt(time_us)), time_us, step_us });
    }
  }
  return found;
}

/** The multiple of the largest 1, 2 or 5 times a power of ten between two moments. */
function roundest(low, high) {
  for (let power = 10 ** Math.ceil(Math.log10(Math.max(high, 1))); power >= 1; power /= 10) {
    for (const factor of [5, 2, 1]) {
      const step = power * factor;
      const multiple = Math.ceil(low / step) * step;
      if (multiple <= high) return [multiple, step];
    }
  }
  return [Math.round((low + high) / 2), 1];
}
