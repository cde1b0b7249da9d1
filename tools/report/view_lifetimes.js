/* SPDX-License-Identifier: MIT */
/*
 * Lifetimes: how long objects of which size live, and which stacks share pages though their
 * objects' lifetimes differ.
 */
(function (A) {
  'use strict';

  /* Edges of cells: values and what would come next. */
  function edges(values) {
    const last = values[values.length - 1], before = values[values.length - 2];
    return values.concat([last * (before > 0 ? last / before : 2)]);
  }

  /* The part of the table that has objects: [first, behind the last] of rows and of columns. */
  function filled(counts) {
    const rows = d3.range(counts.length).filter((i) => (counts[i] || []).some((n) => n > 0));
    const columns = [].concat(...rows.map((i) => d3.range(counts[i].length)
      .filter((j) => counts[i][j] > 0)));
    return [[rows[0] || 0, (rows[rows.length - 1] || 0) + 1],
      [d3.min(columns) || 0, (d3.max(columns) || 0) + 1]];
  }

  function histogramDraw(panel, width, block) {
    const sizes = edges(A.list('bytes_from', block)), ages = edges(A.list('ns_from', block));
    const [sizeSpan, ageSpan] = filled(A.list('counts', block));
    const cells = [].concat(...A.list('counts', block).map((row, i) =>
      (row || []).map((count, j) => ({ i, j, count })))).filter((cell) => cell.count > 0 &&
      cell.i + 1 < sizes.length && cell.j + 1 < ages.length);
    const most = d3.max(cells, (cell) => cell.count) || 1;
    const share = (count) => Math.log1p(count) / Math.log1p(most);
    const frame = A.frameMake(panel, width, 360, {
      bottom: 46, top: 28, left: 76, right: 44,
    });
    const x = d3.scalePoint().domain(d3.range(ageSpan[0], ageSpan[1] + 1)).range([0, frame.width]);
    const y = d3.scalePoint().domain(d3.range(sizeSpan[0], sizeSpan[1] + 1))
      .range([frame.height, 0]);
    panel.legend([1, most / 100, most / 10, most].filter((n, i, all) =>
      i === 0 || n > all[0]).map((n) => [A.heat(share(n)), A.count(Math.round(n))]));
    frame.plot.selectAll(null).data(cells).enter().append('rect').attr('class', 'bin')
      .attr('x', (c) => x(c.j)).attr('y', (c) => y(c.i + 1))
      .attr('width', x.step() - 1).attr('height', y.step() - 1)
      .attr('fill', (c) => A.heat(share(c.count)))
      .on('mousemove', (c) => A.tipShow(`${A.grouped(c.count)} objects`, [
        [null, 'size', `${A.bytes(sizes[c.i])} to ${A.bytes(sizes[c.i + 1])}`],
        [null, 'lived', `${A.duration(ages[c.j])} to ${A.duration(ages[c.j + 1])}`],
      ], d3.event.clientX, d3.event.clientY)).on('mouseleave', A.tipHide);
    const every = (count, room) => Math.max(1, Math.ceil(count / room));
    const under = every(ageSpan[1] - ageSpan[0], frame.width / 80);
    const beside = every(sizeSpan[1] - sizeSpan[0], 10);
    A.axisBelow(frame, x, (i) => A.tick(ages[i], 'ns'), null,
      d3.range(ageSpan[0], ageSpan[1] + 1, under));
    const axis = d3.axisLeft(y).tickSize(0).tickPadding(8)
      .tickValues(d3.range(sizeSpan[0], sizeSpan[1] + 1, beside))
      .tickFormat((i) => A.tick(sizes[i], 'bytes'));
    frame.plot.append('g').attr('class', 'axis').call(axis).select('.domain').remove();
    A.axisName(frame, 'lifetime', 'size');
  }

  function interleavingAdd(root, rows) {
    const name = (position) => (value, row) => A.el('code', {
      text: value, title: A.trailText(row[position]),
    });
    A.panelAdd(root, {
      title: 'Stacks that share pages but not lifetimes', label: A.blockLabel(A.data.lifetimes),
      note: 'Long-lived objects among short-lived ones are what pins pages. Keeping such ' +
        'pairs apart gives pages back.',
      rows: { sort: [2, true], limit: 20 },
      table: () => ({
        columns: [{ name: 'one', cell: name(4) }, { name: 'the other', cell: name(5) },
          { name: 'lifetimes differ', unit: 'ratio' }, { name: 'pages', unit: 'count' }],
        rows: rows.map((row) => [A.frameName(row.stack_a), A.frameName(row.stack_b),
          row.ratio, row.pages, row.stack_a, row.stack_b]),
      }),
    });
  }

  A.viewAdd({
    key: 'lifetimes', name: 'Lifetimes', group: 'Requests', needs: 'lifetimes',
    lead: 'How long objects live, by size, and who mixes the short-lived with the lasting.',
    missing: 'The trace has no times, or no frees.',
    command: 'allot record -o TRACE -- COMMAND',
    draw(root, block) {
      if (A.isNumber(block.temporary)) {
        const all = A.get('trace.allocations');
        root.append(A.el('p', { class: 'sentence', text:
          `${A.count(block.temporary)} allocations ` + (all > 0
            ? `(${A.text(block.temporary / all, 'share')}) ` : '') +
          'were freed before their thread allocated anything else.' }));
      }
      if (A.list('counts', block).length) {
        A.panelAdd(root, {
          title: 'Size and lifetime', label: A.blockLabel(block),
          note: 'Colour: how many objects, on a logarithmic scale.',
          draw: (panel, width) => histogramDraw(panel, width, block),
          table: () => ({
            columns: [{ name: 'size from', unit: 'bytes' },
              { name: 'lifetime from', unit: 'ns' },
              { name: 'objects', unit: 'count' }],
            rows: [].concat(...A.list('counts', block).map((row, i) =>
              (row || []).map((count, j) => [A.list('bytes_from', block)[i],
                A.list('ns_from', block)[j], count])))
              .filter(([, , count]) => count > 0),
          }),
        });
      }
      if (A.list('survival', block).length) {
        A.xyAdd(root, {
          title: 'Survival', label: A.blockLabel(block), height: 240,
          note: 'The share of all objects that reach an age.',
          x: { name: 'age', unit: 'ns', isLog: true }, y: { unit: 'share', to: 1 },
          series: [{ name: 'still live', colour: A.termColour('requested'),
            points: block.survival.filter((point, i, all) => i === 0 ||
              all[i - 1].share > 0).map((point) => [point.age_ns, point.share]) }],
        });
      }
      if (A.list('interleaving', block).length)
        interleavingAdd(root, block.interleaving);
    },
  });
})(window.allotReport);
