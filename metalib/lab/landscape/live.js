// The loss-landscape laboratory in the page: what laboratory.py and objectives.py beside it do in Python.
// Losses, gradients and Hessians in closed form, number by number: θ may be dragged faster than arrays are made.

// What the landscapes are comes from Python. A few optima are kept: θ can be dragged without finding them again.
export function prepare(data) {
  return { ...data, known: new Map() };
}

const clip = (value, low, high) => Math.min(Math.max(value, low), high);

// One landscape's formulas, task by task. `slope(t, x, y)` leaves gradient and Hessian in `gx, gy` and `xx, xy, yy`;
// `after(t, x, y, α, k)` is the loss after k inner steps from there, in plain numbers: it is asked 20 000 times a picture.
class Bowls {
  constructor(land, far) {
    Object.assign(this, land, { far });
  }

  slope(t, x, y) {
    const dx = x - this.centres[t][0], dy = y - this.centres[t][1];
    const [[a, b], [c, d]] = this.matrices[t];
    this.gx = a * dx + b * dy;
    this.gy = c * dx + d * dy;
    [this.xx, this.xy, this.yy] = [a, b, d];
  }

  after(t, x, y, alpha, steps) {
    const [cx, cy] = this.centres[t], [[a, b], [c, d]] = this.matrices[t], { far } = this;
    let dx = x - cx, dy = y - cy;
    for (let step = 0; step < steps; step++) {
      const gx = a * dx + b * dy, gy = c * dx + d * dy;
      x = clip(x - alpha * gx, -far, far);
      y = clip(y - alpha * gy, -far, far);
      dx = x - cx;
      dy = y - cy;
    }
    return 0.5 * (dx * a * dx + dx * b * dy + dy * c * dx + dy * d * dy);
  }
}

// a·sin(x − p) = u·sin x + v·cos x: the loss is simple in (u, v), and bent in amplitude and phase.
class Waves {
  constructor(land, far) {
    Object.assign(this, land, { far });
  }

  slope(t, a, phase) {
    const sin = Math.sin(phase), cos = Math.cos(phase), [u, v] = this.targets[t];
    const r = a * cos - u, q = -a * sin - v, ss = 2 * this.sinSquare, cc = 2 * this.cosSquare, s = ss * r, c = cc * q;
    this.gx = s * cos - c * sin;
    this.gy = -a * (s * sin + c * cos);
    this.xx = ss * (cos * cos) + cc * (sin * sin);
    this.xy = a * sin * cos * (cc - ss) - ss * r * sin - cc * q * cos;
    this.yy = a * a * (ss * (sin * sin) + cc * (cos * cos)) - a * (ss * r * cos - cc * q * sin);
  }

  after(t, a, phase, alpha, steps) {
    const [u, v] = this.targets[t], { sinSquare, cosSquare, far } = this;
    let sin = Math.sin(phase), cos = Math.cos(phase), r = a * cos - u, q = -a * sin - v;
    for (let step = 0; step < steps; step++) {
      const s = 2 * sinSquare * r, c = 2 * cosSquare * q, gx = s * cos - c * sin, gy = -a * (s * sin + c * cos);
      a = clip(a - alpha * gx, -far, far);
      phase = clip(phase - alpha * gy, -far, far);
      sin = Math.sin(phase);
      cos = Math.cos(phase);
      r = a * cos - u;
      q = -a * sin - v;
    }
    return sinSquare * (r * r) + cosSquare * (q * q);
  }
}

