/* SPDX-License-Identifier: MIT */
/*
 * Colours: one for each term of the ledger, the same in every view; ramps; the theme.
 *
 * The seven hues are told apart with any of the common kinds of colour blindness and keep their
 * order of lightness in print. Free bytes that are kept, what the report is about, have the one
 * warm red. Text is never set in them.
 */
(function (A) {
  'use strict';

  const TERMS = {
    requested: '#4477aa', rounding: '#66ccee', tags: '#228833', pinned_free: '#ee6677',
    reclaimable_free: '#ccbb44', metadata: '#aa3377', recorder: '#999999',
    untouched: '#7f8a94',
  };
  const SERIES = ['#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#bb8844'];

  A.isDark = function () {
    return A.state.theme ? A.state.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
  };

  A.themeApply = function () {
    const root = document.documentElement;
    if (A.state.theme)
      root.setAttribute('data-theme', A.state.theme === 'dark' ? 'dark' : 'light');
    else
      root.removeAttribute('data-theme');
  };

  A.themeToggle = () => A.set({ theme: A.isDark() ? 'light' : 'dark' });

  A.termColour = (key) => TERMS[key] || '#8899aa';
  A.seriesColour = (index) => SERIES[index % SERIES.length];

  /* The value of a variable of the style sheet. */
  A.ink = (name) => getComputedStyle(document.documentElement)
    .getPropertyValue('--' + name).trim();

  /* What a cell of the map of pages looks like: occupancy on a ramp, states by a hue each. */
  const STATES = {
    101: ['free, resident', '#ee6677'],
    102: ['released', ['#d5dde4', '#38424b']],
    103: ['metadata', '#aa3377'],
    104: ['never touched', ['#e9edf0', '#2a3138']],
    105: ['not mapped', ['#ffffff', '#1b1f23']],
    106: ['swapped', ['#5b6770', '#aab4bd']],
  };

  A.cellColour = function (value) {
    if (value <= 100)
      return d3.interpolateViridis(value / 100);
    const state = STATES[value];
    if (!state)
      return A.ink('panel');
    return Array.isArray(state[1]) ? state[1][A.isDark() ? 1 : 0] : state[1];
  };

  /* What it is called: by the report's legend, else by ours. */
  A.cellName = function (value) {
    if (value <= 100)
      return value + ' % occupied';
    return A.get('pages.legend.' + value) || (STATES[value] || ['unknown'])[0];
  };
  A.cellStates = () => Object.keys(STATES).map(Number);

  /* A patch of a colour; what is subtracted is hatched. */
  A.swatch = function (colour) {
    const patch = A.el('i', {
      class: 'swatch' + (colour === TERMS.untouched ? ' hatched' : ''), 'aria-hidden': 'true',
    });
    if (colour !== TERMS.untouched)
      patch.style.background = colour;
    return patch;
  };

  /* Low to high, for shares. */
  A.heat = (share) => d3.interpolateCividis(Math.max(0, Math.min(1, share)));

  /* Less is blue, more is red, by how much of `most`. */
  A.signed = function (difference, most) {
    const share = most > 0 ? Math.max(-1, Math.min(1, difference / most)) : 0;
    const grey = A.isDark() ? '#3a424a' : '#e6e9ec';
    const end = share < 0 ? '#3b7dc4' : '#d9534a';
    return d3.interpolateRgb(grey, end)(Math.sqrt(Math.abs(share)));
  };

  /* The same function always has the same quiet colour; those of one module are akin. */
  A.frameColour = function (name, module) {
    let hash = 7;
    for (const letter of String(name))
      hash = (hash * 31 + letter.charCodeAt(0)) % 9973;
    let hue = 40;
    for (const letter of String(module || ''))
      hue = (hue * 17 + letter.charCodeAt(0)) % 360;
    const lightness = (A.isDark() ? 34 : 74) + hash % 9;
    return d3.hcl((200 + hue % 95) % 360, 12 + hash % 9, lightness).toString();
  };
})(window.allotReport);
