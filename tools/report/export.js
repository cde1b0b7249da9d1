/* SPDX-License-Identifier: MIT */
/*
 * Taking things along: a table as CSV or Markdown, a chart as SVG or PNG.
 *
 * A saved picture stands alone: what the style sheet says about its parts is written into them, a
 * title and the legend are added, canvases become images.
 */
(function (A) {
  'use strict';

  const KEPT = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray',
    'stroke-opacity', 'opacity', 'font-size', 'font-weight', 'font-family', 'text-anchor',
    'shape-rendering', 'paint-order', 'display'];
  const HEAD = 34, LEGEND = 22, PAD = 16;

  /* A table is { columns: [{ name, unit }], rows: [[value...]] }. RFC 4180. */
  A.csv = function (table) {
    const cell = (value) => {
      const text = value === null || value === undefined ? '' : String(value);
      return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
    };
    const head = table.columns.map((c) => cell(c.unit ? c.name + ' (' + c.unit + ')' : c.name));
    /* A row may hold more than its columns, for the table's own use. */
    return [head].concat(table.rows.map((row) => row.slice(0, head.length).map(cell)))
      .map((cells) => cells.join(',')).join('\r\n') + '\r\n';
  };

  A.markdown = function (table) {
    const cell = (text) => String(text).replace(/\|/g, '\\|').replace(/\s+/g, ' ');
    const line = (cells) => '| ' + cells.join(' | ') + ' |';
    return [
      line(table.columns.map((c) => cell(c.name))),
      line(table.columns.map((c) => c.unit ? '---:' : '---')),
    ].concat(table.rows.map((row) =>
      line(table.columns.map((c, i) => cell(A.text(row[i], c.unit)))))).join('\n') + '\n';
  };

  A.download = function (name, type, content) {
    const url = URL.createObjectURL(content instanceof Blob ? content
      : new Blob([content], { type }));
    const link = A.el('a', { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  /* Put text on the clipboard; pages from disk may only do it the old way. */
  A.copy = async function (text) {
    const area = A.el('textarea', { class: 'off', 'aria-hidden': 'true' });
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    A.say(isDone ? 'Copied.' : 'The browser did not allow copying.');
  };

  /* A line that goes away by itself. */
  A.say = function (text) {
    const line = A.el('div', { class: 'say', role: 'status', text });
    document.body.append(line);
    setTimeout(() => line.remove(), 2200);
  };

  function styleInline(from, to) {
    const style = getComputedStyle(from);
    for (const name of KEPT) {
      const value = style.getPropertyValue(name);
      if (value)
        to.setAttribute(name, value);
    }
    to.removeAttribute('class');
    to.removeAttribute('style');
    for (let i = 0; i < from.children.length; i++)
      styleInline(from.children[i], to.children[i]);
  }

  function words(x, y, size, weight, colour, text) {
    return A.svgEl('text', {
      x, y, 'font-size': size, 'font-weight': weight, fill: colour, text,
      'font-family': 'system-ui, sans-serif',
    });
  }

  function legendAdd(svg, legend, y) {
    let x = PAD;
    for (const [colour, name] of legend) {
      svg.append(A.svgEl('rect', { x, y: y - 9, width: 10, height: 10, fill: colour }),
        words(x + 15, y, 12, 400, A.ink('ink-2'), name));
      x += 15 + name.length * 6.6 + 18;
    }
  }

  /* One SVG of all pictures in `body`, as text, with its size. */
  A.picture = function (body, title, legend) {
    const box = body.getBoundingClientRect();
    const above = HEAD + (legend.length ? LEGEND : 0);
    const width = Math.ceil(box.width) + 2 * PAD, height = Math.ceil(box.height) + above + PAD;
    const svg = A.svgEl('svg', {
      xmlns: 'http://www.w3.org/2000/svg', width, height,
      viewBox: `0 0 ${width} ${height}`,
    }, A.svgEl('title', { text: title }),
    A.svgEl('rect', { width, height, fill: A.ink('panel') }),
    words(PAD, 22, 15, 600, A.ink('ink'), title));
    legendAdd(svg, legend, HEAD + 8);
    for (const part of body.querySelectorAll('canvas, svg')) {
      const at = part.getBoundingClientRect();
      const place = {
        x: at.left - box.left + PAD, y: at.top - box.top + above,
        width: at.width, height: at.height,
      };
      if (part.tagName === 'CANVAS') {
        svg.append(A.svgEl('image', Object.assign({
          href: part.toDataURL(), preserveAspectRatio: 'none',
        }, place)));
      } else {
        const copy = part.cloneNode(true);
        styleInline(part, copy);
        svg.append(A.fill(copy, place, []));
      }
    }
    return { text: new XMLSerializer().serializeToString(svg), width, height };
  };

  /* Draw such a picture into pixels, twice as fine as on the screen. */
  A.pngMake = function (picture) {
    return new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => {
        const canvas = A.el('canvas', {
          width: picture.width * 2, height: picture.height * 2,
        });
        canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(resolve, 'image/png');
      };
      image.onerror = () => reject(new Error('the picture cannot be drawn'));
      image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(picture.text);
    });
  };
})(window.allotReport);
