// Numbers and sentences as Python writes them: see metalib/look.py and str.format. No imports.

// Rounding as Python does it: to the nearest, and to an even last digit from exactly the middle, where JavaScript goes
// up. `write(value, digits)` is one of toFixed, toPrecision, toExponential.
function rounded(write, value, digits) {
  const text = write(value, digits);
  const exact = write(value, Math.min(100, digits + 50));
  const [long, power = ""] = exact.split("e"), [short, same = ""] = text.split("e");
  const dot = long.indexOf(".");
  if (dot < 0 || power !== same) return text;
  const places = (short.split(".")[1] ?? "").length;
  const kept = long.slice(0, dot + 1 + places), rest = long.slice(dot + 1 + places);
  if (!/^50*$/.test(rest) || /[13579]$/.test(kept.replace(".", ""))) return text;
  return kept.replace(/\.$/, "") + (power && `e${power}`);
}
const fixed = (value, digits) => value >= 1e21 ? BigInt(value) + (digits ? `.${"0".repeat(digits)}` : "")
  : rounded((v, d) => v.toFixed(Math.min(100, d)), value, digits);
const exponential = (value, digits) => rounded((v, d) => v.toExponential(Math.min(100, d)), value, digits)
  .replace(/e([+-])(\d)$/, "e$10$2");

function general(value, precision, keepZeros) {
  const digits = precision || 1;
  let text = exponential(value, digits - 1);
  const power = Number(text.split("e")[1]);
  if (power >= -4 && power < digits) text = fixed(value, digits - 1 - power);
  if (keepZeros) return text.includes(".") ? text : text.replace(/(?=e|$)/, ".");
  return text.includes(".") ? text.replace(/\.?0+(?=e|$)/, "") : text;
}

// A number in Python's format specification: "", "d", ".2f", ".2g", "g", "#.3g", ".1e", ".0%", "+.2f".
export function format(value, spec = "") {
  const parts = /^([+ ]?)(#?)(0?)(\d*)(?:\.(\d+))?([a-z%]?)$/i.exec(spec);
  if (!parts) throw new Error(`format ${spec}`);
  const [, sign, alternate, zero, width, precision, kind] = parts;
  let text = String(value);
  if (typeof value === "number") {
    const size = Math.abs(value), digits = precision === undefined ? 6 : Number(precision);
    const minus = value < 0 || Object.is(value, -0);
    if (Number.isNaN(value)) text = "nan";
    else if (!Number.isFinite(value)) text = "inf";
    else if (kind === "d" || (!kind && Number.isInteger(value) && precision === undefined)) text = String(size);
    else if (kind === "f") text = fixed(size, digits);
    else if (kind === "e") text = exponential(size, digits);
    else if (kind === "%") text = `${fixed(size * 100, digits)}%`;
    else if (kind === "g") text = general(size, digits, Boolean(alternate));
    else text = precision === undefined ? shortest(size) : general(size, digits, false);
    const before = minus && !(Object.is(value, -0) && (kind === "d" || !kind)) && !Number.isNaN(value) ? "-" : sign;
    if (zero) text = text.padStart(Number(width) - before.length, "0");
    text = before + text;
  }
  return text.padStart(Number(width || 0));
}

// As Python's str(): the shortest that is this number.
function shortest(size) {
  const [digits, power] = size.toExponential().split("e");
  if (Number(power) < -4 || Number(power) >= 16) return `${digits}e${power.replace(/^([+-])(\d)$/, "$10$2")}`;
  return String(size).includes("e") ? fixed(size, 20).replace(/0+$/, "") : String(size);
}

// As Python's repr().
function quoted(value) {
  if (typeof value !== "string") return typeof value === "number" ? format(value) : String(value);
  const mark = value.includes("'") && !value.includes('"') ? '"' : "'";
  return mark + value.replaceAll("\\", "\\\\").replaceAll(mark, `\\${mark}`) + mark;
}

// A sentence with its gaps filled, as str.format does: fill("{n} of {share:.0%}", {n: 3, share: 0.5}).
export function fill(template, gaps = {}) {
  return template.replace(/\{\{|\}\}|\{(\w+)(!r)?(?::([^{}]*))?\}/g, (all, name, repr, spec) => {
    if (name === undefined) return all[0];
    if (!(name in gaps)) throw new Error(`no ${name} for: ${template}`);
    return repr ? quoted(gaps[name]) : format(gaps[name], spec);
  });
}

// A loss as a learner reads it: 0.0123, 2.41, 36.2, 4.1e+09, or ∞.
export function number(value) {
  if (!Number.isFinite(value)) return "∞";
  const size = Math.abs(value);
  return size >= 0.001 && size < 1000 ? format(value, "#.3g").replace(/\.$/, "") : format(value, ".1e");
}

// Two decimals with a true minus sign; a dash where there is no number.
export function signed(value) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "−inf";
  const text = format(value, ".2f").replace(/^-(0\.00)$/, "$1");
  return text.replace("-", "−");
}

// A point as a learner reads it: (0.40, −1.20).
export function point([x, y]) {
  return `(${signed(x)}, ${signed(y)})`;
}

// What modules get. `near(panel, x1, y1, x2, y2)`: a distance in CSS pixels; `reach`: by how much a pointer may miss;
// `size(panel)`: {width, height} of its canvas.
export function makeTools({ near, reach, size }) {
  return { number, signed, point, fill, format, near, reach, size };
}
