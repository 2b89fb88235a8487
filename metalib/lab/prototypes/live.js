// The prototype laboratory in the page: what episode.py computes, what painter.py shows and says, and the moves of
// laboratory.py. A drawing is embedded here as torch does it, in double precision, and kept: it is met again.

const ASPECT = 1.2; // of the window on the plane, width to height
const WINDOW = [[-ASPECT, -1], [ASPECT, -1], [ASPECT, 1], [-ASPECT, 1]]; // its corners, all around
const INK = 784; // pixels of a drawing
const WIDE = 32; // channels of the network
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

// --- what is loaded

export async function prepare(data) {
  const places = {};
  for (const [name, place] of Object.entries(data.places)) {
    places[name] = { ...place, ink: (await inflated(place.ink)).map((level) => data.levels[level]) };
  }
  const networks = Object.entries(data.networks).map(([name, network]) => [name, network && layers(network)]);
  return { places, networks: Object.fromEntries(networks), embedded: new Map(), known: new Map() };
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

async function inflated(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Four blocks of convolution and normalisation, in one: weight[(place in the 3 × 3 window, in, out)] and bias[out].
function layers({ seed, weights }) {
  const random = seed === undefined ? null : mersenne(seed);
  const kept = weights && new Float32Array(bytes(weights).buffer);
  let at = 0;
  return [1, WIDE, WIDE, WIDE].map((channels) => {
    const bound = Math.fround((9 * channels) ** -0.5); // PyTorch's own, and even between
    const take = (count, of) => (kept ? kept.subarray(at, (at += count)) : Float32Array.from({ length: count }, of));
    const drawn = () => ((random() & 0xffffff) / 2 ** 24) * 2 * bound - bound;
    const [filters, offset] = [take(WIDE * channels * 9, drawn), take(WIDE, drawn)];
    const [scale, shift] = [take(WIDE, () => (1 + 1e-5) ** -0.5), take(WIDE, () => 0)]; // batch normalisation
    const weight = new Float64Array(filters.length);
    filters.forEach((value, i) => {
      const [out, channel, window] = [Math.floor(i / 9 / channels), Math.floor(i / 9) % channels, i % 9];
      weight[((out >> 3) * 9 * channels + window * channels + channel) * 8 + (out & 7)] = value * scale[out];
    });
    return { channels, weight, bias: Float64Array.from(offset, (value, out) => value * scale[out] + shift[out]) };
  });
}

// --- random numbers: those of torch's generator on a CPU, MT19937 (Matsumoto and Nishimura 1998)

export function mersenne(seed) {
  const words = new Uint32Array(624);
  words[0] = seed;
  for (let i = 1; i < 624; i++) words[i] = Math.imul(words[i - 1] ^ (words[i - 1] >>> 30), 1812433253) + i;
  let at = 624;
  return () => {
    if (at === 624) {
      for (let i = at = 0; i < 624; i++) {
        const y = (words[i] & 0x80000000) | (words[(i + 1) % 624] & 0x7fffffff);
        words[i] = words[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
    }
    let y = words[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

export function permutation(count, random) { // torch.randperm
  const order = Array.from({ length: count }, (_none, i) => i);
  for (let i = 0; i < count - 1; i++) {
    const other = i + random() % (count - i);
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

// --- an episode: classes [N] and drawings [N][K + Q], numbers of a place's

function deal({ characters, ways, shots, queries, draw }, { places }) {
  const { names, drawings } = places[characters];
  const random = mersenne(draw);
  const classes = permutation(names.length, random).slice(0, ways);
  return classes.map((number) => {
    const order = permutation(drawings, random);
    return { number, drawn: [...order.slice(0, shots), ...order.reverse().slice(0, queries)] };
  });
}

function embed(name, characters, picture, env) {
  const key = `${name}\n${characters}\n${picture}`;
  const known = env.embedded.get(key);
  if (known) return known;
  const ink = env.places[characters].ink.subarray(picture * INK, (picture + 1) * INK);
  let values = Float64Array.from(ink, (level) => Math.fround(level / 255));
  let size = 28;
  for (const layer of env.networks[name] ?? []) {
    values = convolve(values, size, layer);
    size = (size + 1) >> 1;
  }
  env.embedded.set(key, values);
  return values;
}

// Every second place of (size, size, channels), zeros around it; then no value below zero. What is zero already, paper
// and half of all that a layer gives, is left out; the weights are read eight channels at a time.
function convolve(input, size, { channels, weight, bias }) {
  const half = (size + 1) >> 1;
  const output = new Float64Array(half * half * WIDE);
  const ends = new Int32Array(half * half);
  let many = 0;
  for (let place = 0; place < half * half; place++) {
    for (let window = 0; window < 9; window++) {
      const y = 2 * Math.floor(place / half) + Math.floor(window / 3) - 1;
      const x = 2 * (place % half) + window % 3 - 1;
      if (x < 0 || y < 0 || x >= size || y >= size) continue;
      const from = (y * size + x) * channels;
      for (let channel = 0; channel < channels; channel++) {
        const value = input[from + channel];
        if (value !== 0) {
          values[many] = value;
          places[many++] = (window * channels + channel) * 8;
        }
      }
    }
    ends[place] = many;
  }
  for (let block = 0; block < WIDE; block += 8) {
    const start = block * 9 * channels;
    for (let place = 0, i = 0; place < half * half; place++) {
      let a = bias[block], b = bias[block + 1], c = bias[block + 2], d = bias[block + 3];
      let e = bias[block + 4], f = bias[block + 5], g = bias[block + 6], h = bias[block + 7];
      for (; i < ends[place]; i++) {
        const value = values[i];
        const at = start + places[i];
        a += value * weight[at];
        b += value * weight[at + 1];
        c += value * weight[at + 2];
        d += value * weight[at + 3];
        e += value * weight[at + 4];
        f += value * weight[at + 5];
        g += value * weight[at + 6];
        h += value * weight[at + 7];
      }
      const to = place * WIDE + block;
      output[to] = a > 0 ? a : 0;
      output[to + 1] = b > 0 ? b : 0;
      output[to + 2] = c > 0 ? c : 0;
      output[to + 3] = d > 0 ? d : 0;
      output[to + 4] = e > 0 ? e : 0;
      output[to + 5] = f > 0 ? f : 0;
      output[to + 6] = g > 0 ? g : 0;
      output[to + 7] = h > 0 ? h : 0;
    }
  }
  return output;
}
const values = new Float64Array(14 * 14 * 9 * WIDE); // what is not zero, and where its weights are
const places = new Int32Array(14 * 14 * 9 * WIDE);

// --- the plane of greatest variance, and what is near to what

const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const blank = (length) => new Float64Array(length);
const add = (to, factor, what) => {
  for (let i = 0; i < to.length; i++) to[i] += factor * what[i];
  return to;
};
const mean = (rows) => rows.reduce((sum, row) => add(sum, 1 / rows.length, row), blank(rows[0].length));
const first = (values) => values.indexOf(Math.min(...values));

const DISTANCES = {
  squared_euclidean: (a, b) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
    return sum;
  },
  euclidean: (a, b) => Math.sqrt(DISTANCES.squared_euclidean(a, b)),
  cosine: (a, b) => 1 - dot(a, b) / (Math.max(Math.sqrt(dot(a, a)), 1e-12) * Math.max(Math.sqrt(dot(b, b)), 1e-12)),
};

function layPlane(points, towards) {
  const middle = mean(points);
  const spread = points.map((point) => add(Float64Array.from(point), -1, middle));
  const gram = spread.map(() => blank(points.length)); // of the points: they are fewer than 200
  spread.forEach((one, i) => {
    for (let j = 0; j <= i; j++) gram[i][j] = gram[j][i] = dot(one, spread[j]);
  });
  const total = gram.reduce((sum, row, i) => sum + row[i], 0);
  const one = largest(gram, total, []);
  const two = largest(gram, total, [one.vector]);
  const least = 1e-12 * one.value + 1e-300; // there may be less than two directions
  const axes = [one, two].map(({ value, vector }) => {
    const axis = spread.reduce((sum, row, i) => add(sum, vector[i], row), blank(middle.length));
    const side = dot(axis, towards) - dot(axis, middle) < 0 ? -1 : 1;
    return axis.map((part) => side * part / Math.sqrt(Math.max(value, least)));
  });
  const flat = axes.map((axis) => spread.map((row) => dot(row, axis)));
  const [low, high] = [flat.map((along) => Math.min(...along)), flat.map((along) => Math.max(...along))];
  const unit = 0.58 * Math.max((high[0] - low[0]) / ASPECT, high[1] - low[1], 1e-6); // with some air around
  const centre = axes.reduce((sum, axis, i) => add(sum, (low[i] + high[i]) / 2, axis), middle.slice());
  const share = total ? (dot(flat[0], flat[0]) + dot(flat[1], flat[1])) / total : 1;
  return { centre, axes, unit, share, project: projection(centre, axes, unit) };
}

function projection(centre, axes, unit) {
  const zero = axes.map((axis) => dot(axis, centre));
  return (point) => axes.map((axis, i) => (dot(axis, point) - zero[i]) / unit);
}

// The largest eigenvalue of a symmetric matrix with no negative one, and its vector, among all vectors that are
// orthogonal to `others`: Lanczos 1950, each new vector made orthogonal to all before, twice.
export function largest(matrix, total, others) {
  const size = matrix.length;
  const [basis, diagonal, beside] = [[], [], []];
  const rid = (vector) => {
    for (const one of [...others, ...basis, ...others, ...basis]) add(vector, -dot(one, vector), one);
    return vector;
  };
  let next = rid(Float64Array.from(matrix, (_row, i) => Math.sin(1 + i * i)));
  let length = Math.sqrt(dot(next, next));
  let top = { value: 0, vector: [1] };
  while (basis.length < size - others.length && length > 0) {
    const last = next.map((part) => part / length);
    basis.push(last);
    next = Float64Array.from(matrix, (row) => dot(row, last));
    diagonal.push(dot(next, last));
    length = Math.sqrt(dot(rid(next), next));
    top = largestOfThree(diagonal, beside);
    if (length * Math.abs(top.vector.at(-1)) <= 1e-13 * top.value || length <= 1e-15 * total) break;
    beside.push(length);
  }
  const vector = basis.reduce((sum, one, i) => add(sum, top.vector[i], one), blank(size));
  return { value: Math.max(top.value, 0), vector };
}

// The same of a matrix with three diagonals: the eigenvalue by bisection, the vector from both ends at once.
function largestOfThree(diagonal, beside) {
  const size = diagonal.length;
  const bound = (i) => diagonal[i] + Math.abs(beside[i - 1] ?? 0) + (i < size - 1 ? Math.abs(beside[i]) : 0);
  let low = Math.max(...diagonal);
  let high = Math.max(...diagonal.map((_value, i) => bound(i))) * (1 + 1e-12) + 1e-300;
  const down = (at) => { // the pivots of at · 1 − matrix: all above zero where `at` is larger than all eigenvalues
    const pivots = [at - diagonal[0]];
    for (let i = 1; i < size && pivots[i - 1] > 0; i++) pivots.push(at - diagonal[i] - beside[i - 1] ** 2 / pivots[i - 1]);
    return pivots;
  };
  for (let turn = 0; turn < 60 && high - low > 1e-16 * high; turn++) {
    const middle = (low + high) / 2;
    if (down(middle).every((pivot) => pivot > 0) && down(middle).length === size) high = middle;
    else low = middle;
  }
  const fore = down(high);
  const back = [high - diagonal[size - 1]];
  for (let i = size - 2; i >= 0; i--) back.unshift(high - diagonal[i] - beside[i] ** 2 / back[0]);
  const misfit = fore.map((pivot, i) => Math.abs(pivot + back[i] - (high - diagonal[i])));
  const start = first(misfit);
  const vector = blank(size);
  vector[start] = 1;
  for (let i = start; i > 0; i--) vector[i - 1] = beside[i - 1] * vector[i] / fore[i - 1];
  for (let i = start; i < size - 1; i++) vector[i + 1] = beside[i] * vector[i] / back[i + 1];
  const norm = Math.sqrt(dot(vector, vector));
  return { value: high, vector: vector.map((part) => part / norm) };
}

// The part of the window where each prototype is the nearest: one is before another on one side of a line.
function regions({ centre, axes, unit }, prototypes, distance) {
  const lines = prototypes.map((prototype) => {
    const square = dot(prototype, prototype);
    const [factor, bias] = distance === "cosine" ? [1 / Math.max(Math.sqrt(square), 1e-12), 0] : [2, -square];
    return {
      slope: axes.map((axis) => unit * factor * dot(prototype, axis)), height: factor * dot(prototype, centre) + bias,
    };
  });
  return lines.map(({ slope, height }) => lines.reduce((corners, other) =>
    cut(corners, [slope[0] - other.slope[0], slope[1] - other.slope[1]], height - other.height), WINDOW));
}

// The part of a convex polygon where slope · t + constant ≥ 0 (Sutherland and Hodgman 1974).
function cut(corners, slope, constant) {
  const heights = corners.map(([x, y]) => x * slope[0] + y * slope[1] + constant);
  return corners.flatMap((here, i) => {
    const [there, a, b] = [corners[(i + 1) % corners.length], heights[i], heights[(i + 1) % corners.length]];
    const kept = a >= 0 ? [here] : [];
    if ((a >= 0) !== (b >= 0)) kept.push(here.map((part, axis) => part + (there[axis] - part) * (a / (a - b))));
    return kept;
  });
}

// --- all of it

// The newest sixteen are kept: pointing, and another distance, need no new pass through the network.
function kept(env, key, make) {
  if (!env.known.has(key)) {
    env.known.set(key, make());
    if (env.known.size > 16) env.known.delete(env.known.keys().next().value);
  }
  return env.known.get(key);
}

const named = ({ embedding, characters, ways, shots, queries, draw }) =>
  [embedding, characters, ways, shots, queries, draw].join("\n");

export function compute(state, env) {
  const episode = kept(env, named(state), () => embeddedEpisode(state, env));
  return kept(env, `${named(state)}\n${state.distance}`, () => judge(episode, state.shots, state.distance));
}

// Work ahead, a drawing at a time: this episode's classes and the next one's, in every embedding.
export function idle(state, env) {
  if (env.ahead?.key !== named(state)) env.ahead = { key: named(state), list: worthKnowing(state, env) };
  for (let one; (one = env.ahead.list.shift());) {
    const before = env.embedded.size;
    embed(...one, env);
    if (env.embedded.size > before) return true;
  }
  return false;
}

function worthKnowing(state, env) {
  const { embedding, characters, draw } = state;
  const { drawings } = env.places[characters];
  const episodes = [draw, draw + 1].map((number) => deal({ ...state, draw: number, shots: drawings, queries: 0 }, env));
  const names = [embedding, ...Object.keys(env.networks).filter((name) => name !== embedding)];
  return names.flatMap((name) => episodes.flat().flatMap(({ number, drawn }) =>
    drawn.map((drawing) => [name, characters, number * drawings + drawing])));
}

function embeddedEpisode(state, env) {
  const { names, drawings, ink } = env.places[state.characters];
  const dealt = deal(state, env);
  const numbers = dealt.map(({ number, drawn }) => drawn.map((one) => number * drawings + one));
  const embedded = numbers.map((row) => row.map((one) => embed(state.embedding, state.characters, one, env)));
  const prototypes = embedded.map((row) => mean(row.slice(0, state.shots)));
  return {
    names: dealt.map(({ number }) => names[number]),
    drawings: numbers.map((row) => row.map((one) => ink.subarray(one * INK, (one + 1) * INK))),
    embedded, prototypes, plane: layPlane(embedded.flat(), prototypes[0]),
  };
}

function judge({ names, drawings, embedded, prototypes, plane }, shots, distance) {
  const measure = (point) => prototypes.map((prototype) => DISTANCES[distance](point, prototype));
  const distances = embedded.map((row) => row.map(measure));
  const answers = distances.map((row) => row.slice(shots).map(first));
  const places = prototypes.map(plane.project);
  const below = ([x, y]) => add(add(plane.centre.slice(), plane.unit * x, plane.axes[0]), plane.unit * y, plane.axes[1]);
  return {
    names, drawings, distances, answers, prototypes: places,
    examples: embedded.map((row) => row.map(plane.project)),
    regions: regions(plane, prototypes, distance),
    stands_in: places.map((place) => first(measure(below(place)))),
    share: plane.share, dimensions: plane.centre.length,
    misjudged: answers.flatMap((row, way) => row.flatMap((answer, query) => (answer === way ? [] : [[way, query]]))),
    confusion: answers.map((row) => names.map((_name, way) => row.filter((answer) => answer === way).length)),
  };
}

// --- the picture

export const panels = [
  { name: "plane", ratio: 1 / ASPECT, share: 0.54, draw: drawPlane },
  { name: "drawings", ratio: 0.54 / 0.46 / ASPECT, narrow: 1.06, share: 0.46, draw: drawDrawings },
];
const GREY = "#767676", BLACK = "#000000";

// Class and number of the example that is pointed at, support first; brought back inside where there are no longer
// so many.
function pointed({ selected, ways, shots, queries }) {
  const inside = (value, low, high) => Math.min(Math.max(value, low), high);
  return [inside(selected[0], 0, ways - 1), shots + inside(selected[1], -shots, queries - 1)];
}

const columns = (places) => [places.map(([x]) => x), places.map(([_x, y]) => y)];

// What does not depend on the example pointed at is drawn once.
const episodeOf = (state) => [named(state), state.distance];

function drawPlane(plot, { state, result, styles }) {
  const window = { x: [-ASPECT, ASPECT], y: [-1, 1], frame: false };
  const { examples, prototypes } = result;
  const [here, number] = pointed(state);
  plot.still(["below", episodeOf(state)], () => {
    plot.axes(window);
    result.regions.forEach((corners, way) => {
      if (corners.length > 2) plot.polygon(corners, { fill: styles[`region ${way}`].color, stroke: GREY, width: 1 });
    });
    const [queries, supports] = [(own) => own.slice(state.shots), (own) => own.slice(0, state.shots)];
    examples.forEach((own, way) => {
      for (const one of supports(own)) plot.line(...columns([one, prototypes[way]]), styles.ties);
    });
    examples.forEach((own, way) => plot.line(...columns(queries(own)), styles[`query ${way}`]));
    examples.forEach((own, way) => plot.line(...columns(supports(own)), styles[`support ${way}`]));
    const missed = result.misjudged.map(([way, query]) => examples[way][state.shots + query]);
    plot.line(...columns(missed), styles.misjudged);
  });
  const nearest = prototypes[first(result.distances[here][number])];
  plot.line(...columns([examples[here][number], nearest]), styles.tie);
  plot.still(["prototypes", episodeOf(state)], () => {
    plot.axes(window);
    prototypes.forEach((place, way) => {
      plot.line(...columns([place]), styles[`prototype ${way}`]);
      digit(plot, place, way + 1, "#ffffff");
    });
    plot.polygon(WINDOW, { stroke: GREY, width: 1.6 });
  });
  plot.line(...columns([examples[here][number]]), styles.ring);
}

const digit = (plot, [x, y], number, color) =>
  plot.text(x, y, String(number), { color, align: "center", size: 13 * plot.unit });

// Where things lie in the second panel, in CSS pixels: above the drawings class by class, below three squares.
function laidOut({ width, height }, state) {
  const [left, gap, above] = [40, 10, 0.5 * height];
  const size = Math.min((width - left - gap - 2) / (state.shots + state.queries), above / state.ways, 62);
  const across = (number) => left + number * size + (number >= state.shots ? gap : 0);
  const top = above + 32; // of the squares, below their names
  const big = Math.min(height - top - 22, 0.35 * width);
  return { size, across, top, big, matrix: width - big - 2, bars: big + 14 };
}

function drawDrawings(plot, { state, result, styles, texts }) {
  const { width, height } = plot;
  const { shots, queries, ways } = state;
  const { size, across, top, big, matrix, bars } = laidOut(plot, state);
  const [here, number] = pointed(state);
  const each = big / ways; // of a class, below
  const color = (way) => styles[`mark ${way}`].color;

  plot.still(["drawings", episodeOf(state), texts.pointed], () => {
    plot.axes({ x: [0, width], y: [height, 0], frame: false });
    const [support, query] = sheets(result, shots);
    plot.tile(support, 30 * shots, 30 * ways, across(0), 0, across(0) + shots * size, ways * size);
    plot.tile(query, 30 * queries, 30 * ways, across(shots), 0, across(shots) + queries * size, ways * size);
    result.names.forEach((_name, way) => {
      digit(plot, [10, (way + 0.5) * size], way + 1, color(way));
      plot.line([28], [(way + 0.5) * size], styles[`mark ${way}`]);
      digit(plot, [bars + 7, top + (way + 0.5) * each], way + 1, color(way));
    });
    const crossed = result.misjudged.map(([way, n]) => [across(shots + n) + size / 2, (way + 0.5) * size]);
    plot.line(...columns(crossed), styles.crossed);
    result.confusion.forEach((row, way) => row.forEach((count, answer) => {
      const grey = Math.round(255 - 110 * count / queries);
      plot.rects([[matrix + answer * each, top + way * each, each, each]], { fill: `rgb(${grey}, ${grey}, ${grey})` });
      if (count) digit(plot, [matrix + (answer + 0.5) * each, top + (way + 0.5) * each], count, BLACK);
    }));
    plot.rects([[matrix, top, big, big]], { stroke: GREY, width: 1 });
    plot.text(1, top - 12, texts.pointed);
    plot.text(bars, top - 12, texts.distances);
    plot.text(matrix, top - 12, texts.confusion);
    plot.text(matrix + big, top + big + 12, texts.rows, { align: "right" });
  });
  plot.rects([[across(number), here * size, size, size]], { stroke: BLACK, width: 3, clip: false });
  plot.tile(result.drawings[here][number], 28, 28, 1, top, 1 + big, top + big);
  plot.rects([[1, top, big, big]], { stroke: "#d9d9d9", width: 1 });
  const distances = result.distances[here][number];
  const room = (matrix - bars - 30) / Math.max(...distances, 1e-12);
  distances.forEach((distance, way) => {
    plot.rects([[bars + 18, top + (way + 0.14) * each, 1 + room * distance, 0.72 * each]], { fill: color(way) });
  });
}

// The drawings as two pictures, support and queries, a grey line around each drawing; made once for an episode.
const sheetsOf = new WeakMap();
function sheets({ drawings }, shots) {
  if (!sheetsOf.has(drawings)) {
    const parts = [drawings.map((row) => row.slice(0, shots)), drawings.map((row) => row.slice(shots))];
    sheetsOf.set(drawings, parts.map((rows) => {
      const wide = 30 * rows[0].length;
      const sheet = new Uint8Array(30 * rows.length * wide).fill(30);
      rows.forEach((row, r) => row.forEach((ink, c) => {
        for (let y = 0; y < 28; y++) sheet.set(ink.subarray(28 * y, 28 * y + 28), (30 * r + y + 1) * wide + 30 * c + 1);
      }));
      return sheet;
    }));
  }
  return sheetsOf.get(drawings);
}

// --- what it says

export function words({ state, result, texts, tools: { fill } }) {
  const asked = state.ways * state.queries;
  const right = asked - result.misjudged.length;
  const score = fill(texts.score, { embedding: texts[state.embedding], right, asked, share: 100 * right / asked });
  const share = fill(texts.share, { share: 100 * result.share, dimensions: result.dimensions });
  const legend = ["prototype", "support", "query", "misjudged"].map((key) => ({ text: texts[key], mark: key }));
  const [way, number] = pointed(state);
  const nearest = first(result.distances[way][number]);
  const asks = number >= state.shots;
  const here = fill(asks ? texts.atQuery : texts.atSupport, {
    n: (asks ? number - state.shots : number) + 1, way: way + 1, answer: nearest + 1, mark: nearest === way ? "✓" : "✗",
  });
  const said = [texts.plane];
  const abroad = result.stands_in.findIndex((region, one) => region !== one);
  if (abroad >= 0) said.push(fill(texts.abroad, { way: abroad + 1, region: result.stands_in[abroad] + 1 }));
  if (state.distance === "euclidean") said.push(texts.root);
  return {
    panels: [
      { title: score, legend, note: share },
      { title: fill(texts.episode, { ways: state.ways, shots: state.shots }), note: here },
    ],
    remark: [...said, texts.how].join(" "),
  };
}

export function describe({ state, result, texts, tools: { fill, number } }) {
  const missed = result.misjudged.map(([way, query]) =>
    fill(texts.goes, { n: query + 1, way: way + 1, answer: result.answers[way][query] + 1 }));
  const [here, one] = pointed(state);
  return fill(texts.describe, {
    classes: result.names.map((name, n) => `${n + 1}: ${name}`).join(", "),
    missed: missed.join(texts.and) || texts.none,
    distances: result.distances[here][one].map((distance, n) => `${n + 1}: ${number(distance)}`).join(", "),
  });
}

// --- the learner's moves

export const hover = true;

const select = (state, way, number) => {
  const [here, there] = state.selected;
  const column = number - state.shots;
  return here === way && there === column ? null : { ...state, selected: [way, column] };
};

export function touch({ state, result, tools }, panel, x, y) {
  if (panel === 0) {
    const away = result.examples.map((row) => row.map((place) => Math.hypot(place[0] - x, place[1] - y)));
    const way = first(away.map((row) => Math.min(...row)));
    const number = first(away[way]);
    return away[way][number] < 0.15 ? select(state, way, number) : null;
  }
  const { size, across } = laidOut(tools.size(panel), state);
  const way = Math.floor(y / size);
  for (let number = 0; number < state.shots + state.queries; number++) {
    const on = across(number) <= x && x < across(number) + size;
    if (on && way >= 0 && way < state.ways) return select(state, way, number);
  }
  return null;
}

export function keys({ state, result: { misjudged } }, { key }) {
  const [way, number] = pointed(state);
  const behind = ([w, q]) => w - way || q - (number - state.shots); // above zero: after the one pointed at
  let here = [way, number - state.shots];
  if (key in ARROWS) {
    const [along, up] = ARROWS[key];
    const [each, ways] = [state.shots + state.queries, state.ways];
    here = [(way - up + ways) % ways, (number + along + each) % each - state.shots];
  } else if (key === "Home") here = [0, 0];
  else if (key === "End") here = [state.ways - 1, state.queries - 1];
  else if (key === "PageDown" && misjudged.length) here = misjudged.find((one) => behind(one) > 0) ?? misjudged[0];
  else if (key === "PageUp" && misjudged.length) here = misjudged.findLast((one) => behind(one) < 0) ?? misjudged.at(-1);
  else if (key === "Enter" || key === " ") return { ...state, draw: state.draw + 1 };
  return { ...state, selected: here };
}

export const buttons = [ // for a finger, which has no Page Down
  { label: "before", press: (view) => keys(view, { key: "PageUp" }) },
  { label: "after", press: (view) => keys(view, { key: "PageDown" }) },
];
