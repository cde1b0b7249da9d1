/* SPDX-License-Identifier: MIT */
/*
 * The start: the report is read, the head and the list of views are drawn, then the one view that
 * is asked for. Nothing else is drawn before somebody looks at it.
 *
 * The report is JSON in an element of its own, or the same deflated (zlib) in base64. A view that
 * has no data says why; one that fails on data nobody foresaw says that, and leaves the others be.
 */
(function (A) {
  'use strict';

  const GROUPS = ['Overview', 'Pages', 'Requests', 'More'];

  async function reportRead() {
    const element = document.getElementById('report');
    if (element.type === 'application/json')
      return JSON.parse(element.textContent);
    if (typeof DecompressionStream === 'undefined')
      throw new Error('this browser cannot unpack it; those of 2023 and later can');
    const bytes = A.unpack(element.textContent.trim());
    const stream = new Blob([bytes]).stream()
      .pipeThrough(new DecompressionStream('deflate'));
    return JSON.parse(await new Response(stream).text());
  }

  function headDraw() {
    const trace = A.data.trace || {};
    document.getElementById('what').replaceChildren(
      A.el('span', { class: 'command', title: trace.command,
        text: trace.command || 'a program' }),
      A.el('span', { class: 'facts', text: [
        trace.strategy, A.isNumber(trace.events) ? A.count(trace.events) + ' events' : null,
        A.isNumber(trace.duration_ns) ? A.duration(trace.duration_ns) : null,
      ].filter((word) => word).join(' \u00b7 ') }),
      trace.is_complete === false ? A.el('span', {
        class: 'warning', text: 'incomplete trace',
      }) : '');
    document.getElementById('tools').replaceChildren(
      A.button('Theme', 'Dark or light (T)', A.themeToggle, { class: 'plain', id: 'theme' }),
      A.button('Keys', 'Keys and help (?)', A.helpShow, { class: 'plain', id: 'keys' }));
  }

  const isThere = (view) => !view.needs || A.get(view.needs) !== undefined;

  function listDraw() {
    const nav = document.getElementById('views');
    nav.replaceChildren(...GROUPS.map((group) => A.el('div', { class: 'group' },
      A.el('h2', { text: group }),
      A.views.filter((view) => view.group === group).map((view) => A.el('a', {
        href: '#view=' + view.key,
        class: isThere(view) ? null : 'missing',
        'aria-current': view.key === A.state.view ? 'page' : null,
        'data-view': view.key,
        title: (isThere(view) ? '' : 'No data. ') + (A.views.indexOf(view) < 9
          ? 'Key ' + (A.views.indexOf(view) + 1) : ''),
        onclick: (event) => {
          event.preventDefault();
          A.set({ view: view.key });
        },
        text: view.name,
      })))));
  }

  /* Draw `view` into `root`. */
  function viewFill(root, view) {
    root.replaceChildren(A.el('h1', { text: view.name }),
      A.el('p', { class: 'lead', text: view.lead }));
    if (!isThere(view)) {
      A.emptyAdd(root, view.missing, view.command);
      return;
    }
    try {
      view.draw(root, A.get(view.needs || 'schema'));
    } catch (error) {
      A.failures.push(view.key + ': ' + error.message);
      root.append(A.el('section', { class: 'panel empty failed' }, A.el('p', {
        text: 'This view could not be drawn from what the report holds: ' + error.message,
      })));
    }
  }

  const viewNow = () => A.viewFind(A.state.view) || A.views[0];

  function viewDraw() {
    const view = viewNow();
    A.panelsClear();
    viewFill(document.getElementById('main'), view);
    for (const link of document.querySelectorAll('#views a')) {
      if (link.dataset.view === view.key)
        link.setAttribute('aria-current', 'page');
      else
        link.removeAttribute('aria-current');
    }
  }

  /* On paper all views stand below each other. */
  function printDraw() {
    const main = document.getElementById('main');
    A.panelsClear();
    main.replaceChildren();
    for (const view of A.views.filter(isThere)) {
      const root = A.el('div', { class: 'sheet' });
      main.append(root);
      viewFill(root, view);
    }
  }

  function change(keys) {
    if (keys.has('theme'))
      A.themeApply();
    if (keys.has('view')) {
      viewDraw();
      scrollTo(0, 0);
    } else if ((viewNow().redrawOn || []).some((key) => keys.has(key))) {
      viewDraw();
    } else if (keys.has('theme')) {
      A.panelsDraw(null);
    } else {
      A.panelsDraw(keys);
    }
    if (keys.has('theme'))
      A.stripDraw();
    else if (keys.has('from') || keys.has('to') || keys.has('t'))
      A.stripMove();
    if (keys.has('t'))
      A.panelsMove();
  }

  function resizeInit() {
    let timer = 0, width = innerWidth;
    window.addEventListener('resize', () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (innerWidth === width)
          return;
        width = innerWidth;
        A.stripDraw();
        A.panelsDraw(null);
      }, 120);
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      A.stripDraw();
      A.panelsDraw(null);
    });
    window.addEventListener('beforeprint', printDraw);
    window.addEventListener('afterprint', viewDraw);
  }

  A.failures = [];

  async function start() {
    try {
      A.data = await reportRead() || {};
    } catch (error) {
      A.isReady = true;
      document.getElementById('main').append(A.el('section', { class: 'panel empty' },
        A.el('p', { text: 'The report in this file cannot be read: ' + error.message +
          '. If the file was cut short, write it again.' })));
      return;
    }
    A.stateLoad();
    A.themeApply();
    headDraw();
    listDraw();
    A.stripDraw();
    viewDraw();
    A.listen(change);
    A.keysInit();
    resizeInit();
    A.isReady = true;
    performance.mark('report-drawn');
  }
  /* The report comes after the scripts. */
  document.addEventListener('DOMContentLoaded', start);
})(window.allotReport);
