// Buttons, and the one that plays.

import { element } from "./surface.js";

function button(place, className) {
  const made = element("button", className, place);
  made.type = "button";
  return made;
}

// Rows of buttons; a label is a key of texts, or (view) -> text. Returns show(view).
export function makeButtons(rows, places, texts, press) {
  const shows = [];
  rows.forEach((row, at) => {
    for (const { label, primary, press: pressed } of row) {
      const made = button(places[at], `metalib-button${primary ? " metalib-primary" : ""}`);
      made.addEventListener("click", () => press(pressed));
      if (typeof label === "function") shows.push((view) => { made.textContent = label(view); });
      else made.textContent = texts[label];
    }
  });
  return (view) => shows.forEach((show) => show(view));
}

// Moves a whole number on by itself, as far as it goes. `go(value)` moves it; `range()` is {value, low, last} now.
export function makePlay(place, { label, interval = 200 }, texts, go, range) {
  const made = button(place, "metalib-button metalib-play");
  const sign = element("span", "", made);
  sign.setAttribute("aria-hidden", "true");
  made.append(` ${texts[label]}`);
  let timer = 0;
  function show() {
    sign.textContent = timer ? "■" : "▶";
    made.ariaPressed = Boolean(timer);
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    show();
  }
  function on() {
    const { value, last } = range();
    if (value < last && made.isConnected) go(value + 1);
    if (value + 1 >= last) stop();
  }
  made.addEventListener("click", () => {
    if (timer) return stop();
    const { value, low, last } = range();
    if (value >= last) go(low);
    timer = setInterval(on, interval);
    show();
  });
  show();
  return stop;
}
