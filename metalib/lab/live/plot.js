// The pen of a panel: axes, and what is drawn in their coordinates. Without axes x and y go from 0 to 1, from the left
// and from the top. Widths and sizes in styles are points, as in Python; `unit` CSS pixels each.

import { axisOf, drawAxes } from "./axes.js";
import { contour } from "./contour.js";
import { isOpen, SHAPES } from "./surface.js";

const FAR = 1e5; // CSS pixels: what lies farther out is drawn there
const TEXT = "#222222";
const SMALLEST = 12; // CSS pixels of a text
const shapes = Object.fromEntries(Object.entries(SHAPES).map(([name, path]) => [name, new Path2D(path)]));
const pictures = new WeakMap(); // bytes -> their canvas

const withinFar = (pixels) => Number.isNaN(pixels) ? NaN : Math.min(FAR, Math.max(-FAR, pixels));

export class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.front = this.pen = canvas.getContext("2d", { alpha: false });
    this.layers = [];
  }

  // A white sheet of so many CSS pixels, each as many of the screen's as `resolution` says.
  begin(width, height, resolution, unit, font, family) {
    Object.assign(this, { width, height, resolution, unit, font, family, drawn: 0 });
    const [wide, high] = [Math.round(width * resolution), Math.round(height * resolution)];
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    this.pen = this.front;
    this.prepare(this.front);
    this.front.fillStyle = "#fff";
    this.front.fillRect(0, 0, width, height);
    this.place = { box: { left: 0, top: 0, width, height }, x: axisOf([0, 1]), y: axisOf([1, 0]) };
  }
  prepare(pen) {
    pen.setTransform(this.resolution, 0, 0, this.resolution, 0, 0);
    pen.lineJoin = "round";
  }
  get box() { return this.place.box; }

  // What stands still while `key` is the same is drawn once, on a sheet of its own.
  still(key, draw) {
    const at = this.drawn++, { width, height, resolution, font } = this;
    const wanted = JSON.stringify([key, width, height, resolution, font]);
    let layer = this.layers[at];
    if (layer?.key !== wanted) {
      const canvas = layer?.canvas ?? document.createElement("canvas");
      Object.assign(canvas, { width: this.canvas.width, height: this.canvas.height });
      this.pen = canvas.getContext("2d");
      this.prepare(this.pen);
      draw(this);
      this.pen = this.front;
      layer = this.layers[at] = { canvas, key: wanted, place: this.place };
    }
    this.place = layer.place;
    this.front.drawImage(layer.canvas, 0, 0, width, height);
  }

  pixel(x, y) {
    const { box, x: across, y: up } = this.place;
    return [withinFar(box.left + across.share(x) * box.width), withinFar(box.top + (1 - up.share(y)) * box.height)];
  }
  // Data coordinates of a place on the canvas, also outside the axes.
  data(px, py) {
    const { box, x, y } = this.place;
    return [x.value((px - box.left) / box.width), y.value(1 - (py - box.top) / box.height)];
  }

  axes(options) { drawAxes(this, options); }
  rule(x1, y1, x2, y2, color) {
    const { pen } = this;
    pen.strokeStyle = color;
    const crisp = (at) => (Math.round(at * this.resolution - 0.5) + 0.5) / this.resolution;
    pen.beginPath();
    pen.moveTo(crisp(x1), crisp(y1));
    pen.lineTo(crisp(x2), crisp(y2));
    pen.stroke();
  }
  letters(size, weight = "normal") {
    this.pen.font = `${weight} ${Math.max(SMALLEST, size)}px ${this.family}`;
  }

  // Draw within the axes, unless the style says `clip: false`.
  clipped({ clip = true, opacity = 1 }, draw) {
    const { pen, box } = this;
    pen.save();
    if (clip) {
      pen.beginPath();
      pen.rect(box.left, box.top, box.width, box.height);
      pen.clip();
    }
    pen.globalAlpha = opacity;
    draw(pen);
    pen.restore();
  }
  dashes(dash) { this.pen.setLineDash((dash ?? []).map((part) => part * this.unit)); }
  trace(xs, ys) {
    let isDown = false;
    for (let i = 0; i < xs.length; i++) {
      const [px, py] = this.pixel(xs[i], ys[i]);
      if (Number.isNaN(px) || Number.isNaN(py)) isDown = false;
      else if (isDown) this.pen.lineTo(px, py);
      else {
        this.pen.moveTo(px, py);
        isDown = true;
      }
    }
  }

  line(xs, ys, style) {
    if (style.width) {
      this.clipped(style, (pen) => {
        pen.strokeStyle = style.color;
        pen.lineWidth = style.width * this.unit;
        this.dashes(style.dash);
        pen.beginPath();
        this.trace(xs, ys);
        pen.stroke();
      });
    }
    if (style.marker) for (let i = 0; i < xs.length; i++) this.marker(xs[i], ys[i], style);
  }
  marker(x, y, { marker, size = 6, face, edge, edgeWidth = 1, color, opacity = 1, clip = true }) {
    const { pen, box } = this, [px, py] = this.pixel(x, y);
    const outside = px < box.left - 1 || py < box.top - 1 || px > box.left + box.width + 1 || py > box.top + box.height + 1;
    if (Number.isNaN(px) || Number.isNaN(py) || (clip && outside)) return;
    const radius = 0.5 * size * this.unit, shape = shapes[marker] ?? shapes.o;
    pen.save();
    pen.globalAlpha = opacity;
    pen.translate(px, py);
    pen.scale(radius, radius);
    pen.setLineDash([]);
    if (!isOpen(marker) && (face ?? color) !== "none") {
      pen.fillStyle = face ?? color;
      pen.fill(shape);
    }
    if (edgeWidth && (edge ?? color) !== "none") {
      pen.strokeStyle = edge ?? color;
      pen.lineWidth = edgeWidth * this.unit / radius;
      pen.stroke(shape);
    }
    pen.restore();
  }
  band(xs, lows, highs, color, opacity = 0.2) {
    const known = Array.from(xs, (_x, i) => i).filter((i) => Number.isFinite(lows[i]) && Number.isFinite(highs[i]));
    const back = known.slice().reverse();
    this.polygon([...known.map((i) => [xs[i], lows[i]]), ...back.map((i) => [xs[i], highs[i]])], { fill: color, opacity });
  }
  polygon(points, { fill, stroke, width = 1, dash, ...style }) {
    if (!points.length) return;
    this.clipped(style, (pen) => {
      pen.beginPath();
      this.trace(points.map((one) => one[0]), points.map((one) => one[1]));
      pen.closePath();
      this.inked(pen, fill, stroke, width, dash);
    });
  }
  inked(pen, fill, stroke, width, dash) {
    if (fill) {
      pen.fillStyle = fill;
      pen.fill();
    }
    if (stroke) {
      pen.strokeStyle = stroke;
      pen.lineWidth = width * this.unit;
      this.dashes(dash);
      pen.stroke();
    }
  }
  // Rectangles [x, y, width, height]; `hatch`: the colour of slanted lines across them.
  rects(list, { fill, stroke, width = 1, dash, hatch, ...style }) {
    this.clipped(style, (pen) => {
      pen.beginPath();
      for (const [x, y, w, h] of list) {
        const [x1, y1] = this.pixel(x, y), [x2, y2] = this.pixel(x + w, y + h);
        pen.rect(Math.min(x1, x2), Math.min(y1, y2), Math.abs(x2 - x1), Math.abs(y2 - y1));
      }
      this.inked(pen, fill, stroke, width, dash);
      if (!hatch) return;
      pen.clip();
      pen.beginPath();
      for (let at = -this.height; at < this.width; at += 6) {
        pen.moveTo(at, this.height);
        pen.lineTo(at + this.height, 0);
      }
      this.inked(pen, "", hatch, 0.8);
    });
  }
  // From point to point, with a filled head of `head` points, as matplotlib's "-|>".
  arrow(x1, y1, x2, y2, { color, width = 2, dash, head = 20, ...style }) {
    const [fromX, fromY] = this.pixel(x1, y1), [toX, toY] = this.pixel(x2, y2);
    const long = Math.hypot(toX - fromX, toY - fromY);
    if (!(long > 0)) return;
    const tip = Math.min(0.4 * head * this.unit + width * this.unit, long), half = 0.5 * tip;
    const [dx, dy] = [(toX - fromX) / long, (toY - fromY) / long], [neckX, neckY] = [toX - dx * tip, toY - dy * tip];
    this.clipped(style, (pen) => {
      pen.strokeStyle = pen.fillStyle = color;
      pen.lineWidth = width * this.unit;
      this.dashes(dash);
      pen.beginPath();
      pen.moveTo(fromX, fromY);
      pen.lineTo(neckX + dx, neckY + dy);
      pen.stroke();
      pen.beginPath();
      pen.moveTo(toX, toY);
      pen.lineTo(neckX - dy * half, neckY + dx * half);
      pen.lineTo(neckX + dy * half, neckY - dx * half);
      pen.fill();
    });
  }
  // `size` in CSS pixels, by default the panel's; `halo`: a colour around the letters; `dx`, `dy`: CSS pixels aside.
  text(x, y, words, style = {}) {
    const { size = this.font, color = TEXT, align = "left", weight = "normal", baseline = "middle", halo } = style;
    const { pen } = this, [px, py] = this.pixel(x, y).map((at, i) => at + ((i ? style.dy : style.dx) ?? 0));
    pen.save();
    this.letters(size, weight);
    Object.assign(pen, { textAlign: align, textBaseline: baseline, fillStyle: color, globalAlpha: style.opacity ?? 1 });
    if (halo) {
      Object.assign(pen, { strokeStyle: halo, lineWidth: 3 });
      pen.setLineDash([]);
      pen.strokeText(words, px, py);
    }
    pen.fillText(words, px, py);
    pen.restore();
  }
  // How wide a text is, in CSS pixels.
  measure(words, { size = this.font, weight = "normal" } = {}) {
    this.letters(size, weight);
    return this.pen.measureText(words).width;
  }

  // A picture between two corners, its first row at the upper edge. Another picture is another array.
  tile(bytes, w, h, x0, y0, x1, y1, { smooth = true } = {}) {
    this.picture(bytes, w, h, [x0, y0, x1, y1], smooth, (pixels) => {
      for (let i = 0; i < w * h; i++) {
        pixels.fill(255 - bytes[i], 4 * i, 4 * i + 3);
        pixels[4 * i + 3] = 255;
      }
    });
  }
  image(rgba, w, h, x0, y0, x1, y1, { smooth = false } = {}) {
    this.picture(rgba, w, h, [x0, y0, x1, y1], smooth, (pixels) => pixels.set(rgba));
  }
  picture(bytes, w, h, [x0, y0, x1, y1], smooth, put) {
    let made = pictures.get(bytes);
    if (!made) {
      made = Object.assign(document.createElement("canvas"), { width: w, height: h });
      const pen = made.getContext("2d"), image = pen.createImageData(w, h);
      put(image.data);
      pen.putImageData(image, 0, 0);
      pictures.set(bytes, made);
    }
    const [left, top] = this.pixel(x0, y0), [right, bottom] = this.pixel(x1, y1);
    this.pen.imageSmoothingEnabled = smooth;
    this.pen.imageSmoothingQuality = "high";
    this.pen.drawImage(made, Math.min(left, right), Math.min(top, bottom), Math.abs(right - left), Math.abs(bottom - top));
  }
  contour(xs, ys, values, levels, options) { contour(this, xs, ys, values, levels, options); }
}

