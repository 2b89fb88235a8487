// Titles and legends above a panel. They are made as text, never parsed as HTML, and look as those of surface.js.

const SVG = "http://www.w3.org/2000/svg";
const LARGEST = 13; // points: a larger marker is shown so in a legend
export const SHAPES = { // around (0, 0), with radius 1
  o: "M-1,0 a1,1 0 1,0 2,0 a1,1 0 1,0 -2,0Z", s: "M-.9,-.9H.9V.9H-.9Z", D: "M0,-1.2L1.2,0L0,1.2L-1.2,0Z",
  "^": "M0,-1L1,.9H-1Z", v: "M0,1L1,-.9H-1Z", x: "M-.8,-.8L.8,.8M-.8,.8L.8,-.8",
  X: "M0,-.35L.5,-.9L.9,-.5L.35,0L.9,.5L.5,.9L0,.35L-.5,.9L-.9,.5L-.35,0L-.9,-.5L-.5,-.9Z",
  P: "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z", p: "M0,-1L.95,-.3L.6,.85H-.6L-.95,-.3Z",
  h: "M0,-1L.87,-.5V.5L0,1L-.87,.5V-.5Z", "*": "M0,-1.2L.3,-.38L1.15,-.36L.48,.16L.71,.98L0,.5L-.71,.98L-.48,.16L-1.15,-.36L-.3,-.38Z",
  ".": "M-.5,0 a.5,.5 0 1,0 1,0 a.5,.5 0 1,0 -1,0Z", "+": "M-1,0H1M0,-1V1",
};
export const isOpen = (marker) => marker === "x" || marker === "+"; // lines that enclose nothing

export function element(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent?.append(node);
  return node;
}

function swatch(mark) {
  const svg = document.createElementNS(SVG, "svg");
  const part = (attributes) => {
    const path = document.createElementNS(SVG, "path");
    for (const [name, value] of Object.entries(attributes)) path.setAttribute(name, value);
    svg.append(path);
  };
  svg.setAttribute("viewBox", mark.width ? "-17 -10 34 20" : "-10 -10 20 20");
  svg.setAttribute("aria-hidden", "true");
  if (mark.width) {
    part({ d: "M-16,0H16", stroke: mark.color, "stroke-width": mark.width, "stroke-dasharray": mark.dash?.join(" ") ?? "" });
  }
  if (mark.marker) {
    const radius = Math.min(mark.size, LARGEST) * 0.62;
    part({
      d: SHAPES[mark.marker] ?? SHAPES.o, transform: `scale(${radius})`, fill: isOpen(mark.marker) ? "none" : mark.face,
      stroke: mark.edge, "stroke-width": mark.edgeWidth / radius,
    });
  }
  return svg;
}

// The words of one panel; a mark is a style or the name of one. Only what has changed is made anew.
export function showWords(place, styles) {
  let shown = "";
  return ({ title = "", legend = [], note = "" } = {}) => {
    const wanted = JSON.stringify([title, legend, note]);
    if (wanted === shown) return;
    shown = wanted;
    const made = [];
    if (title) made.push(Object.assign(element("div", "metalib-title"), { textContent: title }));
    if (legend.length) {
      const list = element("div", "metalib-legend");
      for (const { text, mark } of legend) {
        const item = element("span", "metalib-entry", list);
        const style = typeof mark === "string" ? styles[mark] : mark;
        if (style) item.append(swatch(style));
        item.append(text);
      }
      made.push(list);
    }
    if (note) made.push(Object.assign(element("div", "metalib-note"), { textContent: note }));
    place.replaceChildren(...made);
  };
}

// A line that comes and goes while a slider is dragged must not move what stands below it: the room that was once
// needed at this width is kept.
export function keepRoom(node) {
  let width = 0;
  const watcher = new ResizeObserver(() => {
    if (node.clientWidth !== width) {
      width = node.clientWidth;
      node.style.minHeight = "";
    }
    if (width) node.style.minHeight = getComputedStyle(node).height;
  });
  watcher.observe(node);
  return () => watcher.disconnect();
}

// A picture's text alternative: how the controls are set, the words above it, what it shows itself.
export function allInWords(settings, words, shows, say) {
  const lists = [settings];
  for (const { title = "", legend = [], note = "" } of words.panels) {
    lists.push([title, ...legend.map((entry) => entry.text)], [note]);
  }
  const said = lists.map((texts) => texts.filter(Boolean).join(say("and")).replace(/[.。]+$/, "")).filter(Boolean);
  return [...said.map((text) => say("sentence", { text })), shows].join(" ");
}
