// How an element looks without the focus.
n => {
  const e = document.querySelector('[data-uxn="' + n + '"]');
  if (!e) return '';
  const style = getComputedStyle(e);
  return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.borderColor, style.backgroundColor, style.color].join('|');
}
