// The size of every text that is shown.
() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), sizes = [];
  let node;
  while (node = walker.nextNode()) {
    const parent = node.parentElement;
    if (node.data.trim() && parent && getComputedStyle(parent).display != 'none' && !/SCRIPT|STYLE|NOSCRIPT/.test(parent.tagName))
      sizes.push(parseFloat(getComputedStyle(parent).fontSize));
  }
  return sizes;
}
