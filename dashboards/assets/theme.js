(() => {
  let theme = null; // as chosen on an earlier visit; a page within a notebook may not ask
  try { theme = localStorage.getItem("mnist-data-theme"); } catch {}
  if (theme !== "light" && theme !== "dark")
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
})();
