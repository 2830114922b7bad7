// Whether the page scrolls sideways, and what sticks out.
() => {
  const width = document.documentElement.clientWidth, over = [];
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width && box.height && style.position != 'absolute' && (box.right > width + 1 || box.left < -1))
      over.push(e.tagName.toLowerCase() + '.' + e.className + ' ' + Math.round(box.right) + 'px');
  }
  return {wide: document.documentElement.scrollWidth > width, over: over.slice(0, 5)};
}
