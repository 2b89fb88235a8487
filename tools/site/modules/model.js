// What the course's widgets expect of a notebook, for a page without one: a model that keeps values and tells of changes.

/** `send(message)` is what would go to the kernel. `put(values)` changes several values, then tells of each. */
export function modelOf(values, send = () => {}) {
  const listeners = new Map();
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    save_changes: () => {},
    send,
    on: (events, call) => events.split(" ").forEach((event) => {
      listeners.set(event, [...(listeners.get(event) ?? []), call]);
    }),
    off: (events, call) => events.split(" ").forEach((event) => {
      listeners.set(event, (listeners.get(event) ?? []).filter((one) => one !== call));
    }),
    put: (changed) => {
      Object.assign(values, changed);
      const calls = Object.keys(changed).flatMap((name) => listeners.get(`change:${name}`) ?? []);
      new Set(calls).forEach((call) => call());
    },
  };
  return model;
}

const sheets = new Map();

/** The style sheet beside the modules, loaded once. */
export function styled(name) {
  if (!sheets.has(name)) {
    sheets.set(name, new Promise((done, failed) => {
      const link = document.createElement("link");
      Object.assign(link, { rel: "stylesheet", href: new URL(name, import.meta.url).href, onload: done, onerror: failed });
      document.head.append(link);
    }));
  }
  return sheets.get(name);
}

const texts = new Map();

/** The JSON file beside the modules, loaded once. */
export function read(name) {
  if (!texts.has(name)) {
    texts.set(name, fetch(new URL(name, import.meta.url)).then((answer) => {
      if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
      return answer.json();
    }));
  }
  return texts.get(name);
}
