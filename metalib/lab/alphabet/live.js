// The alphabet laboratory in a page: drawings, ProtoNet's network and the nearest pixels, and what a learner does.
// See laboratory.py, moves.py, answers.py and painter.py, whose names and numbers these are.

const QUERY = 0, CLASSES = 10, EXAMPLES = 5; // beside the classes 1 … 10 what is drawn can be for the query
const SIZE = 28, CANVAS = 105, PEN = 5, EXTENT = 69 - PEN, DOT = 0.02;
const CENTRE = [CANVAS / 2 - 1, CANVAS / 2 - 1.5];

// --- What is sent once: weights, and the drawings that can be picked.
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const floats = (base64) => Float64Array.from(new Float32Array(bytes(base64).buffer));
const parameters = (layer) => Object.fromEntries(Object.entries(layer).map(([name, text]) => [name, floats(text)]));

export function prepare({ images, protonet, maml, alpha, epsilon }) {
  return {
    images: { ...images, bytes: bytes(images.bytes) },
    layers: protonet.map((layer) => folded(layer, epsilon)),
    maml: maml.map(parameters),
    alpha, epsilon,
    seen: new WeakMap(), // drawing -> its pixels and its embedding: a support set is embedded once
    adapted: new WeakMap(), // examples -> MAML's parameters after 0, 1, 2 … inner steps
    coefficients: lanczos(CANVAS, SIZE),
  };
}

// Batch normalisation with running statistics multiplies each channel and adds to it: so can the convolution before.
function folded({ weight, bias, gain, shift, mean, variance }, epsilon) {
  const [w, b, g, s, m, v] = [weight, bias, gain, shift, mean, variance].map(floats);
  const outputs = b.length, inputs = w.length / 9 / outputs, scale = v.map((x, o) => g[o] / Math.sqrt(x + epsilon));
  return {
    inputs, outputs,
    weights: w.map((x, i) => x * scale[Math.floor(i / (9 * inputs))]),
    offsets: b.map((x, o) => (x - m[o]) * scale[o] + s[o]),
  };
}

// --- Strokes to 28 x 28 pixels: metalib.data.drawings, to the bit.
function even(x) { // the nearest whole number, of two the even one
  const low = Math.floor(x), over = x - low;
  return over > 0.5 || (over === 0.5 && low % 2 !== 0) ? low + 1 : low;
}
export const rounded = (strokes) => strokes.filter((stroke) => stroke.length)
  .map((stroke) => stroke.map(([x, y]) => [even(x * 1e4) / 1e4, even(y * 1e4) / 1e4]));

export function rasterise(strokes, coefficients = lanczos(CANVAS, SIZE)) {
  return shrunk(inked(travelled(strokes)), coefficients);
}

function travelled(strokes) { // the pen's way on the canvas, a point every quarter of a pixel
  let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  for (const point of strokes.flat()) {
    low = low.map((v, i) => Math.min(v, point[i]));
    high = high.map((v, i) => Math.max(v, point[i]));
  }
  const across = Math.max(high[0] - low[0], high[1] - low[1]), scale = across > DOT ? EXTENT / across : 0;
  const fitted = (point) => point.map((v, i) => (v - (low[i] + high[i]) / 2) * scale + CENTRE[i]);
  const way = [];
  for (const stroke of strokes) {
    let [x, y] = fitted(stroke[0]);
    way.push([x, y]);
    for (const point of stroke.slice(1)) {
      const [right, down] = fitted(point), dx = right - x, dy = down - y;
      const count = Math.ceil(4 * Math.sqrt(dx * dx + dy * dy));
      for (let i = 1; i <= count; i++) way.push([x + (i / count) * dx, y + (i / count) * dy]);
      [x, y] = [right, down];
    }
  }
  return way;
}

function inked(way) { // what the round pen blackens: 21 pixels about each point
  const ink = new Uint8Array(CANVAS * CANVAS), reach = PEN >> 1;
  for (const [x, y] of way) {
    const column = Math.floor(even(x * 1e6) / 1e6), row = Math.floor(even(y * 1e6) / 1e6);
    if (row < 0 || row >= CANVAS || column < 0 || column >= CANVAS) continue;
    for (let down = -reach; down <= reach; down++) {
      for (let right = -reach; right <= reach; right++) {
        const r = row + down, c = column + right;
        if (down * down + right * right > (PEN / 2) ** 2 || r < 0 || r >= CANVAS || c < 0 || c >= CANVAS) continue;
        ink[r * CANVAS + c] = 255;
      }
    }
  }
  return ink;
}

