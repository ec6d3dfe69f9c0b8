// Elements and words. Text reaches the page through textContent and attributes only: what a history says is never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes and children; strings become text. */
function element(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** The same for SVG. */
function shape(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

function furnish(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== undefined && child !== null) made.append(child);
  }
  return made;
}

/** Numbers with thin spaces between thousands. */
function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** A name as long as a diagram has room for; all of it stands where the thing is described. */
function short(text, longest = 40) {
  return text.length > longest ? `${text.slice(0, longest - 1)}\u2026` : text;
}

function counted(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A moment in seconds, with as many digits as the finest part of it that matters. */
function moment(us, step_us = 1) {
  let digits = 6;
  while (digits > 0 && step_us >= 10 ** (7 - digits)) digits -= 1;
  return `${(us / 1e6).toFixed(digits)} s`;
}

/** A span with two or three digits that matter. */
function span(us) {
  const [value, unit] = us < 1000 ? [us, "µs"] : us < 1e6 ? [us / 1e3, "ms"] : [us / 1e6, "s"];
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

/** The first index at which a rising function of the index is at least a value. */
function firstAtLeast(count, value, at) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** Errors are shown to who looks at the page, and counted for who tests it. */
const trouble = {
  count: 0,
  say(error) {
    this.count += 1;
    const place = document.getElementById("trouble");
    place.hidden = false;
    place.textContent = `This picture is not complete: ${error && error.message ? error.message : error}`;
    document.getElementById("rendered").dataset.errors = String(this.count);
  },
};
window.addEventListener("error", (event) => trouble.say(event.error || event.message));
window.addEventListener("unhandledrejection", (event) => trouble.say(event.reason));
