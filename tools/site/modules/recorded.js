// A recorded laboratory: metalib/lab/recording.py made its positions, one or two controls go through them, and the
// notebook's own surface shows picture, words and remark of each.
import surface from "./surface.js";
import { modelOf, read, styled } from "./model.js";

const make = (tag, traits = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), traits);
  node.append(...children);
  return node;
};

async function bytesOf(address) {
  const answer = await fetch(new URL(address, import.meta.url));
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.arrayBuffer();
}

/** What a picture's moving part puts on the ground, in the form of metalib/lab/changes.py. */
async function changesOf(file) {
  const image = await createImageBitmap(new Blob([file], { type: "image/webp" }));
  const { width, height } = image;
  const canvas = make("canvas", { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  image.close();
  const bytes = pen.getImageData(0, 0, width, height).data, pixels = new Uint32Array(bytes.buffer);
  const starts = [], colours = [], lengths = [];
  for (let at = 0; at < pixels.length;) {
    const colour = pixels[at], from = at;
    const there = bytes[4 * at + 3] > 0;
    while (++at < pixels.length && pixels[at] === colour && at - from < 0xffff);
    if (there) {
      starts.push(from);
      colours.push(colour);
      lengths.push(at - from);
    }
  }
  const made = new Uint8Array(10 * starts.length);
  made.set(new Uint8Array(Uint32Array.from(starts).buffer), 0);
  made.set(new Uint8Array(Uint32Array.from(colours).buffer), 4 * starts.length);
  made.set(new Uint8Array(Uint16Array.from(lengths).buffer), 8 * starts.length);
  return made;
}

/** The recorded files, each taken out of the one that holds them all when it is first asked for. */
function filesIn(all) {
  const grounds = new Map(), changes = new Map();
  const once = (kept, [from, long], of) => {
    if (!kept.has(from)) kept.set(from, of(new Uint8Array(all, from, long)));
    return kept.get(from);
  };
  return {
    ground: (place) => once(grounds, place, (file) => file), // the same object each time: surface.js compares them
    changes: (place) => once(changes, place, changesOf),
  };
}

let controls = 0;

/** One control: its node, and `at()`, the number of the value it stands at. */
function controlOf({ label, kind, told }, at, moved) {
  const id = `metalib-recorded-${++controls}`, name = make("label", { htmlFor: id });
  if (kind === "choice") {
    name.textContent = label;
    const options = told.map((text, value) => make("option", { value, textContent: text }));
    const input = make("select", { id, onchange: moved }, ...options);
    input.value = at;
    return { node: make("div", { className: "metalib-control" }, name, input), at: () => Number(input.value) };
  }
  const input = make("input", { id, type: "range", min: 0, max: told.length - 1, step: 1, value: at });
  const tell = () => {
    name.textContent = told[input.value];
    input.setAttribute("aria-valuetext", told[input.value]);
  };
  input.oninput = () => { tell(); moved(); };
  input.setAttribute("aria-label", label);
  tell();
  return { node: make("div", { className: "metalib-control" }, name, input), at: () => Number(input.value) };
}

/** The number of the position at which the controls stand; the last goes fastest, as in `Recording.positions`. */
export const numberOf = (places, sizes) => places.reduce((number, at, index) => number * sizes[index] + at, 0);

const painted = (box) => new Promise((done) => {
  const look = () => (box.querySelector("[data-pictures]") ? done() : requestAnimationFrame(look));
  look();
});

export async function mount(root) {
  const { recording, language } = root.dataset, asked = JSON.parse(root.dataset.initial || "{}");
  const [tape, all] = await Promise.all([
    read(`../recorded/${recording}.${language}.json`), bytesOf(`../recorded/${recording}.bin`), styled("surface.css"),
  ]);
  const files = filesIn(all), sizes = tape.controls.map(({ told }) => told.length);
  const made = tape.controls.map((control) => {
    const begin = control.values.indexOf(asked[control.name]);
    return controlOf(control, begin < 0 ? control.begin : begin, () => show());
  });
  let wanted = -1;
  async function shown() {
    const number = numberOf(made.map((one) => one.at()), sizes);
    wanted = number;
    const { ground, moving, alt, words, remark } = tape.positions[number];
    const values = { ground: files.ground(ground), changes: await files.changes(moving), alt, words, message: remark };
    return { number, values };
  }
  const model = modelOf({
    ...(await shown()).values, width: tape.width, height: tape.height, fold: tape.fold, resolution: 1, label: "",
    interactive: false, hover: false, drawing: false, strokes: [], pen_width: 0, failed: false,
  });
  async function show() {
    const { number, values } = await shown();
    if (wanted !== number) return; // the control has gone on
    model.put(values);
    root.dataset.position = number;
  }
  const place = make("div", { className: "metalib-picture" });
  const box = make("div", { className: "metalib-player" }, make("div", { className: "metalib-controls" }, ...made.map((one) => one.node)), place);
  box.classList.add("metalib-waiting"); // it has its width, but no place yet
  root.append(box);
  surface.render({ model, el: place });
  await show();
  await painted(box);
  root.querySelector("figure").hidden = true;
  box.classList.remove("metalib-waiting");
}
