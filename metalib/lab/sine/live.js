// The sine laboratory in the page: compute.py, pulling.py and painter.py once more. All numbers are float64, as those of
// pulling.py; the points are float32, as torch draws them.

const MAX_STEPS = 10, MAX_SHOTS = 20, QUERIES = 10, EXPLODED = 1e3, GRID = 161;
const ALPHAS = [1e-4, 1], INPUTS = [-5, 5], HEIGHTS = [-6, 6], BOUNDS = 6.4;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const round = Math.fround; // to float32

// torch's random numbers: the Mersenne Twister (Matsumoto & Nishimura 1998), 24 bits a float32 number.
function* uniform(seed) {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  for (;;) {
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    for (let y of state) {
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      y ^= y >>> 18;
      yield (y & 0xffffff) / 0x1000000;
    }
  }
}

const wave = (x, state) => round(round(state.amplitude) * round(Math.sin(round(x - round(state.phase)))));

function pointsOf(state) {
  const numbers = uniform(state.draw);
  const draw = (count) => Float64Array.from({ length: count }, () => round(-5 + round(10 * numbers.next().value)));
  const supportX = draw(MAX_SHOTS).slice(0, state.shots), queryX = draw(QUERIES);
  const heights = (xs) => xs.map((x) => wave(x, state));
  const points = { supportX, supportY: heights(supportX), queryX, queryY: heights(queryX) };
  for (const [which, x, y] of movedShots(state)) {
    supportX[which] = x;
    points.supportY[which] = y;
  }
  return points;
}

// The network 1-40-40-1 with ReLU. θ is one array: the layers' weights, each followed by its biases, as torch has them.
const WIDTH = 40, B1 = WIDTH, W2 = 2 * WIDTH, B2 = W2 + WIDTH * WIDTH, W3 = B2 + WIDTH, B3 = W3 + WIDTH, SIZE = B3 + 1;

function forward(theta, x, h1, h2) {
  for (let i = 0; i < WIDTH; i++) h1[i] = Math.max(0, theta[i] * x + theta[B1 + i]);
  let out = theta[B3];
  for (let j = 0; j < WIDTH; j++) {
    let z = theta[B2 + j];
    for (let i = 0, at = W2 + j * WIDTH; i < WIDTH; i++) z += theta[at + i] * h1[i];
    h2[j] = Math.max(0, z);
    out += theta[W3 + j] * h2[j];
  }
  return out;
}

function predict(theta, xs) {
  const h1 = new Float64Array(WIDTH), h2 = new Float64Array(WIDTH);
  return Float64Array.from(xs, (x) => forward(theta, x, h1, h2));
}

// Adds ∂/∂θ of `weight` · output at x to `into`, given the activations there; d1 and d2 become what goes backward.
function backward(theta, x, weight, h1, h2, d1, d2, into) {
  d1.fill(0);
  into[B3] += weight;
  for (let j = 0; j < WIDTH; j++) {
    into[W3 + j] += weight * h2[j];
    d2[j] = h2[j] > 0 ? weight * theta[W3 + j] : 0;
    if (d2[j] === 0) continue;
    into[B2 + j] += d2[j];
    for (let i = 0, at = W2 + j * WIDTH; i < WIDTH; i++) {
      into[at + i] += d2[j] * h1[i];
      d1[i] += d2[j] * theta[at + i];
    }
  }
  for (let i = 0; i < WIDTH; i++) {
    if (h1[i] > 0) {
      into[i] += d1[i] * x;
      into[B1 + i] += d1[i];
    } else d1[i] = 0;
  }
}

function scratch() {
  return Array.from({ length: 4 }, () => new Float64Array(WIDTH));
}

// The mean squared error on points, and its gradient.
function lossGradient(theta, xs, ys) {
  const [h1, h2, d1, d2] = scratch(), gradient = new Float64Array(SIZE);
  let loss = 0;
  xs.forEach((x, n) => {
    const error = forward(theta, x, h1, h2) - ys[n];
    loss += error * error / xs.length;
    backward(theta, x, 2 * error / xs.length, h1, h2, d1, d2, gradient);
  });
  return { loss, gradient };
}

