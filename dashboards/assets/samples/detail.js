"use strict";
// All that is known of one sample, in a dialog that leads to those before and after it, and to its neighbours.
((samples) => {
  const { element, number, quoted } = samples;
  const LARGE = 252;

  const facts = (pairs) =>
    element("dl", { class: "facts of-sample" }, ...pairs.map(([name, value]) =>
      element("div", {}, element("dt", { text: name }), element("dd", {}, value instanceof Node ? value : String(value)))));

  const related = (store, value, go) => {
    const follow = (event) => {
      event.preventDefault();
      go(store.rowOf.get(value));
    };
    return store.rowOf.has(value) ? element("a", { href: `#id=${value}`, text: String(value), onclick: follow }) : String(value);
  };

  const about = (store, row, go) => {
    const { fill, data, className } = store;
    const { split, label, predicted, confidence, reason } = data.samples;
    const pairs = [[fill("label"), className(label[row])], [fill("split"), split[row]]];
    if (predicted && predicted[row] !== null) {
      pairs.push([fill("prediction"), `${className(predicted[row])} (${fill(store.isRight(row) ? "right" : "wrong")})`]);
      pairs.push([fill("confidence"), `${number(100 * confidence[row])} %`]);
    }
    pairs.push([fill("reason"), data.reasonNames[reason[row]]]);
    for (const { title, values, related: other } of data.details) {
      if (row in values) pairs.push([title, other ? related(store, values[row], go) : number(values[row])]);
    }
    return facts(pairs);
  };

  const table = (headings, rows) => {
    const line = (tag, texts) => element("tr", {}, ...texts.map((text, place) =>
      element(tag, { text, class: place ? "number" : null, scope: tag === "th" ? "col" : null })));
    return element("table", {}, element("thead", {}, line("th", headings)), element("tbody", {}, ...rows.map((row) => line("td", row))));
  };

  const checks = (store, row) => {
    const { fill } = store;
    if (!store.checks.size) return null;
    const all = [...store.checks.values()];
    const flagged = all.filter((check) => check.rows.has(row));
    const lines = [...flagged, ...all.filter((check) => !check.rows.has(row))].map((check) => [
      check.rows.has(row) ? `${check.title} (${fill("is_flagged")})` : check.title,
      number(check.scores[row]), number(check.values?.[row]), number(check.threshold),
    ]);
    const headings = [fill("check"), fill("score"), fill("value"), fill("threshold")];
    const words = flagged.length ? flagged.map((check) => check.title).join(", ") : fill("no_flag");
    return element("details", { open: flagged.length > 0 }, element("summary", { text: `${fill("checks")}: ${words}` }),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": fill("checks") }, table(headings, lines)));
  };

  const measures = (store, row) => {
    const known = [...store.measures.values()].filter(({ key, values }) => key !== "confidence" && values[row] !== null);
    if (!known.length) return null;
    return element("details", { open: true }, element("summary", { text: store.fill("measures") }),
      facts(known.map(({ title, values }) => [title, number(values[row])])));
  };

  const neighbours = (store, pictures, row, go) => {
    const near = store.data.neighbours[row];
    if (!near.length) return null;
    const scale = Math.max(0.5, (0.75 * store.data.size[0]) / pictures.width);
    const list = element("div", { class: "digits near" }, ...near.map((other) => samples.digit(store, pictures, other, scale, go)));
    list.style.setProperty("--digit", `${pictures.width * scale}px`);
    samples.roving(list)();
    return element("div", {}, element("h4", { text: store.fill("neighbours") }), list);
  };

  const command = (store, id) =>
    element("p", { class: "command" }, element("span", { text: store.fill("see") }), " ",
      element("code", { text: `mnist-data show ${quoted(store.data.dataset)} --id ${id}` }));

  samples.detail = (store, pictures, dialog) => {
    let list = [];
    let origin = null;
    const { fill } = store;

    const setAddress = (hash) => {
      try { history.replaceState(null, "", hash); } catch {} // not in a notebook
    };

    const button = (word, action, disabled = false) =>
      element("button", { type: "button", class: word, text: fill(word), disabled, onclick: action });

    const show = (row) => {
      const id = store.data.samples.id[row];
      const place = list.indexOf(row);
      const step = (by) => show(list[place + by]);
      const bar = element("div", { class: "bar" },
        element("h3", { id: "sample-title", text: fill("sample", { id }), tabindex: "-1" }),
        button("previous", () => step(-1), place <= 0),
        button("next", () => step(1), place < 0 || place + 1 >= list.length),
        button("close", () => dialog.close()));
      const scale = LARGE / Math.max(pictures.width, pictures.height);
      const large = pictures.canvas(row, scale);
      large.classList.add("large");
      const side = element("div", {}, large, neighbours(store, pictures, row, open));
      const words = element("div", {}, about(store, row, open), checks(store, row), measures(store, row), command(store, id));
      dialog.dataset.id = id;
      dialog.replaceChildren(bar, element("div", { class: "sides" }, side, words));
      present();
      setAddress(`#id=${id}`);
    };

    const present = () => {
      if (!dialog.open) {
        origin = document.activeElement;
        dialog.showModal();
      }
      dialog.querySelector("#sample-title").focus();
      dialog.scrollTop = 0;
    };

    const open = (row, among = list) => {
      list = among.includes(row) ? among : [row, ...among];
      show(row);
    };

    const absent = (id) => {
      list = [];
      const text = fill("absent", { id, page: number(store.size) });
      const bar = element("div", { class: "bar" }, element("h3", { id: "sample-title", text: fill("sample", { id }), tabindex: "-1" }), button("close", () => dialog.close()));
      dialog.dataset.id = id;
      dialog.replaceChildren(bar, element("p", { text }), command(store, id));
      present();
    };

    dialog.addEventListener("close", () => {
      if (location.hash.startsWith("#id=")) setAddress("#samples");
      if (origin?.isConnected) origin.focus({ preventScroll: true });
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest(".digits")) return;
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const row = list[list.indexOf(store.rowOf.get(Number(dialog.dataset.id))) + by];
      if (by && row !== undefined) show(row);
    });
    return { open, byId: (id) => (store.rowOf.has(id) ? open(store.rowOf.get(id), store.matching()) : absent(id)) };
  };
})((window.mnistSamples ??= {}));
