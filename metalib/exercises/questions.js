// Questions of three kinds: one of several choices, a number, lines to put in order. In a quiz they are explained
// here, so that it also answers while the kernel is busy. A prediction knows no answer: the kernel opens it.
let views = 0;

function make(tag, traits = {}, ...children) {
  const node = Object.assign(document.createElement(tag), traits);
  node.append(...children);
  return node;
}

const button = (text, className, onclick) => make("button", { type: "button", className, onclick, textContent: text });

// The three kinds. Each gives its nodes, `guess()` (null: none yet), `set(guess)`, `lock(yes)` and
// `mark(own, right)`, which shows the learner's guess and what is right beside each other.

function choice(question, words, changed) {
  const name = `metalib-question-${++views}`; // radio buttons of one name are one group, over the whole page
  const rows = question.items.map((item) => {
    const radio = make("input", { type: "radio", name, value: item.id, onchange: changed });
    const text = make("span", { innerHTML: item.text });
    return { item, radio, row: make("label", {}, radio, text) };
  });
  return {
    nodes: rows.map(({ row }) => row),
    guess: () => rows.find(({ radio }) => radio.checked)?.item.id ?? null,
    set: (guess) => rows.forEach(({ item, radio }) => { radio.checked = item.id === guess; }),
    lock: (yes) => rows.forEach(({ radio }) => { radio.disabled = yes; }),
    mark: (own, right) => rows.forEach(({ item, row }) => {
      row.classList.toggle("own", item.id === own);
      row.classList.toggle("is-right", right.includes(item.id));
    }),
  };
}

function number(question, words, changed) {
  const problem = make("span", { className: "problem", id: `metalib-question-${++views}` });
  const input = make("input", { type: "text", inputMode: "decimal", autocomplete: "off", size: 8 });
  input.setAttribute("aria-label", question.unit ? `${words.number} (${question.unit})` : words.number);
  input.setAttribute("aria-describedby", problem.id);
  const read = () => {
    const typed = input.value.replace(/[\s\u00a0]/g, "").replace("−", "-").replace(/%$/, "");
    if (/^[-+]?[1-9]\d{0,2},\d{3}$/.test(typed)) return null; // 1,250: a thousand or a decimal comma?
    const text = typed.replace(/^([-+]?\d*),(\d+)$/, "$1.$2");
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?$/i.test(text) ? String(Number(text)) : null;
  };
  input.oninput = () => { problem.textContent = ""; changed(); };
  const complain = () => { problem.textContent = input.value.trim() && read() === null ? words.no_number : ""; };
  input.onblur = complain;
  const row = make("div", { className: "number" }, input, make("span", { innerHTML: question.unit ?? "" }), problem);
  return {
    nodes: [row],
    guess: read,
    set: (guess) => { input.value = (guess ?? "").replace("-", "−"); },
    lock: (yes) => { input.disabled = yes; },
    mark: () => {},
    complain,
  };
}

function order(question, words, changed) {
  const list = make("ol", { className: "lines" });
  const said = make("p", { className: "spoken" }); // for screen readers
  said.setAttribute("role", "status");
  const by_id = new Map();
  let locked = false;
  const place = (line) => [...list.children].indexOf(line);

  // The neighbour moves, not the line: a node that is moved loses the focus and the pointer.
  function move(line, down) {
    const other = down ? line.nextElementSibling : line.previousElementSibling;
    if (!other || locked) return;
    down ? line.before(other) : line.after(other);
    said.textContent = words.moved.replace("{line}", line.dataset.text)
      .replace("{n}", place(line) + 1).replace("{total}", list.children.length);
    changed();
  }

  function draggable(line, handle) {
    let held = false;
    line.onpointerdown = (event) => {
      // A finger on the text scrolls the page; on the handle it drags.
      if (locked || event.button || event.target.closest("button") || (event.pointerType !== "mouse" && !handle.contains(event.target))) return;
      held = true;
      line.setPointerCapture(event.pointerId);
      line.classList.add("held");
    };
    line.onpointermove = (event) => {
      if (!held) return;
      const middle = (other) => other && other.getBoundingClientRect().top + other.offsetHeight / 2;
      if (event.clientY < middle(line.previousElementSibling)) move(line, false);
      else if (event.clientY > middle(line.nextElementSibling)) move(line, true);
    };
    line.onpointerup = line.onpointercancel = () => { held = false; line.classList.remove("held"); };
  }

  for (const item of question.items) {
    const text = make("span", { className: "text", innerHTML: item.text });
    const handle = make("span", { className: "handle", textContent: "⠿" });
    handle.setAttribute("aria-hidden", "true");
    const line = make("li", { tabIndex: 0 }, handle, text);
    line.dataset.id = item.id;
    line.dataset.text = text.textContent.trim();
    for (const [sign, down, says] of [["↑", false, words.up], ["↓", true, words.down]]) {
      const arrow = button(sign, "arrow", () => move(line, down));
      arrow.setAttribute("aria-label", says.replace("{line}", line.dataset.text));
      arrow.tabIndex = -1; // the line itself takes the arrow keys
      line.append(arrow);
    }
    line.onkeydown = (event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      event.preventDefault();
      move(line, event.key === "ArrowDown");
    };
    draggable(line, handle);
    list.append(line);
    by_id.set(item.id, line);
  }
  return {
    nodes: [make("p", { className: "how", textContent: words.how }), list, said],
    guess: () => [...list.children].map((line) => line.dataset.id).join(" "),
    set: (guess) => guess?.split(" ").forEach((id) => list.append(by_id.get(id))),
    lock: (yes) => {
      locked = yes;
      list.classList.toggle("locked", yes);
      for (const line of list.children) line.tabIndex = yes ? -1 : 0;
    },
    mark: () => {},
  };
}

