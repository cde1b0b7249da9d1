/* SPDX-License-Identifier: MIT */
/*
 * What the reader has chosen: the view, the range of time, the cursor, a page, a metric, words.
 *
 * One flat object, A.state, kept in the address after '#', so that an address is a picture: whoever
 * opens it sees the same. A.set() changes it and tells who listens which keys changed. Nothing else
 * may write to A.state.
 */
(function (A) {
  'use strict';

  /* Keys, what they are, and what stands when they are not in the address. */
  const KEYS = {
    view: ['text', ''],
    from: ['number', null],     /* ns, the range of all views over time */
    to: ['number', null],
    t: ['number', null],        /* ns, the cursor */
    page: ['text', ''],         /* address of the page that is inspected */
    metric: ['text', ''],       /* what stacks are weighed by */
    invert: ['text', ''],       /* stacks from the allocation outwards */
    diff: ['text', ''],
    focus: ['number', null],    /* the frame that fills the width */
    q: ['text', ''],            /* searched in stacks */
    bytes: ['number', null],    /* "can I still allocate this?" */
    pins: ['text', ''],
    order: ['text', ''],        /* rows of the map of pages */
    classes: ['text', ''],
    mapped: ['text', ''],       /* how far up the ledger's chart goes */
    theme: ['text', ''],
  };

  const HASH_DELAY_MS = 150;

  const listeners = [];

  A.state = {};
  for (const [key, [, standard]] of Object.entries(KEYS))
    A.state[key] = standard;

  /* Call `act` with the set of keys that changed, after each change. */
  A.listen = (act) => listeners.push(act);

  /* Browsers allow few changes of the address a second; what moves, makes many. */
  let hashTimer = 0;

  function hashWriteSoon() {
    clearTimeout(hashTimer);
    hashTimer = setTimeout(hashWrite, HASH_DELAY_MS);
  }

  function hashWrite() {
    const words = [];
    for (const [key, [, standard]] of Object.entries(KEYS)) {
      const value = A.state[key];
      if (value !== standard && value !== '' && value !== null)
        words.push(key + '=' + encodeURIComponent(value));
    }
    const hash = '#' + words.join('&');
    if (hash !== location.hash && !(hash === '#' && location.hash === ''))
      history.replaceState(null, '', hash);
  }

  /* What the address says, with what it does not say as it is by default. */
  function hashRead() {
    const given = {};
    for (const word of location.hash.slice(1).split('&')) {
      const at = word.indexOf('=');
      if (at <= 0)
        continue;
      try {
        given[word.slice(0, at)] = decodeURIComponent(word.slice(at + 1));
      } catch (error) {
        /* Half an escape: as if it were not there. */
      }
    }
    const state = {};
    for (const [key, [kind, standard]] of Object.entries(KEYS)) {
      const value = kind === 'number' ? parseFloat(given[key]) : given[key];
      state[key] = value === undefined || Number.isNaN(value) ? standard : value;
    }
    return state;
  }

  A.set = function (changes) {
    const changed = new Set();
    for (const [key, value] of Object.entries(changes)) {
      if (key in KEYS && A.state[key] !== value) {
        A.state[key] = value;
        changed.add(key);
      }
    }
    if (changed.size === 0)
      return;
    hashWriteSoon();
    for (const act of listeners)
      act(changed);
  };

  A.stateLoad = function () {
    clearTimeout(hashTimer);
    A.set(hashRead());
  };

  window.addEventListener('hashchange', A.stateLoad);

  /* ---- time ---- */

  /* First and last moment of the report, in ns. */
  A.span = function () {
    const time = A.list('ledger.time_ns');
    const last = time.length ? time[time.length - 1] : A.get('trace.duration_ns') || 0;
    return [time.length ? time[0] : 0, Math.max(last, (time[0] || 0) + 1)];
  };

  /* The range that is shown. */
  A.range = function () {
    const [first, last] = A.span();
    const from = A.state.from === null ? first : Math.max(first, A.state.from);
    const to = A.state.to === null ? last : Math.min(last, A.state.to);
    return to > from ? [from, to] : [first, last];
  };

  A.rangeSet = function (from, to) {
    const [first, last] = A.span();
    const least = (last - first) / 5000;
    const isWhole = from === null || to - from < least ||
      (from <= first && to >= last);
    A.set(isWhole ? { from: null, to: null }
      : { from: Math.round(Math.max(first, from)), to: Math.round(Math.min(last, to)) });
  };

  /* Moments that have a name and a key of the keyboard. */
  A.moments = function () {
    const time = A.list('ledger.time_ns');
    const names = { peak: 'peak', worst: 'worst fragmentation', end: 'end' };
    return Object.entries(names).map(([key, name]) => {
      const given = A.list('moments').find((moment) => moment.key === key);
      const index = A.get('ledger.' + key + '_index');
      const at = given ? given.time_ns : time[index];
      return { key, name: given && given.name || name, time_ns: at };
    }).filter((moment) => A.isNumber(moment.time_ns));
  };

  /* "at the ..." */
  A.momentName = function (key) {
    const moment = A.moments().find((one) => one.key === key);
    return !moment ? String(key || 'a moment that is not named') :
      (/^the /.test(moment.name) ? '' : 'the moment of ') + moment.name;
  };

  /* The cursor: where it was put, else the peak. */
  A.cursor = function () {
    const [first, last] = A.span();
    if (A.state.t !== null)
      return Math.min(last, Math.max(first, A.state.t));
    const peak = A.moments().find((moment) => moment.key === 'peak');
    return peak ? peak.time_ns : last;
  };
})(window.allotReport);
