// Contours of values on a grid: marching squares. `values` are row by row: values[row * xs.length + column] belongs to
// (xs[column], ys[row]).

// The lines on which the values are `level`, as lists of points [x, y]; a closed one ends where it begins. Where a cell
// is a saddle, the mean of its corners decides.
export function isolines(xs, ys, values, level) {
  const wide = xs.length, high = ys.length, above = (row, column) => values[row * wide + column] > level;
  // Edges between neighbours: to the right of a grid point 2n, up from it 2n + 1. A line leads from edge to edge.
  const links = new Int32Array(4 * wide * high).fill(-1);
  const link = (from, to) => { links[2 * from + (links[2 * from] < 0 ? 0 : 1)] = to; };
  const join = (one, other) => {
    link(one, other);
    link(other, one);
  };
  const crossed = [];
  for (let row = 0; row + 1 < high; row++) {
    for (let column = 0; column + 1 < wide; column++) {
      const n = row * wide + column;
      const corners = above(row, column) | (above(row, column + 1) << 1) | (above(row + 1, column + 1) << 2)
        | (above(row + 1, column) << 3);
      if (corners === 0 || corners === 15) continue;
      const bottom = 2 * n, top = 2 * (n + wide), left = 2 * n + 1, right = 2 * (n + 1) + 1;
      const sides = [];
      if (((corners >> 1) ^ corners) & 1) sides.push(bottom);
      if (((corners >> 2) ^ (corners >> 1)) & 1) sides.push(right);
      if (((corners >> 3) ^ (corners >> 2)) & 1) sides.push(top);
      if ((corners ^ (corners >> 3)) & 1) sides.push(left);
      crossed.push(...sides);
      if (sides.length === 2) {
        join(sides[0], sides[1]);
        continue;
      }
      const middle = (values[n] + values[n + 1] + values[n + wide] + values[n + wide + 1]) / 4;
      // The lower left corner is on the same side as the middle: then it is not cut off.
      if ((middle > level) === above(row, column)) {
        join(bottom, right);
        join(top, left);
      } else {
        join(bottom, left);
        join(top, right);
      }
    }
  }
  const point = (edge) => {
    const n = edge >> 1, row = Math.floor(n / wide), column = n % wide, up = edge & 1, next = n + (up ? wide : 1);
    // Endless values fence a region off: both ends of such an edge are one place.
    const part = values[n] === Infinity ? 0 : (level - values[n]) / (values[next] - values[n]);
    return [
      up ? xs[column] : xs[column] + part * (xs[column + 1] - xs[column]),
      up ? ys[row] + part * (ys[row + 1] - ys[row]) : ys[row],
    ];
  };
  const lines = [], seen = new Uint8Array(2 * wide * high);
  const walk = (start) => {
    const line = [];
    let at = start, before = -1;
    while (at >= 0 && !seen[at]) {
      seen[at] = 1;
      line.push(point(at));
      const [one, other] = [links[2 * at], links[2 * at + 1]], next = one === before && other !== one ? other : one;
      before = at;
      at = next === before ? -1 : next;
      if (at === start) line.push(line[0]);
    }
    lines.push(line);
  };
  for (const edge of crossed) if (!seen[edge] && links[2 * edge + 1] < 0) walk(edge); // from the border
  for (const edge of crossed) if (!seen[edge]) walk(edge);
  return lines;
}

// Closed rings around all that is not above `level`: to be filled by the even-odd rule.
export function regions(xs, ys, values, level) {
  const wide = xs.length, high = ys.length, fenced = new Float64Array((wide + 2) * (high + 2)).fill(Infinity);
  for (let row = 0; row < high; row++) {
    fenced.set(values.subarray(row * wide, (row + 1) * wide), (row + 1) * (wide + 2) + 1);
  }
  return isolines([xs[0], ...xs, xs[wide - 1]], [ys[0], ...ys, ys[high - 1]], fenced, level);
}

