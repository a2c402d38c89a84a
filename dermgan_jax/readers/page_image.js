// The screen of an image: showing it, storing what was chosen, and the way to the next one.

const TICK = 250; // milliseconds between looks at the time limit

const clock = new Clock();
const viewer = new Viewer(byId("stage"), byId("image"), drawScale);
let loading = false; // the image is not there yet
let saving = false; // an answer is on its way
let told = false; // the truth of a practice image is shown
let toReview = false; // the reader came from the review

async function visit(position) {
  show("question");
  at = position;
  told = false;
  loading = true;
  const draft = store.kept.get(draftName(at)) ?? { answers: answered(at) ?? {}, seconds: 0 };
  clock.reset(draft.seconds);
  form.show(draft.answers);
  byId("feedback").textContent = "";
  byId("stage-text").textContent = text("view.loading");
  draw();
  const values = numberOf(at);
  const name = practice(at) ? text("view.image_practice", values) : text("view.image", values);
  const url = await store.image(imageOf(at)).catch(tellFailure);
  if (screen !== "question" || at !== position || !url) return;
  await viewer.show(url, name);
  byId("stage-text").textContent = "";
  loading = false;
  if (!hideIfOver()) clock.start();
  draw();
  say(name);
  if (at + 1 < study.items.length) store.image(imageOf(at + 1)).catch(() => {});
}

function leaveImage() {
  clock.stop();
  viewer.hide();
  keepDraft();
}

// ---- what is chosen and not stored yet: it outlives a closed window, but is no answer

const draftName = (position) => `draft/${imageOf(position)}`;

function keepDraft() {
  const { answers } = form;
  if (told || (answered(at) && !changed())) store.kept.remove(draftName(at));
  else store.kept.set(draftName(at), { answers, seconds: clock.seconds });
}

function dropDrafts() {
  for (const position of study.items.keys()) store.kept.remove(draftName(position));
}

// ---- the time limit, which holds for all visits together

const seen = () => store.kept.get(`seen/${imageOf(at)}`) ?? 0;

function hideIfOver() {
  if (!study.time_limit || seen() < study.time_limit) return false;
  viewer.hide();
  clock.stop();
  byId("stage-text").textContent = text("view.hidden");
  return true;
}

function tick() {
  if (!study?.time_limit || screen !== "question" || byId("image").hidden || document.hidden) return;
  store.kept.set(`seen/${imageOf(at)}`, seen() + TICK / 1000);
  hideIfOver();
}

// ---- what is drawn

function draw() {
  const values = numberOf(at);
  const progress = practice(at) ? text("view.practice", values) : text("view.progress", values);
  byId("progress").textContent = progress;
  byId("bar").firstElementChild.style.width = `${(100 * count()) / Math.max(total(), 1)}%`;
  const busy = saving || loading;
  form.lock(busy || told);
  byId("back").hidden = !study.revisable;
  byId("back").setAttribute("aria-disabled", String(busy || !mayVisit(at - 1)));
  byId("next").setAttribute("aria-disabled", String(busy || (!told && Boolean(form.missing()))));
}

function drawScale(scale, single) {
  const mode = single ? text("view.single") : text("view.smooth");
  const shown = scale.toFixed(scale < 10 ? 1 : 0);
  byId("scale").textContent = text("view.scale", { scale: shown, mode });
  byId("pixels").setAttribute("aria-pressed", String(single));
}

// ---- storing

function changed() {
  const before = answered(at) ?? {};
  const names = new Set([...Object.keys(before), ...Object.keys(form.answers)]);
  return [...names].some((name) => before[name] !== form.answers[name]);
}

function newEntry() {
  const answers = {};
  for (const [name, value] of Object.entries(form.answers)) {
    answers[name] = value.toWellFormed?.() ?? value; // half of an emoji is no text
  }
  const seconds = Math.round(clock.seconds * 10) / 10;
  return { id: newId(), image: imageOf(at), answers, seconds, at: new Date().toISOString() };
}

// Stores what was chosen, if it is new. Returns whether the reader may go on.
async function keep() {
  if (told || !changed()) return true;
  saving = true;
  draw();
  say(text("view.saving"));
  try {
    const { truth, stale } = await store.save(newEntry(), final(at));
    clock.reset(0);
    store.kept.remove(draftName(at));
    if (stale) await takeOver();
    if (offline && !store.kept.lasting) note(text("note.no_storage"), { stays: true });
    if (!truth) return true;
    told = true;
    const said = truth === "real" ? text("feedback.real") : text("feedback.fake");
    byId("feedback").textContent = said;
    return false;
  } catch (error) {
    return await tellFailure(error);
  } finally {
    saving = false;
    draw();
  }
}

// Returns whether the reader may go on nevertheless.
async function tellFailure(error) {
  if (error instanceof NoSuchLink) note(text("note.link"), { stays: true });
  else if (error instanceof Refused) {
    await store.reload();
    const elsewhere = final(at) && Boolean(answered(at));
    if (elsewhere) note(text("note.other_window"));
    else note(text("note.refused", { reason: error.message }), { stays: true });
    return elsewhere;
  } else throw error;
  return false;
}

async function takeOver() {
  await store.reload();
  dropDrafts();
  note(text("note.other_window"));
}

// Another window or machine may have stored answers meanwhile.
async function sync() {
  if (saving || told || screen === "loading" || document.hidden) return;
  if (!(await store.reload()) || saving) return;
  dropDrafts();
  note(text("note.other_window"));
  if (screen === "start") showStart();
  if (screen === "review") showReview();
  if (screen === "question" && answered(at)) {
    clock.stop();
    screen = ""; // what is chosen here was overtaken
    goal = toReview ? at : -1;
    proceed();
  }
}

// ---- the way

async function next() {
  if (saving || loading) return;
  const missing = form.missing();
  if (missing && !told) {
    form.activate(missing);
    say(text("view.unanswered", { question: known(`question.${missing.name}`) }));
  } else if (await keep()) {
    forward();
  }
}

async function back() {
  if (saving || loading || !study.revisable || !mayVisit(at - 1)) return;
  if (form.missing() || (await keep())) leaveTo(at - 1);
}

function forward() {
  const open = firstOpen();
  if (toReview && open < 0) return showReview();
  const following = at + 1 < study.items.length && mayVisit(at + 1) ? at + 1 : open;
  if (following >= 0) return leaveTo(following);
  return study.revisable ? showReview() : showFinish();
}

// There is a pause before each block but the first.
function leaveTo(position) {
  const isFirst = position > 0 && study.items[position][1] !== study.items[position - 1][1];
  if (isFirst && !answered(position)) showBlock(position);
  else visit(position);
}
