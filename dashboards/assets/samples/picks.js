"use strict";
// From a click on a chart to filters: what a mark stands for lies in the chart's own data, see dashboards/figures/picks.py.
((samples) => {
  const empty = () => ({ labels: [], ranges: [] });

  const add = (filters, more) => {
    const { labels = [], ranges = [], ...rest } = more ?? {};
    const all = [...ranges].map(({ measure, low, high }) => ({ measure, low: low ?? -Infinity, high: high ?? Infinity }));
    return { ...filters, ...rest, labels: [...new Set([...filters.labels, ...labels])], ranges: [...filters.ranges, ...all] };
  };

  const binned = (bins, point) =>
    bins.map(({ axis, measure, below, above }) => ({ measure, low: point[axis] - below, high: point[axis] + above }));

  // A line that draws a histogram a row: so many points in each, the first of which is no bin.
  const ofRow = ({ length, labels, measure, edges }, place) => {
    const bin = Math.max(0, Math.min(edges.length - 2, (place % length) - 1));
    return { labels: [labels[Math.floor(place / length)]], ranges: [{ measure, low: edges[bin], high: edges[bin + 1] }] };
  };

  samples.filtersOf = (pick, point) => {
    let filters = empty();
    const trace = point.curveNumber;
    filters = add(filters, pick.traces?.[trace]);
    filters = add(filters, pick.x?.[point.x]);
    filters = add(filters, pick.y?.[point.y]);
    filters = add(filters, pick.points?.[trace]?.[point.pointNumber]);
    if (pick.bins) filters = add(filters, { ranges: binned(pick.bins[trace] ?? pick.bins[0], point) });
    if (pick.rows) filters = add(filters, ofRow(pick.rows, point.pointNumber));
    return filters;
  };
})((window.mnistSamples ??= {}));
