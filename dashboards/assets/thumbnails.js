(() => {
  // What a pointer shows of a thumbnail is reached by keyboard and touch, too: Tab leads to a group of thumbnails, the
  // arrow keys from one to the next, and a touch shows the words of the one that is touched.
  const groups = [...document.querySelectorAll("ul.gallery, dl.rows")];
  if (!groups.length) return;
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const images = (group) => [...group.querySelectorAll("img[title]")];

  const hide = () => {
    tip.hidden = true;
  };

  const show = (image) => {
    tip.textContent = image.title;
    tip.hidden = false;
    const box = image.getBoundingClientRect();
    const left = Math.min(box.left, innerWidth - tip.offsetWidth - 8);
    const fits = box.bottom + tip.offsetHeight + 10 < innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${fits ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
  };

  // The nearest image in the line above or below; lines differ in length, and wrap.
  const across = (all, image, down) => {
    const from = image.getBoundingClientRect();
    const beyond = all
      .map((other) => ({ other, box: other.getBoundingClientRect() }))
      .filter(({ box }) => (down ? box.top > from.bottom - 1 : box.bottom < from.top + 1));
    if (!beyond.length) return image;
    const line = down ? Math.min(...beyond.map(({ box }) => box.top)) : Math.max(...beyond.map(({ box }) => box.top));
    const near = beyond.filter(({ box }) => Math.abs(box.top - line) < 4);
    return near.reduce((a, b) => (Math.abs(b.box.left - from.left) < Math.abs(a.box.left - from.left) ? b : a)).other;
  };

  const keys = {
    ArrowRight: (all, place) => all[Math.min(place + 1, all.length - 1)],
    ArrowLeft: (all, place) => all[Math.max(place - 1, 0)],
    ArrowDown: (all, place) => across(all, all[place], true),
    ArrowUp: (all, place) => across(all, all[place], false),
    Home: (all) => all[0],
    End: (all) => all.at(-1),
  };

  for (const group of groups) {
    const all = images(group);
    if (!all.length) continue;
    for (const image of all) image.tabIndex = -1;
    all[0].tabIndex = 0; // one stop a group: a page has hundreds of thumbnails
    group.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return hide();
      const place = all.indexOf(event.target);
      if (place < 0 || !(event.key in keys)) return;
      event.preventDefault();
      const next = keys[event.key](all, place);
      event.target.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
    group.addEventListener("focusin", ({ target }) => all.includes(target) && show(target));
    group.addEventListener("focusout", hide);
    group.addEventListener("click", ({ target }) => all.includes(target) && target.focus());
  }
  addEventListener("scroll", hide, { passive: true });
})();