// Pillow's LANCZOS filter on bytes: first along the rows, then along the columns, in whole numbers of 22 bits.
const BITS = 2 ** 22;
function lanczos(from, to) {
  const scale = from / to, support = 3 * scale;
  const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: last - first }, (_, j) => {
      const x = (j + first - centre + 0.5) / scale;
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
    });
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => Math.trunc((w / sum) * BITS + (w < 0 ? -0.5 : 0.5))) };
  });
}
function shrunk(ink, coefficients) {
  const rows = new Uint8ClampedArray(CANVAS * SIZE), picture = new Uint8Array(SIZE * SIZE);
  coefficients.forEach(({ first, weights }, column) => {
    for (let row = 0; row < CANVAS; row++) {
      let sum = BITS / 2;
      for (let i = 0; i < weights.length; i++) sum += (255 - ink[row * CANVAS + first + i]) * weights[i];
      rows[row * SIZE + column] = Math.floor(sum / BITS);
    }
  });
  coefficients.forEach(({ first, weights }, row) => {
    for (let column = 0; column < SIZE; column++) {
      let sum = BITS / 2;
      for (let i = 0; i < weights.length; i++) sum += rows[(first + i) * SIZE + column] * weights[i];
      picture[row * SIZE + column] = 255 - Math.min(255, Math.max(0, Math.floor(sum / BITS)));
    }
  });
  return picture;
}

// --- Conv4: four times 3 x 3 convolution, normalisation, ReLU and the largest of 2 x 2. Sums are in float64.
export function embed(picture, layers) { // with the normalisation folded in
  let side = SIZE, input = framed(Float64Array.from(picture, (x) => x / 255), side);
  for (const { inputs, outputs, weights, offsets } of layers) {
    const half = side >> 1, area = (side + 2) ** 2, sum = new Float64Array(side * side);
    const pooled = new Float64Array(outputs * half * half);
    for (let o = 0; o < outputs; o++) {
      sum.fill(offsets[o]);
      for (let c = 0; c < inputs; c++) convolve(sum, 0, input, c * area, weights, (o * inputs + c) * 9, side);
      for (let to = o * half * half, y = 0; y < half; y++) {
        for (let x = 0, at = 2 * y * side; x < half; x++, at += 2) {
          pooled[to++] = Math.max(0, sum[at], sum[at + 1], sum[at + side], sum[at + side + 1]);
        }
      }
    }
    side = half;
    input = side > 1 ? framed(pooled, side) : pooled;
  }
  return input;
}
function framed(planes, side) { // each with the zeros around it that a convolution sees
  const wide = side + 2, made = new Float64Array((planes.length / side / side) * wide * wide);
  for (let row = 0; row * side < planes.length; row++) {
    const to = (Math.floor(row / side) * wide + (row % side) + 1) * wide + 1;
    for (let x = 0; x < side; x++) made[to + x] = planes[row * side + x];
  }
  return made;
}
function convolve(sum, start, input, from, weights, w, side) {
  const a = weights[w], b = weights[w + 1], c = weights[w + 2], d = weights[w + 3], e = weights[w + 4];
  const f = weights[w + 5], g = weights[w + 6], h = weights[w + 7], k = weights[w + 8], wide = side + 2;
  for (let y = 0, to = start; y < side; y++) {
    let one = from + y * wide, two = one + wide, three = two + wide;
    let p = input[one++], q = input[one++], s = input[two++], t = input[two++], u = input[three++], v = input[three++];
    for (const end = to + side; to < end; to++) {
      const r = input[one++], x = input[two++], z = input[three++];
      sum[to] += a * p + b * q + c * r + d * s + e * t + f * x + g * u + h * v + k * z;
      p = q; q = r; s = t; t = x; u = v; v = z;
    }
  }
}

