// The distance laboratory in the page: what laboratory.py, classify.py and geometry.py beside it do in Python.

const clip = (value, low, high) => Math.min(Math.max(value, low), high);
const length = ([x, y]) => Math.sqrt(x * x + y * y);
const minus = ([a, b], [c, d]) => [a - c, b - d];
const times = (factor, [x, y]) => [factor * x, factor * y];
const unit = (point) => times(1 / Math.max(length(point), 1e-12), point); // the zero vector stays zero

// The query and the prototypes that are shown.
function points(state, { places }) {
  return [state.query, ...[...state.prototypes, ...places.slice(state.prototypes.length)].slice(0, state.classes)];
}

// `truth` or `selected`; 0 where there is no such class now.
const shown = (number, state) => (number > 0 && number <= state.classes ? number : 0);

function distances(query, prototypes, kind) {
  return prototypes.map((place) => {
    if (kind === "cosine") {
      const [x, y] = unit(place);
      return 1 - (query[0] * x + query[1] * y) / Math.max(Math.hypot(...query), 1e-12);
    }
    const [dx, dy] = minus(query, place), squared = dx * dx + dy * dy;
    return kind === "euclidean" ? Math.sqrt(squared) : squared;
  });
}

// The distances' gradients with respect to the query; zero where there is none: at the prototype itself (Euclidean), at
// the origin (cosine).
function slopes(query, prototypes, kind) {
  if (kind !== "cosine") {
    return prototypes.map((place) => (kind === "euclidean" ? unit : (away) => times(2, away))(minus(query, place)));
  }
  const long = length(query), here = unit(query);
  if (long < 1e-12) return prototypes.map(() => [0, 0]);
  return prototypes.map((place) => {
    const there = unit(place), cosine = there[0] * here[0] + there[1] * here[1];
    return times(1 / long, minus(times(cosine, here), there));
  });
}

// For every cell of the window the most probable class and its p, row by row from the bottom up: in float32, as Python.
function plane(prototypes, kind, temperature, { window: [left, right, bottom, top], cells: [across, up] }) {
  const f = Math.fround, cosine = kind === "cosine", root = kind === "euclidean", count = prototypes.length;
  const middles = (low, high, n) => Float32Array.from({ length: n }, (_, i) => (2 * i + 1) * ((high - low) / (2 * n)) + low);
  const xs = middles(left, right, across), ys = middles(bottom, top, up), below = f(-temperature);
  // Two points in one direction are to be equally near.
  const places = cosine ? prototypes.map((place) => unit(place).map((part) => Math.round(part * 1e6) / 1e6)) : prototypes;
  const px = Float32Array.from(places, ([x]) => x), py = Float32Array.from(places, ([, y]) => y);
  if (cosine) {
    px.forEach((x, c) => {
      const y = py[c], long = Math.max(f(Math.sqrt(f(f(x * x) + f(y * y)))), f(1e-12));
      px[c] = x / long;
      py[c] = y / long;
    });
  }
  const winner = new Uint8Array(across * up), confidence = new Float32Array(across * up), scores = new Float32Array(count);
  let cell = 0;
  for (const y of ys) {
    for (const x of xs) {
      const far = cosine ? Math.max(f(Math.sqrt(x * x + y * y)), f(1e-12)) : 0;
      let best = -Infinity, first = 0, sum = 0;
      for (let c = 0; c < count; c++) {
        let distance;
        if (cosine) distance = f(1 - f(f(f(x * px[c]) + f(y * py[c])) / far));
        else {
          const dx = f(x - px[c]), dy = f(y - py[c]);
          distance = f(f(dx * dx) + f(dy * dy));
          if (root) distance = f(Math.sqrt(distance));
        }
        scores[c] = distance / below;
        if (scores[c] > best) {
          best = scores[c];
          first = c;
        }
      }
      for (let c = 0; c < count; c++) sum = f(sum + f(Math.exp(f(scores[c] - best))));
      winner[cell] = first;
      confidence[cell++] = 1 / sum;
    }
  }
  return { winner, confidence };
}

