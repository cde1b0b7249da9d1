/* SPDX-License-Identifier: MIT */
/*
 * Free space over time: how much of it could serve a request of a given size; and the question
 * "can I still allocate N bytes without the heap growing?".
 */
(function (A) {
  'use strict';

  const HEIGHT = 340, MARGIN = { top: 8, right: 16, bottom: 30, left: 76 };
  const FULL = 200; /* what stands for 100 % in the cells */
  const BYTES_FIRST = 65536;

  let space = null; /* { time, sizes, cells, largest, free } of the report shown */

  function spaceMake(block) {
    return {
      time: A.list('time_ns', block), sizes: A.list('request_bytes', block),
      cells: A.unpack(block.unusable), largest: A.list('largest_bytes', block),
      free: A.list('free_bytes', block),
    };
  }

  const wanted = () => A.state.bytes || BYTES_FIRST;

  /* Share of the free bytes that cannot serve the size of row j at column i, or null. */
  function unusable(i, j) {
    const value = space.cells[j * space.time.length + i];
    return value === undefined ? null : Math.min(1, value / FULL);
  }

  /* The same for any size, in words: between two rows, between their shares. */
  function unusableText(i, bytes) {
    const above = Math.min(space.sizes.length - 1, d3.bisectLeft(space.sizes, bytes));
    const below = space.sizes[above] > bytes ? Math.max(0, above - 1) : above;
    const [low, high] = [below, above].map((j) => A.text(unusable(i, j), 'share'));
    return low === high ? high : `${low} to ${high}`;
  }

  /* Where a size lies between the rows, counted in rows. */
  function rowAt(bytes) {
    const log = Math.log2(space.sizes[1] / space.sizes[0]) || 1;
    return Math.max(0, Math.min(space.sizes.length - 1, Math.log2(bytes / space.sizes[0]) / log));
  }

  function imagePaint() {
    const columns = space.time.length, rows = Math.min(space.sizes.length,
      Math.floor(space.cells.length / columns));
    const canvas = A.el('canvas', { width: columns, height: rows });
    const context = canvas.getContext('2d'), image = context.createImageData(columns, rows);
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        /* The largest requests stand on top. */
        const value = space.cells[(rows - 1 - j) * columns + i];
        const c = d3.rgb(A.heat(1 - value / FULL));
        image.data.set([c.r, c.g, c.b, 255], (j * columns + i) * 4);
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  function mapDraw(panel, width) {
    panel.legend([0, 0.25, 0.5, 0.75, 1].map((share) => [A.heat(1 - share),
      Math.round(share * 100) + ' %', 'of the free bytes cannot serve this size']));
    const stage = A.el('div', { class: 'stage' }), image = imagePaint();
    const wide = width - MARGIN.left - MARGIN.right, high = HEIGHT - MARGIN.top - MARGIN.bottom;
    const canvas = A.el('canvas', { width: wide, height: high, class: 'map',
      'aria-hidden': 'true' });
    Object.assign(canvas.style, { left: MARGIN.left + 'px', top: MARGIN.top + 'px',
      width: wide + 'px', height: high + 'px' });
    panel.body.append(stage);
    stage.append(canvas);
    A.columnsPaint(canvas, image, space.time, 0, image.height);
    const frame = A.frameMake({ body: stage, title: panel.title }, width, HEIGHT, MARGIN);
    const x = A.timeScale(frame.width), rows = image.height;
    const y = d3.scaleLinear().domain([0, rows]).range([frame.height, 0]);
    const axis = frame.plot.append('g').attr('class', 'axis');
    space.sizes.slice(0, rows).forEach((size, i) => {
      if (i % Math.ceil(rows / 10) === 0) {
        axis.append('text').attr('x', -10).attr('y', y(i + 0.5) + 4)
          .attr('text-anchor', 'end').text(A.tick(size, 'bytes'));
      }
    });
    frame.plot.append('line').attr('class', 'wanted').attr('x2', frame.width)
      .attr('y1', y(rowAt(wanted()) + 0.5)).attr('y2', y(rowAt(wanted()) + 0.5));
    A.timeAdd(panel, frame, x, (t, at) => {
      const i = A.indexNear(space.time, t);
      const row = Math.max(0, Math.min(rows - 1, Math.floor(y.invert(at))));
      return [`${A.bytes(space.sizes[row])} at ${A.duration(space.time[i])}`, [
        [A.heat(1 - unusable(i, row)), 'of free bytes unusable',
          A.text(unusable(i, row), 'share')],
        [null, 'largest free block', A.bytes(space.largest[i])],
        [null, 'free in all', A.bytes(space.free[i])]]];
    });
  }

  /* The answer for one size: at the cursor, and for how much of the range. */
  function answer() {
    const bytes = wanted(), i = A.indexNear(space.time, A.cursor());
    const shown = A.visible(space.time);
    const able = shown.filter((k) => space.largest[k] >= bytes).length;
    const isAble = space.largest[i] >= bytes;
    return [
      A.el('p', { class: 'sentence' }, A.el('b', { class: isAble ? 'yes' : 'no',
        text: isAble ? 'Yes.' : 'No.' }), ` At ${A.duration(space.time[i])} the largest ` +
        `free block has ${A.bytes(space.largest[i])}, and ` +
        `${unusableText(i, bytes)} of the ${A.bytes(space.free[i])} that are ` +
        `free cannot serve ${A.bytes(bytes)}.`),
      A.el('p', { class: 'note', text: `In the range that is shown, ` +
        `${A.text(shown.length ? able / shown.length : null, 'share')} of the moments ` +
        'could serve it without the heap growing.' }),
    ];
  }

  function questionAdd(root) {
    const low = Math.log2(space.sizes[0] || 16);
    const high = Math.log2(space.sizes[space.sizes.length - 1] || 1 << 30);
    const slider = A.el('input', {
      type: 'range', id: 'bytes', min: low, max: high, step: 0.125,
      value: Math.log2(wanted()), 'aria-label': 'Bytes to allocate',
      oninput: (event) => A.set({ bytes: Math.round(Math.pow(2, event.target.value)) }),
    });
    const shown = A.el('output', { for: 'bytes' });
    A.panelAdd(root, {
      title: 'Can I still allocate this many bytes?', label: A.data.free_space.label,
      note: 'Without asking the system for more, at the cursor.',
      on: ['bytes', 't', 'from', 'to'], controls: [slider, shown], class: 'question',
      isText: true,
      draw(panel) {
        shown.value = A.bytes(wanted());
        slider.setAttribute('aria-valuetext', A.bytes(wanted()));
        panel.body.append(...answer());
      },
    });
  }

  A.viewAdd({
    key: 'free_space', name: 'Free space', group: 'Requests', needs: 'free_space.time_ns.0',
    isTimed: true, lead: 'Free bytes are of use only where enough of them lie together.',
    missing: 'The report does not know the free blocks over time.',
    command: 'allot record --sample 0 -o TRACE -- COMMAND',
    draw(root, _) {
      space = spaceMake(A.data.free_space);
      questionAdd(root);
      if (space.cells.length >= space.time.length && space.sizes.length) {
        A.panelAdd(root, {
          title: 'Free bytes that cannot serve a request', draw: mapDraw,
          label: A.data.free_space.label, on: ['from', 'to', 'bytes'],
          note: 'Time to the right, size of the request upwards. Dark: nearly all of ' +
            'the free memory lies in blocks that are too small. The line is the size ' +
            'chosen above.',
          table: () => ({
            columns: [{ name: 'time', unit: 'ns' }].concat(space.sizes.map((size) =>
              ({ name: A.bytes(size), unit: 'share' }))),
            rows: space.time.map((t, i) => [t].concat(space.sizes.map((_, j) =>
              unusable(i, j)))),
          }),
        });
      }
      A.linesAdd(root, {
        title: 'Largest free block', time: space.time, unit: 'bytes', height: 220,
        label: A.data.free_space.label, series: [
          { name: 'free in all', values: space.free,
            colour: A.termColour('reclaimable_free') },
          { name: 'largest block', values: space.largest,
            colour: A.termColour('requested') }],
      });
    },
  });
})(window.allotReport);