// --- MAML: Conv4 that is normalised with the batch at hand, a linear head, and gradient steps on all of it.
// Planes lie channel by channel, and in a channel picture by picture.
export function forward(parameters, pictures, epsilon) {
  const count = pictures.length, blocks = [], head = parameters.at(-1);
  let side = SIZE, inputs = 1, planes = new Float64Array(count * SIZE * SIZE);
  pictures.forEach((picture, n) => picture.forEach((x, i) => { planes[n * SIZE * SIZE + i] = x / 255; }));
  for (const { weight, bias, gain, shift } of parameters.slice(0, -1)) {
    const outputs = bias.length, area = side * side, wide = (side + 2) ** 2, half = side >> 1, size = count * area;
    const input = framed(planes, side), normal = new Float64Array(outputs * size), inverse = new Float64Array(outputs);
    const pooled = new Float64Array(outputs * count * half * half), from = new Int32Array(pooled.length);
    for (let o = 0; o < outputs; o++) {
      const own = normal.subarray(o * size, (o + 1) * size).fill(bias[o]);
      for (let n = 0; n < count; n++) {
        for (let c = 0; c < inputs; c++) {
          convolve(own, n * area, input, (c * count + n) * wide, weight, (o * inputs + c) * 9, side);
        }
      }
      let mean = 0, variance = 0;
      for (let i = 0; i < size; i++) mean += own[i];
      mean /= size;
      for (let i = 0; i < size; i++) variance += (own[i] - mean) ** 2;
      inverse[o] = 1 / Math.sqrt(variance / size + epsilon);
      for (let i = 0; i < size; i++) own[i] = (own[i] - mean) * inverse[o];
      for (let to = o * count * half * half, row = 0; row < count * half; row++) {
        const start = o * size + Math.floor(row / half) * area + 2 * (row % half) * side;
        for (let x = 0, at = start; x < half; x++, at += 2, to++) {
          const sign = gain[o] < 0 ? -1 : 1, under = at + side;
          let best = at;
          if (sign * normal[at + 1] > sign * normal[best]) best = at + 1;
          if (sign * normal[under] > sign * normal[best]) best = under;
          if (sign * normal[under + 1] > sign * normal[best]) best = under + 1;
          pooled[to] = Math.max(0, gain[o] * normal[best] + shift[o]);
          from[to] = pooled[to] > 0 ? best : -1; // where the gradient goes back to
        }
      }
    }
    blocks.push({ input, normal, inverse, from, side, inputs, outputs });
    [planes, side, inputs] = [pooled, half, outputs];
  }
  const logits = pictures.map((_, n) => Float64Array.from(head.bias, (b, way) => {
    let sum = b;
    for (let i = 0; i < inputs; i++) sum += head.weight[way * inputs + i] * planes[i * count + n];
    return sum;
  }));
  return { logits, blocks, features: planes, count };
}