// Where the most probable class changes: segments [[x, y], [x, y]]. The class is that of the largest of the linear
// functions a·x + b, with a = 2p and b = −‖p‖², or for the cosine a = p / ‖p‖ and b = 0. Two of them are equal on a line;
// a border is the piece of it on which no third is larger.
function borders(prototypes, kind, far) {
  const dot = ([x, y], [u, v]) => x * u + y * v, cosine = kind === "cosine", found = [];
  const a = prototypes.map((place) => (cosine ? unit(place) : times(2, place)));
  const b = prototypes.map((place) => (cosine ? 0 : -dot(place, place)));
  for (let i = 0; i < a.length; i++) {
    for (let j = i + 1; j < a.length; j++) {
      const across = minus(a[j], a[i]);
      if (length(across) < 1e-9) continue;
      const start = times((b[i] - b[j]) / dot(across, across), across), along = unit([-across[1], across[0]]);
      let low = -far, high = far, open = true;
      for (let other = 0; other < a.length; other++) { // on start + t · along no larger where rate · t ≤ room
        if (other === i || other === j) continue;
        const more = minus(a[other], a[i]), rate = dot(more, along), room = b[i] - b[other] - dot(more, start);
        if (rate > 1e-9) high = Math.min(high, room / rate);
        else if (rate < -1e-9) low = Math.max(low, room / rate);
        else if (room <= -1e-9) open = false;
      }
      if (open && high > low) found.push([low, high].map((t) => start.map((part, axis) => part + t * along[axis])));
    }
  }
  return found;
}

// What is the same while only the query moves is kept.
export function prepare(data) {
  return { ...data, kept: null };
}

// p(y = c | x) = softmax over c of −d(x, p_c) / temperature.
export function compute(state, env) {
  const [query, ...prototypes] = points(state, env), { distance, temperature } = state, truth = shown(state.truth, state);
  const far = distances(query, prototypes, distance), logits = far.map((d) => -d / temperature), best = Math.max(...logits);
  const all = best + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - best), 0));
  const p = logits.map((logit) => Math.exp(logit - all));
  let loss = NaN, gradient = [0, 0];
  if (truth) { // ∇(−log p_y) = (∇d_y − Σ p_c ∇d_c) / temperature
    const slope = slopes(query, prototypes, distance);
    loss = all - logits[truth - 1];
    gradient = [0, 1].map((axis) => {
      const mean = slope.reduce((sum, one, c) => sum + p[c] * one[axis], 0);
      return (slope[truth - 1][axis] - mean) / temperature;
    });
  }
  const key = JSON.stringify([prototypes, distance, temperature]);
  if (env.kept?.key !== key) {
    const lines = borders(prototypes, distance, env.far);
    env.kept = { key, borders: lines, ...plane(prototypes, distance, temperature, env) };
  }
  return { distances: far, p, loss, gradient, ...env.kept };
}

// The picture. Left: the plane with its regions, the prototypes and the query. Right: p(y = c | x) as bars.

// RGB of each class's colour in each band, from white where p is 1/classes to strong near 1.
function palette(classes, { bands, strongest, colours }) {
  return colours.slice(0, classes).map((colour) => {
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
    return Array.from({ length: bands }, (_, band) => {
      const opacity = strongest * clip(((band + 0.5) / bands - 1 / classes) / (1 - 1 / classes), 0, 1);
      return parts.map((part) => 255 * (1 - opacity * (1 - part)));
    });
  });
}

function regions({ state, result, env }) {
  const [across, up] = env.cells, shades = palette(state.classes, env), rgba = new Uint8ClampedArray(4 * across * up);
  const packed = new Uint32Array(rgba.buffer), little = new Uint8Array(Uint32Array.of(1).buffer)[0];
  const inks = shades.map((bands) => bands.map((rgb) => {
    const [r, g, b] = rgb.map(Math.round);
    return (little ? (255 << 24) | (b << 16) | (g << 8) | r : (r << 24) | (g << 16) | (b << 8) | 255) >>> 0;
  }));
  for (let row = 0, cell = 0; row < up; row++) { // of a picture the first row is the top
    for (let column = 0, at = (up - 1 - row) * across; column < across; column++, cell++, at++) {
      const band = Math.min(Math.floor(env.bands * result.confidence[cell]), env.bands - 1);
      packed[at] = inks[result.winner[cell]][band];
    }
  }
  return rgba;
}