function land(name, env) {
  const found = env.landscapes[name];
  return found.matrices ? new Bowls(found, env.far) : new Waves(found, env.far);
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const length = ([x, y]) => Math.sqrt(x * x + y * y);

// Each task's parameters after every inner step from θ: path[step][task] = [x, y].
function innerPath(land, theta, alpha, steps) {
  const path = [land.centres.map(() => theta)];
  for (let step = 0; step < steps; step++) {
    path.push(path.at(-1).map(([x, y], t) => {
      land.slope(t, x, y);
      return [clip(x - alpha * land.gx, -land.far, land.far), clip(y - alpha * land.gy, -land.far, land.far)];
    }));
  }
  return path;
}

// The mean over the tasks of the loss after k inner steps from (x, y); with none, the average loss.
function objective(land, x, y, alpha, steps) {
  const tasks = land.centres.length;
  let sum = 0;
  for (let t = 0; t < tasks; t++) sum += land.after(t, x, y, alpha, steps);
  return sum / tasks;
}

// What each method subtracts from θ, times β: the means over the tasks of
//   MAML (I − αH₀) … (I − αH_{k−1}) ∇L(θ_k); first-order MAML ∇L(θ_k); Reptile (θ − θ_k)/(αk); joint training ∇L(θ₀).
function directions(land, theta, alpha, steps) {
  const path = innerPath(land, theta, alpha, steps);
  const sums = { maml: [0, 0], fomaml: [0, 0], reptile: [0, 0], joint: [0, 0] };
  const add = (method, x, y) => {
    sums[method][0] += x;
    sums[method][1] += y;
  };
  for (let t = 0; t < land.centres.length; t++) {
    const slopes = path.map((places) => {
      land.slope(t, ...places[t]);
      return { x: land.gx, y: land.gy, xx: land.xx, xy: land.xy, yy: land.yy };
    });
    const first = slopes[0], last = slopes[steps], met = steps ? slopes.slice(0, -1) : slopes;
    let { x, y } = last;
    for (let step = steps - 1; step >= 0; step--) { // the last step's factor meets the gradient first
      const { xx, xy, yy } = slopes[step];
      [x, y] = [x - alpha * (xx * x + xy * y), y - alpha * (xy * x + yy * y)];
    }
    add("maml", x, y);
    add("fomaml", last.x, last.y);
    add("reptile", mean(met.map((slope) => slope.x)), mean(met.map((slope) => slope.y)));
    add("joint", first.x, first.y);
  }
  for (const sum of Object.values(sums)) sum.forEach((value, axis) => { sum[axis] = value / land.centres.length; });
  return sums;
}

// `moves` outer steps from θ, or fewer where they leave for good.
function descent(land, theta, { alpha, steps, method, beta, moves }) {
  const trail = [theta];
  for (let move = 0; move < moves; move++) {
    const way = directions(land, trail.at(-1), alpha, steps)[method];
    const next = trail.at(-1).map((value, axis) => value - beta * way[axis]);
    if (!next.every((value) => Math.abs(value) < land.far)) break;
    trail.push(next);
  }
  return trail;
}

// n numbers evenly from low to high, as numpy.linspace has them.
function spread(low, high, n) {
  const step = (high - low) / (n - 1);
  return Array.from({ length: n }, (_, i) => (i === n - 1 ? high : i * step + low));
}

// Where in the window `value(x, y)` is lowest: a grid, again and again finer.
function lowest(value, [left, right, bottom, top], rounds) {
  let centre = [(left + right) / 2, (bottom + top) / 2], reach = [right - left, top - bottom];
  for (let round = 0; round < rounds; round++) {
    const xs = spread(centre[0] - reach[0] / 2, centre[0] + reach[0] / 2, 41).map((x) => clip(x, left, right));
    const ys = spread(centre[1] - reach[1] / 2, centre[1] + reach[1] / 2, 41).map((y) => clip(y, bottom, top));
    let least = Infinity;
    for (const y of ys) {
      for (const x of xs) {
        const found = value(x, y);
        if (found < least) {
          least = found;
          centre = [x, y];
        }
      }
    }
    reach = reach.map((part) => part * 0.2);
  }
  return centre;
}

// The mean loss after k steps over the window, row by row from the bottom, and where it is lowest.
function surface(name, alpha, steps, env) {
  const key = `${name} ${steps ? alpha : 0} ${steps}`; // with no step every α is the same
  if (!env.known.has(key)) {
    const place = land(name, env), value = (x, y) => objective(place, x, y, alpha, steps);
    const [left, right, bottom, top] = place.window;
    const xs = spread(left, right, 61), ys = spread(bottom, top, 51), values = new Float64Array(61 * 51);
    ys.forEach((y, row) => xs.forEach((x, column) => { values[61 * row + column] = clip(value(x, y), 1e-9, 1e6); }));
    if (env.known.size > 50) env.known.clear();
    env.known.set(key, { key, xs, ys, values, best: lowest(value, place.window, env.rounds) });
  }
  return env.known.get(key);
}

export function compute(state, env) {
  const place = land(state.landscape, env), { alpha, steps } = state;
  const trail = descent(place, state.theta ?? place.start, state), theta = trail.at(-1);
  const path = innerPath(place, theta, alpha, steps);
  const losses = path.map((places) => places.map((at, t) => place.after(t, ...at, 0, 0)));
  const ways = directions(place, theta, alpha, steps);
  const average = surface(state.landscape, alpha, 0, env), maml = surface(state.landscape, alpha, steps, env);
  const found = env.methods.map((method) => ways[method]);
  const cosines = found.map(([x, y]) => {
    const long = length([x, y]) * length(ways.maml);
    return long > 1e-12 ? (x * ways.maml[0] + y * ways.maml[1]) / long : NaN;
  });
  return {
    trail, theta, path, losses, directions: found, cosines, optima: [average.best, maml.best],
    lost: trail.length <= state.moves, average: average.values, maml: maml.values, scenes: { average, maml },
  };
}

// Another landscape begins at its own start.
export function follow(before, after) {
  const moved = String(after.theta) !== String(before.theta);
  return after.landscape !== before.landscape && !moved ? { ...after, theta: null, moves: 0 } : after;
}

// The picture. Left: the average loss, each task's inner steps. Right: MAML's objective, the methods' arrows.

function scenery(plot, view, surface, rings) {
  const { env, styles, texts, state } = view, place = land(state.landscape, env);
  const { xs, ys, values } = surface;
  plot.contour(xs, ys, values, env.levels, { ...styles.lines, colors: env.greys, labels: env.levelText });
  if (!rings) return;
  place.centres.forEach(([x, y], t) => {
    const losses = new Float64Array(values.length);
    ys.forEach((y, row) => xs.forEach((x, column) => { losses[xs.length * row + column] = place.after(t, x, y, 0, 0); }));
    plot.contour(xs, ys, losses, [0.25 * median(losses)], styles[`ring ${t}`]);
    plot.line([x], [y], styles[`centre ${t}`]);
  });
}

function median(numbers) {
  const sorted = Float64Array.from(numbers).sort(), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The whole numbers from low to high.
function whole(low, high) {
  return Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, i) => Math.ceil(low) + i);
}

