/* SPDX-License-Identifier: MIT */
/*
 * What all scripts of the page share: the object they hang on, elements, and figures as text.
 *
 * The scripts are put one after the other into one <script> by the build, in the order of
 * meson.build: base, state, palette, export, table, panel, chart and tree are what views are made
 * of; each view_*.js adds one; keys and main come last. Each is a function of its own that gets
 * `A`, so nothing else is global. Text is only ever set as text, never parsed as HTML.
 */
window.allotReport = { views: [], data: {}, state: {} };
(function (A) {
  'use strict';

  const SVG = 'http://www.w3.org/2000/svg';

  /* An element with attributes; `on` and `text` are special, children may be text or null. */
  A.el = function (tag, attributes, ...children) {
    const element = document.createElement(tag);
    return A.fill(element, attributes, children);
  };

  A.svgEl = function (tag, attributes, ...children) {
    return A.fill(document.createElementNS(SVG, tag), attributes, children);
  };

  A.fill = function (element, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false)
        continue;
      if (key === 'text')
        element.textContent = value;
      else if (key.startsWith('on'))
        element.addEventListener(key.slice(2), value);
      else
        element.setAttribute(key, value === true ? '' : value);
    }
    for (const child of children.flat(Infinity)) {
      if (child !== null && child !== undefined)
        element.append(child);
    }
    return element;
  };

  A.button = function (text, title, act, attributes) {
    return A.el('button', Object.assign({
      type: 'button', title, text, onclick: act,
    }, attributes));
  };

  /* ---- the report's parts, whatever is missing ---- */

  /* What stands at `path` ("ledger.series"), or undefined. */
  A.get = function (path, from) {
    let value = from === undefined ? A.data : from;
    for (const key of path.split('.')) {
      if (value === null || value === undefined)
        return undefined;
      value = value[key];
    }
    return value === null ? undefined : value;
  };

  A.list = function (path, from) {
    const value = A.get(path, from);
    return Array.isArray(value) ? value : [];
  };

  /* Does a series hold any figure at all? Those that are not known are all null. */
  A.isKnown = (values) => values.some(A.isNumber);

  A.isNumber = (value) => typeof value === 'number' && isFinite(value);

  /* Bytes out of base64, empty when there are none. */
  A.unpack = function (text) {
    const raw = typeof text === 'string' ? atob(text) : '';
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++)
      bytes[i] = raw.charCodeAt(i);
    return bytes;
  };

  /* Index of the last element of a rising array that is not above `value`; 0 when all are. */
  A.indexAt = function (array, value) {
    return Math.max(0, d3.bisectRight(array, value) - 1);
  };

  /* Index of the element nearest to `value`. */
  A.indexNear = function (array, value) {
    const i = A.indexAt(array, value);
    return i + 1 < array.length && array[i + 1] - value < value - array[i] ? i + 1 : i;
  };

  /* ---- views ---- */

  /*
   * Add a view: { key, name, group, needs, lead, missing, command, draw(root, block) }. `needs`
   * is the block of the report it shows; without it `missing` is said, and `command`.
   */
  A.viewAdd = (view) => A.views.push(view);
  /* Cards and advice name a block of the report; threads are shown with the stacks. */
  A.viewFind = (key) => A.views.find((view) => view.key === (key === 'threads' ? 'stacks' : key));

  /* ---- figures as text ---- */

  const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const NONE = '\u2013';

  /* Digits in groups of three, with thin spaces. */
  A.grouped = function (value) {
    if (!A.isNumber(value))
      return NONE;
    const digits = String(Math.abs(Math.round(value)));
    return (value < 0 ? '\u2212' : '') + digits.replace(/\B(?=(\d{3})+$)/g, '\u202f');
  };

  /* Three significant digits, without an exponent. */
  A.short = function (value) {
    const size = Math.abs(value);
    if (size >= 10000)
      return A.grouped(value);
    const text = size >= 100 || size === 0 ? size.toFixed(0)
      : size >= 10 ? size.toFixed(1) : size >= 0.01 ? size.toFixed(2)
      : size.toPrecision(2);
    return (value < 0 ? '\u2212' : '') + text;
  };

  A.bytes = function (value) {
    if (!A.isNumber(value))
      return NONE;
    let size = Math.abs(value), unit = 0;
    while (size >= 1024 && unit < UNITS.length - 1) {
      size /= 1024;
      unit++;
    }
    if (unit === 0)
      return A.grouped(value) + ' B';
    return A.short(value < 0 ? -size : size) + ' ' + UNITS[unit];
  };

  A.duration = function (value) {
    if (!A.isNumber(value))
      return NONE;
    const size = Math.abs(value);
    if (size < 1e3)
      return A.short(value) + ' ns';
    if (size < 1e6)
      return A.short(value / 1e3) + ' \u00b5s';
    if (size < 1e9)
      return A.short(value / 1e6) + ' ms';
    if (size < 120e9)
      return A.short(value / 1e9) + ' s';
    if (size < 7200e9)
      return A.short(value / 60e9) + ' min';
    return A.short(value / 3600e9) + ' h';
  };

  A.count = function (value) {
    if (!A.isNumber(value))
      return NONE;
    const size = Math.abs(value);
    if (size < 10000)
      return Number.isInteger(value) ? A.grouped(value) : A.short(value);
    if (size < 1e6)
      return A.short(value / 1e3) + ' k';
    return size < 1e9 ? A.short(value / 1e6) + ' M' : A.short(value / 1e9) + ' G';
  };

  const TEXTS = {
    bytes: A.bytes,
    ns: A.duration,
    count: A.count,
    share: (value) => A.isNumber(value) ? A.short(value * 100) + ' %' : NONE,
    points: (value) => A.isNumber(value) ? A.short(value * 100) + ' points' : NONE,
    ratio: (value) => A.isNumber(value) ? '\u00d7\u2009' + A.short(value) : NONE,
  };
  const EXACT = { bytes: ' B', ns: ' ns', count: '' };

  /*
   * A figure for the eye, by its unit: bytes, ns, count, share, points (of which a share has 100),
   * ratio; anything else as it is.
   */
  A.text = function (value, unit) {
    if (value === null || value === undefined)
      return NONE;
    return TEXTS[unit] && typeof value === 'number' ? TEXTS[unit](value) : String(value);
  };

  /* A figure at an axis: without zeros that say nothing. */
  A.tick = function (value, unit) {
    if (value === 0)
      return '0';
    return A.text(value, unit).replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
  };

  /* The same in full, for who points at it. */
  A.exact = function (value, unit) {
    if (!A.isNumber(value))
      return 'not known';
    return unit in EXACT ? A.grouped(value) + EXACT[unit] : String(value);
  };

  /* Ticks of an axis of bytes: at most `count` steps, each a power of two. */
  A.byteTicks = function (most, count) {
    let step = 1;
    while (most / step > count)
      step *= 2;
    return d3.range(0, most * 1.0001, step);
  };

  const LABELS = {
    exact: 'Counted from the events: no error.',
    measured: 'Read from the kernel or a clock: the error of the measurement.',
    bounds: 'Between two values that were computed.',
    estimate: 'Computed from a sample or a model: has an error.',
    'n/a': 'Not available for this trace.',
  };

  /* What kind of figure something is. `label` may say more behind the word: "estimate (...)". */
  A.badge = function (label) {
    if (!label || typeof label !== 'string')
      return null;
    /* Of several kinds, "exact + measured", none is the word. */
    const word = label.includes(' + ') ? undefined
      : Object.keys(LABELS).find((key) => label.startsWith(key));
    return A.el('span', {
      class: 'badge badge-' + (word || 'other').replace('/', ''),
      title: (word ? LABELS[word] : '') + (label === word ? '' : ' ' + label), text: word || label,
    });
  };

  /* The label of a block; what is counted from all events is exact, from a sample is not. */
  A.blockLabel = function (block) {
    return block && block.label || (A.get('trace.sample_bytes') > 0
      ? 'estimate (sampled)' : 'exact');
  };

  /* The label of one key, where a block has a label for all or a map. */
  A.labelOf = function (block, key) {
    const label = block && block.label;
    return label && typeof label === 'object' ? label[key] : label;
  };

  /* The kinds of figures that some things are, in one: "exact + measured". */
  A.labelsJoin = (things) => Array.from(new Set(things.map((thing) => thing.label)
    .filter((label) => label && label !== 'n/a'))).join(' + ');

  /* Those of the ledger's terms. */
  A.ledgerLabel = function () {
    return A.labelsJoin(A.list('ledger.terms')) || A.get('ledger.label');
  };

  /*
   * What of a term is resident at a point: untouched bytes are taken to be of what was requested,
   * beyond that of rounding, then of tags.
   */
  A.touched = function (key, i) {
    const at = (name) => A.list('ledger.series.' + name)[i] || 0;
    let untouched = at('untouched');
    for (const term of A.list('ledger.terms')) {
      const bytes = term.sign < 0 ? 0 : at(term.key);
      if (term.key === key)
        return bytes > untouched ? bytes - untouched : 0;
      untouched -= Math.min(bytes, untouched);
    }
    return 0;
  };

  A.figure = function (value, unit, attributes) {
    return A.el('span', Object.assign({
      class: 'figure', title: A.exact(value, unit), text: A.text(value, unit),
    }, attributes));
  };

  /* ---- stacks ---- */

  /* What a frame is called. */
  A.frameName = function (index) {
    const frame = A.list('frames')[index];
    return !index || !frame ? '(no stack)' : frame.function || '(unknown)';
  };

  /* Its callers, outermost first, as a list of indexes. */
  A.frameTrail = function (index) {
    const frames = A.list('frames'), trail = [];
    while (index && frames[index] && trail.length < 512) {
      trail.unshift(index);
      index = frames[index].parent;
    }
    return trail;
  };

  A.trailText = function (index) {
    const frames = A.list('frames');
    return A.frameTrail(index).reverse().slice(0, 14).map((i) => A.frameName(i) +
      (frames[i].line ? '  ' + frames[i].line
      : frames[i].module ? '  ' + frames[i].module : '')).join('\n');
  };

  /* ---- the floating note ---- */

  /* Show rows of [colour or null, name, text] under a heading, near the pointer. */
  A.tipShow = function (heading, rows, x, y) {
    const tip = document.getElementById('tip');
    tip.replaceChildren(A.el('div', { class: 'tip-head', text: heading }),
      ...rows.map(([colour, name, text]) => {
        const swatch = colour ? A.swatch(colour) : A.el('i', { class: 'swatch none' });
        return A.el('div', { class: 'tip-row' }, swatch, A.el('span', { text: name }),
          A.el('b', { text }));
      }));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 18 + box.width > innerWidth ? x - box.width - 14 : x + 18;
    const top = Math.min(y + 14, innerHeight - box.height - 8);
    tip.style.left = Math.max(4, left) + 'px';
    tip.style.top = Math.max(4, top) + 'px';
  };

  A.tipHide = function () {
    document.getElementById('tip').hidden = true;
  };
})(window.allotReport);