// How that gradient changes in the direction v (Pearlmutter 1994, the R-operator): `product` = H v by θ, and byX, byY:
// the derivatives of v · gradient by each point's place and height.
function curvature(theta, xs, ys, v) {
  const [h1, h2, d1, d2] = scratch(), [r1, r2, e1, e2] = scratch();
  const product = new Float64Array(SIZE), unused = new Float64Array(SIZE);
  const byX = new Float64Array(xs.length), byY = new Float64Array(xs.length);
  xs.forEach((x, n) => {
    const weight = 2 * (forward(theta, x, h1, h2) - ys[n]) / xs.length;
    backward(theta, x, weight, h1, h2, d1, d2, unused);
    for (let i = 0; i < WIDTH; i++) r1[i] = h1[i] > 0 ? v[i] * x + v[B1 + i] : 0;
    let out = v[B3];
    for (let j = 0; j < WIDTH; j++) {
      r2[j] = 0;
      if (h2[j] > 0) {
        let z = v[B2 + j];
        for (let i = 0, at = W2 + j * WIDTH; i < WIDTH; i++) z += v[at + i] * h1[i] + theta[at + i] * r1[i];
        r2[j] = z;
      }
      out += v[W3 + j] * h2[j] + theta[W3 + j] * r2[j];
    }
    const change = 2 * out / xs.length; // of `weight`
    byY[n] = -change;
    product[B3] += change;
    e1.fill(0);
    for (let j = 0; j < WIDTH; j++) {
      product[W3 + j] += change * h2[j] + weight * r2[j];
      if (!(h2[j] > 0)) continue;
      e2[j] = change * theta[W3 + j] + weight * v[W3 + j];
      product[B2 + j] += e2[j];
      for (let i = 0, at = W2 + j * WIDTH; i < WIDTH; i++) {
        product[at + i] += e2[j] * h1[i] + d2[j] * r1[i];
        e1[i] += v[at + i] * d2[j] + theta[at + i] * e2[j];
      }
    }
    for (let i = 0; i < WIDTH; i++) {
      if (!(h1[i] > 0)) continue;
      product[i] += e1[i] * x;
      product[B1 + i] += e1[i];
      byX[n] += v[i] * d1[i] + theta[i] * e1[i];
    }
  });
  return { product, byX, byY };
}

// The inner loop: θ before any step and after each; the losses on the support points, and their gradients.
function descend(state, env, { supportX, supportY }) {
  let theta = env.starts[state.start].slice();
  state.shift.forEach((part, i) => { theta[i] += part; });
  const path = [theta], losses = [], gradients = [];
  for (let step = 0; step <= state.steps; step++) {
    const { loss, gradient } = lossGradient(theta, supportX, supportY);
    losses.push(loss);
    if (step === state.steps) break;
    gradients.push(gradient);
    theta = theta.map((value, i) => value - state.alpha * gradient[i]);
    path.push(theta);
  }
  return { path, losses, gradients };
}

// The height of the adapted curve at the hand, and its gradient by θ, α and the support points: from the last inner step
// back to the first, λ becomes λ − α H λ.
function heightAt(state, env) {
  const points = pointsOf(state), { path, losses, gradients } = descend(state, env, points);
  const [h1, h2, d1, d2] = scratch();
  let theta = new Float64Array(SIZE), alpha = 0;
  const value = forward(path.at(-1), state.hand, h1, h2);
  backward(path.at(-1), state.hand, 1, h1, h2, d1, d2, theta);
  const byPoints = Array.from(points.supportX, () => [0, 0]);
  for (let step = state.steps - 1; step >= 0; step--) {
    const { product, byX, byY } = curvature(path[step], points.supportX, points.supportY, theta);
    alpha -= dot(theta, gradients[step]);
    byPoints.forEach((both, n) => {
      both[0] -= state.alpha * byX[n];
      both[1] -= state.alpha * byY[n];
    });
    theta = theta.map((value, i) => value - state.alpha * product[i]);
  }
  const largest = losses.every(Number.isFinite) ? Math.max(...losses) : Infinity;
  return { value, largest, theta, alpha, points: byPoints };
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const norm = (vector) => Math.sqrt(dot(vector, vector));

export function prepare(data) {
  const starts = {};
  for (const [name, text] of Object.entries(data.starts)) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    starts[name] = Float64Array.from(new Float32Array(bytes.buffer));
  }
  return { starts };
}

// --- What is seen of a state ------------------------------------------------------------------------------------------

const movedShots = (state) => state.points.filter(([which]) => which < state.shots);
const isMoved = (state) => state.shift.length > 0 || movedShots(state).length > 0 || state.alpha_before !== null;
const letGo = (state) => ({ ...state, asked: null, stuck: "" });
const putBack = (state) => ({
  ...letGo(state), alpha: state.alpha_before ?? state.alpha, alpha_before: null, shift: [], points: [],
});

