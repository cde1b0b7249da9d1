/* SPDX-License-Identifier: MIT */
/*
 * The master timeline: all of the trace in a strip below the head of the page. Its brush is the
 * range of every view over time, its line the cursor that all of them share.
 */
(function (A) {
  'use strict';

  const HEIGHT = 46, EDGE = 18;

  let strip = null;
  let isBrushing = false; /* the brush itself is what changes the range */
  let isMoved = false;    /* the brush follows the range */

  function areaDraw(plot, x, time, values, most, name) {
    const y = d3.scaleLinear().domain([0, most || 1]).range([HEIGHT - 4, 4]);
    plot.append('path').attr('class', name).attr('d', d3.area()
      .x((_, i) => x(time[i])).y0(HEIGHT - 4).y1((v) => y(v))(values));
  }

  function momentsDraw(plot, x) {
    for (const moment of A.moments()) {
      const letter = { peak: 'P', worst: 'W', end: 'E' }[moment.key];
      const mark = plot.append('g').attr('class', 'moment')
        .attr('transform', `translate(${x(moment.time_ns)},0)`)
        .on('click', () => A.set({ t: moment.time_ns }));
      mark.append('title').text(`${moment.name}, ${A.duration(moment.time_ns)} (${letter})`);
      mark.append('rect').attr('x', -7).attr('y', 1).attr('width', 14).attr('height', 13)
        .attr('rx', 3);
      mark.append('text').attr('y', 11).attr('text-anchor', 'middle').text(letter);
    }
  }

  function brushAdd(plot, x) {
    const brush = d3.brushX().extent([[EDGE, 0], [x.range()[1], HEIGHT]])
      .on('brush end', () => {
        if (!d3.event.sourceEvent || isMoved)
          return;
        const chosen = d3.event.selection;
        isBrushing = d3.event.type === 'brush';
        if (chosen)
          A.rangeSet(x.invert(chosen[0]), x.invert(chosen[1]));
        else if (d3.event.type === 'end')
          A.rangeSet(null, null);
        isBrushing = false;
      });
    const layer = plot.append('g').attr('class', 'brush').call(brush);
    return { brush, layer };
  }

  /* Draw it anew: the width or the theme changed. */
  A.stripDraw = function () {
    const box = document.getElementById('strip'), time = A.list('ledger.time_ns');
    const resident = A.list('ledger.series.resident');
    const requested = A.list('ledger.series.requested');
    box.hidden = time.length < 2;
    if (box.hidden)
      return;
    const edge = parseFloat(getComputedStyle(box).paddingLeft);
    const width = Math.max(280, box.clientWidth - 2 * edge);
    const x = d3.scaleLinear().domain(A.span()).range([EDGE, width - EDGE]);
    box.replaceChildren();
    const svg = d3.select(box).append('svg').attr('width', width).attr('height', HEIGHT)
      .attr('role', 'img')
      .attr('aria-label', 'Timeline: resident memory over the whole trace. Drag to choose ' +
        'a range, arrow keys move the cursor.');
    const shown = A.isKnown(resident) ? resident : requested;
    const most = d3.max(shown);
    areaDraw(svg, x, time, shown, most, 'strip-resident');
    areaDraw(svg, x, time, requested, most, 'strip-requested');
    const { brush, layer } = brushAdd(svg, x);
    const line = svg.append('line').attr('class', 'cursor').attr('y2', HEIGHT);
    momentsDraw(svg, x);
    const note = A.el('div', { class: 'strip-note' });
    const whole = A.button('Whole trace', 'Show all of the time (0)', () =>
      A.rangeSet(null, null), { class: 'whole' });
    box.append(A.el('div', { class: 'strip-line' }, note, whole));
    strip = { x, brush, layer, line, note, whole };
    A.stripMove();
  };

  /* The range or the cursor changed. */
  A.stripMove = function () {
    if (!strip)
      return;
    const isWhole = A.state.from === null && A.state.to === null;
    const range = A.range(), t = A.cursor();
    const time = A.list('ledger.time_ns'), i = A.indexNear(time, t);
    const [value, kind] = A.isKnown(A.list('ledger.series.resident'))
      ? [A.list('ledger.series.resident')[i], ' resident']
      : [A.list('ledger.series.requested')[i], ' requested'];
    if (!isBrushing) {
      isMoved = true;
      strip.layer.call(strip.brush.move, isWhole ? null : range.map(strip.x));
      isMoved = false;
    }
    strip.line.attr('x1', strip.x(t)).attr('x2', strip.x(t));
    strip.whole.hidden = isWhole;
    strip.note.replaceChildren(A.el('span', {
      text: 'Cursor ' + A.duration(t) + (A.isNumber(value)
        ? ', ' + A.bytes(value) + kind : ''),
    }), A.el('span', { class: 'strip-range', text: isWhole
      ? 'Drag to choose a range of time' : A.duration(range[0]) + ' to ' +
      A.duration(range[1]) }));
  };
})(window.allotReport);
