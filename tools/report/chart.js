/* SPDX-License-Identifier: MIT */
/*
 * Charts: a frame with axes, and charts over time, which share the range and the cursor.
 *
 * In a chart over time the pointer shows what is there, a click puts the cursor, dragging chooses
 * the range of all such charts, a double click goes back to everything.
 */
(function (A) {
  'use strict';

  const MARGIN = { top: 10, right: 16, bottom: 30, left: 66 };

  /*
   * An SVG in panel.body with room for axes: { svg, plot, width, height, margin }. `plot` is a
   * group of width times height.
   */
  A.frameMake = function (panel, fullWidth, fullHeight, margin) {
    const edge = Object.assign({}, MARGIN, margin);
    const svg = d3.select(panel.body).append('svg')
      .attr('width', fullWidth).attr('height', fullHeight)
      .attr('viewBox', `0 0 ${fullWidth} ${fullHeight}`)
      .attr('role', 'img').attr('aria-label', panel.title);
    return {
      svg, margin: edge,
      plot: svg.append('g').attr('transform', `translate(${edge.left},${edge.top})`),
      width: fullWidth - edge.left - edge.right,
      height: fullHeight - edge.top - edge.bottom,
    };
  };

  /* Quiet axes: no line, light grid. `format` and `values` are optional. */
  A.axisBelow = function (frame, scale, format, count, values) {
    const axis = d3.axisBottom(scale).tickSize(0).tickPadding(10)
      .ticks(count || Math.max(2, Math.floor(frame.width / 110)));
    if (format)
      axis.tickFormat(format);
    if (values)
      axis.tickValues(values);
    frame.plot.append('g').attr('class', 'axis').attr('transform', `translate(0,${frame.height})`)
      .call(axis).select('.domain').remove();
    frame.plot.append('line').attr('class', 'base').attr('x2', frame.width)
      .attr('y1', frame.height + 0.5).attr('y2', frame.height + 0.5);
  };

  A.axisLeft = function (frame, scale, format, count, values) {
    const axis = d3.axisLeft(scale).tickSize(-frame.width).tickPadding(8)
      .ticks(count || Math.max(2, Math.floor(frame.height / 40)));
    if (format)
      axis.tickFormat(format);
    if (values)
      axis.tickValues(values);
    frame.plot.append('g').attr('class', 'axis grid').call(axis).select('.domain').remove();
  };

  A.axisBytes = (frame, scale) => A.axisLeft(frame, scale, (value) => A.tick(value, 'bytes'), null,
    A.byteTicks(scale.domain()[1], Math.max(2, Math.floor(frame.height / 40))));

  /* What an axis counts, in words, inside its corner. */
  A.axisName = function (frame, below, left) {
    if (below) {
      frame.plot.append('text').attr('class', 'axis-name').attr('x', frame.width)
        .attr('y', frame.height + frame.margin.bottom - 5).attr('text-anchor', 'end')
        .text(below);
    }
    if (left) {
      frame.plot.append('text').attr('class', 'axis-name').attr('x', -frame.margin.left + 2)
        .attr('y', -14).text(left);
    }
  };

  /* Ticks of a logarithmic scale that are powers of `base`, few enough for `room` pixels. */
  A.logTicks = function (from, to, base, room) {
    const all = [];
    for (let n = Math.ceil(Math.log(Math.max(from, 1e-9)) / Math.log(base) - 1e-9);
      Math.pow(base, n) <= to * 1.0001; n++)
      all.push(Math.pow(base, n));
    const every = Math.max(1, Math.ceil(all.length / Math.max(2, room)));
    return all.filter((_, i) => i % every === 0);
  };

  /* ---- over time ---- */

  A.timeScale = (width) => d3.scaleLinear().domain(A.range()).range([0, width]);

  /*
   * Give `frame` the axis of time, the cursor, the brush and the pointer. `tip(t)` returns
   * [heading, rows] or null.
   */
  A.timeAdd = function (panel, frame, x, tip) {
    A.axisBelow(frame, x, (value) => A.tick(value, 'ns'));
    const mark = frame.plot.append('line').attr('class', 'cursor')
      .attr('y2', frame.height);
    const brush = d3.brushX().extent([[0, 0], [frame.width, frame.height]])
      .on('end', function () {
        const chosen = d3.event.selection;
        if (!d3.event.sourceEvent || !chosen)
          return;
        d3.select(this).call(brush.move, null);
        A.rangeSet(x.invert(chosen[0]), x.invert(chosen[1]));
      });
    const layer = frame.plot.append('g').attr('class', 'brush').call(brush);
    layer.on('mousemove.tip', function () {
      const t = x.invert(d3.mouse(this)[0]);
      const shown = tip && tip(t, d3.mouse(this)[1]);
      if (shown)
        A.tipShow(shown[0], shown[1], d3.event.clientX, d3.event.clientY);
    }).on('mouseleave.tip', A.tipHide)
      .on('click.cursor', function () {
        A.set({ t: Math.round(x.invert(d3.mouse(this)[0])) });
      })
      .on('dblclick.whole', () => A.rangeSet(null, null));

    panel.move = function () {
      const at = x(A.cursor());
      mark.attr('transform', `translate(${at},0)`)
        .style('display', at < -0.5 || at > frame.width + 0.5 ? 'none' : null);
    };
    panel.move();
  };

  /* The piece of a series that the range shows, with a point before and after: indexes. */
  A.visible = function (time) {
    const [from, to] = A.range();
    const first = Math.max(0, d3.bisectRight(time, from) - 1);
    const last = Math.min(time.length - 1, d3.bisectLeft(time, to));
    return d3.range(first, last + 1);
  };

  /* Keep what is drawn inside the plot. Returns a group. */
  let clips = 0;
  A.clipped = function (frame) {
    const id = 'clip' + clips++;
    frame.svg.append('defs').append('clipPath').attr('id', id).append('rect')
      .attr('width', frame.width).attr('height', frame.height + 1).attr('y', -1);
    return frame.plot.append('g').attr('clip-path', `url(#${id})`);
  };

  /*
   * Paint the columns of `image` on `canvas`, each from its time to the next one's: times are
   * those of samples, and not evenly apart. [first, last) are the rows that fill the height.
   */
  A.columnsPaint = function (canvas, image, time, first, last) {
    const context = canvas.getContext('2d'), [, end] = A.span();
    const x = A.timeScale(canvas.width);
    context.imageSmoothingEnabled = false;
    for (const i of A.visible(time)) {
      const left = Math.round(x(time[i]));
      const next = Math.round(x(i + 1 < time.length ? time[i + 1] : end));
      context.drawImage(image, i, first, 1, last - first, left, 0,
        Math.max(1, next - left), canvas.height);
    }
  };

  /*
   * A chart of lines over time: options series [{ name, values, colour, dash, fill }], time,
   * unit, height. The twin is made of the same.
   */
  A.linesAdd = function (root, options) {
    const { time, series, unit } = options;
    return A.panelAdd(root, Object.assign({
      on: ['from', 'to'],
      table: () => ({
        columns: [{ name: 'time', unit: 'ns' }]
          .concat(series.map((s) => ({ name: s.name, unit }))),
        rows: time.map((t, i) => [t].concat(series.map((s) => s.values[i]))),
      }),
      draw(panel, width) {
        panel.legend(series.length > 1 ? series.map((s) => [s.colour, s.name]) : []);
        const frame = A.frameMake(panel, width, options.height || 220);
        const x = A.timeScale(frame.width), shown = A.visible(time);
        const most = d3.max(series, (s) => d3.max(shown, (i) => s.values[i])) || 1;
        const y = d3.scaleLinear().domain([0, most * 1.05]).range([frame.height, 0]);
        if (unit === 'bytes')
          A.axisBytes(frame, y);
        else
          A.axisLeft(frame, y, (value) => A.tick(value, unit));
        const inside = A.clipped(frame);
        for (const one of series) {
          inside.append('path').attr('class', 'line').datum(shown)
            .attr('stroke', one.colour).attr('stroke-dasharray', one.dash || null)
            .attr('d', d3.line().x((i) => x(time[i])).y((i) => y(one.values[i]))
              .defined((i) => A.isNumber(one.values[i])));
        }
        A.timeAdd(panel, frame, x, (t) => {
          const i = A.indexNear(time, t);
          return [A.duration(time[i]), series.map((s) =>
            [s.colour, s.name, A.text(s.values[i], unit)])];
        });
      },
    }, options));
  };
})(window.allotReport);
