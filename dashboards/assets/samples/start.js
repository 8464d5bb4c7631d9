"use strict";
// Putting the parts together: nothing is read before the section comes near, or an address or a chart asks for it.
((samples) => {
  const { element } = samples;
  const browser = document.getElementById("sample-browser");
  if (!browser) return;
  const textOf = (id) => document.getElementById(id).textContent;

  const begin = async () => {
    const data = JSON.parse(textOf("samples-data"));
    const store = samples.store(data);
    const pictures = samples.pictures(await samples.readSheet(textOf("samples-sheet")), data.sheet);
    const detail = samples.detail(store, pictures, browser.querySelector("dialog"));
    const part = (name) => browser.querySelector(`.${name}`);
    const filters = samples.filters(store, part("filters"), detail.byId);
    const views = { grid: samples.gridView(store, pictures, detail.open) };
    if (data.maps.length) views.map = samples.mapView(store, pictures, detail.open);
    if (store.measures.size) views.facets = samples.facetView(store, pictures, detail.open);
    let current = "grid";
    let from = null;

    const choose = (view) => { current = view; render(); };
    const buttons = Object.keys(views).map((view) =>
      element("button", { type: "button", "data-view": view, text: store.fill(view), onclick: () => choose(view) }));

    const render = () => {
      const matching = store.matching();
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.view === current));
      filters.render();
      part("matches").textContent = filters.summary(matching.length);
      part("chips").replaceChildren(...filters.chips(from));
      const words = store.fill(store.isFiltered() ? "command" : "command_others");
      const more = store.size < data.total;
      part("browser-body > .command").replaceChildren(...(more ? [element("span", { text: words }), " ", element("code", { text: filters.command() })] : []));
      views[current](part("browser-view"), matching);
    };

    part("views").replaceChildren(...buttons);
    part("waiting").remove();
    part("browser-body").hidden = false;
    store.listen(render);
    render();
    new MutationObserver(() => current === "map" && render()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    let width = innerWidth;
    addEventListener("resize", () => {
      if (current === "map" && innerWidth !== width) render();
      width = innerWidth;
    });
    browser.dataset.ready = "true";

    const pick = (chart, chosen) => {
      from = { id: chart.id, title: document.getElementById(`${chart.id}-title`).textContent };
      current = current === "map" ? "map" : "grid";
      store.reset(chosen);
      browser.closest("section").scrollIntoView();
    };
    return { store, detail, pick };
  };

  // Said below the charts, as a mark does not look like a button.
  const hint = () => {
    for (const chart of document.querySelectorAll(".chart.picks")) {
      const text = browser.dataset.hint;
      chart.parentElement.querySelector("figcaption")?.append(" ", element("span", { class: "pick-hint", text }));
    }
  };

  // Images of samples elsewhere in the page lead to what is known of them.
  const link = () => {
    for (const image of document.querySelectorAll("img[data-sample]")) {
      const to = element("a", { class: "to-sample", href: `#id=${image.dataset.sample}` });
      to.addEventListener("click", async (event) => {
        event.preventDefault();
        (await ready()).detail.byId(Number(image.dataset.sample));
      });
      image.replaceWith(to);
      to.append(image);
    }
  };

  let begun = null;
  const ready = () => (begun ??= begin());

  const follow = async () => {
    const asked = /^#id=(-?\d+)$/.exec(location.hash);
    if (asked) (await ready()).detail.byId(Number(asked[1]));
  };

  document.addEventListener("pick", async ({ target, detail: { point, pick } }) => {
    const chosen = samples.filtersOf(pick, point);
    (await ready()).pick(target, chosen);
  });
  addEventListener("hashchange", follow);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    ready();
  }, { rootMargin: "100px 0px" }).observe(browser);
  hint();
  link();
  follow();
})((window.mnistSamples ??= {}));
