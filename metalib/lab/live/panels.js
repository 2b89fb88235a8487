// Panels: canvases as fine as the screen, side by side or, in a narrow column, one below the other; words above each.

import { Plot } from "./plot.js";
import { element, keepRoom } from "./surface.js";
import { showWords } from "./words.js";

const NARROW = 640; // CSS pixels
const within = (low, value, high) => Math.min(high, Math.max(low, value));

// `stacked`: in a narrow column. `asked()` is called when the panels have another size.
export function makePanels(place, { panels, stacked = true }, styles, asked) {
  const root = element("div", "metalib-panels", place);
  const made = [], stops = [];
  let row = null, taken = 2;
  for (const panel of panels) {
    const share = panel.share ?? 1;
    if (taken + share > 1.001) {
      row = element("div", "metalib-row", root);
      row.shares = [];
      taken = 0;
    }
    taken += share;
    row.shares.push(share);
    const words = element("div", "metalib-words", row), sheet = element("div", "metalib-sheet", row);
    const canvas = element("canvas", "", sheet);
    canvas.setAttribute("aria-hidden", "true"); // the sheet has the text alternative
    words.style.setProperty("--metalib-column", row.shares.length);
    sheet.style.setProperty("--metalib-column", row.shares.length);
    made.push({ panel, sheet, canvas, plot: new Plot(canvas), say: showWords(words, styles), width: 0, height: 0 });
    stops.push(keepRoom(words));
  }
  for (const one of root.children) {
    // What the shares leave free stays free.
    const rest = 1 - one.shares.reduce((sum, share) => sum + share, 0);
    const columns = rest > 0.02 ? [...one.shares, rest] : one.shares;
    one.style.setProperty("--metalib-columns", columns.map((share) => `minmax(0, ${share}fr)`).join(" "));
  }

  let wide = 0, seen = null;
  function measure() {
    wide = place.clientWidth; // of a root without a box of its own, in a narrow column, there is none
    const narrow = stacked && wide < NARROW;
    place.classList.toggle("metalib-narrow", narrow);
    for (const { panel, sheet } of made) {
      if (panel.height) sheet.style.height = `${panel.height}px`;
      else sheet.style.aspectRatio = 1 / (narrow ? panel.narrow ?? panel.ratio : panel.ratio);
    }
    for (const one of made) Object.assign(one, { width: one.sheet.clientWidth, height: one.sheet.clientHeight });
  }
  const watcher = new ResizeObserver(() => {
    const before = made.map((one) => `${one.width} ${one.height}`).join();
    measure();
    if (before !== made.map((one) => `${one.width} ${one.height}`).join()) asked();
  });
  watcher.observe(place);
  measure();

  return {
    sheets: made.map((one) => one.sheet),
    view: () => seen, // what is drawn
    draw(view) {
      seen = view;
      const resolution = window.devicePixelRatio || 1, unit = within(1, wide / 720, 1.39), font = within(12, 11 + wide / 200, 16);
      const family = getComputedStyle(root).fontFamily;
      for (const { panel, plot, width, height } of made) {
        if (!width || !height) continue; // in a part of the page that is folded
        plot.begin(width, height, resolution, unit, font, family);
        panel.draw(plot, view);
      }
    },
    say(words) { made.forEach((one, at) => one.say(words.panels[at])); },
    near(at, x1, y1, x2, y2) {
      const [left, top] = made[at].plot.pixel(x1, y1), [right, bottom] = made[at].plot.pixel(x2, y2);
      return Math.hypot(left - right, top - bottom);
    },
    size: (at) => ({ width: made[at].width, height: made[at].height }),
    // Data coordinates of a pointer in a panel.
    place(at, event) {
      const box = made[at].canvas.getBoundingClientRect(), { width, height, plot } = made[at];
      return plot.data(width * (event.clientX - box.left) / box.width, height * (event.clientY - box.top) / box.height);
    },
    // And the other way: where in the window a place of a panel is.
    inWindow(at, x, y) {
      const box = made[at].canvas.getBoundingClientRect(), [left, top] = made[at].plot.pixel(x, y);
      return [box.left + left * box.width / made[at].width, box.top + top * box.height / made[at].height];
    },
    stop() {
      watcher.disconnect();
      for (const stop of stops) stop();
    },
  };
}
