// A quiz: one fieldset of radio buttons a question, with the explanation of the chosen answer at once. It is
// answered here and not in Python, so that it also answers while the kernel is busy. Python keeps the score.
let views = 0;

function render({ model, el }) {
  const questions = model.get("questions");
  const right = new Set(model.get("right"));
  const view = ++views; // radio buttons of one name are one group, over the whole page
  el.classList.add("metalib-quiz");

  const score = document.createElement("p");
  score.setAttribute("role", "status");
  const showScore = () => {
    score.textContent = model.get("score_text").replace("{right}", right.size).replace("{total}", questions.length);
  };

  questions.forEach((question, q) => {
    const field = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.innerHTML = `${q + 1}. ${question.text}`;
    const why = document.createElement("p");
    why.setAttribute("role", "status");
    field.append(legend);
    question.choices.forEach((choice, c) => {
      const label = document.createElement("label");
      const radio = document.createElement("input");
      radio.type = "radio";
      // JupyterLab would take the arrow keys for itself (next cell). It looks for this on the focused element.
      radio.setAttribute("data-lm-suppress-shortcuts", "true");
      radio.name = `metalib-quiz-${view}-${q}`;
      radio.addEventListener("change", () => {
        why.className = choice.correct ? "right" : "wrong";
        why.innerHTML = choice.why;
        if (choice.correct) right.add(q);
        showScore();
        model.set("chosen", { ...model.get("chosen"), [q]: c });
        model.save_changes();
      });
      const text = document.createElement("span");
      text.innerHTML = choice.text;
      label.append(radio, text);
      field.append(label);
    });
    field.append(why);
    el.append(field);
  });
  el.append(score);
  showScore();
}

export default { render };