const KINDS = { choice, number, order };

// One question with its control. Enter anywhere in it commits.
function form(question, words, changed, commit, before = "") {
  const control = KINDS[question.kind](question, words, changed);
  const legend = make("legend", { innerHTML: `${before}${question.text}` });
  const field = make("fieldset", {}, legend, ...control.nodes);
  field.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.target.matches("button")) return;
    event.preventDefault();
    control.complain?.();
    commit();
  };
  return { field, control };
}

function prediction(model, el) {
  const [question] = model.get("questions"), words = model.get("words");
  let hidden = false, asked = false; // hidden: the learner guesses again; asked: and waits for the kernel
  el.classList.add("metalib-question", "metalib-prediction");

  const send = (guess) => {
    asked = true;
    model.send({ question: question.id, guess });
    setTimeout(() => { if (asked) status.textContent = words.waiting; }, 500);
    commit.disabled = true;
  };
  const commit_guess = () => { if (!commit.disabled) send(control.guess()); };
  const commit = button(words.commit, "main", commit_guess);
  const show = button(words.show, "quiet", () => send(null));
  const { field, control } = form(
    question, words, () => { commit.disabled = control.guess() === null; }, commit_guess,
    `<span class="kind">${words.predict}</span> `,
  );
  const actions = make("div", { className: "actions" }, commit, show);
  const status = make("p", { className: "status" });
  status.setAttribute("role", "status");
  const answer = make("div", { className: "answer" });
  el.append(field, actions, status, answer);

  function draw() {
    const opened = model.get("answer"), open = Boolean(opened.html) && !hidden;
    const come = asked; // now: the reader waits for it
    asked = false;
    status.textContent = "";
    control.set(opened.guess ?? null);
    control.lock(open);
    control.mark(open ? opened.guess : null, open ? opened.right : []);
    actions.hidden = open;
    commit.disabled = control.guess() === null;
    answer.replaceChildren();
    answer.hidden = !open;
    if (!open) return;
    const verdict = make("p", { className: `verdict ${opened.verdict}`, tabIndex: -1, innerHTML: opened.head });
    const again = button(opened.guess === null ? words.after_all : words.again, "quiet", () => {
      hidden = true;
      draw();
      (field.querySelector("input:checked") ?? field.querySelector("input, li")).focus();
    });
    answer.append(verdict, make("div", { className: "opened", innerHTML: opened.html }), again);
    if (come) verdict.focus({ preventScroll: true }); // the keyboard goes on from here, and it is read aloud
  }
  const answered = () => { hidden = false; draw(); };
  model.on("change:answer", answered);
  draw();
  return () => model.off("change:answer", answered);
}

function near(guess, { value, within, factor }) {
  const away = factor ? Math.abs(Math.log(guess / value)) : Math.abs(guess - value);
  const room = (factor ? Math.log(within) : within) * (1 + 1e-9);
  return away <= room ? "right" : away <= 2 * room ? "near" : "wrong";
}

// What a quiz says to a guess: [verdict, HTML].
function explain(question, explained, guess, words) {
  if (question.kind === "choice") return [explained.right.includes(guess) ? "right" : "wrong", explained.why[guess]];
  if (question.kind === "number") {
    const verdict = near(Number(guess), explained);
    return [verdict, explained.why[verdict]];
  }
  const ids = guess.split(" "), wrong = ids.findIndex((id, n) => explained.texts[id] !== explained.right[n]);
  if (wrong < 0) return ["right", words.in_order.replace("{why}", explained.answer)];
  return ["wrong", words.out_of_order.replace("{n}", wrong + 1).replace("{why}", explained.why[ids[wrong]])];
}

