// Titles and legends above a panel. They are made as text, never parsed as HTML.

import { element, swatch } from "./surface.js"; // written beside this file: its marks are those of the notebook

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

// A picture's text alternative: how the controls are set, the words above it, what it shows itself.
export function allInWords(settings, words, shows, say) {
  const lists = [settings];
  for (const { title = "", legend = [], note = "" } of words.panels) {
    lists.push([title, ...legend.map((entry) => entry.text)], [note]);
  }
  const said = lists.map((texts) => texts.filter(Boolean).join(say("and")).replace(/[.。]+$/, "")).filter(Boolean);
  return [...said.map((text) => say("sentence", { text })), shows].join(" ");
}