function segment(plot, [[x0, y0], [x1, y1]], style) {
  plot.line([x0, x1], [y0, y1], style);
}

function mark(plot, styles, x, y, number) {
  plot.line([x], [y], styles[`mark ${number}`]);
  plot.text(x, y, String(number), { align: "center", weight: "bold", clip: false });
}

function drawPlane(plot, view) {
  const { state, result, env, styles, tools } = view, [query, ...prototypes] = points(state, env);
  const [left, right, bottom, top] = env.window, ticks = (low, high) => Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const room = 8 * plot.unit; // of a prototype in the corner all is seen
  plot.axes({ x: [left, right], y: [bottom, top], xticks: ticks(left, right), yticks: ticks(bottom, top), grid: false, room });
  plot.still(`${result.key} ${state.classes}`, () => {
    plot.image(regions(view), ...env.cells, left, bottom, right, top);
    for (const border of result.borders) segment(plot, border, styles.border);
  });
  const cosine = state.distance === "cosine", start = cosine ? [0, 0] : query;
  for (const end of cosine ? [query, ...prototypes] : prototypes) segment(plot, [start, end], styles.spoke);
  if (cosine) plot.line([0], [0], styles.origin);
  const selected = points(state, env)[shown(state.selected, state)];
  // The arrow goes along −∇loss; its length grows with the gradient's, but never beyond two units.
  const long = length(result.gradient), [dx, dy] = times(-2 / (1 + long), result.gradient);
  if (long > 0.1) plot.arrow(...query, query[0] + dx, query[1] + dy, styles.arrow); // else it hides behind the query
  plot.line([selected[0]], [selected[1]], styles.ring);
  plot.line([query[0]], [query[1]], styles.query);
  // Where the bars stand far below, on a telephone, each p stands at its prototype as well.
  const alone = tools.size(0).width <= tools.size(1).width, low = (bottom + top) / 2 - 0.4 * (top - bottom);
  prototypes.forEach(([x, y], c) => {
    mark(plot, styles, x, y, c + 1);
    if (!alone) return;
    const text = probability(result.p[c], tools), half = plot.measure(text, { weight: "bold" }) / 2 + 2;
    const [px] = plot.pixel(x, y), dx = clip(px, half, plot.width - half) - px, dy = (y < low ? -1 : 1) * 1.8 * plot.font;
    plot.text(x, y, text, { align: "center", weight: "bold", halo: "#ffffff", dx, dy });
  });
}

// A row for each class: its mark, its distance, a bar as long as p, and p.
function drawBars(plot, { state, result, env, texts, styles, tools }) {
  const wide = plot.width, row = plot.height / (env.most + 1), columns = { mark: 0.075, distance: 0.385, bar: 0.44, p: 0.975 };
  plot.axes({ x: [0, wide], y: [plot.height, 0], frame: false });
  const at = Object.fromEntries(Object.entries(columns).map(([name, share]) => [name, share * wide]));
  const room = at.p - at.bar - 4.2 * plot.font, head = 0.5 * row, dark = "#444444";
  plot.text(at.mark, head, texts.class, { align: "center" });
  plot.text(at.distance, head, "d", { align: "right" });
  plot.text(at.bar, head, texts.softmax, { align: "left" });
  plot.text(at.p, head, "p", { align: "right" });
  plot.line([at.bar, at.bar], [row, plot.height - 4], { color: dark, width: 0.7, dash: [] });
  result.p.forEach((p, c) => {
    const y = (c + 1.5) * row, high = 0.42 * row;
    plot.rects([[at.bar, y - high / 2, room * p, high]], { fill: env.colours[c] });
    mark(plot, styles, at.mark, y, c + 1);
    plot.text(at.distance, y, tools.signed(result.distances[c]), { align: "right" });
    plot.text(at.p, y, probability(p, tools), { align: "right", weight: "bold" });
  });
  const truth = shown(state.truth, state);
  if (truth) plot.rects([[2, (truth + 0.08) * row, wide - 4, 0.84 * row]], { stroke: "#000000", width: 1.8 });
}

