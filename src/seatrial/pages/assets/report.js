// Draws each plot when it comes into view. Only this page's own data are read; nothing is loaded.
(() => {
  "use strict";
  const config = JSON.parse(document.getElementById("chart-config").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const options = {
    ast: true,
    actions: false,
    config,
    defaultStyle: false,
    renderer: "svg",
    tooltip: { theme: "seatrial", disableDefaultStyle: true },
    loader: { load: () => Promise.reject(new Error("a report loads nothing")), sanitize: () => Promise.reject(new Error("no links")) },
  };

  function draw(plot) {
    if (plot.dataset.state) return;
    plot.dataset.state = "drawing";
    const spec = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
    vegaEmbed(plot, spec, options).then(
      () => { plot.dataset.state = "drawn"; },
      (error) => {
        plot.dataset.state = "failed";
        plot.textContent = `This plot could not be drawn (${error.message}); the tables hold its figures.`;
      },
    );
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  plots.forEach((plot) => seen.observe(plot));

  // Paper shows what is unfolded, scrolled to or not.
  window.addEventListener("beforeprint", () => plots.filter((plot) => plot.offsetParent).forEach(draw));
  // A link to a folded deployment unfolds it.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (folded) { folded.open = true; target.scrollIntoView(); }
  };
  window.addEventListener("hashchange", unfold);
  unfold();
})();
