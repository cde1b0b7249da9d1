/* SPDX-License-Identifier: MIT */
/*
 * The map of pages: time from left to right, addresses from top to bottom, a cell's colour its
 * occupancy or state.
 *
 * The cells are painted once, a pixel each, on a canvas nobody sees; what is seen is a part of it,
 * stretched. The part follows the range of time and, for addresses, `rows` below. A rectangle drawn
 * with the pointer is looked at closer; a click opens the page.
 */
(function (A) {
  'use strict';

  const HEIGHT = 520, MARGIN = { top: 8, right: 16, bottom: 30, left: 132 };
  const STATE_FIRST = 101, UNTOUCHED = 104, UNMAPPED = 105;

  let map = null; /* { columns, rows, cells, time, order, image, isDark } of the report shown */
  let rows = null; /* [first, behind the last] of those that are shown, in the chosen order */

  function mapMake(block) {
    const time = A.list('time_ns', block), addresses = A.list('row_address', block);
    const cells = A.unpack(block.cells);
    const count = Math.min(addresses.length, time.length
      ? Math.floor(cells.length / time.length) : 0);
    const covers = A.isNumber(block.row_bytes) ? addresses.map(() => block.row_bytes)
      : A.list('row_bytes', block);
    return { columns: time.length, rows: count, cells, time, addresses, covers, block };
  }

  /* Rows by address, by when they were first touched, or by how full they are at the cursor. */
  function orderMake(kind) {
    const order = d3.range(map.rows);
    const at = A.indexAt(map.time, A.cursor());
    const first = (row) => {
      for (let i = 0; i < map.columns; i++) {
        const value = map.cells[row * map.columns + i];
        if (value !== UNTOUCHED && value !== UNMAPPED)
          return i;
      }
      return map.columns;
    };
    if (kind === 'touch') {
      const firsts = order.map(first);
      return order.sort((a, b) => firsts[a] - firsts[b] || a - b);
    }
    if (kind === 'full') {
      /* States that are no occupancy stand below the empty pages. */
      const fullness = (row) => {
        const value = map.cells[row * map.columns + at];
        return value < STATE_FIRST ? value : -value;
      };
      return order.sort((a, b) => fullness(b) - fullness(a) || a - b);
    }
    return order;
  }

  function imagePaint() {
    const canvas = A.el('canvas', { width: map.columns, height: map.rows });
    const context = canvas.getContext('2d');
    const image = context.createImageData(map.columns, map.rows);
    const pixels = new Uint32Array(image.data.buffer), colours = new Uint32Array(256);
    for (let value = 0; value < 256; value++) {
      const c = d3.rgb(A.cellColour(value));
      colours[value] = (255 << 24 | c.b << 16 | c.g << 8 | c.r) >>> 0;
    }
    for (let j = 0; j < map.rows; j++) {
      const from = map.order[j] * map.columns, to = j * map.columns;
      for (let i = 0; i < map.columns; i++)
        pixels[to + i] = colours[map.cells[from + i]];
    }
    context.putImageData(image, 0, 0);
    map.image = canvas;
  }

  function addressText(row) {
    return String(map.addresses[map.order[row]] || '');
  }

  function axisAdd(frame, y) {
    const group = frame.plot.append('g').attr('class', 'axis');
    const step = Math.max(1, Math.ceil((rows[1] - rows[0]) / (frame.height / 44)));
    for (let row = Math.ceil(rows[0]); row < rows[1]; row += step) {
      group.append('text').attr('class', 'address').attr('x', -10).attr('y', y(row) + 10)
        .attr('text-anchor', 'end').text(addressText(row));
    }
    if (A.state.order)
      return;
    for (const row of A.list('breaks', map.block)) {
      if (row <= rows[0] || row >= rows[1])
        continue;
      frame.plot.append('line').attr('class', 'break').attr('x1', -8)
        .attr('x2', frame.width).attr('y1', y(row)).attr('y2', y(row))
        .append('title').text('addresses left out here');
    }
  }

  /* What is at a point of the plot: row, column, value. */
  function look(frame, x, y, point) {
    const t = x.invert(point[0]), row = Math.floor(y.invert(point[1]));
    const column = Math.min(map.columns - 1, A.indexAt(map.time, t));
    const inside = Math.max(0, Math.min(map.rows - 1, row));
    return { t, row: inside, column, value: map.cells[map.order[inside] * map.columns +
      column] };
  }

  function pointerAdd(panel, frame, x, y) {
    const brush = d3.brush().extent([[0, 0], [frame.width, frame.height]]).on('end', function () {
      const chosen = d3.event.selection;
      if (!d3.event.sourceEvent || !chosen)
        return;
      d3.select(this).call(brush.move, null);
      const [[x0, y0], [x1, y1]] = chosen;
      if (y1 - y0 > 4)
        rows = [Math.floor(y.invert(y0)), Math.ceil(y.invert(y1))];
      A.rangeSet(x.invert(x0), x.invert(x1));
      panel.draw();
    });
    const layer = frame.plot.append('g').attr('class', 'brush').call(brush);
    layer.on('mousemove.tip', function () {
      const cell = look(frame, x, y, d3.mouse(this));
      A.tipShow(addressText(cell.row), [
        [A.cellColour(cell.value), 'state', A.cellName(cell.value)],
        [null, 'time', A.duration(map.time[cell.column])],
        [null, 'covers', A.bytes(map.covers[map.order[cell.row]])],
      ], d3.event.clientX, d3.event.clientY);
    }).on('mouseleave.tip', A.tipHide)
      .on('click.page', function () {
        const cell = look(frame, x, y, d3.mouse(this));
        A.set({ t: Math.round(cell.t), page: addressText(cell.row), view: 'inspector' });
      })
      .on('dblclick.whole', () => {
        rows = [0, map.rows];
        A.rangeSet(null, null);
        panel.draw();
      })
      .on('wheel.zoom', function () {
        if (!d3.event.ctrlKey && !d3.event.shiftKey)
          return;
        d3.event.preventDefault();
        const delta = d3.event.deltaY || d3.event.deltaX;
        if (d3.event.shiftKey)
          rowsMove(Math.sign(delta) * 0.1);
        else
          rowsZoom(delta > 0 ? 1.25 : 0.8, y.invert(d3.mouse(this)[1]));
        panel.draw();
      });
  }

  function rowsZoom(factor, around) {
    const centre = around === undefined ? (rows[0] + rows[1]) / 2 : around;
    const low = Math.max(0, centre - (centre - rows[0]) * factor);
    const high = Math.min(map.rows, centre + (rows[1] - centre) * factor);
    if (high - low >= 4)
      rows = [low, high];
  }

  function rowsMove(share) {
    const length = rows[1] - rows[0];
    const low = Math.max(0, Math.min(map.rows - length, rows[0] + share * length));
    rows = [low, low + length];
  }

  function mapDraw(panel, width) {
    if (!map.order || map.kind !== A.state.order || A.state.order === 'full' ||
      map.isDark !== A.isDark()) {
      map.order = orderMake(A.state.order);
      map.kind = A.state.order;
      map.isDark = A.isDark();
      imagePaint();
    }
    panel.legend(A.cellStates().map((value) => [A.cellColour(value), A.cellName(value)])
      .concat([1, 25, 50, 75, 100].map((value) => [A.cellColour(value),
        value + (value === 1 ? ' % occupied' : ' %')])));
    const stage = A.el('div', { class: 'stage' });
    const ratio = Math.min(2, devicePixelRatio || 1);
    const wide = width - MARGIN.left - MARGIN.right, high = HEIGHT - MARGIN.top - MARGIN.bottom;
    const canvas = A.el('canvas', { width: Math.round(wide * ratio),
      height: Math.round(high * ratio), class: 'map', 'aria-hidden': 'true' });
    Object.assign(canvas.style, { left: MARGIN.left + 'px', top: MARGIN.top + 'px',
      width: wide + 'px', height: high + 'px' });
    panel.body.append(stage);
    stage.append(canvas);
    A.columnsPaint(canvas, map.image, map.time, rows[0], rows[1]);
    const frame = A.frameMake({ body: stage, title: panel.title }, width, HEIGHT, MARGIN);
    const x = A.timeScale(frame.width);
    const y = d3.scaleLinear().domain(rows).range([0, frame.height]);
    axisAdd(frame, y);
    A.axisBelow(frame, x, (value) => A.tick(value, 'ns'));
    pointerAdd(panel, frame, x, y);
    const mark = frame.plot.append('line').attr('class', 'cursor').attr('y2', frame.height);
    panel.move = function () {
      const at = x(A.cursor());
      mark.attr('transform', `translate(${at},0)`)
        .style('display', at < 0 || at > frame.width ? 'none' : null);
    };
    panel.move();
  }

  /* The twin: what the pages are, at up to 200 moments; every cell would be a million rows. */
  function twin() {
    const states = A.cellStates(), step = Math.max(1, Math.floor(map.columns / 200));
    const { covers } = map;
    const result = d3.range(0, map.columns, step).map((i) => {
      const sums = new Map(states.map((state) => [state, 0]));
      let live = 0, used = 0;
      for (let j = 0; j < map.rows; j++) {
        const value = map.cells[j * map.columns + i], bytes = covers[j] || 0;
        if (value < STATE_FIRST) {
          live += bytes * value / 100;
          used += bytes;
        } else {
          sums.set(value, (sums.get(value) || 0) + bytes);
        }
      }
      return [map.time[i], used, used ? live / used : null]
        .concat(states.map((state) => sums.get(state)));
    });
    return {
      columns: [{ name: 'time', unit: 'ns' }, { name: 'in use', unit: 'bytes' },
        { name: 'occupied', unit: 'share' }].concat(states.map((state) =>
        ({ name: A.cellName(state), unit: 'bytes' }))),
      rows: result,
    };
  }

  A.viewAdd({
    key: 'pages', name: 'Map of pages', group: 'Pages', needs: 'pages.cells', isTimed: true,
    lead: 'Every page of the heap over time: how full it is, or what became of it.',
    missing: 'The report holds no map of pages: the trace has no addresses, or it was sampled.',
    command: 'allot record --sample 0 -o TRACE -- COMMAND',
    draw(root) {
      map = mapMake(A.data.pages);
      if (!map.rows || !map.columns) {
        A.emptyAdd(root, 'No page was ever part of the heap.', null);
        return;
      }
      rows = [0, map.rows];
      let panel = null;
      const act = (change) => () => {
        change();
        panel.draw();
      };
      panel = A.panelAdd(root, {
        title: 'Pages over time', label: A.data.pages.label, on: ['from', 'to', 'order'],
        note: 'Click a page to open it. Draw a rectangle to look closer, double click to ' +
          'see everything again; the wheel zooms with Ctrl and moves with Shift.',
        draw: mapDraw, table: twin,
        controls: [A.choice('Order', [['', 'address'], ['touch', 'first touch'],
          ['full', 'occupancy at the cursor']], A.state.order,
        (value) => A.set({ order: value })),
        A.el('div', { class: 'choice', role: 'group', 'aria-label': 'Addresses' },
          A.el('span', { class: 'choice-name', text: 'Addresses' }),
          A.button('\u2212', 'Show more addresses', act(() => rowsZoom(2))),
          A.button('+', 'Show fewer addresses', act(() => rowsZoom(0.5))),
          A.button('\u2191', 'Up', act(() => rowsMove(-0.4))),
          A.button('\u2193', 'Down', act(() => rowsMove(0.4))),
          A.button('All', 'All addresses', act(() => {
            rows = [0, map.rows];
          })))],
      });
    },
  });
})(window.allotReport);
