// Fields a person writes in: label, autocomplete, paste, text size.
() => [...document.querySelectorAll('input:not([type=hidden]),select,textarea')].map(e => ({
  name: e.name || e.id || e.type, written: !['radio', 'checkbox', 'submit', 'button'].includes(e.type),
  labelled: !!(e.labels && e.labels.length) || !!e.getAttribute('aria-label') || !!e.getAttribute('aria-labelledby'),
  autocomplete: e.getAttribute('autocomplete') || '', noPaste: !!e.getAttribute('onpaste'),
  size: parseFloat(getComputedStyle(e).fontSize),
}))
