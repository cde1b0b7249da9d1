/* SPDX-License-Identifier: MIT */
/*
 * Size classes: what sizes are asked for, and what rounding them up costs.
 */
(function (A) {
  'use strict';

  const METRICS = [
    ['allocations', 'requests', 'count', 'requested'],
    ['allocated_bytes', 'bytes requested', 'bytes', 'requested'],
    ['rounding_bytes', 'bytes of rounding', 'bytes', 'rounding'],
    ['live_peak_bytes', 'live at the peak', 'bytes', 'requested'],
    ['live_peak_blocks', 'blocks at the peak', 'count', 'requested'],
  ];

  function chartDraw(panel, width, classes) {
    const [key, name, unit, term] = METRICS.find((one) => one[0] === A.state.classes) ||
      METRICS[0];
    const frame = A.frameMake(panel, width, 320, { bottom: 46, top: 28, right: 26 });
    /* Half of what the first class serves: from 1 byte on, it would fill half of the width. */
    const least = Math.max(1, classes[0].bytes_from, classes[0].bytes_to / 2);
    const x = d3.scaleLog().domain([least, d3.max(classes, (c) => c.bytes_to) + 1])
      .range([0, frame.width]);
    const y = d3.scaleLinear().domain([0, (d3.max(classes, (c) => c[key]) || 1) * 1.05])
      .range([frame.height, 0]);
    if (unit === 'bytes')
      A.axisBytes(frame, y);
    else
      A.axisLeft(frame, y, (value) => A.tick(value, unit));
    A.axisBelow(frame, x, (value) => A.tick(value, 'bytes'), null,
      A.logTicks(least, x.domain()[1], 4, frame.width / 76));
    A.axisName(frame, 'size of the request', name);
    const from = (c) => x(Math.max(least, c.bytes_from));
    const bar = frame.plot.selectAll(null).data(classes).enter().append('g')
      .on('mousemove', (c) => A.tipShow(`${A.grouped(c.bytes_from)} to ` +
        `${A.grouped(c.bytes_to)} B`, METRICS.map((metric) =>
        [null, metric[1], A.text(c[metric[0]], metric[2])]),
      d3.event.clientX, d3.event.clientY)).on('mouseleave', A.tipHide);
    bar.append('rect').attr('class', 'sense').attr('x', from).attr('height', frame.height)
      .attr('width', (c) => Math.max(1, x(c.bytes_to + 1) - from(c)));
    bar.append('rect').attr('class', 'bar').attr('x', from).attr('y', (c) => y(c[key] || 0))
      .attr('width', (c) => Math.max(1, x(c.bytes_to + 1) - from(c) - 1))
      .attr('height', (c) => y(0) - y(c[key] || 0)).attr('fill', A.termColour(term));
  }

  A.viewAdd({
    key: 'classes', name: 'Size classes', group: 'Requests', needs: 'classes.0',
    lead: 'What sizes the program asks for, and what the allocator adds to each.',
    missing: 'The report holds no sizes of requests.',
    command: 'allot record -o TRACE -- COMMAND',
    draw(root) {
      const classes = A.list('classes').filter((c) => A.isNumber(c.bytes_to));
      A.panelAdd(root, {
        title: 'Requests by size', label: A.blockLabel(null), on: ['classes'],
        note: 'A bar is a size class: as wide as the sizes it serves.',
        controls: [A.choice('Height', METRICS.map((metric) => [metric[0], metric[1]]),
          A.state.classes || METRICS[0][0], (value) =>
            A.set({ classes: value === METRICS[0][0] ? '' : value }))],
        draw: (panel, width) => chartDraw(panel, width, classes),
        table: () => ({
          columns: [{ name: 'from', unit: 'bytes' }, { name: 'to', unit: 'bytes' }]
            .concat(METRICS.map(([, name, unit]) => ({ name, unit }))),
          rows: classes.map((c) => [c.bytes_from, c.bytes_to]
            .concat(METRICS.map(([key]) => c[key]))),
        }),
      });
      const waste = classes.slice().sort((a, b) => (b.rounding_bytes || 0) -
        (a.rounding_bytes || 0)).slice(0, 10).filter((c) => c.rounding_bytes > 0);
      if (waste.length) {
        A.barsAdd(root, {
          title: 'Classes that round up most', label: A.blockLabel(null), unit: 'bytes',
          rowName: 'class', valueName: 'rounding',
          note: 'Bytes added over the whole trace. A class between the sizes most asked ' +
            'for would save them.',
          rows: waste.map((c) => ({
            name: `${A.grouped(c.bytes_from)}\u2013${A.grouped(c.bytes_to)} B`,
            value: c.rounding_bytes, colour: A.termColour('rounding'),
          })),
        });
      }
    },
  });
})(window.allotReport);
