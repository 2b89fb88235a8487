// What a page has of life beyond its text comes when it is near the window: <div data-near="recorded.js"> is handed to
// `mount` of that module. Until then, and where a browser has no modules, the page shows what stands in the div.
(() => {
  const modules = new URL("../modules/", document.currentScript.src); // this file lies in assets/
  const settle = (node, state) => { node.dataset.state = state; };

  async function bring(node) {
    settle(node, "coming");
    try {
      const { mount } = await import(new URL(node.dataset.near, modules));
      await mount(node);
      settle(node, "live");
    } catch {
      settle(node, "failed");
    }
  }

  const watcher = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      bring(target);
    }
  }, { rootMargin: "1000px 0px" });
  document.querySelectorAll("[data-near]").forEach((node) => watcher.observe(node));
})();
