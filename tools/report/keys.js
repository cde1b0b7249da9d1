/* SPDX-License-Identifier: MIT */
/*
 * The keyboard: what each key does, and the page that says so. The list below is both.
 */
(function (A) {
  'use strict';

  const STEPS = 100; /* an arrow moves the cursor by this part of the range */

  function step(count) {
    const time = A.list('ledger.time_ns'), [from, to] = A.range();
    if (time.length < 2)
      return;
    const wanted = A.cursor() + count * (to - from) / STEPS;
    let i = A.indexNear(time, wanted);
    /* At least one sample, where samples are rarer than steps. */
    if (time[i] === A.cursor())
      i += Math.sign(count);
    i = Math.max(0, Math.min(time.length - 1, i));
    A.set({ t: Math.min(to, Math.max(from, time[i])) });
  }

  function moment(key) {
    const found = A.moments().find((one) => one.key === key);
    if (found)
      A.set({ t: found.time_ns });
  }

  function edge(which) {
    A.set({ t: Math.round(A.range()[which]) });
  }

  function zoom(factor) {
    const [from, to] = A.range(), t = Math.min(to, Math.max(from, A.cursor()));
    A.rangeSet(t - (t - from) * factor, t + (to - t) * factor);
  }

  function view(index) {
    if (A.views[index])
      A.set({ view: A.views[index].key });
  }

  function beside(count) {
    const at = A.views.findIndex((one) => one.key === A.state.view);
    view((Math.max(0, at) + count + A.views.length) % A.views.length);
  }

  function search() {
    A.set({ view: 'stacks' });
    const field = document.getElementById('search');
    if (field)
      field.focus();
  }

  const KEYS = [
    [['1', '2', '3', '4', '5', '6', '7', '8', '9'], 'the first nine views',
      (key) => view(Number(key) - 1)],
    [['n', 'b'], 'the next view, the one before', (key) => beside(key === 'n' ? 1 : -1)],
    [['ArrowLeft', 'ArrowRight'], 'move the cursor; with Shift ten times as far',
      (key, event) => step((key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? 10 : 1))],
    [['Home', 'End'], 'cursor to the start or the end of the range',
      (key) => edge(key === 'Home' ? 0 : 1)],
    [['p'], 'cursor to the peak', () => moment('peak')],
    [['w'], 'cursor to the worst fragmentation', () => moment('worst')],
    [['e'], 'cursor to the end', () => moment('end')],
    [['[', ']'], 'the range begins, ends at the cursor', (key) => key === '['
      ? A.rangeSet(A.cursor(), A.range()[1]) : A.rangeSet(A.range()[0], A.cursor())],
    [['+', '-'], 'shorter, longer range around the cursor',
      (key) => zoom(key === '+' ? 0.5 : 2)],
    [['0'], 'the whole trace', () => A.rangeSet(null, null)],
    [['/'], 'search in stacks', search],
    [['t'], 'dark or light', A.themeToggle],
    [['?'], 'this help', () => A.helpShow()],
  ];
  const NAMES = { ArrowLeft: '\u2190', ArrowRight: '\u2192', '1': '1\u2009\u2013\u20099' };

  function helpRow([keys, what]) {
    const shown = keys[0] === '1' ? ['1'] : keys;
    return A.el('tr', {}, A.el('td', {}, shown.map((key) => A.el('kbd', {
      text: NAMES[key] || (key.length === 1 ? key.toUpperCase() : key),
    }))), A.el('td', { text: what }));
  }

  A.helpShow = function () {
    const old = document.getElementById('help');
    if (old) {
      old.close();
      return;
    }
    const dialog = A.el('dialog', { id: 'help', 'aria-label': 'Help' },
      A.el('h2', { text: 'Keys' }), A.el('table', {}, KEYS.map(helpRow)),
      A.el('p', { class: 'note', text: 'In charts over time: drag to choose a range, click ' +
        'to put the cursor, double click for everything. The address keeps what you ' +
        'see; send it along with the file. Bytes are shown in powers of 1024; point at a ' +
        'figure for the exact number.' }),
      A.button('Close', 'Close (Esc)', () => dialog.close(), { class: 'plain' }));
    dialog.addEventListener('close', () => dialog.remove());
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog)
        dialog.close();
    });
    document.body.append(dialog);
    dialog.showModal();
  };

  A.keysInit = function () {
    document.addEventListener('keydown', (event) => {
      const tag = event.target.tagName;
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented)
        return;
      if (event.key === 'Escape') {
        A.tipHide();
        if (tag === 'INPUT')
          event.target.blur();
        return;
      }
      if (tag === 'INPUT' || tag === 'SELECT' || tag === 'TEXTAREA')
        return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const found = KEYS.find(([keys]) => keys.includes(key));
      if (found && (key === '?' || !document.getElementById('help'))) {
        event.preventDefault();
        found[2](key, event);
      }
    });
  };
})(window.allotReport);
