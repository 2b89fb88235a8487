// The stage: one laboratory in a page, live without a kernel. What a laboratory's module exports is said in
// CONTRIBUTING.md, "How a laboratory becomes live in the page".
//
//   state ──compute──▶ result ──draw, words, describe──▶ what is seen and read
//     ▲                                                          │
//     └──────────── controls, pointer, keys, buttons, pad ◀──────┘

import { makeButtons, makePlay } from "./buttons.js";
import { makeControls, possible, settings } from "./controls.js";
import { workAhead } from "./idle.js";
import { listen } from "./moves.js";
import { makePanels } from "./panels.js";
import { element, keepRoom } from "./surface.js";
import { fill, makeTools } from "./tools.js";
import { allInWords } from "./words.js";

const PEACE = 800; // milliseconds without a change before a screen reader is told
let count = 0;

// Put a laboratory into `place`. Returns {state, result, set(values), inWindow(panel, x, y), close()}: what the picture
// shows now, and where in the window something of it is.
export async function mount(place, { module, specification, env, initial = {} }) {
  const { controls, texts, styles } = specification;
  const { mountPad } = module.pad ? await import("./pad.js") : {};
  const say = (key, gaps) => fill(specification.stage[key], gaps);
  const root = element("div", `metalib-stage${module.pad ? " metalib-writes" : ""}`, place);
  const desk = module.pad && element("div", "metalib-desk", root);
  const padPlace = desk && element("div", "metalib-pad", desk), beside = desk ? element("div", "metalib-beside", desk) : root;
  const rows = (module.buttons ?? []).every(Array.isArray) ? module.buttons ?? [] : [module.buttons];
  const rowPlaces = rows.slice(0, desk ? 1 : 0).map(() => element("div", "metalib-buttons", beside));
  const controlPlace = element("div", "metalib-controls", beside);
  rowPlaces.push(...rows.slice(rowPlaces.length).map(() => element("div", "metalib-buttons", beside)));
  const playPlace = module.play && element("div", "metalib-buttons", beside);
  const message = element("div", "metalib-message", root);
  const alt = element("div", "metalib-unseen", root), status = element("div", "metalib-unseen", root);
  alt.id = `metalib-alt-${++count}`;
  status.setAttribute("role", "status");

  let shown = null, wanted = null, frame = 0, quiet = 0, pictures = 0;
  const panels = makePanels(root, module, styles, () => { wanted ??= shown?.state; later(); });
  if (!desk) root.append(message);
  const tools = makeTools({ near: panels.near, size: panels.size, reach: 18 });
  const limitsOf = (state) => module.limits?.(state, env) ?? {};
  const viewOf = (state, result) => ({ state, result, env, texts, styles, tools });
  const newest = () => wanted ?? shown.state;
  const follow = (after) => module.follow ? module.follow(newest(), after, env) : after;

  function tell(sentence, isError) {
    message.textContent = sentence;
    message.classList.toggle("metalib-error", isError);
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      const words = module.words(shown), shows = module.describe(shown);
      alt.textContent = allInWords(settings(controls, shown.state, limitsOf(shown.state), say), words, shows, say);
      if (root.contains(document.activeElement)) status.textContent = isError ? sentence : words.remark || shows;
    }, alt.textContent ? PEACE : 0);
  }

  function later() { frame ||= requestAnimationFrame(paint); }
  function ask(state) {
    wanted = state;
    later();
  }
  function paint() {
    frame = 0;
    const state = possible(wanted, controls, limitsOf(wanted));
    wanted = null;
    try {
      const result = state === shown?.state ? shown.result : module.compute(state, env);
      const view = viewOf(state, result), words = module.words(view);
      panels.draw(view);
      shown = view;
      panels.say(words);
      tell(words.remark ?? "", false);
      showButtons(view);
    } catch (error) {
      if (!shown) throw error;
      failed(error.message);
    }
    showControls(shown.state, limitsOf(shown.state));
    pad?.show(shown.state[module.pad.name]);
    ahead.begin(shown.state);
    place.dataset.pictures = ++pictures;
    place.dispatchEvent(new CustomEvent("metalib:shown", { detail: shown.state }));
  }
  // Show what was asked for now: the next move begins there.
  function settle() {
    if (!frame) return;
    cancelAnimationFrame(frame);
    paint();
  }
  function failed(sentence) {
    tell(sentence, true);
    showControls(shown.state, limitsOf(shown.state));
  }
  function move(make) {
    try {
      const next = make(shown);
      if (next && next !== newest()) ask(next);
    } catch (error) {
      failed(error.message);
    }
  }
  const changed = (name, value) => move(() => follow({ ...newest(), [name]: value }));

  const showControls = makeControls(controlPlace, controls, { changed, failed, say });
  const showButtons = makeButtons(rows, rowPlaces, texts, (press) => {
    settle();
    move(press);
  });
  const pad = module.pad && mountPad(padPlace, {
    ...module.pad, label: texts[module.pad.label], alt: specification.stage.paper,
  }, {
    changed: (strokes, finished) => { if (finished || module.pad.unfinished) changed(module.pad.name, strokes); },
    key(event) {
      settle();
      move((view) => module.pad.pressed?.(view, event));
    },
  });
  const stopPlay = module.play && makePlay(playPlace, module.play, texts, (value) => changed(module.play.name, value), () => {
    const state = newest(), { low, high } = controls.find((one) => one.name === module.play.name);
    return { value: state[module.play.name], low, last: module.play.last?.(state) ?? high };
  });
  listen(panels, module, { tools, move, settle, label: specification.label, described: alt.id });
  if (!module.drag && !module.touch && !module.keys) {
    for (const sheet of panels.sheets) {
      sheet.setAttribute("role", "img");
      sheet.setAttribute("aria-labelledby", alt.id);
    }
  }
  const stopKeeping = keepRoom(message), ahead = workAhead(module.idle, env);

  wanted = { ...specification.initial, ...initial };
  paint();
  return {
    get state() { return shown.state; },
    get result() { return shown.result; },
    inWindow: panels.inWindow,
    set(values) {
      move(() => follow({ ...newest(), ...values }));
      settle();
    },
    close() {
      cancelAnimationFrame(frame);
      clearTimeout(quiet);
      ahead.stop();
      stopPlay?.();
      pad?.stop();
      stopKeeping();
      panels.stop();
      root.remove();
    },
  };
}
