/* SPDX-License-Identifier: MIT */
/*
 * The verdict: one sentence, six figures with their course over time, and of what the peak is made.
 */
(function (A) {
  'use strict';

  const SPARK = { width: 150, height: 34 };

  function sparkDraw(values) {
    const numbers = values.filter(A.isNumber);
    if (numbers.length < 2)
      return null;
    const x = d3.scaleLinear().domain([0, numbers.length - 1]).range([1, SPARK.width - 1]);
    const y = d3.scaleLinear().domain([Math.min(0, d3.min(numbers)), d3.max(numbers) || 1])
      .range([SPARK.height - 2, 3]);
    const svg = A.svgEl('svg', { class: 'spark', 'aria-hidden': 'true',
      viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, preserveAspectRatio: 'none' });
    d3.select(svg).append('path').attr('class', 'spark-area').attr('d', d3.area()
      .x((_, i) => x(i)).y0(SPARK.height).y1(y)(numbers));
    d3.select(svg).append('path').attr('class', 'spark-line').attr('d', d3.line()
      .x((_, i) => x(i)).y(y)(numbers));
    return svg;
  }

  function cardDraw(card) {
    const view = A.viewFind(card.view);
    return A.el(view ? 'a' : 'div', {
      class: 'card', href: view ? '#view=' + view.key : null, title: card.formula,
      onclick: view ? (event) => {
        event.preventDefault();
        A.set({ view: view.key });
      } : null,
    }, A.el('span', { class: 'card-name' }, card.name || card.key, ' ', A.badge(card.label)),
    A.figure(card.value, card.unit, { class: 'figure card-value' }),
    sparkDraw(Array.isArray(card.spark) ? card.spark : []),
    A.el('span', { class: 'card-formula', text: card.note || card.formula || '' }));
  }

  /* One bar: all terms at a moment, to scale. */
  function barAdd(root) {
    const ledger = A.get('ledger');
    if (!ledger || !A.list('ledger.terms').length || !A.list('ledger.time_ns').length)
      return;
    const time = A.list('ledger.time_ns');
    const at = () => A.indexNear(time, A.cursor());
    const isResident = A.isKnown(A.list('ledger.series.resident'));
    const rows = () => A.list('ledger.terms').map((term) => ({
      term, value: (A.list('ledger.series.' + term.key)[at()] || 0) * (term.sign || 1),
      wide: A.touched(term.key, at()),
    })).filter((row) => A.isKnown(A.list('ledger.series.' + row.term.key)));
    A.panelAdd(root, {
      title: isResident ? 'What resident memory is made of'
        : 'What the heap\u2019s blocks are made of', label: A.ledgerLabel(), on: ['t'],
      note: 'At the cursor: keys P, W and E go to the peak, the worst fragmentation and the ' +
        'end.',
      table: () => ({
        columns: [{ name: 'term' }, { name: 'bytes', unit: 'bytes' },
          { name: 'meaning' }],
        rows: rows().map((row) => [row.term.name, row.value, row.term.meaning]),
      }),
      draw(panel, width) {
        const shown = rows().filter((row) => row.wide > 0);
        const sum = d3.sum(rows(), (row) => row.value);
        panel.legend(rows().map((row) => [A.termColour(row.term.key),
          row.term.name + '  ' + A.bytes(row.value), row.term.meaning]));
        const frame = A.frameMake(panel, width, 64, {
          left: 0, right: 0, top: 22, bottom: 4,
        });
        const all = d3.sum(shown, (row) => row.wide) || 1;
        frame.plot.append('text').attr('class', 'axis-name').attr('y', -8)
          .text(`${A.bytes(sum)} ${isResident ? 'resident ' : ''}at ` +
            A.duration(time[at()]));
        let x = 0;
        for (const row of shown) {
          const wide = frame.width * row.wide / all;
          frame.plot.append('rect').attr('class', 'piece').attr('x', x)
            .attr('width', Math.max(0.5, wide - 1)).attr('height', frame.height)
            .attr('fill', A.termColour(row.term.key))
            .append('title').text(`${row.term.name}: ${A.exact(row.value, 'bytes')}`);
          x += wide;
        }
      },
    });
  }

  function metricsAdd(root) {
    const metrics = A.list('metrics');
    if (!metrics.length)
      return;
    A.panelAdd(root, {
      title: 'Figures and how they are defined',
      table: () => ({
        columns: [{ name: 'figure' }, { name: 'value', unit: 'count',
          cell: (value, row) => A.figure(value, row[4]) }, { name: 'kind',
          cell: (value) => A.badge(value) }, { name: 'formula' },
        { name: 'unit' }, { name: 'source' }],
        rows: metrics.map((m) => [m.name || m.key, m.value, m.label, m.formula, m.unit,
          m.source]),
      }),
    });
  }

  A.viewAdd({
    key: 'verdict', name: 'Verdict', group: 'Overview', needs: 'verdict',
    lead: 'What this program\u2019s memory is spent on, in one look.',
    missing: 'The report holds no verdict.', command: 'allot report --html report.html TRACE',
    draw(root, verdict) {
      root.append(A.el('p', { class: 'sentence', text: verdict.sentence || '' }),
        A.el('div', { class: 'cards' }, A.list('cards', verdict).map(cardDraw)));
      barAdd(root);
      metricsAdd(root);
    },
  });
})(window.allotReport);
