// What can be measured of a page from inside it. Each method returns the faults it finds.
({
  // One h1, no level skipped; ids once; every control has a name, every picture words, every table headings.
  structure() {
    const faults = [];
    const start = (e) => e.outerHTML.slice(0, 120);
    const all = (selector) => [...document.querySelectorAll(selector)];
    const levels = all('h1,h2,h3,h4,h5,h6').filter((h) => h.checkVisibility()).map((h) => +h.tagName[1]);
    if (levels.filter((n) => n === 1).length !== 1) faults.push('not exactly one h1: ' + levels);
    levels.forEach((n, i) => {
      if (i && n > levels[i - 1] + 1) faults.push(`h${levels[i - 1]} is followed by h${n}`);
    });
    const ids = all('[id]').map((e) => e.id);
    ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => faults.push('id twice: ' + id));
    for (const e of all('input:not([type=hidden]),select,textarea')) {
      const labels = [...(e.labels || [])].some((label) => label.textContent.trim());
      if (!e.getAttribute('aria-label') && !labels) faults.push('no label: ' + start(e));
    }
    for (const e of all('button,a[href],summary')) {
      if (!e.textContent.trim() && !e.getAttribute('aria-label')) faults.push('no words: ' + start(e));
    }
    for (const e of all('svg[role=img]')) {
      if (!e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')) faults.push('picture without words');
    }
    for (const name of ['aria-labelledby', 'aria-describedby']) {
      for (const e of all(`[${name}]`)) {
        for (const id of e.getAttribute(name).trim().split(/\s+/)) {
          if (!document.getElementById(id)) faults.push('names what is not there: ' + id);
        }
      }
    }
    for (const e of all('table')) if (!e.querySelector('th[scope]')) faults.push('table without headings');
    for (const e of all('[style]')) faults.push('inline style: ' + start(e));
    if (!document.documentElement.lang) faults.push('no language');
    if (all('main').length !== 1) faults.push('not exactly one main');
    return faults;
  },

  // WCAG 2 contrast of every text against the nearest opaque ground: 4.5 : 1, or 3 : 1 for large text.
  contrast() {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const ground = (e) => {
      for (; e; e = e.parentElement) {
        const colour = rgba(getComputedStyle(e).backgroundColor);
        if (colour[3] === 255) return colour;
      }
      return [255, 255, 255];
    };
    const faults = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const words = walker.currentNode.data.trim();
      const e = walker.currentNode.parentElement;
      if (!words || !e.checkVisibility({ visibilityProperty: true }) || e.closest('svg,option')) continue;
      const style = getComputedStyle(e);
      const size = parseFloat(style.fontSize);
      const [above, below] = [light(rgba(style.color)), light(ground(e))].sort((x, y) => y - x);
      const ratio = (above + 0.05) / (below + 0.05);
      const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (ratio < (isLarge ? 3 : 4.5)) faults.add(`${ratio.toFixed(2)}: ${words.slice(0, 40)}`);
    }
    return [...faults];
  },

  // What sticks out of the window; boxes that scroll by themselves may.
  overflow() {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.body.querySelectorAll('*')]
      .filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest('.table-box, pre, figure'))
      .slice(0, 5)
      .map((e) => e.outerHTML.slice(0, 120))
      .concat(['the page is wider than its window']);
  },
})
