// Shows an image as large as the stage lets it; zoom, pan, and whether enlarged pixels are smoothed.

const LARGEST = 40; // screen pixels per image pixel, or LEAST times the whole image
const LEAST = 8;
const STEP = 1.25;

class Viewer {
  constructor(stage, image, onScale) {
    Object.assign(this, { stage, image, onScale });
    this.pointers = new Map();
    this.whole();
    new ResizeObserver(() => this.draw()).observe(stage);
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  async show(url, name) {
    this.image.hidden = true;
    this.image.src = url;
    this.image.alt = name;
    await this.image.decode();
    this.image.hidden = false;
    this.whole();
  }

  hide() {
    this.image.hidden = true;
  }

  fit() {
    const { naturalWidth, naturalHeight } = this.image;
    const box = this.stage.getBoundingClientRect();
    return Math.min(box.width / (naturalWidth || 1), box.height / (naturalHeight || 1));
  }

  whole() {
    Object.assign(this, { zoom: 1, x: 0, y: 0 });
    this.draw();
  }

  // x and y: of the point that stays where it is, from the middle of the stage.
  zoomBy(factor, x = 0, y = 0) {
    const largest = Math.max(LEAST, LARGEST / this.fit() / devicePixelRatio);
    const zoom = Math.min(Math.max(this.zoom * factor, 1), largest);
    const ratio = zoom / this.zoom;
    this.x = x - (x - this.x) * ratio;
    this.y = y - (y - this.y) * ratio;
    this.zoom = zoom;
    this.draw();
  }

  pan(x, y) {
    this.x += x;
    this.y += y;
    this.draw();
  }

  toggleSmoothing() {
    this.image.classList.toggle("single");
    this.draw();
  }

  get single() {
    return this.image.classList.contains("single");
  }

  draw() {
    const scale = this.fit() * this.zoom;
    const box = this.stage.getBoundingClientRect();
    const width = this.image.naturalWidth * scale;
    const height = this.image.naturalHeight * scale;
    const room = (size, available) => Math.max(0, (size - available) / 2);
    const within = (value, most) => Math.min(Math.max(value, -most), most);
    this.x = within(this.x, room(width, box.width));
    this.y = within(this.y, room(height, box.height));
    const [left, top] = [this.x - width / 2, this.y - height / 2];
    this.image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    this.onScale(scale * devicePixelRatio, this.single);
  }

  fromMiddle(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  }

  wheel(event) {
    event.preventDefault();
    this.zoomBy(STEP ** (-Math.sign(event.deltaY) / 2), ...this.fromMiddle(event));
  }

  press(event) {
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.fromMiddle(event));
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.fromMiddle(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, now);
    if (other) {
      const still = other[1];
      const distance = (point) => Math.hypot(point[0] - still[0], point[1] - still[1]);
      this.zoomBy(distance(now) / Math.max(distance(before), 1), ...still);
    } else {
      this.pan(now[0] - before[0], now[1] - before[1]);
    }
  }
}

// How long an image has been seen; stands still while the page is hidden.
class Clock {
  constructor() {
    this.passed = 0;
    this.since = null;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.hold();
      else if (this.wanted) this.run();
    });
  }

  get seconds() {
    return this.passed + (this.since === null ? 0 : (performance.now() - this.since) / 1000);
  }

  reset(seconds) {
    this.stop();
    this.passed = seconds;
  }

  start() {
    this.wanted = true;
    if (!document.hidden) this.run();
  }

  stop() {
    this.hold();
    this.wanted = false;
  }

  run() {
    if (this.since === null) this.since = performance.now();
  }

  hold() {
    this.passed = this.seconds;
    this.since = null;
  }
}
