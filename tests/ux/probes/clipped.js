// Texts that their own box cuts off.
() => [...document.body.querySelectorAll('*')].filter(e => {
  const style = getComputedStyle(e);
  return e.innerText && e.innerText.trim() && e.children.length == 0 && style.position != 'absolute'
    && /hidden|clip/.test(style.overflow + style.overflowX + style.overflowY)
    && (e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2);
}).map(e => e.tagName.toLowerCase() + ': ' + e.innerText.trim().slice(0, 30)).slice(0, 5)
