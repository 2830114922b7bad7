// The element that has the focus: where it is, whether something covers it, how it looks.
() => {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return null;
  const box = e.getBoundingClientRect(), style = getComputedStyle(e);
  const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  if (!e.dataset.uxn) { window.__uxn = (window.__uxn || 0) + 1; e.dataset.uxn = window.__uxn; }
  return {
    n: e.dataset.uxn, tag: e.tagName.toLowerCase(), href: e.getAttribute('href') || '',
    name: (e.getAttribute('aria-label') || e.innerText || e.value || '').trim().slice(0, 40),
    x: Math.round(box.left), w: Math.round(box.width), y: Math.round(box.top + scrollY), h: Math.round(box.height), positive: e.tabIndex > 0,
    obscured: !(top && (e === top || e.contains(top) || top.contains(e))),
    look: [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.borderColor, style.backgroundColor, style.color].join('|'),
  };
}
