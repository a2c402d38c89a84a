// The questions of an image: their buttons and keys, and what is chosen.

const OPTION_KEYS = "123456789abcdefghijklmnopqrstuvwxyz";
const PIXELS_KEY = "p";
const COMMENT_KEY = "c";

function made(tag, className, content = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...[content].flat());
  return element;
}

class Form {
  // text: a text by its name, or undefined.
  constructor(questions, place, text, onChange) {
    Object.assign(this, { questions, text, onChange });
    this.answers = {};
    this.locked = false;
    this.parts = new Map();
    this.shortcuts = new Map(); // key -> [question, option]
    for (const question of questions) {
      const part = this.build(question);
      part.addEventListener("focusin", () => this.activate(question));
      this.parts.set(question.name, part);
      place.append(part);
    }
  }

  label(question, option) {
    return this.text(`option.${question.name}.${option}`) ?? option;
  }

  // What was answered, in words.
  summary(answers) {
    const known = this.questions.filter((question) => answers[question.name]);
    return known.map((question) => this.label(question, answers[question.name])).join(" · ");
  }

  mnemonics(question, option) {
    if (question.name !== "real") return [];
    return (this.text(`key.${option}`) ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  }

  build(question) {
    const part = made("section", "asked");
    const heading = made("h2", "", this.text(`question.${question.name}`) ?? question.name);
    heading.id = `asked-${question.name}`;
    part.setAttribute("role", "group");
    part.setAttribute("aria-labelledby", heading.id);
    part.append(heading, question.kind === "text" ? this.area(question) : this.options(question));
    if (question.kind === "scale") {
      const ends = ["low", "high"].map((end) =>
        made("span", "", this.text(`scale.${question.name}.${end}`) ?? ""),
      );
      part.append(made("p", "ends", ends));
    }
    return part;
  }

  area(question) {
    const area = made("textarea");
    area.maxLength = 2000;
    area.setAttribute("aria-labelledby", `asked-${question.name}`);
    area.addEventListener("input", () => {
      const written = area.value.trim();
      if (written) this.answers[question.name] = written;
      else delete this.answers[question.name];
      this.onChange();
    });
    return area;
  }

  options(question) {
    const taken = [PIXELS_KEY, COMMENT_KEY];
    for (const each of this.questions) {
      for (const option of each.options) taken.push(...this.mnemonics(each, option));
    }
    const keys = [...OPTION_KEYS].filter((key) => !taken.includes(key));
    const scale = question.kind === "scale";
    const many = question.options.length > 4 ? "options many" : "options";
    const place = made("div", scale ? "options steps" : many);
    question.options.forEach((option, index) => {
      const mnemonics = this.mnemonics(question, option);
      for (const key of mnemonics) this.shortcuts.set(key, [question, option]);
      const button = made("button", "", made("span", "", this.label(question, option)));
      const shown = [keys[index], mnemonics[0]].filter(Boolean);
      if (!scale) {
        const hints = shown.map((key) => made("kbd", "", key.toUpperCase()));
        button.append(made("span", "keys", hints));
      }
      button.type = "button";
      Object.assign(button.dataset, { option, key: keys[index] ?? "" });
      button.setAttribute("aria-keyshortcuts", shown.join(" "));
      button.addEventListener("click", () => this.choose(question, option));
      place.append(button);
    });
    return place;
  }

  show(answers) {
    this.answers = { ...answers };
    for (const area of this.areas()) {
      area.value = this.answers[this.nameOf(area)] ?? "";
    }
    this.draw();
    this.activate(this.missing() ?? this.questions[0]);
  }

  areas() {
    return [...this.parts.values()].map((part) => part.querySelector("textarea")).filter(Boolean);
  }

  nameOf(area) {
    return [...this.parts].find(([, part]) => part.contains(area))[0];
  }

  lock(locked) {
    this.locked = locked;
    for (const area of this.areas()) area.readOnly = locked;
  }

  choose(question, option) {
    if (this.locked) return;
    this.answers[question.name] = option;
    this.draw();
    const missing = this.missing();
    if (missing) this.activate(missing);
    this.onChange();
  }

  draw() {
    for (const [name, part] of this.parts) {
      for (const button of part.querySelectorAll("[data-option]")) {
        button.setAttribute("aria-pressed", String(this.answers[name] === button.dataset.option));
      }
    }
  }

  // The question that number keys answer.
  activate(question) {
    this.active = question;
    for (const [name, part] of this.parts) part.classList.toggle("active", name === question.name);
    this.parts.get(question.name).scrollIntoView({ block: "nearest" });
  }

  missing() {
    return this.questions.find((each) => each.required && !(each.name in this.answers));
  }

  // Whether the key was one of a question's.
  press(key) {
    const active = this.parts.get(this.active.name);
    const button = key && active.querySelector(`[data-key="${CSS.escape(key)}"]`);
    const [question, option] = button
      ? [this.active, button.dataset.option]
      : (this.shortcuts.get(key) ?? []);
    if (question) this.choose(question, option);
    else if (key === COMMENT_KEY && this.areas().length) this.areas()[0].focus();
    else return false;
    return true;
  }
}
