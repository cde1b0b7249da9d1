/* SPDX-License-Identifier: MIT */
/*
 * Charts whose axis is not time: lines over any figure, on linear or logarithmic scales, and
 * horizontal bars.
 */
(function (A) {
  'use strict';

  function scaleMake(isLog, from, to, range) {
    return isLog ? d3.scaleLog().domain([Math.max(from, 1e-9), to]).range(range)
      : d3.scaleLinear().domain([from, to]).range(range);
  }

  /* Values of an axis: bytes by powers of two, logarithms by powers of ten. */
  function ticksMake(axis, from, to, room) {
    if (axis.isLog) {
      const coarse = A.logTicks(from, to, axis.unit === 'bytes' ? 4 : 10, room);
      return coarse.length > 2 ? coarse : A.logTicks(from, to, 2, room);
    }
    return axis.unit === 'bytes' ? A.byteTicks(to, room) : null;
  }

  /*
   * Lines over x. Options: title, note, label, height, x and y: { name, unit, isLog, from, to },
   * series: [{ name, points: [[x, y]...], colour, dash, isStep, hasDots }].
   */
  A.xyAdd = function (root, options) {
    const { x: ax, y: ay } = options;
    const series = options.series.map((s) => Object.assign({}, s, {
      points: s.points.filter(([x, y]) => A.isNumber(x) && A.isNumber(y) &&
        (!ax.isLog || x > 0) && (!ay.isLog || y > 0)),
    }));
    const all = [].concat(...series.map((s) => s.points));
    const edge = (axis, i, pick) => d3[pick](all, (point) => point[i]);

    function draw(panel, width) {
      if (series.length > 1)
        panel.legend(series.map((s) => [s.colour, s.name]));
      const frame = A.frameMake(panel, width, options.height || 260, {
        bottom: 46, top: 28, right: 26,
      });
      const x0 = ax.from !== undefined ? ax.from : edge(ax, 0, 'min') || 0;
      const x1 = ax.to !== undefined ? ax.to : edge(ax, 0, 'max') || 1;
      const y0 = ay.isLog ? edge(ay, 1, 'min') || 1 : 0;
      const y1 = ay.to !== undefined ? ay.to : (edge(ay, 1, 'max') || 1) * 1.04;
      const x = scaleMake(ax.isLog, x0, Math.max(x1, x0 + 1e-9), [0, frame.width]);
      const y = scaleMake(ay.isLog, y0, y1, [frame.height, 0]);
      A.axisLeft(frame, y, (v) => A.tick(v, ay.unit), null,
        ticksMake(ay, y0, y1, Math.floor(frame.height / 40)));
      A.axisBelow(frame, x, (v) => A.tick(v, ax.unit), null,
        ticksMake(ax, x0, x1, Math.floor(frame.width / 76)));
      A.axisName(frame, ax.name, ay.name);
      for (const s of series) {
        frame.plot.append('path').attr('class', 'line').attr('stroke', s.colour)
          .attr('stroke-dasharray', s.dash || null)
          .attr('d', d3.line().x((p) => x(p[0])).y((p) => y(p[1]))
            .curve(s.isStep ? d3.curveStepAfter : d3.curveLinear)(s.points));
        if (s.hasDots) {
          frame.plot.selectAll(null).data(s.points).enter().append('circle')
            .attr('class', 'dot').attr('r', 3.5).attr('fill', s.colour)
            .attr('cx', (p) => x(p[0])).attr('cy', (p) => y(p[1]));
        }
      }
      pointerAdd(frame, x);
    }

    function pointerAdd(frame, x) {
      const line = frame.plot.append('line').attr('class', 'hair').attr('y2', frame.height)
        .style('display', 'none');
      frame.plot.append('rect').attr('class', 'sense').attr('width', frame.width)
        .attr('height', frame.height)
        .on('mousemove', function () {
          const at = x.invert(d3.mouse(this)[0]);
          const near = all.length ? all.reduce((a, b) =>
            Math.abs(x(b[0]) - x(at)) < Math.abs(x(a[0]) - x(at)) ? b : a) : null;
          if (!near)
            return;
          line.attr('x1', x(near[0])).attr('x2', x(near[0])).style('display', null);
          A.tipShow(A.text(near[0], ax.unit), series.map((s) => {
            const point = s.points.find((p) => p[0] === near[0]);
            return point ? [s.colour, s.name, A.text(point[1], ay.unit)] : null;
          }).filter((row) => row), d3.event.clientX, d3.event.clientY);
        }).on('mouseleave', () => {
          line.style('display', 'none');
          A.tipHide();
        });
    }

    const table = () => {
      const values = Array.from(new Set(all.map((p) => p[0]))).sort((a, b) => a - b);
      const columns = series.map((s) => new Map(s.points));
      return {
        columns: [{ name: ax.name, unit: ax.unit }]
          .concat(series.map((s) => ({ name: s.name, unit: ay.unit }))),
        rows: values.map((v) => [v].concat(columns.map((map) => map.has(v)
          ? map.get(v) : null))),
      };
    };
    return A.panelAdd(root, Object.assign({ draw, table }, options));
  };

  /*
   * Horizontal bars, one a row, from zero to either side. Options: title, unit, rows:
   * [{ name, value, colour, note }].
   */
  A.barsAdd = function (root, options) {
    const { rows, unit } = options, STEP = 30;
    return A.panelAdd(root, Object.assign({
      table: () => ({
        columns: [{ name: options.rowName || 'what' }, { name: options.valueName || 'value',
          unit }],
        rows: rows.map((row) => [row.name, row.value]),
      }),
      draw(panel, width) {
        const frame = A.frameMake(panel, width, rows.length * STEP + 8, {
          left: 150, right: 90, top: 4, bottom: 4,
        });
        const low = Math.min(0, d3.min(rows, (row) => row.value) || 0);
        const high = Math.max(0, d3.max(rows, (row) => row.value) || 1);
        const x = d3.scaleLinear().domain([low, high || 1]).range([0, frame.width]);
        frame.plot.append('line').attr('class', 'base').attr('x1', x(0)).attr('x2', x(0))
          .attr('y2', frame.height);
        const bar = frame.plot.selectAll(null).data(rows).enter().append('g')
          .attr('transform', (_, i) => `translate(0,${i * STEP})`);
        bar.append('rect').attr('class', 'bar').attr('y', 6).attr('height', STEP - 12)
          .attr('rx', 2).attr('x', (row) => Math.min(x(0), x(row.value)))
          .attr('width', (row) => Math.max(1, Math.abs(x(row.value) - x(0))))
          .attr('fill', (row) => row.colour);
        bar.append('text').attr('class', 'bar-name').attr('x', -12).attr('y', STEP / 2 + 4)
          .attr('text-anchor', 'end').text((row) => row.name);
        bar.append('text').attr('class', 'bar-value').attr('y', STEP / 2 + 4)
          .attr('x', (row) => Math.max(x(0), x(row.value)) + 8)
          .text((row) => (options.isSigned && row.value > 0 ? '+' : '') +
            A.text(row.value, unit));
        bar.append('title').text((row) => row.name + ': ' + A.exact(row.value, unit));
      },
    }, options));
  };
})(window.allotReport);
