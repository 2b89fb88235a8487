// Axes: their box, ticks and names, on the canvas of a plot.

const INK = "#444444", GRID = "#e6e6e6", TEXT = "#222222";
const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function ticksOf([low, high], room) {
  const rough = Math.abs(high - low) / Math.max(2, room), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const from = Math.ceil(Math.min(low, high) / step - 1e-9), to = Math.floor(Math.max(low, high) / step + 1e-9);
  return Array.from({ length: to - from + 1 }, (_one, i) => Number(((from + i) * step).toPrecision(12)));
}
const powersOf = ([low, high]) => {
  const from = Math.ceil(Math.log10(low) - 1e-9), to = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: to - from + 1 }, (_one, i) => 10 ** (from + i));
};

// One axis: its two ends, and where a value lies between them.
export function axisOf(range, isLog) {
  const [low, high] = isLog ? range.map(Math.log10) : range;
  return {
    range, isLog, share: (value) => ((isLog ? Math.log10(value) : value) - low) / (high - low),
    value: (share) => isLog ? 10 ** (low + share * (high - low)) : low + share * (high - low),
  };
}

// The numbers at an axis and how they are written: [value, text]; on a logarithmic axis powers of ten as such.
function marks(ticks, isLog) {
  const power = (value) => Math.round(Math.log10(value)), exact = (value) => Math.abs(value / 10 ** power(value) - 1) < 1e-9;
  const raised = isLog && ticks.every((one) => !Array.isArray(one) && exact(one));
  const write = (value) => raised ? `10${[...String(power(value))].map((sign) => RAISED[sign]).join("")}`
    : String(Number(value.toPrecision(10))).replace("-", "−");
  return ticks.map((one) => Array.isArray(one) ? one : [one, write(one)]);
}

// See plot.js: `frame: false` gives the whole canvas to the box, without ticks; `equal`: one scale for x and y.
export function drawAxes(plot, options) {
  // `room`: CSS pixels more above and at the right, for marks that lie over the edge.
  const { x, y, xlabel = "", ylabel = "", xticks, yticks, log = "", grid = true, equal = false, frame = true, room = 0 } = options;
  const across = axisOf(x, log.includes("x")), up = axisOf(y, log.includes("y"));
  const { width, height, font, pen } = plot;
  if (!frame) {
    plot.place = { box: { left: 0, top: 0, width, height }, x: across, y: up };
    return;
  }
  plot.letters(font);
  const rows = marks(yticks ?? (up.isLog ? powersOf(y) : ticksOf(y, height / 60)), up.isLog);
  const columns = marks(xticks ?? (across.isLog ? powersOf(x) : ticksOf(x, width / 90)), across.isLog);
  const widest = Math.max(0, ...rows.map(([, text]) => pen.measureText(text).width));
  const box = { left: Math.ceil(widest + (widest ? 8 : 2) + (ylabel ? font * 1.35 : 0)), top: Math.ceil(font * 0.6 + room) };
  box.width = width - box.left - 10 - room;
  box.height = height - box.top - Math.ceil((columns.length ? font * 1.3 + 4 : 2) + (xlabel ? font * 1.35 : 0));
  if (equal) {
    const scale = Math.min(box.width / Math.abs(x[1] - x[0]), box.height / Math.abs(y[1] - y[0]));
    Object.assign(box, { width: scale * Math.abs(x[1] - x[0]), height: scale * Math.abs(y[1] - y[0]) });
  }
  plot.place = { box, x: across, y: up };
  const { left, top } = box, right = left + box.width, bottom = top + box.height;
  const within = (share) => share >= -1e-6 && share <= 1 + 1e-6;
  pen.lineWidth = 1;
  pen.setLineDash([]);
  pen.fillStyle = TEXT;
  pen.textBaseline = "top";
  pen.textAlign = "center";
  for (const [value, text] of columns) {
    const [at] = plot.pixel(value, y[0]);
    if (!within(across.share(value))) continue;
    if (grid) plot.rule(at, top, at, bottom, GRID);
    pen.fillText(text, at, bottom + 5);
  }
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const [value, text] of rows) {
    const [, at] = plot.pixel(x[0], value);
    if (!within(up.share(value))) continue;
    if (grid) plot.rule(left, at, right, at, GRID);
    pen.fillText(text, left - 5, at);
  }
  plot.rule(left, top, left, bottom, INK);
  plot.rule(left, bottom, right, bottom, INK);
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  if (xlabel) pen.fillText(xlabel, left + box.width / 2, height - 1);
  if (ylabel) {
    pen.save();
    pen.translate(1, top + box.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.textBaseline = "top";
    pen.fillText(ylabel, 0, 0);
    pen.restore();
  }
}
