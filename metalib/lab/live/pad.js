// Paper to write on, with a pen, a mouse or a finger: see parts.py's Pad.

const INK = "#111", PAPER = "#fff", EDGE = "#767676";
const QUICK = 33; // milliseconds: what is shown so soon leaves the pen its time
const KEYS = new Set(["Enter", " ", "Delete", "Backspace", "Home", "Escape", ..."0123456789"]);

// Put a pad into `place`. label: what a screen reader calls it; alt: what it is; size: CSS pixels; pen: its width in
// widths of the pad. changed(strokes, finished): what is on the paper, each stroke a list of [x, y], 0 … 1 from left
// and top; while the pen is down once a frame, with `finished` false. key({key, shift}): a key, but for Backspace and
// Ctrl+Z, which take the last stroke back.
export function mountPad(place, { label, alt, size, pen }, { changed, key }) {
  const node = document.createElement("div"), canvas = document.createElement("canvas");
  node.className = "metalib-paper";
  node.style.setProperty("--metalib-pad", `${size}px`);
  node.tabIndex = 0;
  node.setAttribute("role", "application");
  node.setAttribute("aria-label", label);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", alt);
  node.append(canvas);
  place.append(node);

  let strokes = [], current = null, waiting = 0;
  let told = 0, rest = 0; // when an unfinished stroke was told; until when the pen has the machine for itself

  function paint() {
    const wide = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (!wide) return;
    if (canvas.width !== wide) canvas.width = canvas.height = wide; // which clears it
    const ink = canvas.getContext("2d");
    ink.fillStyle = PAPER;
    ink.fillRect(0, 0, wide, wide);
    ink.lineCap = ink.lineJoin = "round";
    ink.lineWidth = pen * wide;
    ink.strokeStyle = INK;
    for (const stroke of current ? [...strokes, current] : strokes) {
      ink.beginPath();
      for (const [x, y] of stroke) ink.lineTo(x * wide, y * wide);
      ink.lineTo(stroke.at(-1)[0] * wide + 0.01, stroke.at(-1)[1] * wide); // so that a tap leaves a dot
      ink.stroke();
    }
    const edge = wide / size; // on top of the ink, as a frame
    ink.lineWidth = 2 * edge;
    ink.strokeStyle = EDGE;
    ink.strokeRect(edge, edge, wide - 2 * edge, wide - 2 * edge);
  }
  function point(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
      .map((v) => Math.round(Math.min(1, Math.max(0, v)) * 1e4) / 1e4);
  }
  function tell(now) { // what is drawn so far; a slow machine rests in between, and the pen goes on
    waiting = 0;
    if (!current) return;
    if (told || now < rest) {
      later();
      return;
    }
    told = performance.now();
    changed([...strokes, [...current]], false);
  }
  const later = () => { waiting ||= requestAnimationFrame(tell); };
  function end() {
    if (!current) return;
    cancelAnimationFrame(waiting);
    waiting = 0;
    strokes = [...strokes, current];
    current = null;
    changed(strokes, true);
  }
  function back() {
    if (current || !strokes.length) return;
    strokes = strokes.slice(0, -1);
    paint();
    changed(strokes, true);
  }

  const handlers = {
    pointerdown(event) {
      if (!event.isPrimary || event.button > 0) return;
      event.preventDefault();
      node.focus({ preventScroll: true });
      node.setPointerCapture(event.pointerId);
      current = [point(event)];
      paint();
      later();
    },
    pointermove(event) {
      if (!current || !event.isPrimary) return;
      const events = event.getCoalescedEvents?.() ?? [];
      current.push(...(events.length ? events : [event]).map(point));
      paint();
      later();
    },
    pointerup: (event) => event.isPrimary && end(),
    pointercancel: (event) => event.isPrimary && end(),
    keydown(event) {
      const held = event.ctrlKey || event.altKey || event.metaKey;
      const undoes = (event.ctrlKey || event.metaKey) && event.key === "z";
      if (!undoes && (held || !KEYS.has(event.key))) return; // the browser's own shortcuts
      event.preventDefault();
      event.stopPropagation();
      if (undoes || event.key === "Backspace") back();
      else key({ key: event.key, shift: event.shiftKey });
    },
  };
  for (const [name, handler] of Object.entries(handlers)) node.addEventListener(name, handler);
  // A quick stroke is no fling, by whose end the next tap on a button would be swallowed.
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  const watcher = new ResizeObserver(paint);
  watcher.observe(canvas);

  return {
    node,
    // The strokes of the state; a stroke that is being drawn goes on.
    show(wanted) {
      const now = performance.now();
      if (told) rest = now + Math.max(0, now - told - QUICK);
      told = 0;
      if (current) return;
      strokes = wanted;
      paint();
    },
    stop() {
      watcher.disconnect();
      cancelAnimationFrame(waiting);
      node.remove();
    },
  };
}
