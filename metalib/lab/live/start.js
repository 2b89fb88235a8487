// Brings the laboratories of a page to life when they come near the window. A classic script: a browser without
// modules, a page from a disk and a page whose files cannot be fetched keep the still picture and its sentence.
(() => {
  const near = "900px"; // below the window, where a picture's place may still change unseen
  const base = document.currentScript?.src;
  if (!base || location.protocol === "file:" || !("noModule" in HTMLScriptElement.prototype)) return;
  const known = new Map();
  const once = (file, load) => known.get(file) ?? known.set(file, load(new URL(file, base).href)).get(file);
  const json = (address) => fetch(address).then((answer) => {
    if (!answer.ok) throw new Error(`${answer.status} ${address}`);
    return answer.json();
  });
  const code = (address) => import(address);

  async function bring(place) {
    const { live: name, language, initial } = place.dataset;
    const loads = [once("stage.js", code), once(`${name}.js`, code), once(`${name}.${language}.json`, json)];
    const env = once(`${name}.env`, async () => {
      const [module, data] = await Promise.all([loads[1], json(new URL(`${name}.data.json`, base).href)]);
      return module.prepare ? module.prepare(data) : data;
    });
    const [stage, module, specification] = await Promise.all(loads);
    const room = document.createElement("div");
    room.className = "metalib-live-room";
    place.append(room); // as wide as it will be, and unseen until it is drawn
    try {
      place.laboratory = await stage.mount(room, {
        module, specification, env: await env, initial: initial ? JSON.parse(initial) : {},
      });
      const bottom = () => place.getBoundingClientRect().bottom, before = bottom();
      place.dataset.state = "live";
      // Who reads below it reads on: not every browser sees to that, and none always.
      if (before <= 0) scrollBy({ top: bottom() - before, behavior: "instant" });
    } catch (error) {
      room.remove();
      throw error;
    }
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      bring(target).catch((error) => {
        target.dataset.state = "failed";
        console.warn(error);
      });
    }
  }, { rootMargin: near });
  const begin = () => document.querySelectorAll(".metalib-live[data-live]").forEach((place) => {
    place.dataset.state = "still";
    watcher.observe(place);
  });
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
})();