export function follow(before, after) {
  let next = letGo(after);
  if (before.start !== after.start) next = { ...next, shift: [] };
  if (["amplitude", "phase", "draw"].some((name) => before[name] !== after[name])) next = { ...next, points: [] };
  if (before.alpha !== after.alpha) next = { ...next, alpha_before: null };
  return next;
}

// Of all curves, or of the last alone.
function way(state, env, all = true) {
  const points = pointsOf(state), { path, losses } = descend(state, env, points);
  const bad = losses.findIndex((loss) => !(loss <= EXPLODED));
  const exploded = bad < 0 ? null : bad;
  const last = bad < 0 ? state.steps : Math.max(0, bad - 1);
  const x = Float64Array.from({ length: GRID }, (_, i) => -5 + 10 * i / (GRID - 1));
  const meanSquare = (values, ys) => values.reduce((sum, value, n) => sum + (value - ys[n]) ** 2, 0) / ys.length;
  const until = (values) => values.map((value, step) => (bad < 0 || step <= bad ? value : Infinity));
  return {
    x,
    target: x.map((at) => wave(at, state)),
    curves: path.slice(all ? 0 : last, last + 1).map((theta) => predict(theta, x)),
    support: [points.supportX, points.supportY],
    query: [points.queryX, points.queryY],
    support_loss: until(losses),
    query_loss: until(path.map((theta) => meanSquare(predict(theta, points.queryX), points.queryY))),
    exploded,
    last,
    height: predict(path[last], [state.hand])[0],
    length: norm(path[0]),
    distance: norm(state.shift),
    free: null,
    point: null,
  };
}

export function compute(state, env) {
  const result = way(state, env);
  if (isMoved(state)) result.free = way(putBack(state), env, false);
  result.ghost = result.free ? result.free.curves[0] : null;
  if (state.cause === "point" && state.steps && result.exploded === null) result.point = responsible(state, env);
  return result;
}

// The support point that moves the curve most at the hand, before anything is pulled.
function responsible(state, env) {
  const moves = heightAt(putBack(state), env).points.map((both) => Math.hypot(...both));
  const most = Math.max(...moves);
  return Number.isFinite(most) && most > 0 ? moves.indexOf(most) : null;
}

// --- The hand: pulling.py ---------------------------------------------------------------------------------------------

const NEAR = 0.005, CLOSE = 0.06, RISE = 1, REACH = 1, STEPS = 20, LEAPS = 3, TRIED = [1, 1 / 2, 1 / 4];
const POSITIONS = 40; // of α's slider, a power of ten

// What moves: its numbers now, their limits, how the height answers, and the state with other numbers.
function reins(state, env) {
  if (state.cause === "theta") {
    return {
      numbers: state.shift.length ? Float64Array.from(state.shift) : new Float64Array(SIZE),
      limits: () => [-Infinity, Infinity],
      answer: (now) => now.theta,
      put: (to) => ({ ...state, shift: Array.from(to) }),
    };
  }
  if (state.cause === "alpha") {
    const before = state.alpha_before ?? state.alpha;
    return {
      numbers: Float64Array.of(Math.log(state.alpha)),
      limits: () => ALPHAS.map(Math.log),
      answer: (now, to) => Float64Array.of(Math.exp(to[0]) * now.alpha),
      put: (to) => ({
        ...state, alpha: Number(clamp(Math.exp(to[0]), ...ALPHAS).toPrecision(6)), alpha_before: before,
      }),
    };
  }
  const which = responsible(state, env);
  if (which === null) return null;
  const { supportX, supportY } = pointsOf({ ...state, points: [] });
  const own = state.points.find(([number]) => number === which)?.slice(1) ?? [supportX[which], supportY[which]];
  const others = state.points.filter(([number]) => number !== which);
  return {
    numbers: Float64Array.from(own),
    limits: (i) => [INPUTS, HEIGHTS][i],
    answer: (now) => Float64Array.from(now.points[which]),
    put: (to) => ({ ...state, points: [...others, [which, ...to]].sort((a, b) => a[0] - b[0]) }),
  };
}

