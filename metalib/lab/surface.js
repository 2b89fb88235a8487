// A picture that can be touched: see surface.py for what it promises.

const KEYS = new Set([
  "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown",
  "Enter", " ", "Escape", "Delete", "Backspace", "+", "-", ..."0123456789",
]);
const RESOLUTIONS = [1, 1.5, 2];

export function element(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent?.append(node);
  return node;
}

// Pictures: a ground, and changes painted on it. A new ground is decoded before it takes the place of the last, so
// nothing flickers; changes on the ground that is there are painted at once. One picture is made at a time, and of
// those that wait only the newest is shown.
function showPictures(model, stage, fold) {
  let image = element("img", "", stage);
  image.alt = model.get("alt");
  const canvas = element("canvas", "", stage);
  canvas.setAttribute("aria-hidden", "true"); // the image has the text alternative
  const pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  let shown = 0, url = null, busy = false, stale = false;
  let ground = null; // the bytes of what is on the canvas below the changes
  let still = null; // its pixels, once something was changed
  let moving = null, pixels = null; // those with the changes: twice the same memory
  let runs = []; // what has been changed: [from, to), one after the other

  async function newGround(bytes) {
    const next = new Image();
    next.alt = model.get("alt");
    next.draggable = false;
    const nextUrl = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    next.src = nextUrl;
    try {
      await next.decode();
    } catch {
      URL.revokeObjectURL(nextUrl);
      return false; // the last good picture stays
    }
    canvas.width = next.naturalWidth;
    canvas.height = next.naturalHeight;
    pen.drawImage(next, 0, 0);
    still = null;
    runs = [];
    ground = bytes;
    image.replaceWith(next);
    image = next;
    if (url) URL.revokeObjectURL(url);
    url = nextUrl;
    return true;
  }

  // See changes.py for what the bytes are.
  function paint(bytes) {
    const number = bytes ? Math.floor(bytes.byteLength / 10) : 0;
    if (number && !still) {
      pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
      moving = new Uint32Array(pixels.data.buffer);
      still = moving.slice();
    }
    if (still) change(bytes, number);
    fold.paint(canvas);
    stage.dataset.pictures = ++shown;
  }

  function change(bytes, number) {
    // A copy: theirs may begin anywhere.
    const data = number ? bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) : new ArrayBuffer(0);
    const starts = new Uint32Array(data, 0, number);
    const colours = new Uint32Array(data, 4 * number, number);
    const lengths = new Uint16Array(data, 8 * number, number);
    let first = moving.length, last = 0;
    const touch = (from, to) => { first = Math.min(first, from); last = Math.max(last, to); };
    for (let i = 0; i < runs.length; i += 2) {
      for (let at = runs[i]; at < runs[i + 1]; at++) moving[at] = still[at];
    }
    if (runs.length) touch(runs[0], runs.at(-1));
    runs = new Array(2 * number);
    for (let i = 0; i < number; i++) {
      const end = starts[i] + lengths[i];
      moving.fill(colours[i], starts[i], end);
      runs[2 * i] = starts[i];
      runs[2 * i + 1] = end;
    }
    if (number) touch(runs[0], runs.at(-1));
    const top = Math.floor(first / canvas.width), bottom = Math.ceil(last / canvas.width);
    if (bottom > top) pen.putImageData(pixels, 0, 0, 0, top, canvas.width, bottom - top);
  }

  async function show() {
    stale = true;
    if (busy) return;
    busy = true;
    while (stale) {
      stale = false;
      const bytes = model.get("ground");
      if (!bytes || !bytes.byteLength) continue;
      if (bytes === ground || (await newGround(bytes) && bytes === model.get("ground"))) paint(model.get("changes"));
    }
    busy = false;
  }

  const relabel = () => { image.alt = model.get("alt"); };
  const refold = () => { if (ground) fold.paint(canvas); };
  fold.changed = refold;
  model.on("change:ground change:changes", show);
  model.on("change:alt", relabel);
  show();
  return () => {
    model.off("change:ground change:changes", show);
    model.off("change:alt", relabel);
    if (url) URL.revokeObjectURL(url);
  };
}

