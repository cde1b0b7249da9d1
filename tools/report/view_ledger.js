/* SPDX-License-Identifier: MIT */
/*
 * The ledger over time: resident memory as the sum of its terms, with what the program asked for,
 * what is mapped, and what the kernel says is resident.
 *
 * Terms that count are stacked; those that are subtracted (live bytes on pages never written)
 * hang from the top of the stack, hatched, so that below them stands what is resident. Where that
 * is little of what is mapped, only what is resident is drawn, unless asked for more.
 */
(function (A) {
  'use strict';

  /* Where each term is explained. */
  const EXPLAINED = {
    requested: 'stacks', rounding: 'classes', tags: 'inspector', pinned_free: 'pins',
    reclaimable_free: 'pages', metadata: 'provenance', recorder: 'provenance',
    untouched: 'pages',
  };

  const termsOf = (sign) => A.list('ledger.terms').filter((term) =>
    (term.sign < 0 ? -1 : 1) === sign && A.isKnown(A.list('ledger.series.' + term.key)));
  const at = (key, i) => A.list('ledger.series.' + key)[i];

  /* Below this share of what is mapped, resident memory would be a line at the bottom. */
  const SHARE_LEAST = 0.1;

  /* How far up the chart goes. */
  function scaleChosen() {
    const most = (key) => d3.max(A.list('ledger.series.' + key)) || 0;
    return A.state.mapped || (most('resident') > 0 &&
      most('resident') < SHARE_LEAST * most('mapped') ? 'resident' : 'all');
  }

  /* Bottom and top of each term at each of `shown`; of resident bytes only, if those are wanted. */
  function layersMake(shown, isResident) {
    const below = shown.map(() => 0);
    const layers = termsOf(1).map((term) => ({
      term, edges: shown.map((index, i) => {
        const from = below[i];
        below[i] += (isResident ? A.touched(term.key, index) : at(term.key, index)) || 0;
        return [from, below[i]];
      }),
    }));
    return isResident ? layers : layers.concat(termsOf(-1).map((term) => ({
      term, isTaken: true, edges: shown.map((index, i) => {
        const to = below[i];
        below[i] -= at(term.key, index) || 0;
        return [below[i], to];
      }),
    })));
  }

  function hatchAdd(frame) {
    const pattern = frame.svg.append('defs').append('pattern').attr('id', 'hatch')
      .attr('width', 6).attr('height', 6).attr('patternUnits', 'userSpaceOnUse')
      .attr('patternTransform', 'rotate(45)');
    pattern.append('rect').attr('width', 6).attr('height', 6).attr('fill', A.ink('panel'))
      .attr('fill-opacity', 0.72);
    pattern.append('rect').attr('width', 1.6).attr('height', 6)
      .attr('fill', A.termColour('untouched'));
  }

  const LINES = [
    ['requested', 'requested', null, 'line ink'],
    ['resident', 'resident by the kernel', '1.5 3', 'line ink'],
    ['mapped', 'mapped', '6 5', 'line soft'],
  ];

  function tipRows(i) {
    const terms = termsOf(1).concat(termsOf(-1)).reverse();
    return terms.map((term) => [A.termColour(term.key),
      term.name + (term.label ? '  \u00b7 ' + term.label : ''),
      (term.sign < 0 ? '\u2212' : '') + A.bytes(at(term.key, i))])
      .concat([[null, 'sum', A.bytes(at('sum', i))],
        [null, 'resident by the kernel  \u00b7 measured', A.bytes(at('resident', i))],
        [null, 'mapped', A.bytes(at('mapped', i))],
        [null, 'live blocks', A.count(at('live_blocks', i))]]);
  }

  function chartDraw(panel, width) {
    const time = A.list('ledger.time_ns'), shown = A.visible(time);
    const scale = scaleChosen(), layers = layersMake(shown, scale === 'resident');
    const lines = LINES.filter(([key]) => A.isKnown(A.list('ledger.series.' + key)) &&
      (key !== 'mapped' || scale === 'all') && (key !== 'requested' || scale !== 'resident'));
    panel.legend(termsOf(1).concat(termsOf(-1)).map((term) => [A.termColour(term.key), term.name,
      term.meaning, () => A.set({ view: EXPLAINED[term.key] || 'provenance' })]));
    const frame = A.frameMake(panel, width, 400);
    hatchAdd(frame);
    const tops = layers.map((layer) => d3.max(layer.edges, (edge) => edge[1]) || 0)
      .concat(lines.map(([key]) => d3.max(shown, (i) => at(key, i)) || 0));
    const x = A.timeScale(frame.width);
    const y = d3.scaleLinear().domain([0, (d3.max(tops) || 1) * 1.05]).range([frame.height, 0]);
    A.axisBytes(frame, y);
    const inside = A.clipped(frame);
    for (const layer of layers) {
      inside.append('path').attr('class', 'layer').attr('data-term', layer.term.key)
        .attr('fill', layer.isTaken ? 'url(#hatch)' : A.termColour(layer.term.key))
        .attr('d', d3.area().x((i) => x(time[shown[i]])).y0((i) => y(layer.edges[i][0]))
          .y1((i) => y(layer.edges[i][1]))(d3.range(shown.length)));
    }
    for (const [key, , dash, kind] of lines) {
      inside.append('path').attr('class', kind).attr('data-line', key)
        .attr('stroke-dasharray', dash)
        .attr('d', d3.line().x((i) => x(time[i])).y((i) => y(at(key, i)))
          .defined((i) => A.isNumber(at(key, i)))(shown));
    }
    linesName(frame, lines, shown, y);
    A.timeAdd(panel, frame, x, (t) => {
      const i = A.indexNear(time, t);
      return [A.duration(time[i]), tipRows(i)];
    });
  }

  /* Names of the lines at their right end, apart from each other. */
  function linesName(frame, lines, shown, y) {
    const last = shown[shown.length - 1];
    const names = lines.map(([key, name]) => ({ name, y: y(at(key, last) || 0) - 5 }))
      .sort((a, b) => b.y - a.y);
    for (let i = 1; i < names.length; i++)
      names[i].y = Math.min(names[i].y, names[i - 1].y - 14);
    for (const one of names) {
      frame.plot.append('text').attr('class', 'line-name').attr('x', frame.width - 4)
        .attr('y', Math.max(9, one.y)).attr('text-anchor', 'end').text(one.name);
    }
  }

  function twin() {
    const keys = Object.keys(A.get('ledger.series') || {});
    const names = new Map(A.list('ledger.terms').map((term) => [term.key, term.name]));
    return {
      columns: [{ name: 'time', unit: 'ns' }].concat(keys.map((key) => ({
        name: names.get(key) || key.replace(/_/g, ' '),
        unit: key === 'live_blocks' ? 'count' : 'bytes',
      }))),
      rows: A.list('ledger.time_ns').map((t, i) => [t].concat(keys.map((key) => at(key, i)))),
    };
  }

  function differenceText(bytes) {
    if (!A.isNumber(bytes))
      return null;
    return bytes === 0 ? 'At every sample the sum of the terms is what the kernel counted.'
      : `The sum of the terms is never further than ${A.bytes(bytes)} from what the kernel ` +
        'counted.';
  }

  function momentAdd(root) {
    const time = A.list('ledger.time_ns');
    A.panelAdd(root, {
      title: 'At the cursor',
      note: 'Shares are of what is resident: what is untouched is none of it.',
      on: ['t'], rows: { isMarked: (row) => row[0] === 'sum' },
      table: () => {
        const i = A.indexNear(time, A.cursor()), sum = at('sum', i);
        const rows = A.list('ledger.terms').map((term) => {
          const value = A.isNumber(at(term.key, i))
            ? at(term.key, i) * (term.sign || 1) : null;
          /* Where untouched bytes were left in, shares could be thousands of per cent. */
          const share = sum && value !== null && !(term.sign < 0)
            ? A.touched(term.key, i) / sum : null;
          return [term.name, value, share, term.label, term.meaning, term.key];
        });
        rows.push(['sum', sum, A.isNumber(sum) ? 1 : null, null, 'of the terms', 'sum'],
          ['resident', at('resident', i), sum ? at('resident', i) / sum : null,
            'measured', 'what the kernel says of the heap\u2019s mappings', 'resident'],
          ['mapped', at('mapped', i), null, null, 'address space of the heap', 'mapped'],
        ['process', at('process_resident', i), null, 'measured',
          'resident memory of the whole process', 'process_resident']);
        return {
          columns: [{ name: 'term', cell: (value, row) => nameCell(value, row[5]) },
            { name: 'bytes', unit: 'bytes' }, { name: 'share', unit: 'share' },
            { name: 'kind', cell: (value) => A.badge(value) }, { name: 'meaning' }],
          rows,
        };
      },
    });
  }

  function nameCell(name, key) {
    const view = A.viewFind(EXPLAINED[key]);
    const swatch = EXPLAINED[key] ? A.swatch(A.termColour(key))
      : A.el('i', { class: 'swatch none' });
    return A.el('span', { class: 'term' }, swatch, view
      ? A.el('button', { type: 'button', class: 'link', text: name,
        title: 'See ' + view.name, onclick: () => A.set({ view: view.key }) })
      : A.el('span', { text: name }));
  }

  A.viewAdd({
    key: 'ledger', name: 'Where memory goes', group: 'Overview', needs: 'ledger', isTimed: true,
    lead: 'Resident memory over time, as the sum of what it is made of.',
    missing: 'The trace holds no events from which a ledger could be kept.',
    command: 'allot record -o TRACE -- COMMAND',
    draw(root, ledger) {
      A.panelAdd(root, {
        title: 'Resident memory by what it is', label: A.ledgerLabel(),
        on: ['from', 'to', 'mapped'], draw: chartDraw, table: twin,
        note: differenceText(ledger.largest_difference_bytes),
        controls: [A.choice('Up to', [['all', 'what is mapped'], ['off', 'what is asked for'],
          ['resident', 'what is resident']], scaleChosen(),
        (value) => A.set({ mapped: value }))],
      });
      momentAdd(root);
      if (A.list('series.live_blocks', ledger).length) {
        A.linesAdd(root, {
          title: 'Live blocks', time: A.list('ledger.time_ns'), unit: 'count',
          height: 170, label: A.blockLabel(null), series: [{ name: 'live blocks',
            values: ledger.series.live_blocks, colour: A.termColour('requested') }],
        });
      }
    },
  });
})(window.allotReport);
