// The presenter's page: follows the slides and may turn them; a clock against the plan.
(() => {
  const $ = (id) => document.getElementById(id);
  const slides = JSON.parse($("slides").textContent);
  const channel = new BroadcastChannel("metalib-lecture");
  const plan = []; // minutes that should be over when a slide ends
  slides.reduce((sum, slide) => (plan[plan.length] = sum + slide.minutes), 0);
  let now = 0;
  let seconds = 0; // on the clock before it was started last
  let since = null; // when it was started, in ms; null: it stands

  let fresh = true; // the slides may know how the clock stood when this page was closed

  const used = () => seconds + (since === null ? 0 : (Date.now() - since) / 1000);

  function tick() {
    const all = Math.floor(used());
    $("used").textContent = `${Math.floor(all / 60)}:${String(all % 60).padStart(2, "0")}`;
    $("time").textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const before = now ? plan[now - 1] : 0;
    const late = all / 60 - plan[now];
    const early = before - all / 60;
    const pace = late > 0.5 ? `${Math.round(late) || 1} min behind` : early > 0.5 ? `${Math.round(early) || 1} min ahead` : "on time";
    $("pace").textContent = `this slide: minute ${before} to ${plan[now]} of ${plan.at(-1)}${all ? ` · ${pace}` : ""}`;
    $("pace").classList.toggle("late", late > 0.5);
    $("run").textContent = since === null ? "Start the clock" : "Stop the clock";
  }

  const keep = () => channel.postMessage({ kind: "clock", clock: { seconds, since } });

  // What the slides say: where they are, and the clock that they keep for this page.
  function follow({ clock, ...place }) {
    if (fresh && clock) ({ seconds, since } = clock);
    fresh = false;
    if (since === null && seconds === 0 && place.slide > now) since = Date.now(); // the lecture has begun
    show(place);
    keep();
  }

  function show({ slide, waiting, black }) {
    now = slide;
    const { heading, minutes, say, expect } = slides[now];
    $("place").textContent = `Slide ${now + 1} of ${slides.length} · ${minutes} min${black ? " · the screen is black" : ""}`;
    $("heading").textContent = heading;
    $("say").innerHTML = say;
    $("expect").innerHTML = expect.map((wrong) => `<div>${wrong}</div>`).join("");
    const next = slides[now + 1]?.heading;
    $("coming").textContent = waiting ? "Next: more of this slide" : next ? `Next: ${next}` : "This is the last slide.";
    [...$("list").children].forEach((item, i) =>
      i === now ? item.setAttribute("aria-current", "true") : item.removeAttribute("aria-current"),
    );
    scrollTo(0, 0);
    tick();
  }

  const turn = (by) => channel.postMessage({ kind: "turn", by });
  const black = () => channel.postMessage({ kind: "black" });
  const KEYS = {
    ArrowRight: () => turn(1),
    PageDown: () => turn(1),
    ArrowLeft: () => turn(-1),
    PageUp: () => turn(-1),
    b: black,
    ".": black,
  };
  addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  $("next").onclick = () => turn(1);
  $("previous").onclick = () => turn(-1);
  $("black").onclick = black;
  $("run").onclick = () => {
    seconds = used();
    since = since === null ? Date.now() : null;
    keep();
    tick();
  };
  $("again").onclick = () => {
    seconds = 0;
    if (since !== null) since = Date.now();
    keep();
    tick();
  };
  slides.forEach(({ heading, minutes }, slide) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = "#";
    link.textContent = `${heading} (${minutes})`;
    link.onclick = (event) => {
      event.preventDefault();
      channel.postMessage({ kind: "show", slide });
    };
    item.append(link);
    $("list").append(item);
  });
  channel.onmessage = ({ data }) => data.kind === "at" && follow(data);
  setInterval(tick, 500);
  show({ slide: 0 });
  channel.postMessage({ kind: "hello" });
})();
