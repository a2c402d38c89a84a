// Where answers go: to the server, or into this browser. Both have open, save, reload, image.

const PATIENCE = 10000; // milliseconds until a request counts as lost
const IMAGES_KEPT = 8;
const PAUSES = [500, 1000, 2000, 3000]; // between tries

// Of an answers file; entries.checksum computes the same.
function checksum(study, reader, entries) {
  const lines = [study, reader];
  for (const entry of entries) {
    lines.push(entry.id, entry.image);
    for (const name of Object.keys(entry.answers).sort()) {
      lines.push(`${name}=${entry.answers[name]}`);
    }
    lines.push(entry.seconds.toFixed(1), entry.at);
  }
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  }
  return value.toString(16).padStart(16, "0");
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function inOrder(entries) {
  return [...entries].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id < b.id ? -1 : 1));
}

// Things of one reader that outlive the page. Each has a name of its own in the browser's storage,
// so that two windows never write over each other's.
class Kept {
  constructor(study, reader) {
    this.prefix = `dermgan-readers/${study}/${reader}/`;
    this.memory = new Map();
    this.lasting = true;
    this.set("probe", 1);
    this.remove("probe");
  }

  set(name, value) {
    this.memory.set(name, value);
    try {
      localStorage.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      this.lasting = false;
    }
  }

  get(name) {
    try {
      const text = localStorage.getItem(this.prefix + name);
      if (text !== null) return JSON.parse(text);
    } catch {
      this.lasting = false;
    }
    return this.memory.get(name);
  }

  remove(name) {
    this.memory.delete(name);
    try {
      localStorage.removeItem(this.prefix + name);
    } catch {
      this.lasting = false;
    }
  }

  all(kind) {
    const names = new Set(this.memory.keys());
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.prefix)) names.add(key.slice(this.prefix.length));
      }
    } catch {
      this.lasting = false;
    }
    return [...names].filter((name) => name.startsWith(kind)).map((name) => this.get(name));
  }
}

class Refused extends Error {}
class NoSuchLink extends Error {}

class ServerStore {
  constructor(address, onConnection) {
    this.address = address;
    this.onConnection = onConnection;
    this.urls = new Map();
    this.impatient = () => {};
    addEventListener("online", () => this.impatient());
  }

  // -> {status, body}, or null if the server cannot be reached or asks for patience.
  async ask(path, read, options = {}) {
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      const response = await fetch(this.address + path, { cache: "no-store", signal, ...options });
      if (response.status >= 500 || response.status === 429) return null;
      const body = response.ok || response.status !== 404 ? await read(response) : null;
      return { status: response.status, body };
    } catch {
      return null;
    }
  }

  // Asks until there is an answer.
  async insist(path, read, options) {
    for (let tries = 0; ; tries++) {
      const found = await this.ask(path, read, options);
      if (found) {
        if (tries) this.onConnection(true);
        if (found.status === 404) throw new NoSuchLink();
        return found;
      }
      this.onConnection(false);
      await new Promise((resolve) => {
        this.impatient = resolve;
        setTimeout(resolve, PAUSES[Math.min(tries, PAUSES.length - 1)]);
      });
    }
  }

  async open() {
    const json = (response) => response.json();
    const { body: study } = await this.insist("/study", json);
    this.kept = new Kept(study.study, study.reader);
    this.entries = study.entries;
    for (const entry of inOrder(this.kept.all("pending/"))) {
      await this.save(entry).catch((error) => {
        if (!(error instanceof Refused)) throw error;
      });
    }
    return study;
  }

  async save(entry) {
    this.kept.set(`pending/${entry.id}`, entry);
    const { status, body } = await this.insist("/answers", (response) => response.json(), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(entry),
    });
    this.kept.remove(`pending/${entry.id}`);
    if (status !== 200) throw new Refused(body.error);
    if (!this.entries.some((each) => each.id === entry.id)) this.entries.push(entry);
    return { truth: body.truth, stale: body.stored !== this.entries.length };
  }

  // Whether there was anything new from another window or machine.
  async reload() {
    const found = await this.ask("/study", (response) => response.json());
    if (!found || found.status !== 200) return false;
    const known = new Set(this.entries.map((entry) => entry.id));
    const added = found.body.entries.filter((entry) => !known.has(entry.id));
    this.entries.push(...added);
    return added.length > 0;
  }

  image(id) {
    if (!this.urls.has(id)) {
      const read = async (response) => URL.createObjectURL(await response.blob());
      this.urls.set(id, this.insist(`/images/${id}.png`, read).then(({ body }) => body));
      this.forget();
    }
    return this.urls.get(id);
  }

  forget() {
    for (const [id, url] of [...this.urls].slice(0, -IMAGES_KEPT)) {
      this.urls.delete(id);
      url.then(URL.revokeObjectURL, () => {});
    }
  }
}

class BrowserStore {
  constructor(study) {
    this.study = study;
    this.kept = new Kept(study.study, study.reader);
    this.entries = [];
  }

  async open() {
    await this.reload();
    return this.study;
  }

  async save(entry, once) {
    const stale = await this.reload();
    if (once && this.entries.some((each) => each.image === entry.image)) throw new Refused();
    this.kept.set(`entry/${entry.id}`, entry);
    await this.reload();
    return { truth: this.study.truths[entry.image], stale };
  }

  async reload() {
    const known = this.entries.length;
    this.entries = inOrder(this.kept.all("entry/"));
    return this.entries.length !== known;
  }

  async image(id) {
    return this.study.images[id];
  }

  // The text of an answers file.
  file() {
    const { study, reader, format } = this.study;
    const entries = this.entries;
    const check = checksum(study, reader, entries);
    return JSON.stringify({ format, version: 1, study, reader, entries, check }, null, 1);
  }

  // Adds what an answers file holds. Returns how many entries were new, or the name of a text.
  load(text) {
    const { study, reader, format } = this.study;
    let found;
    let check;
    try {
      found = JSON.parse(text);
      if (found.format !== format) return "file.not_answers";
      if (found.study !== study || found.reader !== reader) return "file.other_study";
      check = checksum(study, reader, found.entries);
    } catch {
      return "file.not_answers";
    }
    if (found.check !== check) return "file.edited";
    const known = new Set(this.entries.map((entry) => entry.id));
    const added = found.entries.filter((entry) => !known.has(entry.id));
    for (const entry of added) this.kept.set(`entry/${entry.id}`, entry);
    this.entries = inOrder([...this.entries, ...added]);
    return added.length;
  }
}
