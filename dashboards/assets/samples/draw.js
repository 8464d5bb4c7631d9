"use strict";
// Elements and pictures: what the views of the samples are made of.
((samples) => {
  // Texts are set as texts, so that none of them can become an element.
  samples.element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "text") made.textContent = value;
      else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.filter(Boolean));
    return made;
  };

  const bytesOf = (text) => {
    const characters = atob(text);
    const bytes = new Uint8Array(characters.length);
    for (let place = 0; place < characters.length; place += 1) bytes[place] = characters.charCodeAt(place);
    return bytes;
  };

  samples.readSheet = async (uri) => {
    const [head, body] = uri.trim().split(",");
    return createImageBitmap(new Blob([bytesOf(body)], { type: head.slice(5).split(";")[0] }));
  };

  samples.pictures = (bitmap, { across, width, height }) => {
    const paint = (context, row, x, y, w, h) => {
      context.imageSmoothingEnabled = false;
      context.drawImage(bitmap, (row % across) * width, Math.floor(row / across) * height, width, height, x, y, w, h);
    };
    const canvas = (row, scale = 1) => {
      const made = samples.element("canvas", { width, height, "aria-hidden": "true" });
      made.style.width = `${width * scale}px`;
      made.style.aspectRatio = `${width} / ${height}`;
      paint(made.getContext("2d"), row, 0, 0, width, height);
      return made;
    };
    return { paint, canvas, width, height };
  };

  // Arrow keys move through buttons, of which one at a time is reached by Tab.
  samples.roving = (container) => {
    const buttons = () => [...container.querySelectorAll("button.digit")];
    const columns = (all) => {
      const top = all[0]?.offsetTop;
      const next = all.findIndex((button) => button.offsetTop !== top);
      return next < 0 ? all.length : next;
    };
    const step = (key, all) =>
      ({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(all), ArrowUp: -columns(all), Home: -all.length, End: all.length })[key];
    container.addEventListener("keydown", (event) => {
      const all = buttons();
      const place = all.indexOf(document.activeElement);
      const by = step(event.key, all);
      if (place < 0 || by === undefined) return;
      event.preventDefault();
      all[Math.max(0, Math.min(all.length - 1, place + by))].focus();
    });
    container.addEventListener("focusin", (event) => {
      const button = event.target.closest("button.digit");
      if (!button) return;
      for (const other of buttons()) other.tabIndex = other === button ? 0 : -1;
    });
    const start = () => buttons().forEach((button, place) => (button.tabIndex = place ? -1 : 0));
    return start;
  };

  samples.number = (value) => {
    if (value === null || value === undefined) return "–";
    if (typeof value === "string") return value;
    if (Number.isInteger(value)) return value.toLocaleString("en-US");
    return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(4)));
  };

  // A name is quoted for a shell, whatever it holds.
  samples.quoted = (text) => (/^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`);
})((window.mnistSamples ??= {}));
