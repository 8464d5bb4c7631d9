"use strict";
// What the page knows of its samples, and which of them match the filters. Nothing here touches the page.
((samples) => {
  const NO_FILTERS = { labels: [], split: "", finding: "", prediction: "", predicted: null, ranges: [], sort: "" };

  samples.store = (data) => {
    const { id, split, label, predicted } = data.samples;
    const rows = id.map((_, row) => row);
    const rowOf = new Map(rows.map((row) => [id[row], row]));
    const measures = new Map(data.measures.map((measure) => [measure.key, measure]));
    if (predicted) measures.set("confidence", { key: "confidence", title: data.words.confidence, values: data.samples.confidence });
    const checks = new Map(data.checks.map((check) => [check.key, { ...check, rows: new Set(check.flagged) }]));
    const names = new Map(data.classes);
    let filters = { ...NO_FILTERS };
    const listeners = [];

    const fill = (key, values = {}) =>
      (data.words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => (name in values ? String(values[name]) : ""));

    const hasFinding = (row, finding) => {
      const [kind, key] = [finding.slice(0, 1), finding.slice(2)];
      return kind === "c" ? checks.get(key).rows.has(row) : data.samples.reason[row] === key;
    };

    const isRight = (row) => predicted[row] === label[row];

    const hasPrediction = (row, wanted) => {
      if (!predicted || predicted[row] === null) return false;
      return wanted === "any" || isRight(row) === (wanted === "right");
    };

    const isIn = (row, { measure, low, high }) => {
      const value = measures.get(measure)?.values[row];
      return value !== null && value !== undefined && value >= low && value < high;
    };

    const matches = (row) =>
      (!filters.labels.length || filters.labels.includes(label[row])) &&
      (!filters.split || split[row] === filters.split) &&
      (!filters.finding || hasFinding(row, filters.finding)) &&
      (!filters.prediction || hasPrediction(row, filters.prediction)) &&
      (filters.predicted === null || (predicted && predicted[row] === filters.predicted)) &&
      filters.ranges.every((range) => isIn(row, range));

    const sorted = (matching) => {
      const [kind, key, direction] = filters.sort.split(":");
      const values = kind === "m" ? measures.get(key)?.values : kind === "s" ? checks.get(key)?.scores : null;
      if (!values) return matching;
      const sign = direction === "down" ? -1 : 1;
      const known = matching.filter((row) => values[row] !== null);
      return known.sort((a, b) => sign * (values[a] - values[b]) || a - b);
    };

    // What a check flags comes the worst first, and errors the most confident first, until another order is chosen.
    const orderOf = ({ finding, prediction }) => {
      if (finding.startsWith("c:")) return `s:${finding.slice(2)}:up`;
      return prediction === "wrong" ? "m:confidence:down" : "";
    };

    const set = (changes) => {
      const follows = filters.sort === orderOf(filters) && !("sort" in changes);
      filters = { ...filters, ...changes };
      if (follows) filters.sort = orderOf(filters);
      for (const listener of listeners) listener();
    };

    // How many samples the whole dataset has by these filters, where the page knows it.
    const total = () => {
      const check = filters.finding.startsWith("c:") ? filters.finding.slice(2) : null;
      const byPrediction = filters.prediction !== "" || filters.predicted !== null;
      if (filters.ranges.length || filters.finding.startsWith("r:") || (check && byPrediction)) return null;
      let sum = 0;
      for (const [place, of, flaggedBy, answer, count] of data.counts) {
        if (flaggedBy !== check || (answer !== null) !== byPrediction) continue;
        if (filters.split && data.splits[place] !== filters.split) continue;
        if (filters.labels.length && !filters.labels.includes(of)) continue;
        if (filters.predicted !== null && answer !== filters.predicted) continue;
        if (filters.prediction === "right" && answer !== of) continue;
        if (filters.prediction === "wrong" && answer === of) continue;
        sum += count;
      }
      return sum;
    };

    return {
      data, measures, checks, names, rowOf, fill, set, total, isRight,
      size: rows.length,
      filters: () => filters,
      reset: (changes = {}) => {
        filters = { ...NO_FILTERS };
        set(changes);
      },
      listen: (listener) => listeners.push(listener),
      matching: () => sorted(rows.filter(matches)),
      isFiltered: () => JSON.stringify({ ...filters, sort: "" }) !== JSON.stringify(NO_FILTERS),
      className: (value) => names.get(value) ?? String(value),
      hasMissed: (row) => Boolean(predicted) && predicted[row] !== null && !isRight(row),
    };
  };
})((window.mnistSamples ??= {}));