function pull(given, to, env) {
  const begun = letGo(given);
  let state = begun, now = heightAt(state, env);
  if (!(now.largest <= EXPLODED)) return state;
  const stay = (stuck) => (Math.abs(to - now.value) <= CLOSE ? state : { ...state, asked: to, stuck });
  if (Math.abs(to - now.value) <= NEAR) return state;
  if (state.steps === 0 && state.cause !== "theta") return stay("steps");
  const by = reins(state, env);
  if (by === null) return stay("flat");
  let numbers = by.numbers, leaps = state.cause === "alpha" ? 0 : LEAPS, nearest = [state, now], stuck = "short";
  for (let step = 0; step < STEPS; step++) {
    const gap = to - now.value, sign = Math.sign(gap);
    if (Math.abs(gap) <= NEAR) break;
    let blocked = false;
    const answer = by.answer(now, numbers).map((part, i) => {
      const [low, high] = by.limits(i), wanted = sign * part;
      if (!((wanted > 0 && numbers[i] >= high) || (wanted < 0 && numbers[i] <= low))) return part;
      blocked = true;
      return 0;
    });
    const square = dot(answer, answer);
    if (!(square > 1e-18 && square < Infinity)) {
      stuck = blocked ? "limit" : "flat";
      break;
    }
    let scale = sign * Math.min(Math.abs(gap), RISE) / square;
    scale *= Math.min(1, REACH / (Math.abs(scale) * Math.sqrt(square)));
    const tries = [];
    const nearer = TRIED.some((share) => {
      const tried = numbers.map((value, i) => clamp(value + share * scale * answer[i], ...by.limits(i)));
      const there = by.put(tried), then = heightAt(there, env);
      tries.push([tried, there, then]);
      return then.largest <= EXPLODED && Math.abs(to - then.value) < Math.abs(gap);
    });
    if (!nearer && !(leaps && tries[0][2].largest <= EXPLODED)) {
      stuck = tries.at(-1)[2].largest <= EXPLODED ? "short" : "exploded";
      break;
    }
    if (!nearer) leaps -= 1;
    [numbers, state, now] = tries.at(nearer ? -1 : 0);
    if (Math.abs(to - now.value) < Math.abs(to - nearest[1].value)) nearest = [state, now];
  }
  [state, now] = nearest;
  return state.cause === "alpha" ? onSlider(begun, stay(stuck), env) : stay(stuck);
}

// α where its slider has a position.
function onSlider(begun, state, env) {
  if (state.alpha === begun.alpha) return state;
  const near = POSITIONS * Math.log10(state.alpha);
  for (const position of [Math.round(near), Math.floor(near)]) {
    const there = { ...state, alpha: Number((10 ** (position / POSITIONS)).toPrecision(6)) };
    if (there.alpha === begun.alpha) break;
    if (heightAt(there, env).largest <= EXPLODED) return there;
  }
  return { ...begun, asked: state.asked, stuck: state.stuck };
}

// --- Moves: laboratory.py ---------------------------------------------------------------------------------------------

export const drag = {
  grab(view, panel, x, y) {
    const { result, tools } = view;
    if (panel !== 0 || result.exploded !== null) return null;
    const curve = result.curves[result.last];
    let nearest = 0, least = Infinity;
    result.x.forEach((at, n) => {
      const away = tools.near(panel, at, curve[n], x, y);
      if (away < least) [nearest, least] = [n, away];
    });
    return least <= tools.reach ? { hand: result.x[nearest], above: curve[nearest] - y } : null;
  },
  pull(view, { hand, above }, panel, x, y) {
    return pull({ ...view.state, hand }, clamp(y + above, -BOUNDS, BOUNDS), view.env);
  },
};

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

export function keys({ state, result, env }, { key, shift }) {
  if (key === "Home") return putBack(state);
  if (!(key in ARROWS)) return null;
  const [across, up] = ARROWS[key].map((part) => part * (shift ? 0.02 : 0.2));
  if (across) return { ...letGo(state), hand: Number(clamp(state.hand + across, ...INPUTS).toFixed(4)) };
  return pull(state, clamp(result.height + up, -BOUNDS, BOUNDS), env);
}

function back({ state, texts }) {
  if (!isMoved(state)) throw new Error(texts.nothing_pulled);
  return putBack(state);
}
export const buttons = [{ label: "back", press: back }];

// --- What is drawn and said: painter.py -------------------------------------------------------------------------------

const LOSSES = [1e-4, 1e2];

function drawCurves(plot, { state, result, styles }) {
  plot.axes({
    x: [-5.15, 5.15], y: [-BOUNDS, BOUNDS], xlabel: "x", ylabel: "y", xticks: [-4, -2, 0, 2, 4],
    yticks: [-6, -4, -2, 0, 2, 4, 6], grid: true,
  });
  const { x, curves, last, free } = result, moved = free ? movedShots(state) : [];
  plot.line(x, result.target, styles.target);
  plot.line(x, curves[0], styles.before);
  for (let step = 1; step < last; step++) plot.line(x, curves[step], styles[`step ${last} ${step}`]);
  if (last) plot.line(x, curves[last], styles.after);
  plot.line(...result.query, styles.query);
  plot.line(...result.support, styles.support);
  if (free) plot.line(x, result.ghost, styles.ghost);
  for (const [which, ...place] of moved) {
    const was = free.support.map((part) => part[which]);
    plot.line([was[0], place[0]], [was[1], place[1]], styles.trace);
    plot.line([was[0]], [was[1]], styles.gone);
  }
  if (result.point !== null) plot.line(...result.support.map((part) => [part[result.point]]), styles.chosen);
  if (result.exploded !== null) return;
  if (state.asked !== null) plot.line([state.hand, state.hand], [result.height, state.asked], styles.asked);
  plot.line([state.hand], [result.height], styles.hand);
}

