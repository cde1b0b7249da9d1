/* SPDX-License-Identifier: MIT */
/*
 * What if: the same calls under other strategies. A table of all figures with their spread, memory
 * against speed, and the course of each over time.
 *
 * A row is dominated, and grey, when another needs no more memory and is no slower.
 */
(function (A) {
  'use strict';

  const valueOf = (row, key) => {
    const value = row.values && row.values[key];
    return A.isNumber(value) ? value : null;
  };
  const spreadOf = (row, key) => A.isNumber(A.get('spread.' + key, row)) ? row.spread[key] : 0;
  const boundsOf = (row, key) => {
    const bounds = A.get('bounds.' + key, row);
    return Array.isArray(bounds) ? bounds : null;
  };
  const isGood = (row) => !row.status || row.status === 'ok';
  const nameOf = (row) => row.name || row.strategy || '(no name)';

  /* The best value of a column among rows that worked, the model's apart, or null. */
  function best(rows, column) {
    const measured = rows.filter((row) => isGood(row) && row.on !== 'model');
    const values = (measured.length ? measured : rows.filter(isGood))
      .map((row) => valueOf(row, column.key)).filter((value) => value !== null);
    if (!values.length || !['less', 'more'].includes(column.better))
      return null;
    return column.better === 'less' ? d3.min(values) : d3.max(values);
  }

  /* Is the difference to the best within the spreads of both? */
  function isTied(rows, column, row, most) {
    const winner = rows.find((one) => isGood(one) && valueOf(one, column.key) === most);
    return winner !== undefined && Math.abs(valueOf(row, column.key) - most) <=
      spreadOf(row, column.key) + spreadOf(winner, column.key);
  }

  function cellMake(rows, column, recorded, isRelative) {
    const most = best(rows, column);
    return (value, cells) => {
      const row = cells[cells.length - 1];
      if (value === null)
        return A.el('span', { class: 'none', text: '\u2013' });
      const base = recorded && valueOf(recorded, column.key);
      const spread = spreadOf(row, column.key), bounds = boundsOf(row, column.key);
      const textOf = (figure) => isRelative && base > 0 ? A.text(figure / base, 'ratio')
        : A.text(figure, column.unit);
      const text = textOf(value);
      const node = A.el(value === most ? 'b' : 'span', {
        class: value === most ? 'best' : null, text,
        title: A.exact(value, column.unit) + (bounds
          ? `, between ${A.exact(bounds[0], column.unit)} and ` +
          A.exact(bounds[1], column.unit) : ''),
      });
      return A.el('span', {}, node, spread > 0 && !isRelative ? A.el('span', {
        class: 'spread', text: ' \u00b1 ' + A.text(spread, column.unit),
      }) : null, value !== most && most !== null && isTied(rows, column, row, most)
        ? A.el('span', { class: 'spread', title: 'Within the spread of the best',
          text: ' \u2248' }) : null, bounds ? A.el('span', { class: 'spread bounds',
        title: 'With nothing and with all of its blocks written',
        text: ` ${textOf(bounds[0])}\u2009\u2013\u2009${textOf(bounds[1])}` }) : null);
    };
  }

  function tableAdd(root, block) {
    const rows = A.list('rows', block);
    const isKnown = (column) => rows.some((row) => valueOf(row, column.key) !== null);
    const columns = A.list('columns', block).filter(isKnown);
    const unknown = A.list('columns', block).filter((column) => !isKnown(column));
    const recorded = rows.find((row) => row.is_recorded);
    let isRelative = false, panel = null;
    const table = () => ({
      columns: [{ name: 'strategy', cell: (value, cells) => {
        const row = cells[cells.length - 1];
        return A.el('span', { title: row.conf }, value, row.is_recorded
          ? A.el('span', { class: 'tag', text: 'recorded' }) : null,
        isGood(row) ? null : A.el('span', { class: 'warning', text: row.status }));
      } }, { name: 'on' }].concat(columns.map((column) => ({
        name: column.name || column.key, unit: column.unit, label: column.label,
        title: column.meaning,
        cell: cellMake(rows, column, recorded, isRelative),
      }))),
      rows: rows.map((row) => {
        const cells = [nameOf(row), row.on].concat(columns.map((c) => valueOf(row, c.key)));
        /* Not a column: what cell() looks at. */
        cells.push(row);
        return cells;
      }),
    });
    panel = A.panelAdd(root, {
      title: 'The same calls, other strategies', class: 'dense',
      note: 'Best of each column in bold; \u00b1 is half the spread of repeated runs, \u2248 ' +
        'marks what lies within it. Which pages the program wrote is known by samples only: RSS ' +
        'and faults are estimates, and what stands behind them is what they come to with nothing ' +
        'and with all of its blocks written.' + (unknown.length ? ' Not known of any row: ' +
        unknown.map((column) => column.name || column.key).join(', ') + '.' : ''),
      table, rows: { isMarked: (cells) => cells[cells.length - 1].is_recorded },
      controls: recorded ? [A.choice('Figures', [['', 'as they are'],
        ['relative', 'relative to the recorded']], '', (value) => {
        isRelative = value === 'relative';
        panel.draw();
      })] : null,
    });
  }

  /* ---- memory against speed ---- */

  function pointsMake(rows, speed) {
    const points = rows.filter(isGood).map((row) => ({
      row, x: valueOf(row, speed.key), y: valueOf(row, 'peak_rss_bytes'),
    })).filter((point) => point.x !== null && point.y !== null);
    const atLeast = (a, b) => speed.better === 'less' ? a.x <= b.x : a.x >= b.x;
    for (const point of points) {
      point.isDominated = points.some((other) => other !== point && other.y <= point.y &&
        atLeast(other, point) && (other.y < point.y || other.x !== point.x));
    }
    return points;
  }

  /* Between what the peak of a point lies: bounds, or else the spread. */
  function reachOf(point) {
    const spread = spreadOf(point.row, 'peak_rss_bytes');
    return boundsOf(point.row, 'peak_rss_bytes') || [point.y - spread, point.y + spread];
  }

  function errorBars(frame, points, x, y, speed) {
    const bar = frame.plot.selectAll(null).data(points).enter().append('g')
      .attr('class', 'error');
    bar.append('line').attr('x1', (p) => x(p.x - spreadOf(p.row, speed.key)))
      .attr('x2', (p) => x(p.x + spreadOf(p.row, speed.key)))
      .attr('y1', (p) => y(p.y)).attr('y2', (p) => y(p.y));
    bar.append('line').attr('class', 'between').attr('y1', (p) => y(reachOf(p)[0]))
      .attr('y2', (p) => y(reachOf(p)[1])).attr('x1', (p) => x(p.x)).attr('x2', (p) => x(p.x));
  }

  /* Names beside their points, moved up where they would lie on each other. */
  function namesAdd(frame, points, x, y) {
    const placed = [];
    for (const point of points.slice().sort((a, b) => y(b.y) - y(a.y))) {
      const isRight = x(point.x) < frame.width - 110;
      let at = y(point.y) + 4;
      const isNear = (one) => Math.abs(one.x - x(point.x)) < 110 && Math.abs(one.y - at) < 14;
      /* Nor over a point that lies where the name would stand. */
      const isOver = (one) => one !== point && Math.abs(y(one.y) + 4 - at) < 11 &&
        (x(one.x) - x(point.x)) * (isRight ? 1 : -1) > 0 &&
        Math.abs(x(one.x) - x(point.x)) < 70;
      while (placed.some(isNear) || points.some(isOver))
        at -= 14;
      placed.push({ x: x(point.x), y: at });
      if (y(point.y) - at > 10) {
        frame.plot.append('line').attr('class', 'leader').attr('x1', x(point.x))
          .attr('y1', y(point.y) - 7).attr('x2', x(point.x) + (isRight ? 10 : -10))
          .attr('y2', at + 1);
      }
      frame.plot.append('text').attr('class', 'point-name' +
        (point.isDominated ? ' dominated' : ''))
        .attr('x', x(point.x) + (isRight ? 11 : -11)).attr('y', at)
        .attr('text-anchor', isRight ? 'start' : 'end').text(nameOf(point.row));
    }
  }

  function scatterAdd(root, block) {
    const columns = A.list('columns', block);
    const speed = ['operations_per_s', 'cpu_ns', 'p99_ns']
      .map((key) => columns.find((column) => column.key === key)).find((column) => column);
    const points = speed ? pointsMake(A.list('rows', block), speed) : [];
    if (points.length < 2)
      return;
    A.panelAdd(root, {
      title: 'Memory against speed',
      note: 'Lower is less memory, further right is faster. Grey: another strategy is no ' +
        'larger and no slower. A bar up and down: between nothing and all of its blocks written.',
      table: () => ({
        columns: [{ name: 'strategy' }, { name: speed.name, unit: speed.unit },
          { name: 'peak RSS', unit: 'bytes' }, { name: 'at least', unit: 'bytes' },
          { name: 'at most', unit: 'bytes' }, { name: 'dominated' }],
        rows: points.map((p) => [nameOf(p.row), p.x, p.y, ...reachOf(p),
          p.isDominated ? 'yes' : 'no']),
      }),
      draw(panel, width) {
        const frame = A.frameMake(panel, width, 320, { bottom: 46, top: 28, right: 26 });
        const most = d3.max(points, (p) => p.x) * 1.12;
        const x = d3.scaleLinear().domain([0, most])
          .range(speed.better === 'less' ? [frame.width, 0] : [0, frame.width]);
        const y = d3.scaleLinear().domain([0, d3.max(points, (p) => reachOf(p)[1]) * 1.12])
          .range([frame.height, 0]);
        A.axisBytes(frame, y);
        A.axisBelow(frame, x, (value) => A.tick(value, speed.unit));
        A.axisName(frame, speed.name || speed.key, 'peak RSS');
        const front = points.filter((p) => !p.isDominated).sort((a, b) => a.x - b.x);
        frame.plot.append('path').attr('class', 'front')
          .attr('d', d3.line().x((p) => x(p.x)).y((p) => y(p.y))(front));
        errorBars(frame, points, x, y, speed);
        frame.plot.selectAll('circle').data(points).enter().append('circle')
          .attr('class', (p) => 'point' + (p.isDominated ? ' dominated' : '') +
            (p.row.is_recorded ? ' recorded' : ''))
          .attr('r', 6).attr('cx', (p) => x(p.x)).attr('cy', (p) => y(p.y))
          .append('title').text((p) => `${nameOf(p.row)}: ${A.bytes(p.y)}, ` +
            A.text(p.x, speed.unit));
        namesAdd(frame, points, x, y);
      },
    });
  }

  /* ---- small multiples ---- */

  const TILE = { width: 220, height: 112, gap: 24 };

  function tileDraw(row, recorded, most, last, width) {
    const svg = d3.create('svg:svg').attr('width', width).attr('height', TILE.height)
      .attr('class', 'tile').attr('role', 'img')
      .attr('aria-label', 'Resident memory of ' + nameOf(row));
    const [from, to] = A.range();
    const x = d3.scaleLinear().domain([from, to || last]).range([0, width]);
    const y = d3.scaleLinear().domain([0, most]).range([TILE.height - 16, 20]);
    const pieces = (one) => {
      const time = A.list('time_ns', one), rss = A.list('rss_bytes', one);
      return A.visible(time).filter((i) => A.isNumber(rss[i])).map((i) => [time[i], rss[i]]);
    };
    const line = d3.line().x((p) => Math.max(0, Math.min(width, x(p[0]))))
      .y((p) => y(p[1]));
    if (recorded && recorded !== row)
      svg.append('path').attr('class', 'line soft').attr('d', line(pieces(recorded)));
    svg.append('path').attr('class', 'line').attr('stroke', A.termColour('requested'))
      .attr('d', line(pieces(row)));
    svg.append('line').attr('class', 'base').attr('x2', width)
      .attr('y1', TILE.height - 15.5).attr('y2', TILE.height - 15.5);
    svg.append('text').attr('class', 'tile-name').attr('y', 12).text(nameOf(row));
    svg.append('text').attr('class', 'axis-name').attr('x', width).attr('y', 12)
      .attr('text-anchor', 'end').text(A.bytes(d3.max(pieces(row), (p) => p[1])));
    return svg.node();
  }

  function tilesAdd(root, block) {
    const rows = A.list('rows', block).filter((row) => A.list('rss_bytes', row).length > 1);
    if (!rows.length)
      return;
    const recorded = rows.find((row) => row.is_recorded);
    const most = d3.max(rows, (row) => d3.max(row.rss_bytes)) || 1;
    A.panelAdd(root, {
      title: 'Resident memory of each', on: ['from', 'to'],
      note: 'All on the same scale; the recorded strategy in grey behind the others. The ' +
        'figure is the highest point of what is shown.',
      table: () => ({
        columns: [{ name: 'strategy' }, { name: 'time', unit: 'ns' },
          { name: 'resident', unit: 'bytes' }],
        rows: [].concat(...rows.map((row) => A.list('time_ns', row).map((t, i) =>
          [nameOf(row), t, row.rss_bytes[i]]))),
      }),
      draw(panel, width) {
        const columns = Math.max(1, Math.floor((width + TILE.gap) /
          (TILE.width + TILE.gap)));
        const wide = Math.floor((width - TILE.gap * (columns - 1)) / columns);
        panel.body.append(A.el('div', { class: 'tiles' }, rows.map((row) =>
          tileDraw(row, recorded, most, d3.max(A.list('time_ns', row)), wide))));
      },
    });
  }

  A.viewAdd({
    key: 'what_if', name: 'What if', group: 'Overview', needs: 'what_if', isTimed: true,
    lead: 'The recorded calls, replayed under other strategies.',
    missing: 'The trace was not replayed under other strategies.',
    command: 'allot replay --json TRACE >replay.json && ' +
      'allot report --replay replay.json --html report.html TRACE',
    draw(root, block) {
      tableAdd(root, block);
      scatterAdd(root, block);
      tilesAdd(root, block);
    },
  });
})(window.allotReport);
