"use strict";
// The grid of samples, and their rows by class and columns by a measure.
((samples) => {
  const { element, number } = samples;
  const STEP = innerWidth > 640 ? 96 : 40; // digits that are drawn at once
  const COLUMNS = 5;
  const IN_CELL = 6;

  const described = (store, row) => {
    const { id, split, label, predicted } = store.data.samples;
    const words = store.fill("of_class", { name: store.className(label[row]), id: id[row], split: split[row] });
    if (!predicted || predicted[row] === null) return words;
    return `${words}, ${store.fill("predicted_as", { name: store.className(predicted[row]) })}`;
  };

  const caption = (store, row) => {
    const { label, predicted } = store.data.samples;
    const name = store.className(label[row]);
    return store.hasMissed(row) ? `${name} → ${store.className(predicted[row])}` : name;
  };

  samples.digit = (store, pictures, row, scale, open, withCaption = true) => {
    const words = described(store, row);
    const attributes = { type: "button", class: "digit", "aria-label": words, title: words, "data-id": store.data.samples.id[row] };
    const button = element("button", { ...attributes, onclick: () => open(row) }, pictures.canvas(row, scale));
    if (store.hasMissed(row)) button.classList.add("missed");
    if (withCaption) button.append(element("span", { text: caption(store, row) }));
    return button;
  };

  samples.gridView = (store, pictures, open) => (view, matching) => {
    const scale = store.data.size[0] / pictures.width;
    const list = element("div", { class: "digits" });
    list.style.setProperty("--digit", `${store.data.size[0]}px`);
    const more = element("button", { type: "button", class: "more" });
    const start = samples.roving(list);
    let shown = 0;
    const extend = () => {
      const next = matching.slice(shown, shown + STEP);
      const made = next.map((row) => samples.digit(store, pictures, row, scale, (opened) => open(opened, matching)));
      list.append(...made);
      const first = shown === 0;
      shown += next.length;
      more.hidden = shown >= matching.length;
      more.textContent = store.fill("more", { count: number(Math.min(STEP, matching.length - shown)) });
      start();
      if (!first) made[0]?.focus();
    };
    more.addEventListener("click", extend);
    if (!matching.length) return view.replaceChildren(element("p", { text: store.fill("none") }));
    extend();
    return view.replaceChildren(list, more);
  };

  // The edges of columns that hold equally many of the values; fewer where many are equal.
  const edgesOf = (values) => {
    const ascending = [...values].sort((a, b) => a - b);
    const at = (part) => ascending[Math.min(ascending.length - 1, Math.floor(part * ascending.length))];
    const inner = Array.from({ length: COLUMNS - 1 }, (_, place) => at((place + 1) / COLUMNS));
    return [...new Set([ascending[0], ...inner])];
  };

  const columnOf = (value, edges) => edges.findLastIndex((edge) => value >= edge);

  const header = (edges, last) =>
    edges.map((edge, place) => {
      const end = place + 1 < edges.length ? edges[place + 1] : last;
      return edge === end ? number(edge) : `${number(edge)} – ${number(end)}`;
    });

  const cell = (store, pictures, rows, open) => {
    const made = element("td");
    const scale = Math.max(1, Math.round(store.data.size[0] / pictures.width / 1.5));
    const few = rows.slice(0, IN_CELL).map((row) => samples.digit(store, pictures, row, scale, (opened) => open(opened, rows), false));
    made.append(element("div", { class: "cell" }, ...few), element("small", { text: rows.length ? number(rows.length) : "–" }));
    return made;
  };

  const facetTable = (store, pictures, open, measure, known) => {
    const values = known.map((row) => measure.values[row]);
    const edges = edgesOf(values);
    const cells = new Map();
    for (const row of known) {
      const key = `${store.data.samples.label[row]}/${columnOf(measure.values[row], edges)}`;
      cells.set(key, [...(cells.get(key) ?? []), row]);
    }
    const titles = header(edges, values.reduce((a, b) => Math.max(a, b)));
    const head = element("tr", {}, element("th", { scope: "col", text: store.fill("class") }), ...titles.map((text) => element("th", { scope: "col", text })));
    const labels = [...store.names.keys()].filter((label) => edges.some((_, place) => cells.has(`${label}/${place}`)));
    const lines = labels.map((label) =>
      element("tr", {}, element("th", { scope: "row", text: store.className(label) }),
        ...edges.map((_, place) => cell(store, pictures, cells.get(`${label}/${place}`) ?? [], open))));
    return element("table", { class: "facets" }, element("caption", { class: "unseen", text: measure.title }), element("thead", {}, head), element("tbody", {}, ...lines));
  };

  samples.facetView = (store, pictures, open) => {
    let key = [...store.measures.keys()][0];
    const draw = (view, matching) => {
      const select = element("select", { name: "facet", onchange: () => { key = select.value; draw(view, matching); view.querySelector("select").focus(); } });
      for (const measure of store.measures.values()) select.append(element("option", { value: measure.key, text: measure.title }));
      select.value = key;
      const chosen = element("label", { class: "of-view" }, element("span", { text: store.fill("measure") }), select);
      const measure = store.measures.get(key);
      const known = matching.filter((row) => measure.values[row] !== null);
      if (!known.length) return view.replaceChildren(chosen, element("p", { text: store.fill("no_values") }));
      const table = facetTable(store, pictures, open, measure, known);
      const start = samples.roving(table);
      start();
      const note = element("p", { class: "note-line", text: store.fill("facets_note") });
      return view.replaceChildren(chosen, element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": measure.title }, table), note);
    };
    return draw;
  };
})((window.mnistSamples ??= {}));