function drawLosses(plot, { result, texts, styles }) {
  plot.axes({
    x: [-0.4, MAX_STEPS + 0.4], y: LOSSES, log: "y", xlabel: texts.step, ylabel: texts.error,
    xticks: [0, 2, 4, 6, 8, 10], yticks: [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100], grid: true,
  });
  const inside = (loss) => (Number.isNaN(loss) ? LOSSES[1] : clamp(loss, ...LOSSES));
  for (const [losses, style] of [[result.query_loss, "queryLine"], [result.support_loss, "supportLine"]]) {
    plot.line(losses.map((_, step) => step), losses.map(inside), styles[style]);
  }
}

export const panels = [
  { name: "curves", ratio: 0.55, share: 0.64, narrow: 0.68, draw: drawCurves },
  { name: "losses", ratio: 0.98, share: 0.36, narrow: 0.5, draw: drawLosses },
];

export function words(view) {
  const { state, result, texts, tools } = view, { fill, number } = tools;
  const legend = [
    ["target", "target"], ["before", "before"], ["eachStep", "step"], ["after", "after"], ["support", "support"],
    ["query", "query"],
  ].map(([text, mark]) => ({ text: texts[text], mark }));
  // Nothing comes while the curve is pulled: a line more would push the picture away from under the pointer.
  const more = [];
  if (result.exploded === null) more.push("hand");
  more.push("ghost");
  if (state.cause === "point" || movedShots(state).length) more.push("gone");
  if (state.cause === "point") more.push("chosen");
  legend.push(...more.map((name) => ({ text: texts[name], mark: name })));
  const losses = [["supportLoss", result.support_loss, "supportLine"], ["queryLoss", result.query_loss, "queryLine"]]
    .map(([text, values, mark]) => ({ text: fill(texts[text], { value: number(values.at(-1)) }).trimEnd(), mark }));
  return { panels: [{ legend }, { legend: losses }], remark: explosion(view) || pulledInWords(view) };
}

function explosion({ state, result, texts, tools }) {
  if (result.exploded === null) return "";
  const { fill, number } = tools;
  return fill(texts.explosion, {
    alpha: state.alpha, first: number(result.support_loss[0]),
    last: number(round(result.support_loss[result.exploded])), step: result.exploded,
  });
}

function pulledInWords({ state, result, texts, tools }) {
  const { fill, number, signed, point } = tools, { free, curves, last } = result;
  const said = state.stuck ? [texts[`stuck ${state.stuck}`]] : [];
  if (!free) return said.join(" ");
  if (state.shift.length) {
    const share = 100 * result.distance / free.length;
    said.push(fill(texts.theta, { distance: number(result.distance), share }));
  }
  if (state.alpha_before !== null) said.push(fill(texts.alpha, { before: state.alpha_before, now: state.alpha }));
  for (const [which, ...place] of movedShots(state)) {
    const before = point(free.support.map((part) => part[which]));
    said.push(fill(texts.point, { before, now: point(place) }));
  }
  if (free.exploded === null) {
    const moved = curves[last].map((value, n) => value - result.ghost[n]);
    said.push(fill(texts.curve, {
      here: signed(result.height - free.height), x: signed(state.hand),
      low: signed(Math.min(...moved)), high: signed(Math.max(...moved)),
      before: number(free.query_loss.at(-1)), now: number(result.query_loss.at(-1)),
    }));
  }
  return said.join(" ");
}

export function describe({ state, result, texts, tools }) {
  const { fill, number, point } = tools;
  const byStep = result.support_loss.map((loss, step) => (
    `${step}: ${number(round(loss))}, ${number(round(result.query_loss[step]))}`
  )).join(texts.and);
  const held = fill(texts.held, { place: point([state.hand, result.height]) });
  return [
    ...(result.exploded === null ? [held] : []), fill(texts.wave, state), fill(texts.losses, { by_step: byStep }),
  ].join(" ");
}
