/* SPDX-License-Identifier: MIT */
/*
 * Compare: this trace, A, with another, B: the ledgers at their peaks, figures, and the stacks that
 * differ. The block may be what `allot diff --json` writes: it names stacks by their text.
 */
(function (A) {
  'use strict';

  function sentence(block) {
    const rows = A.list('ledger', block).filter((row) => A.isNumber(row.difference));
    const sign = new Map(A.list('ledger.terms').map((term) => [term.key, term.sign || 1]));
    const terms = rows.filter((row) => sign.has(row.key));
    const difference = d3.sum(terms, (row) => row.difference * sign.get(row.key));
    const most = d3.max(terms.map((row) => Math.abs(row.difference)));
    const first = terms.find((row) => Math.abs(row.difference) === most);
    if (!first)
      return '';
    const term = A.list('ledger.terms').find((other) => other.key === first.key);
    const name = term.name + (term.sign < 0 ? ', which is subtracted' : '');
    return `B needs ${A.bytes(Math.abs(difference))} ${difference < 0 ? 'less' : 'more'} than ` +
      `A at the peak; most of the difference is ${name} ` +
      `(${first.difference > 0 ? '+' : ''}${A.bytes(first.difference)}).`;
  }

  function sidesAdd(root, block) {
    const a = block.a || A.data.trace || {}, b = block.b || block.other || {};
    const facts = [['file', null], ['command', null], ['strategy', null], ['conf', null],
      ['events', 'count'], ['duration_ns', 'ns'], ['threads', 'count']];
    A.panelAdd(root, {
      title: 'The two traces', class: 'wrap',
      table: () => ({
        columns: [{ name: 'what' }, { name: 'A' }, { name: 'B' }],
        rows: facts.map(([key, unit]) => [key.replace(/_ns$/, ''), A.text(a[key], unit),
          A.text(b[key], unit)]),
      }),
    });
  }

  function metricName(row) {
    const known = A.list('metrics').find((metric) => metric.key === row.key);
    return row.name || known && known.name || String(row.key).replace(/_/g, ' ');
  }

  function metricsAdd(root, rows) {
    A.panelAdd(root, {
      title: 'Figures', note: 'Difference: B less A.',
      table: () => {
        const cell = (value, row) => A.figure(value, row[5]);
        return {
          columns: [{ name: 'figure' }, { name: 'A', unit: 'count', cell },
            { name: 'B', unit: 'count', cell },
            { name: 'difference', unit: 'count', cell: (value, row) =>
              A.figure(value, row[5] === 'share' ? 'points' : row[5]) },
            { name: 'kind', cell: (value) => A.badge(value) }],
          rows: rows.map((row) => [metricName(row), row.a, row.b,
            row.difference, row.label, row.unit]),
        };
      },
    });
  }

  /* Innermost first, as diffs write it. */
  const stackName = (row) => typeof row.stack === 'string' ? row.stack
    : A.frameTrail(row.frame).reverse().map(A.frameName).join(' < ') || A.frameName(0);

  function stacksAdd(root, rows) {
    if (!rows.some((row) => row.difference)) {
      root.append(A.el('p', { class: 'lead',
        text: 'No stack has more live bytes in one than in the other.' }));
      return;
    }
    A.panelAdd(root, {
      title: 'Stacks that differ most', label: A.blockLabel(A.data.compare),
      rows: {
        limit: 25, onRow: rows.some((row) => row.frame > 0)
          ? (row) => A.set({ view: 'stacks', diff: 'on', focus: row[4] }) : null,
      },
      note: rows.some((row) => row.frame > 0)
        ? 'A row opens the stacks, coloured by the difference.' : null,
      table: () => ({
        columns: [{ name: 'stack', cell: (value, row) => A.el('code', {
          text: value, title: A.trailText(row[4]),
        }) }, { name: 'A', unit: 'bytes' }, { name: 'B', unit: 'bytes' },
        { name: 'difference', unit: 'bytes', cell: (value) => A.el('span', {
          class: value > 0 ? 'more-of' : 'less-of',
          text: (value > 0 ? '+' : '') + A.bytes(value),
        }) }],
        rows: rows.filter((row) => row.difference)
          .sort((x, y) => Math.abs(y.difference) - Math.abs(x.difference))
          .map((row) => [stackName(row), row.a, row.b, row.difference,
            row.frame]),
      }),
    });
  }

  A.viewAdd({
    key: 'compare', name: 'Compare', group: 'More', needs: 'compare',
    lead: 'This trace beside another: where they differ, and by how much.',
    missing: 'The report is of one trace.',
    command: 'allot report A --compare B --html FILE',
    draw(root, block) {
      const names = new Map(A.list('ledger.terms').map((term) => [term.key, term.name]));
      root.append(A.el('p', { class: 'sentence', text: sentence(block) }));
      const rows = A.list('ledger', block);
      if (rows.length) {
        A.barsAdd(root, {
          title: 'The ledger, B less A', unit: 'bytes',
          label: block.label || A.labelsJoin(rows),
          isSigned: true, note: 'At the peak of each.',
          rows: rows.map((row) => ({
            name: names.get(row.key) || String(row.key).replace(/_/g, ' '),
            value: row.difference || 0, colour: A.termColour(row.key),
          })),
          table: () => ({
            columns: [{ name: 'term' }, { name: 'A', unit: 'bytes' },
              { name: 'B', unit: 'bytes' }, { name: 'difference', unit: 'bytes' }],
            rows: rows.map((row) => [names.get(row.key) || row.key, row.a, row.b,
              row.difference]),
          }),
        });
      }
      if (A.list('stacks', block).length)
        stacksAdd(root, block.stacks);
      if (A.list('metrics', block).length)
        metricsAdd(root, block.metrics);
      sidesAdd(root, block);
    },
  });
})(window.allotReport);