function frame(plot, view, surface, rings) {
  const { window: [left, right, bottom, top], axes } = view.env.landscapes[view.state.landscape];
  const [xlabel, ylabel] = axes.map((name) => view.texts[name] ?? name);
  const xticks = whole(left, right), yticks = whole(bottom, top);
  plot.axes({ x: [left, right], y: [bottom, top], xlabel, ylabel, xticks, yticks, grid: false });
  plot.still(surface.key, () => scenery(plot, view, surface, rings));
}

function marks(plot, { result, styles }) {
  plot.line(result.trail.map(([x]) => x), result.trail.map(([, y]) => y), styles.trail);
  result.optima.forEach(([x, y], i) => plot.line([x], [y], styles[i ? "maml's best" : "average's best"]));
  plot.line([result.theta[0]], [result.theta[1]], styles.theta);
}

// The arrows point downhill. Their lengths go with the square roots of the gradients', on one scale: a gradient a tenth
// as long as another is still seen, and all shrink near an optimum.
function arrows(plot, methods, { result, env, styles }) {
  const ways = methods.map((method) => result.directions[env.methods.indexOf(method)]);
  const lengths = ways.map(length), longest = Math.max(...lengths);
  const [x, y] = result.theta;
  methods.forEach((method, i) => {
    const scale = 1.4 * longest / (longest + 0.15) / Math.max(Math.sqrt(longest * lengths[i]), 1e-12);
    const [dx, dy] = ways[i].map((part) => -scale * part);
    const seen = length([dx, dy]) > 0.02 && Math.abs(x) < 100 && Math.abs(y) < 100;
    if (seen) plot.arrow(x, y, x + dx, y + dy, styles[method]);
  });
}

