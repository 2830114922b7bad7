// On a right-to-left page: runs of Latin letters that are not isolated from the text around them.
() => {
  if (document.documentElement.dir != 'rtl') return [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), runs = [];
  let node;
  while (node = walker.nextNode()) {
    const parent = node.parentElement;
    if (/[A-Za-zÀ-ÿ]{2}/.test(node.data) && parent && parent.offsetParent && !/SCRIPT|STYLE|NOSCRIPT/.test(parent.tagName)
      && !parent.closest('bdi,bdo,[dir=ltr],[dir=auto]')) runs.push(node.data.trim().slice(0, 30));
  }
  return runs;
}