/** The parameters after one gradient step on the mean cross entropy of pictures with labels 0 … ways - 1. */
export function step(parameters, pictures, labels, alpha, epsilon) {
  const { logits, blocks, features, count } = forward(parameters, pictures, epsilon);
  const { weight, bias } = parameters.at(-1);
  const down = (values, gradient) => values.map((v, i) => v - alpha * gradient[i]);
  const ways = bias.length, long = features.length / count, moved = [];
  let above = new Float64Array(features.length); // the gradient of what a block hands on
  const gradient = { weight: new Float64Array(weight.length), bias: new Float64Array(ways) };
  logits.forEach((one, n) => softmax([...one]).forEach((p, way) => {
    const error = (p - (way === labels[n] ? 1 : 0)) / count;
    gradient.bias[way] += error;
    for (let i = 0; i < long; i++) {
      gradient.weight[way * long + i] += error * features[i * count + n];
      above[i * count + n] += error * weight[way * long + i];
    }
  }));
  moved.push({ weight: down(weight, gradient.weight), bias: down(bias, gradient.bias) });
  for (let number = blocks.length - 1; number >= 0; number--) {
    const own = parameters[number], { input, ...back } = backward(blocks[number], own, above, count, number > 0);
    moved.unshift(Object.fromEntries(Object.keys(back).map((name) => [name, down(own[name], back[name])])));
    above = input;
  }
  return moved;
}
function backward({ input, normal, inverse, from, side, inputs, outputs }, { weight, gain }, above, count, further) {
  const area = side * side, size = count * area, wide = side + 2, part = from.length / outputs;
  const zeros = (long) => new Float64Array(long);
  const gradient = { weight: zeros(weight.length), bias: zeros(outputs), gain: zeros(outputs), shift: zeros(outputs) };
  const before = new Float64Array(outputs * size); // of what the convolution gives
  for (let o = 0; o < outputs; o++) {
    for (let i = o * part; i < (o + 1) * part; i++) {
      if (from[i] < 0) continue;
      before[from[i]] = above[i];
      gradient.shift[o] += above[i];
      gradient.gain[o] += above[i] * normal[from[i]];
    }
    const shift = gradient.shift[o] / size, slope = gradient.gain[o] / size, factor = gain[o] * inverse[o];
    for (let i = o * size; i < (o + 1) * size; i++) {
      before[i] = factor * (before[i] - shift - slope * normal[i]);
      gradient.bias[o] += before[i];
    }
    for (let c = 0; c < inputs; c++) {
      const w = (o * inputs + c) * 9;
      for (let n = 0; n < count; n++) {
        correlate(gradient.weight, w, before, o * size + n * area, input, (c * count + n) * wide * wide, side);
      }
    }
  }
  if (further) { // the same convolution, with each kernel turned round
    const padded = framed(before, side), turned = new Float64Array(9);
    gradient.input = new Float64Array(inputs * size);
    for (let c = 0; c < inputs; c++) {
      for (let o = 0; o < outputs; o++) {
        for (let i = 0; i < 9; i++) turned[i] = weight[(o * inputs + c) * 9 + 8 - i];
        for (let n = 0; n < count; n++) {
          convolve(gradient.input, c * size + n * area, padded, (o * count + n) * wide * wide, turned, 0, side);
        }
      }
    }
  }
  return gradient;
}
function correlate(sums, w, gradient, start, input, from, side) {
  let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, k = 0;
  const wide = side + 2;
  for (let y = 0; y < side; y++) {
    for (let x = 0, of = start + y * side, at = from + y * wide; x < side; x++, of++, at++) {
      const by = gradient[of], under = at + wide, last = under + wide;
      a += by * input[at]; b += by * input[at + 1]; c += by * input[at + 2];
      d += by * input[under]; e += by * input[under + 1]; f += by * input[under + 2];
      g += by * input[last]; h += by * input[last + 1]; k += by * input[last + 2];
    }
  }
  [a, b, c, d, e, f, g, h, k].forEach((sum, i) => { sums[w + i] += sum; });
}

// --- The state and what follows from it.
const classes = ({ examples }) => [...new Set(examples.map(([label]) => label))].sort((a, b) => a - b);
const ofClass = ({ examples }, label) => examples.filter(([one]) => one === label).map(([, drawing]) => drawing);
const first = ({ examples }, label) => examples.filter(([one]) => one < label).length;
const rowsOf = ({ alphabet: { examples }, target }) =>
  classes({ examples: target === QUERY ? examples : [...examples, [target]] });
const drawn = (strokes) => (strokes.length ? { strokes: rounded(strokes), image: null, source: "" } : null);

function seen(drawing, env) {
  if (!env.seen.has(drawing)) {
    const { strokes, image } = drawing, area = SIZE * SIZE;
    const pixels = image === null ? rasterise(strokes, env.coefficients)
      : env.images.bytes.subarray(image * area, (image + 1) * area);
    let embedding = null;
    env.seen.set(drawing, {
      pixels,
      get isEmbedded() { return embedding !== null; },
      get embedding() { return (embedding ??= embed(pixels, env.layers)); },
    });
  }
  return env.seen.get(drawing);
}

function softmax(logits) {
  const most = Math.max(...logits), weights = logits.map((x) => Math.exp(x - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
}
function squared(a, b, unit = 1) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] / unit - b[i] / unit) ** 2;
  return sum;
}

// The support set as the methods see it: the classes, each example's place among them, what is seen of each.
function supportOf({ alphabet }, env) {
  const known = classes(alphabet), labels = alphabet.examples.map(([label]) => known.indexOf(label));
  return { known, labels, support: alphabet.examples.map(([, drawing]) => seen(drawing, env)) };
}
const hasRoom = (known, env) => known.length <= env.maml.at(-1).bias.length;

// MAML's parameters after 0, 1, 2 … inner steps on these examples: where it has been is kept.
function pathOf({ alphabet: { examples } }, env) {
  if (!env.adapted.has(examples)) env.adapted.set(examples, [env.maml]);
  return env.adapted.get(examples);
}
function further(path, { support, labels }, env) {
  path.push(step(path.at(-1), support.map((one) => one.pixels), labels, env.alpha, env.epsilon));
}