// In a narrow column a picture that says where is folded: its right part stands below the left one, on one scale, and
// what is written in it can be read. `scale` and `place` go from the stage to the picture.
const NARROW = 460; // CSS pixels
function folding(model, stage) {
  const canvas = element("canvas", "metalib-folded", null);
  canvas.setAttribute("aria-hidden", "true");
  const pen = canvas.getContext("2d", { alpha: false });
  const self = {
    folded: false,
    changed: () => {},
    get part() { return self.folded ? Math.max(model.get("fold"), 1 - model.get("fold")) : 1; }, // of the width
    dress() {
      const column = stage.parentElement.parentElement.clientWidth;
      const folded = model.get("fold") < 1 && column > 0 && column < NARROW;
      if (folded !== self.folded) {
        self.folded = folded;
        if (folded) stage.append(canvas); else canvas.remove();
        self.changed();
      }
      stage.style.aspectRatio = `${model.get("width") * self.part} / ${model.get("height") * (folded ? 2 : 1)}`;
    },
    paint(whole) {
      if (!self.folded) return;
      const { width, height } = whole, cut = Math.round(model.get("fold") * width);
      canvas.width = Math.round(self.part * width);
      canvas.height = 2 * height;
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(whole, 0, 0, cut, height, 0, 0, cut, height);
      pen.drawImage(whole, cut, 0, width - cut, height, 0, height, width - cut, height);
    },
    place(x, y) {
      if (!self.folded) return [x, y];
      const cut = model.get("fold"), right = y > 0.5;
      return [right ? cut + Math.min(x * self.part, 1 - cut) : Math.min(x * self.part, cut), 2 * y - (right ? 1 : 0)];
    },
  };
  return self;
}

// In a low window (a projector's, enlarged) a slider and the picture are to be seen together: all becomes denser and
// the words go below the picture. Where a laboratory would be higher than the window its picture gives way a little.
const LOW = 470, LEAST = 0.72;
function fitting(model, root, stage, fold) {
  let fitted = "";
  function fit() {
    const lab = root.closest(".metalib-laboratory"), window = root.closest(".jp-WindowedPanel-outer, .jp-Notebook");
    if (!lab || !window || root.closest(".metalib-pad")) return;
    const low = window.clientHeight < LOW;
    lab.classList.toggle("metalib-low", low);
    const column = Math.min(model.get("width"), root.parentElement.clientWidth);
    const above = lab.offsetHeight - root.offsetHeight;
    // Not what the words need: they change with every picture, whose size must not.
    const now = [low, column, above, window.clientHeight, fold.folded].join();
    if (!column || now === fitted) return;
    fitted = now;
    const others = above + (low ? 0 : root.offsetHeight - stage.offsetHeight);
    const high = stage.offsetHeight / stage.offsetWidth;
    const room = (window.clientHeight - others - 12) / high;
    const fits = !fold.folded && room >= LEAST * column; // else nothing is gained by a small picture
    root.style.maxWidth = `${fits ? Math.floor(Math.min(column, room)) : column}px`;
  }
  return fit;
}

// Words: titles and legends above the picture, panel by panel. They are made as text, never parsed as HTML.
const SVG = "http://www.w3.org/2000/svg";
export const SHAPES = { // around (0, 0), with radius 1
  o: "M-1,0 a1,1 0 1,0 2,0 a1,1 0 1,0 -2,0Z", s: "M-.9,-.9H.9V.9H-.9Z", D: "M0,-1.2L1.2,0L0,1.2L-1.2,0Z",
  "^": "M0,-1L1,.9H-1Z", v: "M0,1L1,-.9H-1Z", x: "M-.8,-.8L.8,.8M-.8,.8L.8,-.8",
  X: "M0,-.35L.5,-.9L.9,-.5L.35,0L.9,.5L.5,.9L0,.35L-.5,.9L-.9,.5L-.35,0L-.9,-.5L-.5,-.9Z",
  P: "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z", p: "M0,-1L.95,-.3L.6,.85H-.6L-.95,-.3Z",
  h: "M0,-1L.87,-.5V.5L0,1L-.87,.5V-.5Z", "*": "M0,-1.2L.3,-.38L1.15,-.36L.48,.16L.71,.98L0,.5L-.71,.98L-.48,.16L-1.15,-.36L-.3,-.38Z",
  ".": "M-.5,0 a.5,.5 0 1,0 1,0 a.5,.5 0 1,0 -1,0Z", "+": "M-1,0H1M0,-1V1",
};
export const isOpen = (marker) => marker === "x" || marker === "+"; // lines that enclose nothing
const LARGEST = 13; // points: a larger marker is shown so in a legend