// A line by the way along it: `at(s)` is the point after s pixels, `part(from, to)` the piece between.
function measured(line) {
  const along = [0];
  for (let i = 1; i < line.length; i++) {
    along.push(along[i - 1] + Math.hypot(line[i][0] - line[i - 1][0], line[i][1] - line[i - 1][1]));
  }
  const at = (s) => {
    let low = 0, high = along.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (along[middle] <= s) low = middle; else high = middle;
    }
    const part = along[high] > along[low] ? (s - along[low]) / (along[high] - along[low]) : 0;
    return [0, 1].map((axis) => line[low][axis] + part * (line[high][axis] - line[low][axis]));
  };
  const part = (from, to) => [at(from), ...line.filter((_, i) => from < along[i] && along[i] < to), at(to)];
  return { long: along.at(-1), at, part };
}

// Where a label `wide` pixels long fits best on a measured line: {from, to, x, y, angle}, or null. It stands where the
// line is straightest, inside the box, and away from what is `taken`.
function labelPlace(line, wide, { left, top, width, height }, taken) {
  const margin = wide / 2 + 3, tries = 48;
  let best = null;
  if (line.long < 2.2 * wide) return null;
  for (let i = 0; i < tries; i++) {
    const from = (line.long - wide) * i / (tries - 1), to = from + wide;
    const [[x0, y0], [x1, y1]] = [line.at(from), line.at(to)], [x, y] = line.at(from + wide / 2);
    const across = Math.abs(x - left - width / 2) + margin > width / 2, up = Math.abs(y - top - height / 2) + margin > height / 2;
    if (across || up || taken.some((other) => Math.hypot(other.x - x, other.y - y) < 1.5 * wide)) continue;
    const chord = Math.hypot(x1 - x0, y1 - y0) || 1;
    const bend = Math.max(...[0.25, 0.5, 0.75].map((part) => {
      const [px, py] = line.at(from + part * wide);
      return Math.abs((px - x0) * (y1 - y0) - (py - y0) * (x1 - x0)) / chord;
    }));
    if (bend > 0.3 * wide || (best && bend > best.bend - 0.1)) continue;
    const turned = Math.atan2(y1 - y0, x1 - x0); // never upside down
    best = { bend, from, to, x, y, angle: turned - Math.PI * Math.round(turned / Math.PI) };
  }
  return best;
}

// Draw contours on a plot: lines in a style at the levels; between them, where given, `colors` (one more than levels);
// on the lines their levels in the colour `labels`.
export function contour(plot, xs, ys, values, levels, { colors, labels, color, width, dash = [] }) {
  const { pen, box, unit } = plot;
  const trace = (line) => line.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  const onScreen = (line) => line.map(([x, y]) => plot.pixel(x, y));
  pen.save();
  pen.beginPath();
  pen.rect(box.left, box.top, box.width, box.height);
  pen.clip();
  if (colors) {
    pen.fillStyle = colors.at(-1);
    pen.fill();
    for (let i = levels.length - 1; i >= 0; i--) {
      pen.fillStyle = colors[i];
      pen.beginPath();
      regions(xs, ys, values, levels[i]).map(onScreen).forEach(trace);
      pen.fill("evenodd");
    }
  }
  Object.assign(pen, { strokeStyle: color, lineWidth: width * unit, lineJoin: "bevel" });
  pen.setLineDash(dash.map((part) => part * unit));
  pen.font = `${plot.font}px ${plot.family}`;
  const written = [];
  pen.beginPath();
  for (const level of levels) {
    const text = String(level), wide = pen.measureText(text).width + 0.7 * plot.font;
    for (const line of isolines(xs, ys, values, level).map(onScreen)) {
      const way = labels && measured(line), place = way && labelPlace(way, wide, box, written);
      if (place) {
        written.push({ ...place, text });
        trace(way.part(0, place.from));
        trace(way.part(place.to, way.long));
      } else trace(line);
    }
  }
  pen.stroke();
  Object.assign(pen, { fillStyle: labels, textAlign: "center", textBaseline: "middle" });
  for (const { text, x, y, angle } of written) {
    pen.save();
    pen.translate(x, y);
    pen.rotate(angle);
    pen.fillText(text, 0, 0);
    pen.restore();
  }
  pen.restore();
}
