"use strict";
(() => {
  const BLOCK = 240; // samples in a window that is fetched
  const KEPT = 80; // windows that are kept
  const TALLEST = 8e6; // pixels of the scrolled area, below what browsers allow; beyond it one pixel stands for several
  const GAP = 6;
  const root = document.documentElement;
  const say = (name, value) => window.dash_clientside.set_props(name, value);

  // ---- colours -----------------------------------------------------------------------------------------------------
  const other = { light: "dark", dark: "light" };
  const labelTheme = () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const next = other[root.dataset.theme];
    button.textContent = next === "dark" ? "Dark" : "Light";
    button.setAttribute("aria-label", `Switch to ${next} colours`);
  };
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  // ---- the grid ----------------------------------------------------------------------------------------------------
  class Grid {
    constructor(element) {
      this.element = element;
      this.scroller = document.createElement("div");
      this.scroller.className = "scroller";
      this.sizer = document.createElement("div");
      this.canvas = document.createElement("canvas");
      this.scroller.append(this.sizer);
      element.append(this.canvas, this.scroller);
      this.query = null;
      this.total = 0;
      this.place = -1; // of the chosen sample
      this.scale = Number(localStorage.getItem("mnist-data-scale")) || 2;
      this.blocks = new Map();
      this.sprite = { width: 28, height: 28 };
      this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
      this.scroller.addEventListener("click", (event) => this.click(event));
      element.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.measure()).observe(element);
    }

    show(query) {
      this.query = query.text;
      this.check = query.check;
      this.total = query.total;
      this.abort?.abort();
      this.abort = new AbortController();
      this.blocks.clear();
      this.place = -1;
      this.scroller.scrollTop = 0;
      root.removeAttribute("data-drawn");
      this.measure();
    }

    measure() {
      const style = this.element.getBoundingClientRect();
      const ratio = window.devicePixelRatio || 1;
      const caption = this.scale > 1 ? 16 : 0;
      this.view = { width: this.scroller.clientWidth, height: Math.max(1, style.height) };
      this.tile = { width: this.sprite.width * this.scale, height: this.sprite.height * this.scale };
      const least = this.scale > 1 ? Math.max(this.tile.width, 44) : this.tile.width; // room for a caption
      this.cell = { width: least + GAP, height: this.tile.height + caption + GAP };
      this.columns = Math.max(1, Math.floor((this.view.width - GAP) / this.cell.width));
      this.rows = Math.ceil(this.total / this.columns);
      this.left = Math.floor((this.view.width - this.columns * this.cell.width + GAP) / 2);
      this.full = this.rows * this.cell.height + GAP;
      this.sizer.style.height = `${Math.min(this.full, TALLEST)}px`;
      this.canvas.width = Math.round(this.view.width * ratio);
      this.canvas.height = Math.round(this.view.height * ratio);
      this.canvas.style.width = `${this.view.width}px`;
      this.canvas.style.height = `${this.view.height}px`;
      this.draw();
    }

    // Where the area is too tall for a browser, the way that can be scrolled stands for the whole in proportion.
    get stretch() {
      const height = Math.min(this.full, TALLEST);
      return Math.max(1, (this.full - this.view.height) / Math.max(1, height - this.view.height));
    }
    get top() { return this.scroller.scrollTop * this.stretch; }
    set top(value) { this.scroller.scrollTop = value / this.stretch; }

    draw() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
    }

    paint() {
      const context = this.canvas.getContext("2d");
      const ratio = window.devicePixelRatio || 1;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, this.view.width, this.view.height);
      context.imageSmoothingEnabled = false;
      context.font = `12px ${getComputedStyle(root).getPropertyValue("--font")}`;
      context.textBaseline = "top";
      const colours = { muted: colour("muted"), accent: colour("accent"), line: colour("line"),
        page: colour("page"), ink: colour("ink") };
      const top = this.top;
      const first = Math.max(0, Math.floor((top - GAP) / this.cell.height)) * this.columns;
      const shown = (Math.ceil(this.view.height / this.cell.height) + 1) * this.columns;
      let complete = true;
      for (let place = first; place < Math.min(this.total, first + shown); place++)
        complete = this.paintTile(context, place, top, colours) && complete;
      if (this.query !== null && complete) root.setAttribute("data-drawn", "true");
      if (complete) this.block(first + shown); // the next one, before it is needed
    }

    corner(place, top) {
      return {
        x: this.left + (place % this.columns) * this.cell.width,
        y: GAP + Math.floor(place / this.columns) * this.cell.height - top,
      };
    }

    paintTile(context, place, top, colours) {
      const { x, y } = this.corner(place, top);
      const block = this.block(place);
      if (!block?.sheet) {
        context.fillStyle = colours.line;
        context.fillRect(x, y, this.tile.width, this.tile.height);
        return false;
      }
      const index = place - block.start;
      if (index >= block.ids.length) return true;
      const { width, height } = this.sprite;
      context.drawImage(block.sheet, (index % 16) * width, Math.floor(index / 16) * height, width, height,
        x, y, this.tile.width, this.tile.height);
      context.lineWidth = 1;
      context.strokeStyle = colours.line;
      context.strokeRect(x - 0.5, y - 0.5, this.tile.width + 1, this.tile.height + 1);
      if (place === this.place) {
        context.lineWidth = 3;
        context.strokeStyle = colours.accent;
        context.strokeRect(x - 2, y - 2, this.tile.width + 4, this.tile.height + 4);
      }
      if (block.decided?.[index]) this.paintDecision(context, x, y, block.decided[index], colours);
      if (this.scale > 1) {
        context.fillStyle = colours.muted;
        const words = block.captions ? `${block.classes[index]} ${block.captions[index]}` : block.classes[index];
        context.fillText(this.fitted(context, words), x, y + this.tile.height + 3);
      }
      return true;
    }

    paintDecision(context, x, y, [decision, label, unsaved], colours) {
      const signs = { keep: "✓", remove: "×", unsure: "?", relabel: String(label) };
      const fills = { keep: "#1a9a72", remove: "#c03a68", unsure: "#7d8694", relabel: colours.accent };
      const side = this.scale > 1 ? 16 : 10;
      const width = Math.max(side, 8 + context.measureText(signs[decision]).width);
      context.fillStyle = unsaved ? colours.page : fills[decision];
      context.strokeStyle = fills[decision];
      context.lineWidth = 2;
      context.fillRect(x + 1, y + 1, width, side);
      context.strokeRect(x + 1, y + 1, width, side);
      context.fillStyle = unsaved ? colours.ink : decision === "relabel" ? colours.page : "#ffffff";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(signs[decision], x + 1 + width / 2, y + 2 + side / 2);
      context.textAlign = "left";
      context.textBaseline = "top";
    }

    fitted(context, words) {
      const room = this.cell.width - GAP;
      let text = words;
      while (text.length > 1 && context.measureText(text).width > room) text = `${text.slice(0, -2)}…`;
      return text;
    }

    block(place) {
      if (place < 0 || place >= this.total) return null;
      const start = Math.floor(place / BLOCK) * BLOCK;
      const known = this.blocks.get(start);
      if (known) return known;
      const block = { start, ids: [] };
      this.blocks.set(start, block);
      if (this.blocks.size > KEPT) this.blocks.delete(this.blocks.keys().next().value);
      this.fetch(block, this.abort.signal);
      return block;
    }

    async fetch(block, signal) {
      try {
        const asked = new URLSearchParams({ query: this.query, start: block.start, count: BLOCK });
        const answer = await fetch(`/window?${asked}`, { signal });
        if (!answer.ok) throw new Error(await answer.text());
        const bytes = await answer.arrayBuffer();
        const length = new DataView(bytes).getUint32(0, true);
        Object.assign(block, JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))));
        block.sheet = sheetOf(block, new Uint8Array(bytes, 4 + length));
        if (block.width !== this.sprite.width || block.height !== this.sprite.height) {
          this.sprite = { width: block.width, height: block.height };
          this.measure();
        }
        this.draw();
      } catch (error) {
        if (error.name === "AbortError") return;
        this.blocks.delete(block.start);
        document.getElementById("count").textContent = `The explorer does not answer: ${error.message}`;
      }
    }

    click(event) {
      const bounds = this.canvas.getBoundingClientRect();
      const column = Math.floor((event.clientX - bounds.left - this.left) / this.cell.width);
      const row = Math.floor((event.clientY - bounds.top + this.top - GAP) / this.cell.height);
      const place = row * this.columns + column;
      this.element.focus({ preventScroll: true });
      if (column >= 0 && column < this.columns && place < this.total) this.choose(place);
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const screen = Math.max(1, Math.floor(this.view.height / this.cell.height)) * this.columns;
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
        PageUp: -screen, PageDown: screen, Home: -this.total, End: this.total };
      const choices = { " ": "keep", d: "remove", u: "unsure", z: "undo", n: "note" };
      if (event.key in choices || /^[0-9]$/.test(event.key)) {
        event.preventDefault();
        if (event.repeat && event.key !== "z") return; // a key that is held down decides once
        if (event.key === "n") return document.getElementById("note")?.focus();
        if (event.key in choices) return this.decide(choices[event.key]);
        return this.decide("relabel", Number(event.key));
      }
      if (!(event.key in steps)) return;
      event.preventDefault();
      this.choose(this.place < 0 && steps[event.key] < this.total ? 0 : this.place + steps[event.key]);
    }

    async choose(place) {
      if (!this.total) return;
      this.place = Math.min(this.total - 1, Math.max(0, place));
      this.reveal();
      this.draw();
      const block = this.block(this.place);
      const chosen = this.place;
      for (let tries = 0; !block.sheet && tries < 200; tries++) await new Promise((done) => setTimeout(done, 25));
      if (chosen !== this.place || !block.sheet) return;
      const index = chosen - block.start;
      document.getElementById("said").textContent =
        `${block.classes[index]}, id ${block.ids[index]}, ${chosen + 1} of ${this.total}`;
      this.report({ row: block.rows[index], id: block.ids[index] });
    }

    // A decision is shown at once, hollow, and filled when the server has it on its disk; they are sent in their order.
    decide(decision, label = null, note = "") {
      if (decision === "undo") return this.later(() => this.undo());
      const block = this.block(this.place);
      if (!block?.sheet) return;
      const index = this.place - block.start;
      const [id, before] = [block.ids[index], block.decided[index]];
      block.decided[index] = [decision, label, "unsaved"];
      const decided = { id, decision, label, note, check: this.check };
      this.later(async () => {
        const answer = await post("/decide", decided);
        if (answer === null) this.mark(id, before);
        else this.mark(id, [decision, label]);
      });
      if (this.place + 1 < this.total) this.choose(this.place + 1);
      else this.choose(this.place);
    }

    later(work) {
      this.sending = (this.sending ?? Promise.resolve()).then(work).then(() => this.draw());
    }

    mark(id, decided) {
      for (const block of this.blocks.values()) {
        const index = block.ids.indexOf(id);
        if (index >= 0 && block.decided) block.decided[index] = decided;
      }
      if (id === this.reported?.id) this.report({ ...this.reported, again: Date.now() });
    }

    async undo() {
      const answer = await post("/undo", {});
      if (answer === null) return;
      if (answer.id === null) {
        document.getElementById("said").textContent = "Nothing is left to undo.";
        return;
      }
      this.blocks.clear(); // an earlier decision may stand again
      await this.search(answer.id);
    }

    find(id) {
      for (const block of this.blocks.values()) {
        const index = block.ids.indexOf(id);
        if (index >= 0) return block.start + index;
      }
      return null;
    }

    report(chosen) {
      this.reported = chosen;
      clearTimeout(this.reporting); // a key that is held down asks once it is let go
      this.reporting = setTimeout(() => say("chosen", { data: chosen }), 40);
    }

    reveal() {
      const { y } = this.corner(this.place, this.top);
      if (y < GAP) this.top += y - GAP;
      else if (y + this.cell.height > this.view.height) this.top += y + this.cell.height - this.view.height;
    }

    async search(id) {
      const answer = await fetch(`/place?${new URLSearchParams({ query: this.query, id })}`);
      const { row, place } = answer.ok ? await answer.json() : { row: null, place: null };
      const count = document.getElementById("count");
      if (row === null) count.textContent = `No sample has the id ${id}.`;
      else if (place === null) {
        count.textContent = `Sample ${id} does not meet the filters.`;
        this.report({ row, id });
      } else this.choose(place);
    }

    resize(scale) {
      this.scale = scale;
      localStorage.setItem("mnist-data-scale", scale);
      this.measure();
      if (this.place >= 0) this.reveal();
      markSize(scale);
    }
  }

  const sheetOf = ({ ids, width, height, channels }, pixels) => {
    // Sixteen samples a line on a canvas of their own, from which they are drawn at any size.
    const sheet = document.createElement("canvas");
    sheet.width = 16 * width;
    sheet.height = Math.max(1, Math.ceil(ids.length / 16)) * height;
    const context = sheet.getContext("2d");
    const image = context.createImageData(sheet.width, sheet.height);
    for (let index = 0, from = 0; index < ids.length; index++)
      for (let row = 0; row < height; row++) {
        let to = 4 * ((Math.floor(index / 16) * height + row) * sheet.width + (index % 16) * width);
        for (let column = 0; column < width; column++, to += 4, from += channels) {
          image.data[to] = pixels[from];
          image.data[to + 1] = pixels[from + (channels > 1)];
          image.data[to + 2] = pixels[from + 2 * (channels > 1)];
          image.data[to + 3] = 255;
        }
      }
    context.putImageData(image, 0, 0);
    return sheet;
  };

  const post = async (path, sent) => {
    try {
      const answer = await fetch(path, { method: "POST", body: JSON.stringify(sent) });
      if (!answer.ok) throw new Error(await answer.text());
      return await answer.json();
    } catch (error) {
      document.getElementById("count").textContent = `Not saved: ${error.message}`;
      return null;
    }
  };

  const markSize = (scale) => {
    for (const button of document.querySelectorAll(".size"))
      button.setAttribute("aria-pressed", String(Number(button.dataset.scale) === scale));
  };

  // Dash hides a part of each dropdown from screen readers, and leaves it where Tab stops.
  const mendDropdowns = () => {
    for (const part of document.querySelectorAll(".dash-dropdown-focus-target[aria-hidden]")) part.tabIndex = -1;
  };

  // These two are ours: what is typed must not depend on when Dash draws the page anew.
  const addInput = (box, id, words, enter) => {
    const input = Object.assign(document.createElement("input"), { id, placeholder: words, autocomplete: "off" });
    input.setAttribute("aria-label", words);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") enter(input);
      if (event.key === "Enter" || event.key === "Escape") grid.element.focus({ preventScroll: true });
    });
    document.getElementById(box).append(input);
    return input;
  };

  const addInputs = () => {
    const search = addInput("search-box", "search", "Search an id", ({ value }) => {
      if (/^\s*-?\d+\s*$/.test(value)) grid.search(value.trim());
    });
    search.inputMode = "numeric";
    let noted = null; // the id of the sample that a note is written about
    const chosen = () => grid.block(grid.place)?.ids[grid.place % BLOCK] ?? null;
    const note = addInput("note-box", "note", "A note, saved by Enter", (input) => {
      const place = grid.find(noted);
      if (place === null) return;
      grid.place = place;
      const block = grid.block(place);
      const [decision, label] = block.decided?.[place - block.start] ?? ["unsure", null];
      grid.decide(decision, label, input.value);
      input.value = "";
    });
    note.maxLength = 1000;
    note.addEventListener("focus", () => {
      if (noted !== chosen()) note.value = ""; // of another sample, and not saved
      noted = chosen();
    });
  };

  let grid = null;
  const started = () => {
    if (grid) return grid;
    grid = new Grid(document.getElementById("grid"));
    window.explorerGrid = grid;
    markSize(grid.scale);
    labelTheme();
    say("colours", { data: root.dataset.theme });
    addInputs();
    mendDropdowns();
    new MutationObserver(mendDropdowns).observe(document.body, { childList: true, subtree: true });
    if (matchMedia("(max-width: 980px)").matches) document.querySelector(".filters details").open = false;
    return grid;
  };

  document.addEventListener("click", (event) => {
    const size = event.target.closest?.(".size");
    if (size) started().resize(Number(size.dataset.scale));
    const neighbour = event.target.closest?.(".neighbour");
    if (neighbour) started().search(neighbour.dataset.id);
    const extra = event.target.closest?.(".extra");
    if (extra) {
      extra.setAttribute("aria-pressed", String(extra.getAttribute("aria-pressed") !== "true"));
      const wanted = [...document.querySelectorAll(".extra[aria-pressed=true]")].map((each) => each.dataset.extra);
      say("extras", { data: wanted });
    }
    const button = event.target.closest?.(".decide");
    if (button) started().decide(button.dataset.decide, button.dataset.label ? Number(button.dataset.label) : null);
    if (event.target.closest?.("#theme")) {
      root.dataset.theme = other[root.dataset.theme];
      try { localStorage.setItem("mnist-data-theme", root.dataset.theme); } catch {}
      labelTheme();
      say("colours", { data: root.dataset.theme });
      started().draw();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || !grid || event.target.closest("input, textarea, [contenteditable]")) return;
    event.preventDefault();
    document.getElementById("search").focus();
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explorer: {
      show(query) {
        if (!query) return "";
        started().show(query);
        const [total, count] = [query.total, query.count].map((number) => number.toLocaleString("en"));
        return query.total === query.count ? `${count} samples` : `${total} of ${count} samples`;
      },
    },
  });
})();