export function swatch(mark) {
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

function showWords(model, place) {
  let shown = "";
  function show() {
    const panels = model.get("words");
    const wanted = JSON.stringify(panels);
    if (wanted === shown) return;
    shown = wanted;
    const columns = [];
    let at = 0;
    place.replaceChildren(...panels.map((panel, index) => {
      const node = element("div", "metalib-panel");
      if (panel.title) element("div", "metalib-title", node).textContent = panel.title;
      if (panel.legend.length) {
        const legend = element("div", "metalib-legend", node);
        for (const entry of panel.legend) {
          const item = element("span", "metalib-entry", legend);
          if (entry.mark) item.append(swatch(entry.mark));
          item.append(entry.text);
        }
      }
      if (panel.note) element("div", "metalib-note", node).textContent = panel.note;
      const end = panels[index + 1]?.left ?? 1;
      if (panel.left > at) columns.push(`minmax(0, ${panel.left - at}fr)`);
      node.style.gridColumn = columns.length + 1;
      columns.push(`minmax(0, ${Math.min(panel.right, end) - panel.left}fr)`);
      at = Math.min(panel.right, end);
      return node;
    }));
    if (at < 1) columns.push(`minmax(0, ${1 - at}fr)`);
    place.style.setProperty("--metalib-columns", columns.join(" "));
  }
  model.on("change:words", show);
  show();
  return () => model.off("change:words", show);
}

// A line that comes and goes while a slider is dragged must not move what stands below it: the room that was
// once needed at this width is kept.
export function keepRoom(node) {
  let width = 0;
  const watcher = new ResizeObserver(() => {
    if (node.clientWidth !== width) {
      width = node.clientWidth;
      node.style.minHeight = "";
    }
    if (width) node.style.minHeight = getComputedStyle(node).height; // not of its box on the screen: a slide is zoomed
  });
  watcher.observe(node);
  return () => watcher.disconnect();
}

// Events: one unanswered move is under way at most, and of those that wait the newest wins. Everything else is
// sent at once and makes a waiting move stale.
function eventSender(model) {
  const view = Math.random().toString(36).slice(2);
  let count = 0, unanswered = null, waiting = null;

  function send(event) {
    const id = `${view}:${++count}`;
    if (event.kind === "move") unanswered = id;
    model.send({ ...event, id });
  }
  function post(event) {
    if (event.kind === "move" && unanswered) {
      waiting = event;
      return;
    }
    waiting = null;
    send(event);
  }
  function answered(message) {
    if (message.answered !== unanswered) return;
    unanswered = null;
    if (waiting) {
      const event = waiting;
      waiting = null;
      send(event);
    }
  }
  model.on("msg:custom", answered);
  return { post, stop: () => model.off("msg:custom", answered) };
}

// Strokes: drawn live on a canvas over the picture; the model gets a stroke when it is finished.
function strokePad(model, stage) {
  const canvas = element("canvas", "metalib-ink", stage);
  let current = null;

  function paint() {
    const { width, height } = stage.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = model.get("pen_width") * canvas.width;
    pen.strokeStyle = "#111";
    const strokes = current ? [...model.get("strokes"), current] : model.get("strokes");
    for (const stroke of strokes) {
      pen.beginPath();
      for (const [x, y] of stroke) pen.lineTo(x * canvas.width, y * canvas.height);
      const [x, y] = stroke.at(-1);
      pen.lineTo(x * canvas.width + 0.01, y * canvas.height); // so that a tap leaves a dot
      pen.stroke();
    }
  }
  model.on("change:strokes", paint);
  paint();
  return {
    paint,
    begin(points) { current = points; paint(); },
    extend(points) { if (current) { current.push(...points); paint(); } },
    end() {
      if (!current) return;
      const stroke = current;
      current = null;
      model.set("strokes", [...model.get("strokes"), stroke]);
      model.save_changes();
    },
    undo() { model.set("strokes", model.get("strokes").slice(0, -1)); model.save_changes(); },
    stop: () => model.off("change:strokes", paint),
  };
}

// What ipywidgets leaves undone for those who use the keyboard or a screen reader: sliders get their labels as
// names and their read-outs as values (a log slider says 0.01, not -2), and a label loses its tooltip "null".
function tendControls(root) {
  let box = null;
  function tend() {
    // A notebook's own one-key commands (dd deletes a cell!) must not fire while something here has the focus.
    for (const node of box.querySelectorAll("[tabindex], [contenteditable], button, select, input")) {
      node.setAttribute("data-lm-suppress-shortcuts", "true");
    }
    for (const label of box.querySelectorAll("label[title=null]")) label.removeAttribute("title");
    for (const handle of box.querySelectorAll("[role=slider]")) {
      const control = handle.closest(".jupyter-widgets");
      const name = control.querySelector(".widget-label")?.textContent;
      const value = control.querySelector(".widget-readout")?.textContent;
      if (name && handle.ariaLabel !== name) handle.ariaLabel = name;
      if (value && handle.ariaValueText !== value) handle.ariaValueText = value;
    }
  }
  const watcher = new MutationObserver(tend);
  // The view is not in the page yet.
  const start = requestAnimationFrame(() => {
    box = root.closest(".metalib-laboratory") ?? root;
    watcher.observe(box, { subtree: true, childList: true, attributeFilter: ["aria-valuetext", "title", "tabindex"] });
    tend();
  });
  return () => {
    cancelAnimationFrame(start);
    watcher.disconnect();
  };
}

// What is typed into a slider's number goes to the kernel as it is, which takes it or says in a sentence why not.
// ipywidgets would take the nearest possible number, and 0 for 0,01, without a word.
function tendTyping(model, root) {
  const before = new WeakMap(); // a number that is being typed -> what stood there
  let box = null;
  const number = (event) => event.target.closest?.(".widget-readout[contenteditable=true]");

  function begin(event) {
    const node = number(event);
    if (node && !before.has(node)) before.set(node, node.textContent);
  }
  function done(event) {
    const node = number(event);
    if (!node || (event.type === "keydown" && event.key !== "Enter" && event.key !== "Escape")) return;
    event.stopImmediatePropagation();
    if (event.type === "keydown") event.preventDefault();
    if (!before.has(node)) return;
    const text = node.textContent;
    node.textContent = before.get(node); // the new one follows with the new picture
    before.delete(node);
    const field = node.closest("[class*=metalib-field-]")?.className.match(/metalib-field-(\w+)/)[1];
    if (field && event.key !== "Escape") model.send({ kind: "typed", field, text: text.slice(0, 80) });
  }
  const handlers = { beforeinput: begin, keydown: done, blur: done };
  const start = requestAnimationFrame(() => { // the view is not in the page yet
    box = root.closest(".metalib-laboratory");
    if (root.closest(".metalib-pad")) box = null;
    for (const [name, handler] of Object.entries(handlers)) box?.addEventListener(name, handler, true);
  });
  return () => {
    cancelAnimationFrame(start);
    for (const [name, handler] of Object.entries(handlers)) box?.removeEventListener(name, handler, true);
  };
}

function render({ model, el }) {
  const root = element("div", "metalib-surface", el);
  const words = element("div", "metalib-words", root);
  const stage = element("div", "metalib-stage", root);
  const message = element("div", "metalib-message", root);
  message.setAttribute("role", "status");
  message.setAttribute("aria-live", "polite");

  const fold = folding(model, stage);
  const fit = fitting(model, root, stage, fold);
  const stopPictures = showPictures(model, stage, fold);
  const stopWords = showWords(model, words);
  const stopKeeping = [words, message].map(keepRoom);
  const sender = eventSender(model);
  const pad = strokePad(model, stage);
  let pressed = false;

  const stopTending = tendControls(root);
  const stopTyping = tendTyping(model, root);

  function place(event) {
    const box = stage.getBoundingClientRect();
    const inside = (v) => Math.min(1, Math.max(0, v));
    const there = [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
    return fold.place(...there).map((v) => Math.round(v * 1e5) / 1e5);
  }
  function report(kind, event) {
    const [x, y] = place(event);
    sender.post({ kind, x, y, pressed, device: event.pointerType, shift: event.shiftKey });
  }
  const active = () => model.get("interactive") || model.get("drawing");

  const handlers = {
    pointerdown(event) {
      if (!active() || !event.isPrimary || event.button > 0) return;
      stage.focus({ preventScroll: true });
      stage.setPointerCapture(event.pointerId);
      pressed = true;
      if (model.get("drawing")) pad.begin([place(event)]);
      if (model.get("interactive")) report("down", event);
    },
    pointermove(event) {
      if (!active() || !event.isPrimary || !(pressed || model.get("hover"))) return;
      if (pressed && model.get("drawing")) {
        const events = event.getCoalescedEvents?.() ?? [];
        pad.extend((events.length ? events : [event]).map(place));
      }
      if (model.get("interactive")) report("move", event);
    },
    pointerup(event) {
      if (!pressed || !event.isPrimary) return;
      pressed = false;
      pad.end();
      if (model.get("interactive")) report("up", event);
    },
    pointerleave(event) {
      if (!pressed && event.isPrimary && active() && model.get("hover")) report("leave", event);
    },
    keydown(event) {
      if (!active() || event.target !== stage) return;
      const held = event.ctrlKey || event.altKey || event.metaKey;
      const undoes = model.get("drawing") && (event.ctrlKey || event.metaKey) && event.key === "z";
      if (!undoes && (held || !KEYS.has(event.key))) return; // the browser's own shortcuts
      event.preventDefault();
      event.stopPropagation();
      if (undoes || (model.get("drawing") && event.key === "Backspace")) pad.undo();
      if (model.get("interactive") && !undoes) sender.post({ kind: "key", key: event.key, shift: event.shiftKey });
    },
  };
  handlers.pointercancel = handlers.pointerup;
  for (const [name, handler] of Object.entries(handlers)) stage.addEventListener(name, handler);

  function dress() {
    root.style.maxWidth = `${model.get("width")}px`;
    fold.dress();
    stage.classList.toggle("metalib-active", active());
    if (active()) {
      stage.tabIndex = 0;
      stage.setAttribute("role", "application");
      stage.setAttribute("aria-label", model.get("label"));
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) stage.removeAttribute(name);
    }
  }
  function say() {
    message.textContent = model.get("message");
    message.classList.toggle("metalib-error", model.get("failed"));
  }
  const looks = "change:width change:height change:interactive change:drawing change:label";
  const messages = "change:message change:failed";
  model.on(looks, dress);
  model.on(messages, say);
  dress();
  say();

  // The kernel draws as many pixels as the screen shows, in three sizes so that a resize sends few messages.
  const sizes = new ResizeObserver(() => {
    fold.dress();
    fit();
    const pixels = stage.getBoundingClientRect().width * (window.devicePixelRatio || 1) / fold.part;
    if (!pixels) return;
    const needed = 0.95 * pixels / model.get("width");
    const resolution = RESOLUTIONS.find((r) => r >= needed) ?? RESOLUTIONS.at(-1);
    if (resolution !== model.get("resolution")) {
      model.set("resolution", resolution);
      model.save_changes();
    }
    pad.paint();
  });
  sizes.observe(stage);
  const around = requestAnimationFrame(() => { // the view is not in the page yet
    for (const place of [root.closest(".metalib-laboratory"), root.closest(".jp-WindowedPanel-outer, .jp-Notebook")]) {
      if (place) sizes.observe(place);
    }
  });

  return () => {
    cancelAnimationFrame(around);
    sizes.disconnect();
    stopTending();
    stopTyping();
    stopPictures();
    stopWords();
    for (const stop of stopKeeping) stop();
    sender.stop();
    pad.stop();
    model.off(looks, dress);
    model.off(messages, say);
  };
}

export default { render };
