// Parts that are of no use on paper and still show.
() => [...document.querySelectorAll('nav,form button,.button')].filter(e => e.offsetParent).length
