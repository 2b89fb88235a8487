// Quizzes and predictions of a page: the notebook's own widget, with a model in place of the kernel. What opens below
// a prediction is what its cell has put out; it stands in the page, folded, for those without this script too.
import questions, { near } from "./questions.js";
import { modelOf, read, styled } from "./model.js";

/** "right", "near", "wrong", or "open" where no guess is; as `Question.judge` in metalib/exercises/question.py. */
export function verdictOf(kind, guess, judged) {
  if (kind === "number") return near(Number(guess), judged);
  if (kind === "choice") return judged.right.length ? (judged.right.includes(guess) ? "right" : "wrong") : "open";
  const found = guess.split(" ").map((id) => judged.texts[id]), { right } = judged;
  const same = (one, other) => one.every((text, n) => text === other[n]);
  const without = (lines, n) => lines.filter((_, place) => place !== n);
  if (same(found, right)) return "right";
  const moved = right.some((_, n) => right.some((_, m) => same(without(found, n), without(right, m))));
  return moved && right.length > 2 ? "near" : "wrong";
}

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`);

/** A guess as it is repeated beside the answer, as HTML. */
function inWords({ kind, items, unit }, guess) {
  const text = (id) => items.find((item) => item.id === id).text;
  if (kind === "choice") return text(guess);
  if (kind === "number") return escaped(`${guess.replace("-", "−")} ${unit ?? ""}`.trim());
  return guess.split(" ").map(text).join(" → ");
}

/** The answer of a prediction, as the kernel would open it. */
function opened({ question, judged }, guess, html, words) {
  if (guess === null) return { guess, verdict: "", right: judged.right ?? [], head: escaped(words.opened), html };
  const verdict = verdictOf(question.kind, guess, judged), mark = words[verdict];
  const said = words.guessed.replace("{guess}", () => `<b>${inWords(question, guess)}</b>`);
  const right = question.kind === "choice" ? judged.right : [];
  return { guess, verdict, right, head: mark ? `${said} <span>${escaped(mark)}</span>` : said, html };
}

export async function mount(root) {
  const asked = JSON.parse(root.dataset.asked), text = root.firstElementChild;
  const [words] = await Promise.all([read(`asked.${root.dataset.language}.json`), styled("questions.css")]);
  const values = { words, quiz: true, right: [], first: {}, tally: "", shelf: [], answer: {}, ...asked };
  let send = () => {};
  if (asked.question) {
    const answer = text.querySelector("details").cloneNode(true);
    answer.querySelector("summary").remove();
    Object.assign(values, { quiz: false, questions: [asked.question] });
    send = ({ guess }) => queueMicrotask(() => model.put({ answer: opened(asked, guess, answer.innerHTML, words) }));
  } else {
    values.shelf = asked.shelf.map((place) => ({ ...place, address: new URL(place.address, location).href }));
  }
  const model = modelOf(values, send), el = document.createElement("div");
  questions.render({ model, el });
  text.replaceWith(el);
}