/** Before there is a query: embed an example, or take an inner step; is there more to do? */
export function idle(state, env) {
  const given = supportOf(state, env);
  if (given.known.length < 2) return false;
  const one = given.support.find((example) => !example.isEmbedded);
  if (one) return Boolean(one.embedding);
  const path = pathOf(state, env);
  if (!hasRoom(given.known, env) || path.length > state.steps) return false;
  further(path, given, env);
  return true;
}

/** pixels of the query and of the drawing that waits; for each example its embedding, for each class its prototype,
 * the query's squared distance to it and ProtoNet's probability; MAML's logits and probabilities; distances and
 * probabilities in pixels. `problem` and `refusal` (MAML's) are keys of sentences. */
export function compute(state, env) {
  const { alphabet, strokes, target } = state, { examples, query } = alphabet;
  const waiting = target !== QUERY && drawn(strokes);
  const result = {
    query: query && seen(query, env).pixels, pending: waiting ? seen(waiting, env).pixels : null,
    embeddings: null, embedding: null, prototypes: null, distances: null, protonet: null,
    logits: null, maml: null, refusal: "", pixelDistances: null, pixels: null, nearest: null, problem: "",
  };
  if (!query) return result;
  const given = supportOf(state, env), { known, labels, support } = given, asked = seen(query, env);
  if (known.length < 2) return { ...result, problem: known.length ? "one" : "nothing" };

  result.embedding = asked.embedding;
  result.embeddings = support.map((one) => one.embedding);
  result.prototypes = known.map((_, way) => {
    const own = result.embeddings.filter((_, n) => labels[n] === way);
    return Float64Array.from(own[0], (_, i) => own.reduce((sum, one) => sum + one[i], 0) / own.length);
  });
  result.distances = result.prototypes.map((prototype) => squared(asked.embedding, prototype));
  result.protonet = softmax(result.distances.map((d) => -d));

  result.refusal = hasRoom(known, env) ? "" : "head";
  if (!result.refusal) {
    const path = pathOf(state, env);
    while (path.length <= state.steps) further(path, given, env);
    const pictures = [...support, asked].map((one) => one.pixels); // the query is normalised with the support set
    const { logits } = forward(path[state.steps], pictures, env.epsilon);
    result.logits = logits.at(-1).slice(0, known.length); // of the head's outputs, those that have a class
    if (result.logits.every(Number.isFinite)) result.maml = softmax([...result.logits]);
    else result.refusal = "infinite";
  }

  result.pixelDistances = support.map((one) => squared(one.pixels, asked.pixels, 255));
  const least = known.map((_, way) => Math.min(...result.pixelDistances.filter((_, n) => labels[n] === way)));
  result.pixels = softmax(least.map((d) => -d));
  result.nearest = result.pixelDistances.indexOf(Math.min(...result.pixelDistances));
  return result;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** While the query is drawn it is what is on the pad; a character belongs to its script. */
export function follow(before, after, env) {
  let { alphabet, strokes, cursor, character } = after;
  const turned = after.target !== before.target;
  if (after.target === QUERY) {
    if (!same(strokes, before.strokes) || (turned && strokes.length)) alphabet = { ...alphabet, query: drawn(strokes) };
    else if (turned || !same(alphabet.query, before.alphabet.query)) strokes = alphabet.query?.strokes ?? [];
  } else if (before.target === QUERY) strokes = [];
  if (!(cursor !== null && cursor >= 0 && cursor < alphabet.examples.length)) cursor = null;
  const known = charactersOf(after.script, env);
  if (!known.includes(character)) character = known[0] ?? 0;
  return { ...after, alphabet, strokes, cursor, character };
}
const charactersOf = (script, { images }) =>
  images.names.map((_, n) => n).filter((n) => images.alphabets[n] === script);

const withoutPrefix = (text, prefix) => text.startsWith(prefix) ? text.slice(prefix.length) : text;

export function limits(state, env) {
  const { names } = env.images;
  return { character: charactersOf(state.script, env).map((n) => [n, withoutPrefix(names[n], `${state.script}/`)]) };
}

// --- What a learner does: moves.py.
const moved = (view, values) => follow(view.state, { ...view.state, ...values }, view.env);
const refuse = (view, key, gaps = {}) => { throw new Error(view.tools.fill(view.texts[key], gaps)); };

function withExample(view, drawing) {
  const { alphabet, target } = view.state;
  if (ofClass(alphabet, target).length >= EXAMPLES) refuse(view, "full", { label: target, most: EXAMPLES });
  const examples = [...alphabet.examples, [target, drawing]].sort((a, b) => a[0] - b[0]);
  return { ...alphabet, examples };
}
export function add(view) {
  if (view.state.target === QUERY) return clear(view);
  const drawing = drawn(view.state.strokes) ?? refuse(view, "blank");
  return moved(view, { alphabet: withExample(view, drawing), strokes: [], cursor: null });
}
export const undo = (view) => moved(view, { strokes: view.state.strokes.slice(0, -1) });
export function clear(view) {
  const { alphabet, target } = view.state;
  return moved(view, { strokes: [], alphabet: target === QUERY ? { ...alphabet, query: null } : alphabet });
}
export function remove(view) {
  const { alphabet, cursor, target } = view.state, { examples } = alphabet;
  let index = cursor;
  if (index === null) {
    index = examples.map(([label]) => target === label || target === QUERY).lastIndexOf(true);
    if (index < 0) refuse(view, examples.length ? "none_here" : "none", { n: target });
  }
  const left = examples.filter((_, n) => n !== index);
  const next = cursor !== null && left.length ? Math.min(index, left.length - 1) : null;
  return moved(view, { alphabet: { ...alphabet, examples: left }, cursor: next });
}
export const startAgain = ({ state }) =>
  ({ ...state, alphabet: { examples: [], query: null }, strokes: [], cursor: null, target: 1 });
export function pick(view) {
  const { alphabet, target, character } = view.state, { names, drawings } = view.env.images;
  const used = [...alphabet.examples.map(([, drawing]) => drawing.image), alphabet.query?.image];
  const free = Array.from({ length: drawings }, (_, n) => character * drawings + n).find((n) => !used.includes(n));
  if (free === undefined) refuse(view, "all_used", { count: drawings, name: names[character] });
  const source = view.tools.fill(view.texts.source, { name: names[character], n: (free % drawings) + 1 });
  const taken = { strokes: [], image: free, source };
  if (target === QUERY) return moved(view, { alphabet: { ...alphabet, query: taken } });
  return moved(view, { alphabet: withExample(view, taken), cursor: null });
}
function choose(view, key) {
  if (/^[0-9]$/.test(key)) return moved(view, { target: Number(key) || CLASSES });
  return key === "Home" ? moved(view, { target: QUERY }) : null;
}

const STEP = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
export function keys(view, { key }) {
  const { state } = view, count = state.alphabet.examples.length, step = STEP[key];
  if (step && count) {
    const start = state.cursor ?? (step > 0 ? -1 : count);
    return { ...state, cursor: (start + step + count) % count };
  }
  if (key === "Delete" || key === "Backspace") return remove(view);
  return key === "Escape" ? { ...state, cursor: null } : choose(view, key);
}
export const pad = {
  name: "strokes", label: "pad", size: 208, pen: 0.03, unfinished: true,
  pressed(view, { key }) {
    if (key === "Enter" || key === " ") return add(view);
    return key === "Delete" ? clear(view) : choose(view, key);
  },
};
const adding = ({ state: { target }, texts, tools }) => (target ? tools.fill(texts.add, { n: target }) : texts.another);
export const buttons = [
  [
    { label: adding, press: add, primary: true },
    { label: "undo", press: undo },
    { label: "clear", press: clear },
  ],
  [
    { label: "pick", press: pick },
    { label: "remove", press: remove },
    { label: "start_again", press: startAgain },
  ],
];

// --- The picture: a row for each class; its examples, then for each method a bar. Sizes in CSS pixels.
const TOP = 84, HEIGHT = 370, BOARD = 0, METHODS = ["protonet", "maml", "pixels"];
const QUERY_TILE = { y: 4, size: 68 };

function board({ alphabet, target }, width) {
  const rows = rowsOf({ alphabet, target }), left = Math.min(46, 0.2 * width);
  const columns = Math.max(1, ...rows.map((label) => ofClass(alphabet, label).length + (label === target ? 1 : 0)));
  const room = (HEIGHT - TOP) / Math.max(rows.length, 1);
  const pitch = Math.min(54, room, (width - left) / Math.min(EXAMPLES, columns)), size = (pitch * 30) / 32;
  const high = Math.min(54, room, Math.max(pitch, 36)), middle = (label) => TOP + (rows.indexOf(label) + 0.5) * high;
  const tile = (label, column) => [left + column * pitch + pitch / 32, middle(label) - size / 2];
  return { rows, left, pitch, high, size, middle, tile };
}
function sheet(plot) { // coordinates are CSS pixels from the upper left corner
  plot.axes({ x: [0, plot.width], y: [plot.height, 0], frame: false });
}
const frame = (plot, x, y, size, style) => plot.rects([[x, y, size, size]], style);
function tile(plot, pixels, x, y, size, smooth = true) {
  plot.tile(pixels, SIZE, SIZE, x, y, x + size, y + size, { smooth });
  frame(plot, x, y, size, { stroke: "#d9d9d9", width: 1 });
}

function drawBoard(plot, { state, result, env, styles }) {
  sheet(plot);
  const { alphabet, target, cursor } = state, at = board(state, plot.width);
  const blue = styles.chosen.color, grey = styles.pixels.color;
  const dashed = { stroke: grey, width: 1.4, dash: [5, 3] }, chosen = { stroke: blue, width: 3 };
  for (const label of at.rows) {
    const number = Math.min(at.left - 6, 34), written = label === target;
    const bold = { align: "right", weight: "bold", color: written ? blue : "#222" };
    plot.text(number, at.middle(label), String(label), bold);
    if (written && at.left > 40) plot.text(0, at.middle(label), "✎", { align: "left", color: blue });
    const own = ofClass(alphabet, label);
    own.forEach((drawing, column) => tile(plot, seen(drawing, env).pixels, ...at.tile(label, column), at.size));
    if (written && own.length < EXAMPLES) { // a ghost of what is on the pad
      if (result.pending) tile(plot, result.pending, ...at.tile(label, own.length), at.size);
      frame(plot, ...at.tile(label, own.length), at.size, dashed);
    }
  }
  if (cursor !== null) {
    const label = alphabet.examples[cursor][0];
    frame(plot, ...at.tile(label, cursor - first(alphabet, label)), at.size, chosen);
  }
  const { y, size } = QUERY_TILE;
  if (result.query) tile(plot, result.query, at.left, y, size, false); // its 28 x 28 pixels can be counted
  frame(plot, at.left, y, size, { ...dashed, ...(result.query && { dash: [] }), ...(target === QUERY && chosen) });
}

function drawMethod(plot, { state, result, env, styles, texts, tools }, method) {
  sheet(plot);
  const probabilities = result[method], { alphabet } = state, at = board(state, plot.width);
  plot.line([1, 1], [4, HEIGHT - 4], { color: "#d9d9d9", width: 1.2 });
  if (!probabilities) return;
  const known = classes(alphabet), best = chosen(probabilities), narrow = plot.width < 130, left = narrow ? 8 : 12;
  const winner = method === "pixels" ? result.nearest : first(alphabet, known[best]);
  const size = Math.min(QUERY_TILE.size, plot.width - left - 4);
  tile(plot, seen(alphabet.examples[winner][1], env).pixels, left, QUERY_TILE.y, size);
  const thick = narrow ? Math.min(0.3 * at.high, 12) : Math.min(0.6 * at.high, 24);
  const room = plot.width - left - (narrow ? 4 : 4.5 * plot.font); // beside the bar stands its percentage
  known.forEach((label, way) => {
    const share = probabilities[way], long = Math.max(room * share, 1.5), y = at.middle(label);
    const weight = way === best ? "bold" : "normal";
    const top = narrow ? y + Math.min(2, at.high / 2 - thick - 1) : y - thick / 2;
    plot.rects([[left, top, long, thick]], { fill: styles[method].color });
    if (share < 0.005) return;
    if (narrow) plot.text(left, y - 8, percent(share, { texts, tools }), { align: "left", weight });
    else plot.text(left + long + 6, y, percent(share, { texts, tools }), { align: "left", weight });
  });
}

export const stacked = false; // the panels share their rows
export const panels = [
  { name: "board", height: HEIGHT, share: 0.31, draw: drawBoard },
  ...METHODS.map((name) => ({ name, height: HEIGHT, share: 0.23, draw: (plot, view) => drawMethod(plot, view, name) })),
];

/** Whoever touches an example points at it; a row, or the query, is drawn for. */
export function touch(view, panel, x, y) {
  const { state } = view, at = board(state, view.tools.size(BOARD).width);
  if (y < TOP - 4) return panel === BOARD ? moved(view, { target: QUERY }) : null;
  const label = at.rows[Math.floor((y - TOP) / at.high)], column = Math.floor((x - at.left) / at.pitch);
  if (label === undefined) return null;
  if (panel === BOARD && column >= 0 && column < ofClass(state.alphabet, label).length) {
    return { ...state, cursor: first(state.alphabet, label) + column };
  }
  return moved(view, { target: label });
}

// --- Words: painter.py's.
const chosen = (probabilities) => probabilities.indexOf(Math.max(...probabilities));
function percent(share, { texts, tools }) { // what is not quite nothing or everything does not pose as it
  if (share >= 0.995 && share < 1 - 1e-9) return texts.nearly;
  if (share > 1e-9 && share < 0.005) return texts.hardly;
  return tools.fill(texts.share, { share: 100 * share });
}
function title(method, { state, texts, tools }) {
  if (method === "pixels") return texts.nearest;
  if (method === "protonet") return "ProtoNet";
  const steps = tools.fill(texts.steps[state.steps === 1 ? 0 : 1], { n: state.steps });
  return tools.fill(texts.method, { name: "MAML", steps });
}
const gaps = (view) => ({ size: view.env.maml.at(-1).bias.length, ways: classes(view.state.alphabet).length });
const refusal = (name, view) =>
  view.tools.fill(view.texts.refusal, { name, why: view.tools.fill(view.texts[view.result.refusal], gaps(view)) });

export function words(view) {
  const { state, result, texts, tools } = view, known = classes(state.alphabet);
  const panels = [{ title: texts.query, legend: [], note: state.alphabet.query ? texts.seen : texts.none_yet }];
  for (const method of METHODS) {
    const probabilities = result[method];
    let note = "–";
    if (probabilities) {
      const best = chosen(probabilities);
      note = tools.fill(texts.verdict, { label: known[best], share: percent(probabilities[best], view) });
    } else if (result.protonet) note = texts.no_answer;
    panels.push({ title: title(method, view), legend: [], note });
  }
  return { panels, remark: remarks(view).join(" ") };
}
function remarks({ state, result, texts, tools, ...rest }) {
  const view = { state, result, texts, tools, ...rest }, { examples } = state.alphabet, said = [];
  if (state.target === QUERY) {
    said.push(texts.as_you_draw);
    if (examples.length && examples.every(([, drawing]) => drawing.image !== null)) said.push(texts.picked);
  } else said.push(tools.fill(texts.for_class, { n: state.target }));
  if (result.problem) return [...said, texts[result.problem]];
  if (result.refusal) said.push(refusal("MAML", view));
  if (result.protonet) said.push(tools.fill(texts.alone, { name: "MAML" }), texts.softmax);
  return said;
}

export function describe(view) {
  const { state, result, texts, tools } = view, { alphabet, cursor } = state, { examples, query } = alphabet;
  const known = classes(alphabet), source = (drawing) => drawing.source || texts.drawn;
  const said = known.map((label) =>
    tools.fill(texts.of_class, { label, drawings: ofClass(alphabet, label).map(source).join(texts.and) })).join(", ");
  const sentences = [examples.length ? tools.fill(texts.examples, { said }) : texts.empty];
  if (cursor !== null) {
    const label = examples[cursor][0];
    sentences.push(tools.fill(texts.pointed, { n: cursor - first(alphabet, label) + 1, label }));
  }
  sentences.push(query ? tools.fill(texts.asked, { source: source(query) }) : texts.no_query);
  if (result.problem) sentences.push(texts[result.problem]);
  for (const method of result.protonet ? METHODS : []) {
    const probabilities = result[method], name = title(method, view);
    if (!probabilities) {
      sentences.push(refusal(name, view));
      continue;
    }
    const one = (label, way) => tools.fill(texts.one_share, { label, share: percent(probabilities[way], view) });
    const shares = known.map(one).join(", ");
    sentences.push(tools.fill(texts.answer, { name, label: known[chosen(probabilities)], shares }));
  }
  return sentences.join(" ");
}
