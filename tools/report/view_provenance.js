/* SPDX-License-Identifier: MIT */
/*
 * Provenance: what was recorded, how, how completely; what the words mean; the report as JSON.
 */
(function (A) {
  'use strict';

  /* Groups of facts: [key, name, unit]. Keys that are not listed come last. */
  const FACTS = [
    ['The program', [['command', 'command'], ['process', 'process'], ['parent', 'parent'],
      ['threads', 'threads', 'count'], ['host', 'host'], ['kernel', 'kernel'],
      ['page_bytes', 'page', 'bytes'], ['start_unix_ns', 'started'],
      ['duration_ns', 'duration', 'ns']]],
    ['The allocator', [['strategy', 'strategy'], ['conf', 'configuration']]],
    ['The trace', [['file', 'file'], ['format', 'format'], ['file_bytes', 'size', 'bytes'],
      ['events', 'events', 'count'], ['bytes_per_event', 'bytes an event'],
      ['allocations', 'allocations', 'count'], ['frees', 'frees', 'count'],
      ['resizes', 'resizes', 'count'], ['failures', 'failures', 'count'],
      ['frames', 'frames of stacks', 'count'], ['depth', 'depth of stacks'],
      ['samples', 'samples of the kernel\u2019s figures', 'count']]],
    ['How complete it is', [['is_complete', 'complete'],
      ['sample_bytes', 'sampled every', 'bytes'], ['lost_events', 'lost events', 'count'],
      ['lost_time_ns', 'nothing is known from', 'ns'],
      ['repaired', 'repaired', 'count'], ['unknown_frees', 'frees of unknown blocks', 'count'],
      ['damaged', 'damaged']]],
  ];

  function factText(key, value, unit) {
    if (key === 'start_unix_ns' && A.isNumber(value))
      return new Date(value / 1e6).toISOString().replace('T', ' ').slice(0, 19) + ' UTC';
    if (key === 'sample_bytes' && value === 0)
      return 'no: every event';
    if (typeof value === 'boolean')
      return value ? 'yes' : 'no';
    if (Array.isArray(value))
      return value.length ? value.join('; ') : 'nothing';
    return A.text(value, unit);
  }

  function factsAdd(root, trace) {
    const listed = new Set([].concat(...FACTS.map(([, facts]) => facts.map(([key]) => key))));
    const others = Object.keys(trace).filter((key) => !listed.has(key) &&
      (trace[key] === null || typeof trace[key] !== 'object'));
    const groups = others.length ? FACTS.concat([['Further',
      others.map((key) => [key, key.replace(/_/g, ' ')])]]) : FACTS;
    const box = A.el('div', { class: 'facts-groups' });
    for (const [title, facts] of groups) {
      box.append(A.el('section', { class: 'panel' }, A.el('h2', { text: title }),
        A.el('dl', {}, facts.filter(([key]) => key in trace).map(([key, name, unit]) =>
          [A.el('dt', { text: name }), A.el('dd', {
            title: unit ? A.exact(trace[key], unit) : null,
            text: factText(key, trace[key], unit),
          })]))));
    }
    root.append(box);
  }

  function kindsAdd(root) {
    const kinds = [['exact', 'counted from the events; no error'],
      ['measured', 'read from the kernel or from a clock'],
      ['bounds', 'between two computed values'],
      ['estimate', 'from a sample or a model, with an error'],
      ['n/a', 'not available for this trace']];
    root.append(A.el('section', { class: 'panel' }, A.el('h2', { text: 'Kinds of figures' }),
      A.el('dl', {}, kinds.map(([kind, text]) => [A.el('dt', {}, A.badge(kind)),
        A.el('dd', { text })]))));
  }

  A.viewAdd({
    key: 'provenance', name: 'About this report', group: 'More', needs: 'schema',
    lead: 'Where the figures come from, how complete they are, and what the words mean.',
    missing: 'This is no report of allot.', command: 'allot report --html report.html TRACE',
    draw(root) {
      factsAdd(root, A.data.trace || {});
      kindsAdd(root);
      if (A.list('definitions').length) {
        A.panelAdd(root, {
          title: 'Definitions',
          table: () => ({
            columns: [{ name: 'name' }, { name: 'formula' }, { name: 'source' }],
            rows: A.list('definitions').map((d) => [d.name, d.formula, d.source]),
          }),
        });
      }
      root.append(A.el('section', { class: 'panel' }, A.el('h2', { text: 'This file' }),
        A.el('p', { text: `Written by allot ${A.data.allot || ''}, schema ` +
          `${A.data.schema}. Everything is in this file: nothing is fetched, no source ` +
          'text and no environment is in it.' }),
        A.el('p', {}, A.button('Save the report as JSON', '', () =>
          A.download('allot-report.json', 'application/json', JSON.stringify(A.data)),
        { class: 'plain', id: 'json' })),
        A.el('details', {}, A.el('summary', { text: 'Drawn with d3: its licence' }),
          A.el('pre', { text: window.allotLicence || '' }))));
    },
  });
})(window.allotReport);