// Of a final test: the first answer to each question, and the chapters that the missed ones send back to.
function reading(model) {
  const words = model.get("words"), shelf = model.get("shelf"), total = model.get("questions").length;
  const first = new Map(Object.entries(model.get("first"))); // of the last time, until they are answered anew
  const now = new Set(), fields = new Map();
  const list = make("div", { className: "again" });
  // A link leads to the chapter beside this notebook, where the page's address tells which that is.
  const known = (address) => /^https?:/.test(address) || /\/(tree|notebooks)\//.test(location.pathname);
  const chapter = ({ title, address }) => known(address)
    ? make("a", { href: address, target: "_blank", textContent: title }) : make("span", { textContent: title });
  const jump = (name) => button(words.question.replace("{n}", [...fields.keys()].indexOf(name) + 1), "quiet", () => {
    const field = fields.get(name);
    field.scrollIntoView({ block: "center" });
    (field.querySelector("input:checked") ?? field.querySelector("input, li")).focus({ preventScroll: true });
  });
  function show(score) {
    const values = [...first.values()], right = values.filter((verdict) => verdict === "right").length;
    score.textContent = words.first.replace("{right}", right).replace("{total}", total)
      .replace("{open}", total - values.length);
    const missed = (name) => first.has(name) && first.get(name) !== "right";
    const rows = shelf.filter(({ questions }) => questions.some(missed)).map((place) => {
      const row = make("li", {}, chapter(place), " ");
      const [before, after] = words.missed.split("{questions}");
      row.append("(", before);
      place.questions.filter(missed).forEach((name, n) => row.append(n ? ", " : "", jump(name)));
      row.append(after, ")");
      return row;
    });
    if (rows.length) {
      const head = make("p", { textContent: words.read_again, id: `metalib-question-${++views}` });
      const items = make("ul", {}, ...rows);
      items.setAttribute("aria-labelledby", head.id);
      list.replaceChildren(head, items);
    } else if (values.length) {
      list.replaceChildren(make("p", { textContent: right === total ? words.all : words.nothing }));
    } else list.replaceChildren();
  }
  return {
    list,
    show,
    placed: (name, field) => fields.set(name, field),
    answered: (name, verdict) => {
      if (now.has(name)) return;
      now.add(name);
      first.set(name, verdict);
    },
  };
}

function quiz(model, el) {
  const words = model.get("words"), questions = model.get("questions"), test = model.get("shelf").length > 0;
  const right = new Set(model.get("right"));
  const first = test ? reading(model) : null;
  el.classList.add("metalib-question", "metalib-quiz");
  const tally = make("p", { className: "tally" });
  const show_tally = () => { tally.innerHTML = model.get("tally"); tally.hidden = !tally.innerHTML; };
  const score = make("p", { className: "score" });
  score.setAttribute("role", "status");
  const show_score = () => {
    if (test) return first.show(score);
    score.textContent = words.score.replace("{right}", right.size).replace("{total}", questions.length);
  };
  el.append(tally);
  if (test) el.append(make("p", { className: "how", textContent: words.test }));
  questions.forEach((question, n) => {
    const why = make("p", {});
    why.setAttribute("role", "status");
    const answer = () => {
      const guess = control.guess();
      if (guess === null) return;
      const [verdict, said] = explain(question, model.get("explained")[question.id], guess, words);
      why.className = `why ${verdict}`;
      why.innerHTML = said;
      if (verdict === "right") right.add(question.id);
      first?.answered(question.id, verdict);
      show_score();
      model.send({ question: question.id, guess });
    };
    const at_once = question.kind === "choice" && !test; // there an arrow key would be a first answer
    const check = button(words.check, "main", answer);
    const changed = at_once ? answer : () => {
      check.disabled = control.guess() === null;
      why.replaceChildren(); // it spoke of another answer
      why.className = "";
    };
    const { field, control } = form(question, words, changed, answer, `${n + 1}. `);
    check.disabled = control.guess() === null;
    if (!at_once) field.append(make("div", { className: "actions" }, check));
    field.append(why);
    first?.placed(question.id, field);
    el.append(field);
  });
  el.append(score, ...(test ? [first.list] : []));
  show_score();
  show_tally();
  model.on("change:tally", show_tally);
  return () => model.off("change:tally", show_tally);
}

// JupyterLab would take plain keys for itself (Enter edits the cell, arrows go to the next), unless the focused
// element has this mark. With Ctrl they stay JupyterLab's (Ctrl+S saves), and so does Shift+Enter.
function keep_keys(el) {
  const mark = (event) => {
    if (!el.contains(event.target)) return;
    const theirs = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !theirs);
  };
  window.addEventListener("keydown", mark, true); // before JupyterLab, which listens on the document
  return () => window.removeEventListener("keydown", mark, true);
}

function render({ model, el }) {
  const clean_up = [keep_keys(el), model.get("quiz") ? quiz(model, el) : prediction(model, el)];
  return () => clean_up.forEach((clean) => clean());
}

export { near };
export default { render };
