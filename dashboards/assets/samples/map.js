"use strict";
// The 2-D map: every sample a dot, those that match coloured by class; the one that is pointed at shows its digit.
((samples) => {
  const { element } = samples;
  const MARGIN = 14;
  const REACH = 22; // pixels within which a dot is pointed at, a finger's half
  const PREVIEW = 84;

  // Middle tones, which stand out from a light surface and from a dark one; hues for more classes.
  const COLOURS = ["#4e79a7", "#f28e2b", "#d6494b", "#3fa7a0", "#59a14f", "#b6992d", "#a05eb5", "#e377a2", "#9c755f", "#7f7f7f"];

  samples.classColour = (place, count, dark) => {
    if (count <= COLOURS.length) return COLOURS[place];
    const hue = Math.round((360 * place) / Math.max(1, count)) + 8;
    return `hsl(${hue} ${place % 2 ? 62 : 78}% ${dark ? (place % 2 ? 70 : 62) : place % 2 ? 36 : 46}%)`;
  };

  const isDark = () => document.documentElement.dataset.theme === "dark";

  // Places in pixels, the longer axis from side to side; y points up.
  const layout = (map, width, height) => {
    const scale = (Math.min(width, height) - 2 * MARGIN) / 1000;
    const known = map.x.map((x, row) => [x, map.y[row]]).filter(([x]) => x !== null);
    const most = (axis) => known.reduce((high, place) => Math.max(high, place[axis]), 1);
    const [stretchX, stretchY] = [(width - 2 * MARGIN) / (most(0) * scale), (height - 2 * MARGIN) / (most(1) * scale)];
    return map.x.map((x, row) =>
      x === null ? null : [MARGIN + x * scale * stretchX, height - MARGIN - map.y[row] * scale * stretchY]);
  };

  const dots = (store, context, places, matching) => {
    const labels = [...store.names.keys()];
    const style = getComputedStyle(document.documentElement);
    const isIn = new Set(matching);
    context.globalAlpha = 1;
    context.fillStyle = style.getPropertyValue("--line");
    places.forEach((place, row) => place && !isIn.has(row) && context.fillRect(place[0] - 1, place[1] - 1, 2, 2));
    context.globalAlpha = 0.85;
    for (const row of matching) {
      if (!places[row]) continue;
      context.fillStyle = samples.classColour(labels.indexOf(store.data.samples.label[row]), labels.length, isDark());
      context.beginPath();
      context.arc(places[row][0], places[row][1], 2.6, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  };

  const preview = (store, pictures, context, places, row, width) => {
    const [x, y] = places[row];
    const ratio = pictures.width / pictures.height;
    const [w, h] = [PREVIEW * Math.min(1, ratio), PREVIEW / Math.max(1, ratio)];
    const left = Math.max(2, Math.min(width - w - 2, x + 12));
    const top = y - h - 34 < 2 ? y + 12 : y - h - 34;
    const style = getComputedStyle(document.documentElement);
    const accent = style.getPropertyValue("--accent");
    context.fillStyle = style.getPropertyValue("--surface");
    context.strokeStyle = accent;
    context.lineWidth = 1.5;
    context.beginPath();
    context.roundRect(left - 4, top - 4, w + 8, h + 30, 6);
    context.fill();
    context.stroke();
    pictures.paint(context, row, left, top, w, h);
    context.fillStyle = style.getPropertyValue("--ink");
    context.font = "12px system-ui, sans-serif";
    context.fillText(`${store.className(store.data.samples.label[row])} · ${store.data.samples.id[row]}`, left, top + h + 17, w);
    context.beginPath();
    context.arc(x, y, 5, 0, 7);
    context.stroke();
  };

  const nearest = (places, rows, x, y, reach = Infinity) => {
    let best = null;
    let least = reach;
    for (const row of rows) {
      if (!places[row]) continue;
      const distance = Math.hypot(places[row][0] - x, places[row][1] - y);
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  };

  // The nearest dot in the direction of an arrow key: within a quarter turn of it.
  const towards = (places, rows, from, key) => {
    const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key] ?? [0, 0];
    if (from === null) return rows.find((row) => places[row]) ?? null;
    const [x, y] = places[from];
    const ahead = rows.filter((row) => {
      if (!places[row] || row === from) return false;
      const [along, across] = [(places[row][0] - x) * dx + (places[row][1] - y) * dy, (places[row][0] - x) * dy - (places[row][1] - y) * dx];
      return along > 0 && Math.abs(across) <= along;
    });
    return nearest(places, ahead, x, y) ?? from;
  };

  const legend = (store) => {
    const labels = [...store.names.keys()];
    const list = element("ul", { class: "legend" });
    labels.forEach((label, place) => {
      const mark = element("i");
      mark.style.background = samples.classColour(place, labels.length, isDark());
      list.append(element("li", {}, mark, element("span", { text: store.className(label) })));
    });
    return list;
  };

  const chooser = (store, current, change) => {
    if (store.data.maps.length < 2) return null;
    const select = element("select", { name: "projection", onchange: () => change(select.value) });
    for (const map of store.data.maps) select.append(element("option", { value: map.key, text: map.title }));
    select.value = current;
    return element("label", { class: "of-view" }, element("span", { text: store.fill("projection") }), select);
  };

  const listen = (canvas, state, open) => {
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return nearest(state.places, state.matching, event.clientX - box.left, event.clientY - box.top, REACH);
    };
    const point = (row) => {
      if (row === state.row) return;
      state.row = row;
      canvas.dataset.id = row === null ? "" : state.ids[row];
      requestAnimationFrame(state.paint);
    };
    canvas.addEventListener("pointermove", (event) => point(at(event)));
    canvas.addEventListener("pointerleave", () => point(null));
    canvas.addEventListener("click", (event) => {
      const row = at(event);
      if (row === null) return;
      // A finger does not hover: its first touch shows the digit, the next opens it.
      if (event.pointerType === "touch" && row !== state.touched) point((state.touched = row));
      else open(row, state.matching);
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && state.row !== null) open(state.row, state.matching);
      if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
      point(towards(state.places, state.matching, state.row, event.key));
    });
  };

  const fit = (canvas, width, height) => {
    const density = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.round(width * density), Math.round(height * density)];
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(density, density);
    return context;
  };

  samples.mapView = (store, pictures, open) => {
    let key = store.data.maps[0].key;
    const draw = (view, matching) => {
      const map = store.data.maps.find((each) => each.key === key);
      const canvas = element("canvas", { class: "map", tabindex: "0", role: "application", "aria-label": store.fill("map_label") });
      const change = (value) => { key = value; draw(view, matching); view.querySelector("select").focus(); };
      const note = element("p", { class: "note-line", text: store.fill("map_note") });
      view.replaceChildren(...[chooser(store, key, change), canvas, legend(store), note].filter(Boolean));
      const width = view.clientWidth;
      const height = Math.round(Math.min(560, Math.max(340, width * 0.62)));
      const context = fit(canvas, width, height);
      const state = { row: null, touched: null, matching, ids: store.data.samples.id, places: layout(map, width, height) };
      const base = document.createElement("canvas");
      [base.width, base.height] = [canvas.width, canvas.height];
      const behind = base.getContext("2d");
      behind.setTransform(context.getTransform());
      dots(store, behind, state.places, matching);
      state.paint = () => {
        context.clearRect(0, 0, width, height);
        context.drawImage(base, 0, 0, width, height);
        if (state.row !== null) preview(store, pictures, context, state.places, state.row, width);
      };
      state.paint();
      listen(canvas, state, open);
    };
    return draw;
  };
})((window.mnistSamples ??= {}));
