// What the page knows and its screens but that of an image; the other files come before and after.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const known = (name) => data.texts[name];
const text = (name, values = {}) => known(name).replace(/\{(\w+)\}/g, (_, key) => values[key]);

const offline = Boolean(data.study);
const address = location.pathname.replace(/\/+$/, "");
const store = offline ? new BrowserStore(data.study) : new ServerStore(address, tellConnection);
let study; // what is asked
let form;
let screen = "loading";
let at = 0; // position of the image that is shown, or was last
let goal = -1; // where a pause leads to; below 0: to the first image without an answer
let exported = 0; // answers that the last answers file had

// ---- what is known of the images, by their position

const practice = (position) => study.blocks[study.items[position][1]].practice;
const imageOf = (position) => study.items[position][0];
const positions = (inPractice) =>
  [...study.items.keys()].filter((position) => practice(position) === inPractice);
const total = () => positions(false).length;
const count = () => positions(false).filter((position) => answered(position)).length;
const firstOpen = () => study.items.findIndex((_, position) => !answered(position));

function answered(position) {
  return store.entries.findLast((entry) => entry.image === imageOf(position))?.answers;
}

// An answer in practice is final: the truth was told.
const final = (position) => !study.revisable || practice(position);

function mayVisit(position) {
  return position >= 0 && (!answered(position) || !final(position));
}

function numberOf(position) {
  const alike = positions(practice(position));
  return { number: alike.indexOf(position) + 1, total: alike.length };
}

// ---- notes

const NOTE_STAYS = 20000; // milliseconds
let noteTimer;

function note(message, { retry = false, stays = retry } = {}) {
  clearTimeout(noteTimer);
  if (!stays) noteTimer = setTimeout(() => note(""), NOTE_STAYS);
  byId("note").hidden = !message;
  byId("note-text").textContent = message;
  byId("note-retry").hidden = !retry;
}

function tellConnection(back) {
  if (back) note(text("note.back_online"));
  else note(saving ? text("note.offline") : text("note.offline_load"), { retry: true });
}

function say(message) {
  byId("live").textContent = message;
}

// ---- screens

function show(name) {
  if (screen === "question") leaveImage();
  screen = name;
  for (const each of document.querySelectorAll(".screen")) each.hidden = each.id !== name;
  byId(name).querySelector("h1").focus();
  scrollTo(0, 0);
}

function startFacts() {
  const { told, time_limit: seconds, blocks, items, revisable, phantom } = study;
  const counted = blocks.filter((block) => !block.practice).length;
  const inPractice = items.length - total();
  return [
    text("start.images", { total: total() }),
    counted > 1 && text("start.sections", { blocks: counted }),
    inPractice > 0 && text("start.practice", { count: inPractice }),
    told ? text("start.told", told) : text("start.untold"),
    seconds ? text("start.time_limit", { seconds }) : text("start.no_time_limit"),
    revisable ? text("start.revisable") : text("start.final"),
    offline ? text("start.saved_browser") : text("start.saved_server"),
    phantom && text("start.phantom"),
  ].filter(Boolean);
}

function showStart() {
  byId("start-facts").replaceChildren(...startFacts().map((fact) => made("li", "", fact)));
  byId("start-reader").textContent = text("start.reader", { reader: study.reader });
  const asked = study.questions.map((each) => made("li", "", known(`question.${each.name}`)));
  byId("start-questions").replaceChildren(...asked);
  const progress = text("start.answered", { count: count(), total: total() });
  const any = store.entries.length > 0;
  byId("start-answered").textContent = any ? progress : "";
  byId("begin").textContent = any ? text("start.proceed") : text("start.begin");
  showKeys();
  show("start");
}

function showKeys() {
  const truth = [...form.shortcuts.keys()];
  const rows = [
    [["1", "2", "…"], text("help.options")],
    truth.length > 0 && [truth, text("help.truth")],
    form.areas().length > 0 && [[COMMENT_KEY], text("help.comment")],
    [["Enter", "→"], text("help.next")],
    study.revisable && [["←"], text("help.back")],
    [["+", "−", "0"], text("help.zoom")],
    [["Shift ← → ↑ ↓"], text("help.pan")],
    [[PIXELS_KEY], text("help.pixels")],
  ].filter(Boolean);
  const keyShown = (key) => [made("kbd", "", key.length > 1 ? key : key.toUpperCase()), " "];
  const cells = rows.flatMap(([keys, meaning]) => [
    made("dt", "", keys.flatMap(keyShown)),
    made("dd", "", meaning),
  ]);
  byId("start-keys").replaceChildren(...cells);
}

function showPause() {
  goal = at;
  byId("pause-heading").textContent = text("pause.heading");
  fillPause(text("start.answered", { count: count(), total: total() }));
}

function showBlock(position) {
  goal = position;
  const index = study.items[position][1];
  const block = study.blocks[index];
  const counted = study.blocks.filter((each) => !each.practice);
  const number = counted.indexOf(block) + 1;
  byId("pause-heading").textContent = block.practice
    ? text("pause.block_practice")
    : text("pause.block", { number, blocks: counted.length });
  const images = { count: block.num };
  const about = block.practice ? text("pause.count_practice", images) : text("pause.count", images);
  fillPause(study.blocks[index - 1]?.practice ? `${about} ${text("pause.counted")}` : about);
}

function fillPause(about) {
  byId("pause-about").textContent = about;
  const kept = offline ? text("pause.saved_browser") : text("pause.saved_server");
  byId("pause-kept").textContent = kept;
  show("pause");
}

function showReview() {
  toReview = false;
  const rows = positions(false).map((position, index) => {
    const button = made("button", "", [
      made("span", "", text("review.change", { number: index + 1 })),
      made("span", "", form.summary(answered(position) ?? {})),
    ]);
    button.type = "button";
    button.addEventListener("click", () => {
      toReview = true;
      visit(position);
    });
    return made("li", "", button);
  });
  byId("review-list").replaceChildren(...rows);
  show("review");
}

function showFinish() {
  const values = { total: total() };
  const about = offline ? text("finish.browser", values) : text("finish.server", values);
  byId("finish-about").textContent = about;
  byId("to-review").hidden = !study.revisable;
  show("finish");
}

// From the start or a pause to an image, or to the end.
function proceed() {
  const [wanted, open] = [goal, firstOpen()];
  goal = -1;
  if (wanted >= 0 && mayVisit(wanted)) visit(wanted);
  else if (open >= 0) leaveTo(open);
  else if (study.revisable) showReview();
  else showFinish();
}

// ---- answers files

function saveFile() {
  const link = made("a");
  link.href = URL.createObjectURL(new Blob([store.file()], { type: "application/json" }));
  link.download = `answers-${study.reader.replace(/[^\w-]+/g, "_")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  exported = store.entries.length;
  note(text("file.saved"));
}

async function loadFile(event) {
  const [chosen] = event.target.files;
  if (!chosen) return;
  const found = store.load(await chosen.text());
  event.target.value = "";
  const isCount = typeof found === "number";
  showStart();
  note(isCount ? text("file.loaded", { count: found }) : known(found));
}
