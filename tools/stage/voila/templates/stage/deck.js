// Turns the slides: keys, clicker, fragments, and the presenter's page, which is told and may tell.
(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const channel = new BroadcastChannel("metalib-lecture");
  const black = document.getElementById("black");
  let now = 0;
  let clock = null; // the presenter's, kept here while that page is closed or loads again

  const waiting = () => slides[now].querySelector(".fragment.waiting");

  // How large the units of a slide are: as wide as the window allows, and smaller where it is too high; but
  // never so small that the last row cannot read it: then the slide scrolls.
  const SMALLEST = 0.6;
  function fit(slide, afresh) {
    const sheet = slide.firstElementChild;
    const widest = (innerWidth - 48) / 1000;
    if (afresh) sheet.style.zoom = widest;
    sheet.querySelectorAll("pre").forEach(narrow);
    const zoom = Number(sheet.style.zoom) || widest;
    const height = sheet.getBoundingClientRect().height;
    if (height > slide.clientHeight) {
      const wanted = (0.99 * zoom * slide.clientHeight) / height;
      sheet.style.zoom = wanted < SMALLEST * widest ? Math.min(zoom, 0.9 * widest) : wanted;
    }
    slide.classList.toggle("scrolls", sheet.getBoundingClientRect().height > slide.clientHeight + 1);
  }

  // Lines that are wider than the slide get smaller letters; where those could not be read, the lines break.
  const SMALLEST_LINES = 0.75;
  function narrow(pre) {
    if (pre.scrollWidth <= pre.clientWidth) return;
    const room = (0.99 * pre.clientWidth) / pre.scrollWidth;
    if (room < SMALLEST_LINES) pre.classList.add("breaks");
    else pre.style.fontSize = `${room * Number.parseFloat(getComputedStyle(pre).fontSize)}px`;
  }

  function tell() {
    channel.postMessage({ kind: "at", slide: now, waiting: Boolean(waiting()), black: !black.hidden, clock });
  }

  // Go to a slide; coming from behind, all of it is shown.
  function show(number, whole = false) {
    now = Math.min(Math.max(number, 0), slides.length - 1);
    slides.forEach((slide, i) => slide.classList.toggle("current", i === now));
    slides[now].querySelectorAll(".fragment").forEach((part) => part.classList.toggle("waiting", !whole));
    if (document.activeElement !== document.body) document.activeElement?.blur();
    slides[now].scrollTop = 0;
    fit(slides[now], true);
    document.getElementById("place").textContent =
      `${document.querySelector("main").dataset.chapter} · ${now + 1} / ${slides.length}`;
    const progress = document.getElementById("progress");
    progress.max = slides.length - 1;
    progress.value = now;
    history.replaceState(null, "", `#${slides[now].dataset.name}`);
    tell();
  }

  function turn(by) {
    if (!black.hidden) return darken(false);
    if (by > 0 && waiting()) {
      waiting().classList.remove("waiting");
      tell();
    } else if (now + by >= 0 && now + by < slides.length) {
      show(now + by, by < 0);
    }
  }

  function darken(dark) {
    black.hidden = !dark;
    tell();
  }

  const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const present = () =>
    window.open(`${page.baseUrl}voila/files/presenter.html`, "metalib-presenter", "width=1100,height=800");
  const KEYS = {
    ArrowRight: () => turn(1),
    ArrowDown: () => turn(1),
    " ": () => turn(1),
    ArrowLeft: () => turn(-1),
    ArrowUp: () => turn(-1),
    Backspace: () => turn(-1),
    Home: () => show(0),
    End: () => show(slides.length - 1),
    b: () => darken(black.hidden),
    ".": () => darken(black.hidden),
    p: present,
    f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  };
  const CLICKER = { PageDown: () => turn(1), PageUp: () => turn(-1) };

  // What has the focus and needs keys itself: a slider, a field, a picture that listens. A button needs few.
  // A choice made by pointer is made: it keeps no keys but Enter, which opens a prediction.
  const OWN = "input, select, textarea, [contenteditable], [role=slider], [tabindex='0']:not(button)";
  const CHOICES = "input[type=radio], input[type=checkbox], select";
  let pointed = false; // the last thing that happened was the pointer's
  let chosen = null;
  addEventListener("pointerdown", () => (pointed = true), true);
  addEventListener("focusin", () => (chosen = null));
  for (const kind of ["click", "change"]) {
    addEventListener(kind, ({ target }) => {
      if (pointed && target.matches(CHOICES)) chosen = target;
    });
  }
  function owner(key) {
    const focused = document.activeElement;
    if (!focused || focused === document.body || (focused === chosen && key !== "Enter")) return false;
    return focused.closest(OWN) || (focused.closest("button, a, summary") && [" ", "Enter"].includes(key));
  }

  addEventListener(
    "keydown",
    (event) => {
      pointed = false;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (key === "Escape") {
        document.activeElement?.blur(); // gives the keys back to the slides; nothing else happens
        return;
      }
      const act = CLICKER[key] ?? (owner(key) ? undefined : KEYS[key]);
      if (!act) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (key === " " && event.shiftKey) turn(-1);
      else act();
    },
    true, // before the laboratory: a clicker turns the slide wherever the focus is
  );

  channel.onmessage = ({ data }) => {
    if (data.kind === "turn") turn(data.by);
    if (data.kind === "show") show(data.slide);
    if (data.kind === "black") darken(black.hidden);
    if (data.kind === "clock") clock = data.clock;
    if (data.kind === "hello") tell();
  };

  // Closing or reloading by accident would end the kernel: the browser asks first, and only then Voilà's own
  // end of the kernel follows.
  addEventListener(
    "beforeunload",
    (event) => {
      event.stopImmediatePropagation();
      event.preventDefault();
    },
    true,
  );
  addEventListener("pagehide", () => {
    const form = new FormData();
    // The server compares a cookie with what is sent. Voilà's page sets none, so its own goodbye is refused.
    let token = document.cookie.match("\\b_xsrf=([^;]*)\\b")?.[1];
    if (!token) document.cookie = `_xsrf=${(token = crypto.randomUUID())}; path=/; max-age=60; samesite=strict`;
    form.append("_xsrf", token);
    navigator.sendBeacon(`${page.baseUrl}voila/api/shutdown/${page.kernelId}`, form);
  });

  addEventListener("resize", () => fit(slides[now], true));
  const observer = new ResizeObserver(() => fit(slides[now], false));
  slides.forEach((slide) => observer.observe(slide.firstElementChild));
  show(Math.max(slides.findIndex((slide) => `#${slide.dataset.name}` === location.hash), 0));
})();
