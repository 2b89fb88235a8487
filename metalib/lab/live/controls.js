// Controls: native inputs, which the keyboard, a finger and a screen reader know. A number can be typed beside its
// slider; what is no number, or lies outside, gets the same sentence as in Python (metalib/lab/controls.py).

import { fill, format } from "./tools.js";
import { element } from "./surface.js";

const PER_POWER = 40; // positions of a log slider for each power of ten
let count = 0;

// How a slider's positions 0, 1, 2 … and its numbers belong together.
function scaleOf({ kind, low, high, step }) {
  if (kind === "log") {
    const from = Math.log10(low);
    return {
      last: Math.ceil((Math.log10(high) - from) * PER_POWER - 1e-6),
      number: (at) => sixDigits(Math.min(10 ** (from + at / PER_POWER), high)),
      position: (number) => (Math.log10(number) - from) * PER_POWER,
    };
  }
  const by = kind === "whole" ? 1 : step;
  return {
    last: Math.ceil((high - low) / by - 1e-6), number: (at) => Number(Math.min(low + at * by, high).toPrecision(12)),
    position: (number) => (number - low) / by,
  };
}
const sixDigits = (number) => Number(number.toPrecision(6)); // as Python keeps a log slider's number

// What a learner has typed, as the state keeps it: "0,01" is 0.01. Throws an error with one sentence.
export function typed({ label: name, kind, low, high }, text, say) {
  const said = text.trim(), plain = said.replaceAll("−", "-").replaceAll(",", ".").toLowerCase();
  const known = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain), endless = /^([+-]?)(inf|infinity|nan)$/.exec(plain);
  if (!known && !endless) throw new Error(say("number", { name, value: said }));
  let number = Number(plain);
  if (endless) number = endless[2] === "nan" ? NaN : endless[1] === "-" ? -Infinity : Infinity;
  if (kind === "whole" && Number.isFinite(number) && !Number.isInteger(number)) {
    throw new Error(say("whole", { name, value: number }));
  }
  if (kind === "log") number = sixDigits(number);
  const near = kind === "whole" ? 0 : 1e-9 * Math.abs(high);
  if (!(number >= low - near && number <= high + near)) {
    const value = kind === "whole" && Number.isFinite(number) ? String(number) : format(number, "g");
    throw new Error(say("outside", { name, low, high, value }));
  }
  return number;
}

function rangeControl(place, control, id, { changed, failed, say }) {
  const slider = element("input", "metalib-slider", place), number = element("input", "metalib-number", place);
  Object.assign(slider, { type: "range", id, min: 0, step: 1 });
  Object.assign(number, { type: "text", inputMode: "decimal", autocomplete: "off", spellcheck: false, ariaLabel: control.label });
  let scale = scaleOf(control), limits = control, written = "";

  slider.addEventListener("input", () => changed(control.name, scale.number(Number(slider.value))));
  function enter() {
    const text = number.value;
    if (text === written) return;
    number.value = written; // the new one follows with the new picture
    try {
      changed(control.name, typed(limits, text, say));
    } catch (error) {
      failed(error.message);
    }
  }
  number.addEventListener("focus", () => number.select());
  number.addEventListener("blur", enter);
  number.addEventListener("keydown", (event) => {
    if (event.key === "Escape") number.value = written;
    if (event.key === "Enter") enter();
    if (event.key === "Enter" || event.key === "Escape") number.select();
  });
  return (value, [low, high] = [control.low, control.high]) => {
    limits = { ...control, low, high };
    scale = scaleOf(limits);
    const text = format(value, control.form);
    slider.max = scale.last;
    const position = Math.round(scale.position(value));
    if (Number(slider.value) !== position) slider.value = position;
    slider.setAttribute("aria-valuetext", text);
    if (document.activeElement !== number || number.value === written) number.value = text;
    written = text;
  };
}

function choiceControl(place, control, id, { changed }) {
  const menu = element("select", "metalib-choice", place);
  menu.id = id;
  let options = [], shown = "";
  menu.addEventListener("change", () => changed(control.name, options[menu.selectedIndex][0]));
  return (value, given = control.options) => {
    if (JSON.stringify(given) !== shown) {
      shown = JSON.stringify(given);
      options = given;
      menu.replaceChildren(...options.map(([, label]) => new Option(label)));
    }
    menu.selectedIndex = options.findIndex(([known]) => known === value);
  };
}

function countControl(place, control, id, { changed }) {
  const button = element("button", "metalib-button", place), number = element("output", "metalib-count", place);
  Object.assign(button, { type: "button", id, textContent: control.label });
  number.htmlFor = id;
  let now = 0;
  button.addEventListener("click", () => changed(control.name, now + 1));
  return (value) => {
    now = value;
    number.textContent = fill(control.shown, { number: value });
  };
}

const KINDS = { linear: rangeControl, log: rangeControl, whole: rangeControl, choice: choiceControl, count: countControl };

// All controls of a laboratory in `place`. `hooks`: changed(name, value), failed(sentence), say(key, gaps).
// Returns show(state, limits): let the controls show a state.
export function makeControls(place, controls, hooks) {
  const shows = [];
  for (const control of controls) {
    const make = KINDS[control.kind];
    if (!make) continue;
    const row = element("div", `metalib-control metalib-${control.kind === "count" ? "counter" : "field"}`, place);
    row.dataset.field = control.name;
    const id = `metalib-${++count}`;
    if (control.kind !== "count") Object.assign(element("label", "", row), { htmlFor: id, textContent: control.label });
    const show = make(row, control, id, hooks);
    shows.push((state, limits) => show(state[control.name], limits[control.name]));
  }
  return (state, limits) => shows.forEach((show) => show(state, limits));
}

// How the controls are set, in words.
export function settings(controls, state, limits, say) {
  return controls.map(({ name, kind, label, form, shown, options }) => {
    const value = state[name];
    if (kind === "count") return fill(shown, { number: value });
    if (!KINDS[kind] || !label) return "";
    const known = kind === "choice" ? (limits[name] ?? options).find(([id]) => id === value)?.[1] ?? value : format(value, form);
    return say("setting", { label, value: known });
  });
}

// The state with numbers and choices that are possible: itself, where they all are.
export function possible(state, controls, limits) {
  const mended = {};
  for (const { name, kind, low, high, options } of controls) {
    const value = state[name];
    if (kind === "choice") {
      const known = limits[name] ?? options;
      if (known.length && !known.some(([id]) => id === value)) mended[name] = known[0][0];
    } else if (low !== undefined) {
      const [least, most] = limits[name] ?? [low, high];
      if (!(value >= least && value <= most)) mended[name] = Math.min(most, Math.max(least, value));
    }
  }
  return Object.keys(mended).length ? { ...state, ...mended } : state;
}
