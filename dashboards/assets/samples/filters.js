"use strict";
// The line of filters, what they leave, and the command that shows all of it.
((samples) => {
  const { element, number, quoted } = samples;

  const choice = (name, title, options, value, change) => {
    const select = element("select", { name, onchange: () => change(select.value) });
    for (const [key, text] of options) select.append(element("option", { value: key, text }));
    select.value = value;
    return element("label", {}, element("span", { text: title }), select);
  };

  const findings = (store) => {
    const checks = [...store.checks.values()].filter((check) => check.rows.size);
    const reasons = Object.entries(store.data.reasonNames).filter(([key]) => !store.checks.has(key));
    return [
      ...checks.map((check) => [`c:${check.key}`, store.fill("flagged", { name: check.title })]),
      ...reasons.map(([key, name]) => [`r:${key}`, store.fill("chosen", { name })]),
    ];
  };

  const orders = (store) => {
    const directions = [["up", "ascending"], ["down", "descending"]];
    const both = (kind, key, name) => directions.map(([way, word]) => [`${kind}:${key}:${way}`, store.fill(word, { name })]);
    const checks = [...store.checks.values()].filter((check) => check.rows.size);
    const scores = checks.map((check) => [`s:${check.key}:up`, `${check.title}: ${store.fill("score")}`]);
    return [...scores, ...[...store.measures.values()].flatMap((measure) => both("m", measure.key, measure.title))];
  };

  const selects = (store) => {
    const { fill, data, names } = store;
    const filters = store.filters();
    const any = ["", fill("all")];
    const classes = [any, ...[...names].map(([value, name]) => [String(value), name])];
    const label = filters.labels.length === 1 ? String(filters.labels[0]) : "";
    const made = [
      choice("label", fill("class"), classes, label, (value) => store.set({ labels: value === "" ? [] : [Number(value)] })),
      choice("split", fill("split"), [any, ...data.splits.map((name) => [name, name])], filters.split, (split) => store.set({ split })),
      choice("finding", fill("finding"), [any, ...findings(store)], filters.finding, (finding) => store.set({ finding })),
    ];
    if (data.samples.predicted) {
      const answers = [any, ["right", fill("right")], ["wrong", fill("wrong")]];
      const answer = filters.prediction === "any" ? "" : filters.prediction;
      const predicted = filters.predicted === null ? "" : String(filters.predicted);
      made.push(
        choice("prediction", fill("prediction"), answers, answer, (prediction) => store.set({ prediction })),
        choice("predicted", fill("predicted"), classes, predicted, (value) => store.set({ predicted: value === "" ? null : Number(value) })),
      );
    }
    made.push(choice("sort", fill("sort"), [["", fill("mixed")], ...orders(store)], filters.sort, (sort) => store.set({ sort })));
    return made;
  };

  const idField = (store, open) => {
    const input = element("input", { name: "id", type: "text", inputmode: "numeric", pattern: "-?[0-9]*" });
    const go = element("button", { type: "submit", text: store.fill("open") });
    const label = element("label", {}, element("span", { text: store.fill("id") }), input);
    return { field: element("div", { class: "by-id" }, label, go), submit: () => input.value.trim() && open(Number(input.value)) };
  };

  const chip = (store, name, remove) =>
    element("button", { type: "button", class: "chip", text: `${name} ✕`, "aria-label": store.fill("remove", { name }), onclick: remove });

  const rangeName = (store, { measure, low, high }) => {
    const title = store.measures.get(measure).title;
    if (low === -Infinity) return `${title} < ${number(high)}`;
    return high === Infinity ? `${title} ≥ ${number(low)}` : `${title}: ${number(low)} – ${number(high)}`;
  };

  // What has no select of its own: ranges of a measure, and several classes at once.
  const chips = (store, from) => {
    const { ranges, labels } = store.filters();
    const made = ranges.map((range) =>
      chip(store, rangeName(store, range), () => store.set({ ranges: ranges.filter((other) => other !== range) })));
    if (labels.length > 1) made.push(chip(store, labels.map(store.className).join(", "), () => store.set({ labels: [] })));
    if (store.isFiltered()) made.push(element("button", { type: "button", class: "chip reset", text: store.fill("reset"), onclick: () => store.reset() }));
    if (from && store.isFiltered()) made.push(element("a", { class: "back", href: `#${from.id}`, text: `↑ ${store.fill("back", { name: from.title })}` }));
    return made;
  };

  // `show` knows classes, splits and checks; what it does not know is asked of `explore`.
  const command = (store) => {
    const { labels, split, finding, prediction, predicted, ranges } = store.filters();
    if (ranges.length || prediction || predicted !== null || finding.startsWith("r:"))
      return `mnist-data explore ${quoted(store.data.dataset)}`;
    const words = ["mnist-data", "show", quoted(store.data.dataset)];
    for (const label of labels) words.push("--class", quoted(store.className(label)));
    if (split) words.push("--split", quoted(split));
    if (finding.startsWith("c:")) words.push("--check", finding.slice(2));
    const total = store.total();
    if (store.isFiltered() && total > 20) words.push("--count", String(total));
    return words.join(" ");
  };

  // "showing 14 of 120": what is in the page, and what is not.
  const summary = (store, count) => {
    const { fill, data, size } = store;
    const page = number(size);
    const total = number(data.total);
    if (!store.isFiltered()) return fill(size === data.total ? "whole" : "showing_all", { page, total });
    const line = fill("showing", { matches: number(count), page });
    if (size === data.total) return line;
    const known = store.total();
    return `${line} ${known === null ? fill("total_unknown", { page, total }) : fill("total", { total: number(known) })}`;
  };

  samples.filters = (store, form, open) => {
    const byId = idField(store, open);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      byId.submit();
    });
    const render = () => {
      const focused = form.contains(document.activeElement) ? document.activeElement.name : null;
      form.replaceChildren(...selects(store), byId.field);
      if (focused) form.elements[focused]?.focus();
    };
    return { render, chips: (from) => chips(store, from), summary: (count) => summary(store, count), command: () => command(store) };
  };
})((window.mnistSamples ??= {}));