export const panels = [
  {
    name: "average", ratio: 0.84, share: 0.5,
    draw(plot, view) {
      frame(plot, view, view.result.scenes.average, true);
      marks(plot, view);
      view.result.path[0].forEach((_, t) => {
        const way = view.result.path.map((places) => places[t]);
        plot.line(way.map(([x]) => x), way.map(([, y]) => y), view.styles[`way ${t}`]);
        plot.line([way.at(-1)[0]], [way.at(-1)[1]], view.styles[`end ${t}`]);
      });
      arrows(plot, ["joint"], view);
    },
  },
  {
    name: "maml", ratio: 0.84, share: 0.5,
    draw(plot, view) {
      frame(plot, view, view.result.scenes.maml, false);
      marks(plot, view);
      arrows(plot, ["maml", "fomaml", "reptile"], view);
    },
  },
];

// Words.

export function words(view) {
  const { result, env, texts, styles, tools } = view, entry = (text, mark) => ({ text, mark: styles[mark] });
  const titles = [result.losses[0], result.losses.at(-1)].map((losses) => tools.number(mean(losses)));
  const cosine = (method) => tools.fill(texts.cosine, {
    method: texts[method], c: tools.signed(result.cosines[env.methods.indexOf(method)]),
  });
  return {
    panels: [
      {
        title: tools.fill(texts["title average"], { value: titles[0] }),
        legend: [
          entry("θ", "theta"), entry(texts["average's best"], "average's best"),
          entry(texts["maml's best"], "maml's best"), entry(texts.downhill, "joint"),
        ],
      },
      {
        title: tools.fill(texts["title maml"], { value: titles[1] }),
        legend: [entry(texts.maml, "maml"), entry(cosine("fomaml"), "fomaml"), entry(cosine("reptile"), "reptile")],
      },
    ],
    remark: remark(view),
  };
}

// A sentence where a rate is too large, else nothing.
function remark({ state, result, texts, tools }) {
  if (result.lost) {
    const gaps = { move: result.trail.length, method: texts[state.method], beta: state.beta };
    return tools.fill(texts.lost, gaps);
  }
  const [before, after] = [result.losses[0], result.losses.at(-1)];
  const worse = before.map((_, t) => t).filter((t) => after[t] > before[t] * (1 + 1e-9));
  if (!worse.length) return "";
  const task = worse.reduce((worst, t) => (after[t] > after[worst] ? t : worst));
  return tools.fill(texts.worse, {
    task: task + 1, before: tools.number(before[task]), after: tools.number(after[task]), alpha: state.alpha,
  });
}

export function describe({ state, result, env, texts, tools }) {
  const [theta, average, maml] = [result.theta, ...result.optima].map(tools.point);
  const tasks = env.landscapes[state.landscape].centres.map((centre, t) => tools.fill(texts.task, {
    task: t + 1, centre: tools.point(centre),
    before: tools.number(result.losses[0][t]), after: tools.number(result.losses.at(-1)[t]),
  }));
  return [tools.fill(texts.places, { theta, average, maml }), ...tasks].join(" ");
}

// Moves.

function inside([left, right, bottom, top], x, y) {
  return left <= x && x <= right && bottom <= y && y <= top;
}

// θ under the pointer, in whichever panel that is.
export function touch({ state, env }, panel, x, y) {
  return inside(env.landscapes[state.landscape].window, x, y) ? { ...state, theta: [x, y], moves: 0 } : null;
}

export const drag = {
  grab: ({ result, tools }, panel, x, y) => (tools.near(panel, x, y, ...result.theta) <= tools.reach ? "θ" : null),
  pull: (view, held, panel, x, y) => touch(view, panel, x, y),
};

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

// Arrow keys move θ, Enter and Backspace play, Home returns.
export function keys({ state, result, env }, { key, shift }) {
  const { moves } = state;
  if (key in ARROWS) {
    const [left, right, bottom, top] = env.landscapes[state.landscape].window, step = shift ? 0.02 : 0.2;
    const [x, y] = result.theta.map((value, axis) => value + step * ARROWS[key][axis]);
    return { ...state, theta: [clip(x, left, right), clip(y, bottom, top)], moves: 0 };
  }
  if (key === "Enter" || key === " ") return { ...state, moves: Math.min(moves + 1, env.most) };
  if (key === "Backspace") return { ...state, moves: Math.max(moves - 1, 0) };
  return key === "Home" ? { ...state, theta: null, moves: 0 } : null;
}

export const play = { name: "moves", label: "play", interval: 200 };
