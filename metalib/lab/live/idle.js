// Work ahead while the browser has nothing to do: a module's `idle(state, env)` does a piece of about a millisecond
// and says whether there is more. No imports.

const PIECE = 4, PAUSE = 40; // milliseconds, where the browser does not say when it is idle
const soon = (work) => setTimeout(() => {
  const end = performance.now() + PIECE;
  work({ timeRemaining: () => end - performance.now() });
}, PAUSE);

// begin(state): from now on for this state; stop(): no further piece.
export function workAhead(idle, env) {
  const later = window.requestIdleCallback ?? soon, never = window.cancelIdleCallback ?? clearTimeout;
  let ticket = 0, state = null;
  function work(deadline) {
    let more = true;
    while (more && deadline.timeRemaining() > 1) more = idle(state, env);
    ticket = more ? later(work) : 0;
  }
  return {
    begin(now) {
      state = now;
      if (idle) ticket ||= later(work);
    },
    stop() { never(ticket); },
  };
}
