// What a pointer, a finger and the keys do in the panels. A finger that takes hold of nothing scrolls the page.

const KEYS = new Set([
  "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown",
  "Enter", " ", "Escape", "Delete", "Backspace", "+", "-", ..."0123456789",
]);
const REACH = { mouse: 24, pen: 24, touch: 36 }; // CSS pixels by which a pointer may miss what it takes hold of
const STILL = 10; // CSS pixels: a finger that moves less has tapped

// `move(make)`: go to the state make(view), where it is one; `settle()`: show what was asked for now.
export function listen(panels, module, { tools, move, settle, label, described }) {
  const { drag, touch, hover, keys } = module;
  if (!drag && !touch && !keys) return;
  const moves = module.panels.map((panel) => panel.moves ?? true);
  let held = null, down = null; // what is held; where the pointer went down

  panels.sheets.forEach((sheet, at) => {
    if (!moves[at]) return;
    sheet.classList.add("metalib-active");
    sheet.tabIndex = moves.indexOf(true) === at ? 0 : -1;
    sheet.setAttribute("role", "application");
    sheet.setAttribute("aria-label", label);
    sheet.setAttribute("aria-describedby", described);
    const pull = (event) => move((view) => drag.pull(view, held, at, ...panels.place(at, event)));
    const point = (event) => touch && move((view) => touch(view, at, ...panels.place(at, event)));
    const grab = (event) => {
      settle();
      held = null;
      if (!drag) return;
      move((view) => {
        held = drag.grab(view, at, ...panels.place(at, event)) ?? null;
        return held === null ? null : drag.pull(view, held, at, ...panels.place(at, event));
      });
    };

    const canHold = (event) => (drag.grab(panels.view(), at, ...panels.place(at, event)) ?? null) !== null;
    function letGo() {
      held = down = null;
      sheet.classList.remove("metalib-held");
    }

    const handlers = {
      pointerdown(event) {
        if (!event.isPrimary || event.button > 0) return;
        tools.reach = REACH[event.pointerType] ?? REACH.mouse;
        sheet.focus({ preventScroll: true });
        down = { x: event.clientX, y: event.clientY, finger: event.pointerType === "touch" };
        grab(event);
        if (held === null && !down.finger) {
          point(event);
          grab(event); // what has come to where the pointer is goes along with it
        }
        if (held !== null || hover) sheet.setPointerCapture(event.pointerId);
        sheet.classList.toggle("metalib-held", held !== null);
      },
      pointermove(event) {
        if (!event.isPrimary) return;
        if (held !== null) pull(event);
        else if (hover && (down || event.pointerType !== "touch")) point(event);
        if (drag && !down) sheet.classList.toggle("metalib-near", canHold(event));
      },
      pointerup(event) {
        if (!event.isPrimary || !down) return;
        if (held !== null) pull(event);
        else if (down.finger && Math.hypot(event.clientX - down.x, event.clientY - down.y) < STILL) point(event);
        letGo();
      },
      pointercancel: letGo, // the page is being scrolled
      keydown(event) {
        if (!keys || event.target !== sheet || event.ctrlKey || event.altKey || event.metaKey || !KEYS.has(event.key)) return;
        event.preventDefault();
        settle();
        move((view) => keys(view, { key: event.key, shift: event.shiftKey }));
      },
    };
    for (const [name, handler] of Object.entries(handlers)) sheet.addEventListener(name, handler);
    // The browser asks here, behind pointerdown, whether this finger may scroll.
    sheet.addEventListener("touchstart", (event) => { if (held !== null) event.preventDefault(); }, { passive: false });
  });
}
