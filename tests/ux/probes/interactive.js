// Everything a person can act on, with its size; a group of radio buttons is one stop for the keyboard.
() => [...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex]:not([tabindex="-1"]),[onclick],[role=button],[role=link]')]
  .filter(e => {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    return box.width > 0 && box.height > 0 && style.visibility != 'hidden' && !e.disabled && box.bottom > 0 && box.right > 0;
  })
  .map(e => {
    const target = e.matches('input[type=radio],input[type=checkbox]') ? e.closest('label') || e : e;
    const box = target.getBoundingClientRect(), parent = e.parentElement;
    const inline = e.tagName == 'A' && getComputedStyle(e).display == 'inline' && parent
      && parent.innerText.trim().length > e.innerText.trim().length + 1;
    const group = e.type == 'radio' && e.form ? [...e.form.elements].filter(o => o.type == 'radio' && o.name == e.name) : [];
    const inGroup = group.length > 1 && !(e.checked || (!group.some(o => o.checked) && group[0] === e));
    return {
      name: (e.getAttribute('aria-label') || e.innerText || e.value || '').trim().slice(0, 40), tag: e.tagName.toLowerCase(),
      w: Math.round(box.width * 10) / 10, h: Math.round(box.height * 10) / 10, inline, inGroup, focusable: e.tabIndex >= 0,
    };
  })
