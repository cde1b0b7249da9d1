/* SPDX-License-Identifier: MIT */
/*
 * Advice: what to do, in order of what it brings; each with what was seen, what was measured, and
 * what it may cost.
 */
(function (A) {
  'use strict';

  /* A metric may be named by the key of a column of the what-if table. */
  function metricName(key) {
    const column = A.list('what_if.columns').find((one) => one.key === key);
    return column && column.name || String(key || '').replace(/_/g, ' ');
  }

  function effectDraw(effect) {
    if (!effect)
      return null;
    const most = Math.max(effect.before || 0, effect.after || 0) || 1;
    const bar = (name, value, kind) => {
      const inner = A.el('span', { class: 'effect-bar ' + kind });
      inner.style.width = Math.max(1, 100 * (value || 0) / most) + '%';
      return A.el('div', { class: 'effect-row' }, A.el('span', { class: 'effect-name',
        text: name }), A.el('span', { class: 'effect-track' }, inner),
      A.figure(value, effect.unit));
    };
    return A.el('div', { class: 'effect' }, A.el('div', { class: 'effect-head' },
      metricName(effect.metric), ' ', A.badge(effect.label)), bar('now', effect.before, 'before'),
    bar('then', effect.after, 'after'));
  }

  function itemDraw(item, i) {
    const view = A.viewFind(item.view);
    const conf = item.conf && 'ALLOT_CONF=' + item.conf;
    return A.el('section', { class: 'panel advice' },
      A.el('div', { class: 'rank', text: item.rank || i + 1 }),
      A.el('div', { class: 'advice-body' }, A.el('h2', { text: item.title || '' }),
        A.el('p', { text: item.observation || '' }),
        A.el('p', { class: 'action', text: item.action || '' }),
        conf ? A.el('p', { class: 'conf' }, A.el('code', { text: conf }),
          A.button('Copy', 'Copy this line', () => A.copy(conf), { class: 'plain' })) : null,
        item.risk ? A.el('p', { class: 'risk' }, A.el('b', { text: 'Risk: ' }), item.risk)
          : null,
        view ? A.el('button', { type: 'button', class: 'link', text: 'Evidence: ' + view.name,
          onclick: () => A.set({ view: view.key }) }) : null),
      effectDraw(item.effect));
  }

  A.viewAdd({
    key: 'advice', name: 'Advice', group: 'More', needs: 'advice',
    lead: 'What to change, with what it was measured or computed to bring.',
    missing: 'The report holds no advice.', command: 'allot advise TRACE',
    draw(root, items) {
      if (!Array.isArray(items) || !items.length) {
        A.emptyAdd(root, 'Nothing stood out: no change was found that is worth its risk.',
          null);
        return;
      }
      root.append(...items.map(itemDraw));
    },
  });
})(window.allotReport);
