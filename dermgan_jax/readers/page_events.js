// Keys, buttons, and the beginning.

const ZOOM = { "+": STEP, "=": STEP, "-": 1 / STEP, "−": 1 / STEP };
const PAN = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

// Whether the key was used.
function pressOnImage(event) {
  const { key, shiftKey, ctrlKey, target, repeat } = event;
  if (target.tagName === "TEXTAREA") {
    if (key === "Escape") byId("stage").focus();
    else if (key === "Enter" && ctrlKey) next();
    else return false;
    return true;
  }
  if (ctrlKey) return false;
  if (key in ZOOM) viewer.zoomBy(ZOOM[key]);
  else if (key === "0") viewer.whole();
  else if (key in PAN && shiftKey) viewer.pan(...PAN[key]);
  else if (key.toLowerCase() === PIXELS_KEY) viewer.toggleSmoothing();
  else if (repeat) return key === "Enter";
  else if (key === "ArrowRight" || (key === "Enter" && !pressesButton(target))) next();
  else if (key === "ArrowLeft") back();
  else return form.press(key.toLowerCase());
  return true;
}

// Enter presses the button in focus, but for an answer that is chosen already.
function pressesButton(target) {
  const button = target.closest("button");
  return Boolean(button) && !(button.dataset.option && button.getAttribute("aria-pressed") === "true");
}

function pressOnSheet({ key, target, repeat }) {
  if (key !== "Enter" || repeat || target.closest("button, a, input, label")) return false;
  byId(screen).querySelector("button.primary:not([hidden])")?.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.metaKey || event.altKey) return;
  if (screen === "question" ? pressOnImage(event) : pressOnSheet(event)) event.preventDefault();
});

const clicks = {
  begin: proceed,
  resume: proceed,
  end: showFinish,
  back,
  "to-review": showReview,
  "to-pause": () => saving || showPause(),
  smaller: () => viewer.zoomBy(1 / STEP),
  larger: () => viewer.zoomBy(STEP),
  whole: () => viewer.whole(),
  pixels: () => viewer.toggleSmoothing(),
  "note-close": () => note(""),
  "note-retry": () => store.impatient(),
};
for (const [id, does] of Object.entries(clicks)) byId(id).addEventListener("click", () => does());

byId("panel").addEventListener("submit", (event) => {
  event.preventDefault();
  next();
});

for (const place of offline ? document.querySelectorAll(".of-files") : []) {
  const atEnd = Boolean(place.closest("#review, #finish"));
  place.append(byId("file-buttons").content.cloneNode(true));
  place.querySelector(".save-file").addEventListener("click", saveFile);
  place.querySelector(".save-file").classList.toggle("primary", Boolean(place.closest("#finish")));
  place.querySelector(".load-file").addEventListener("change", loadFile);
  place.querySelector("label").hidden = atEnd;
}

addEventListener("focus", sync);
document.addEventListener("visibilitychange", sync);
setInterval(tick, TICK);

addEventListener("pagehide", () => screen === "question" && keepDraft());

addEventListener("beforeunload", (event) => {
  const unsaved = saving || (screen === "question" && !told && changed());
  const homeless = offline && !store.kept.lasting && store.entries.length !== exported;
  if (unsaved || homeless) event.preventDefault();
});

async function begin() {
  study = await store.open();
  form = new Form(study.questions, byId("questions"), known, () => {
    keepDraft();
    draw();
  });
  showStart();
  if (offline && !store.kept.lasting) note(text("note.no_storage"), { stays: true });
}

begin().catch((error) => {
  if (!(error instanceof NoSuchLink)) throw error;
  note(text("note.link"), { stays: true });
});