export const panels = [
  { name: "plane", ratio: 0.77, share: 0.58, draw: drawPlane },
  { name: "bars", ratio: 0.77 * 0.58 / 0.42, narrow: 0.7, share: 0.42, moves: false, draw: drawBars },
];

// Words.

export function words({ state, result, env, texts, tools }) {
  let loss = state.truth ? "" : texts.choose; // one that is gone is named below
  if (shown(state.truth, state)) {
    loss = tools.fill(texts.loss, { loss: tools.signed(result.loss), length: length(result.gradient) });
  }
  return {
    panels: [{ title: "", legend: [], note: texts.plane }, { title: "p(y = c | x)", legend: [], note: loss }],
    remark: remark({ state, env, texts, tools }),
  };
}

// What is special here, or else what a learner can do.
function remark({ state, env, texts, tools }) {
  if (state.truth !== shown(state.truth, state)) return tools.fill(texts.gone, { n: state.classes });
  const lost = state.distance === "cosine" && points(state, env).some((point) => length(point) < 1e-12);
  return lost ? texts.origin : texts.drag;
}

export function describe({ state, result, env, texts, tools }) {
  const [query, ...prototypes] = points(state, env), chosen = shown(state.selected, state);
  const said = [tools.fill(texts.query, { query: tools.point(query) })];
  prototypes.forEach((place, c) => said.push(tools.fill(texts.prototype, {
    n: c + 1, place: tools.point(place), d: tools.signed(result.distances[c]), p: probability(result.p[c], tools),
  })));
  if (shown(state.truth, state)) said.push(tools.fill(texts.downhill, { way: tools.point(times(-1, result.gradient)) }));
  const what = chosen ? tools.fill(texts["a prototype"], { n: chosen }) : texts["the query"];
  return [...said, tools.fill(texts.keys, { what })].join(" ");
}

// Three decimals, and no 0.000 or 1.000 for what is neither.
function probability(p, { format }) {
  if (p > 0 && p < 0.0005) return "<0.001";
  return p >= 0.9995 && p < 1 ? ">0.999" : format(p, ".3f");
}

// Moves.

// The query (number 0) or a prototype (1, 2, …) put at (x, y), or as near as the window allows.
function moved(state, number, x, y, env, { format }) {
  const [left, right, bottom, top] = env.window;
  // Two decimals are what is shown; so the picture's numbers are those of the place that is named.
  const place = [clip(x, left, right), clip(y, bottom, top)].map((part) => Number(format(part, ".2f")));
  if (number === 0) return { ...state, query: place, selected: 0 };
  const prototypes = [...state.prototypes, ...env.places.slice(state.prototypes.length)];
  prototypes[number - 1] = place;
  return { ...state, prototypes, selected: number };
}

// What is held goes with the pointer, outside the plane as far as the window goes.
export const drag = {
  grab({ state, env, tools }, panel, x, y) { // the point under the pointer, and how far it was missed
    if (panel !== 0) return null;
    const all = points(state, env), aways = all.map((point) => tools.near(panel, x, y, ...point));
    const number = aways.indexOf(Math.min(...aways));
    return aways[number] <= tools.reach ? [number, ...minus(all[number], [x, y])] : null;
  },
  pull: ({ state, env, tools }, [number, dx, dy], panel, x, y) => moved(state, number, x + dx, y + dy, env, tools),
};

// In the empty plane the pointer calls the query.
export function touch({ state, env, tools }, panel, x, y) {
  const [left, right, bottom, top] = env.window, inside = left <= x && x <= right && bottom <= y && y <= top;
  return panel === 0 && inside ? moved(state, 0, x, y, env, tools) : null;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

// Numbers choose a point, arrows move it, Home puts all back.
export function keys({ state, env, tools }, { key, shift }) {
  const chosen = shown(state.selected, state);
  if (key in ARROWS) {
    const [x, y] = points(state, env)[chosen], [dx, dy] = times(shift ? 0.05 : 0.25, ARROWS[key]);
    return moved(state, chosen, x + dx, y + dy, env, tools);
  }
  if (/^\d$/.test(key) && Number(key) <= state.classes) return { ...state, selected: Number(key) };
  return key === "Home" ? { ...state, query: env.home, prototypes: env.places } : null;
}
