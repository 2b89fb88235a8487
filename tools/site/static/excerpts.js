// What a result of the search shows of a page: the beginning of its article, not the buttons around it.

if (typeof Search !== "undefined") {
  Search.htmlToText = (html, anchor) => {
    const article = new DOMParser().parseFromString(html, "text/html").querySelector("article");
    for (const part of article?.querySelectorAll("script, style, .headerlink, .launch-row") ?? []) part.remove();
    return (anchor && article?.querySelector(anchor)?.textContent) || (article?.textContent ?? "");
  };
}
