/* SPDX-License-Identifier: MIT */
/*
 * The page inspector: one page to scale, with its blocks, tags, what was asked for, what was
 * rounded up, what is free; and who holds it.
 *
 * A page is drawn as lines of text are, so that 16 bytes can be seen. The report holds some pages
 * only: those that pin most, typical ones. Asked for another, the nearest is shown, and said.
 */
(function (A) {
  'use strict';

  const LINE_HEIGHT = 34, GAP = 8, LINES = 8;

  const pages = () => A.list('inspector.pages');
  const addressOf = (page) => {
    try {
      return BigInt(page.address);
    } catch (error) {
      return 0n;
    }
  };
  const distance = (a, b) => a > b ? a - b : b - a;

  /* The page that was asked for or the nearest one: { page, isNear }. */
  function pageFind(wanted) {
    const all = pages();
    if (!wanted)
      return { page: all[0], isNear: true };
    const target = addressOf({ address: wanted });
    const page = all.reduce((a, b) => distance(addressOf(b), target) <
      distance(addressOf(a), target) ? b : a);
    const row = A.list('pages.row_address').indexOf(wanted);
    const each = A.get('pages.row_bytes');
    const covers = BigInt((Array.isArray(each) ? each[row] : each) || 1);
    const at = addressOf(page);
    return { page, isNear: at >= target && at < target + covers };
  }

  const pageBytes = () => A.get('trace.page_bytes') || 4096;

  /*
   * The pieces of a block: [from, to, kind] in bytes of the page. A block may begin on a page
   * before and end on one behind; only what is on this page is drawn.
   */
  function pieces(block) {
    const size = pageBytes();
    return piecesWhole(block).map(([from, to, kind]) =>
      [Math.max(0, from), Math.min(size, to), kind]).filter(([from, to]) => from < to);
  }

  function piecesWhole(block) {
    const from = block.offset || 0, to = from + (block.block_bytes || 0);
    const tag = from + Math.min(block.tag_bytes || 0, to - from);
    const result = tag > from ? [[from, tag, 'tags']] : [];
    if (block.state !== 'live')
      return tag < to ? result.concat([[tag, to, 'free']]) : result;
    const asked = A.isNumber(block.requested_bytes) ? block.requested_bytes : to - tag;
    const end = Math.min(to, tag + asked);
    result.push([tag, end, 'requested']);
    return end < to ? result.concat([[end, to, 'rounding']]) : result;
  }

  const COLOURS = { tags: 'tags', requested: 'requested', rounding: 'rounding',
    free: 'pinned_free' };
  const NAMES = { tags: 'tag', requested: 'requested', rounding: 'rounding', free: 'free' };

  function blockTip(block, kind) {
    const rows = [[A.termColour(COLOURS[kind]), 'this part', NAMES[kind]],
      [null, 'block', A.bytes(block.block_bytes)],
      [null, 'requested', A.bytes(block.requested_bytes)],
      [null, 'usable', A.bytes(block.usable_bytes)],
      [null, 'tag', A.bytes(block.tag_bytes)]];
    if (block.state === 'live') {
      rows.push([null, 'age', A.duration(block.age_ns)],
        [null, 'by', (block.call || '?') + ' in ' + A.frameName(block.stack)]);
    }
    return rows;
  }

  function pageDraw(panel, width, page) {
    const perLine = Math.ceil(pageBytes() / LINES);
    panel.legend(Object.keys(NAMES).map((kind) => [A.termColour(COLOURS[kind]), NAMES[kind]]));
    const frame = A.frameMake(panel, width, LINES * (LINE_HEIGHT + GAP) + 4, {
      left: 64, right: 4, top: 4, bottom: 0,
    });
    const x = d3.scaleLinear().domain([0, perLine]).range([0, frame.width]);
    for (let line = 0; line < LINES; line++) {
      const top = line * (LINE_HEIGHT + GAP);
      frame.plot.append('text').attr('class', 'address').attr('x', -12).attr('y', top + 22)
        .attr('text-anchor', 'end').text('+' + line * perLine);
      frame.plot.append('rect').attr('class', 'track').attr('y', top)
        .attr('width', frame.width).attr('height', LINE_HEIGHT);
    }
    for (const block of A.list('blocks', page)) {
      for (const [from, to, kind] of pieces(block))
        pieceDraw(frame, x, perLine, block, from, to, kind);
    }
  }

  /* A piece, cut where lines end. */
  function pieceDraw(frame, x, perLine, block, from, to, kind) {
    let at = from;
    while (at < to) {
      const line = Math.floor(at / perLine), end = Math.min(to, (line + 1) * perLine);
      const top = line * (LINE_HEIGHT + GAP);
      const left = x(at - line * perLine), wide = x(end - at);
      /* Blocks are apart by a hair; their parts are not. */
      const isEnd = end === (block.offset || 0) + block.block_bytes;
      const group = frame.plot.append('g').attr('class', 'piece-of ' + kind)
        .on('mousemove', () => A.tipShow(`+${block.offset}, ${block.state}`,
          blockTip(block, kind), d3.event.clientX, d3.event.clientY))
        .on('mouseleave', A.tipHide);
      group.append('rect').attr('x', left).attr('y', top)
        .attr('width', Math.max(0.7, wide - (isEnd ? 1.5 : 0))).attr('height', LINE_HEIGHT)
        .attr('fill', A.termColour(COLOURS[kind]))
        .attr('fill-opacity', kind === 'free' ? 0.28 : 1);
      if (wide > 52 && (kind === 'free' || kind === 'requested') && at === from) {
        group.append('text').attr('class', 'in-block ' + kind).attr('x', left + 7)
          .attr('y', top + 21).text(A.bytes(to - from));
      }
      at = end;
    }
  }

  /* Who keeps this page, in a sentence. */
  function sentence(page) {
    const live = A.list('blocks', page).filter((block) => block.state === 'live');
    if (!live.length)
      return 'No live object is on this page: it could go back to the system as it is.';
    const sizes = Array.from(new Set(live.map((block) => block.requested_bytes)));
    const what = live.length === 1 ? `1 object of ${A.grouped(sizes[0])} B`
      : `${A.grouped(live.length)} objects` + (sizes.length === 1
        ? ` of ${A.grouped(sizes[0])} B each` : `, ${A.grouped(page.live_bytes)} B in all`);
    return `This page is held by ${what}: ${A.grouped(page.free_bytes)} B pinned.`;
  }

  function objectsAdd(root, page) {
    const live = A.list('blocks', page).filter((block) => block.state === 'live');
    A.panelAdd(root, {
      title: 'Live objects on this page', label: A.blockLabel(A.data.inspector),
      table: () => ({
        columns: [{ name: 'offset', unit: 'count' }, { name: 'requested', unit: 'bytes' },
          { name: 'block', unit: 'bytes' }, { name: 'tag', unit: 'bytes' },
          { name: 'age', unit: 'ns' }, { name: 'call' }, { name: 'thread', unit: 'count' },
          { name: 'allocated by', cell: (name, row) => A.el('code', {
            text: name, title: A.trailText(row[8]),
          }) }],
        rows: live.map((block) => [block.offset, block.requested_bytes, block.block_bytes,
          block.tag_bytes, block.age_ns, block.call, block.thread,
          A.frameName(block.stack), block.stack]),
      }),
    });
  }

  function listAdd(root, chosen) {
    A.panelAdd(root, {
      title: 'Pages in this report', label: A.blockLabel(A.data.inspector),
      note: 'Chosen by what they show; the map of pages has all of them.',
      rows: {
        isMarked: (row) => row[0] === chosen.address,
        onRow: (row) => A.set({ page: row[0] }),
      },
      table: () => ({
        columns: [{ name: 'address', cell: (text) => A.el('code', { text }) },
          { name: 'chosen because' }, { name: 'use' }, { name: 'live', unit: 'bytes' },
          { name: 'free', unit: 'bytes' }, { name: 'objects', unit: 'count' }],
        rows: pages().map((page) => [page.address, page.reason, page.use, page.live_bytes,
          page.free_bytes, A.list('blocks', page).filter((block) =>
            block.state === 'live').length]),
      }),
    });
  }

  function draw(root) {
    const box = A.el('div', {});
    /* In the page before anything is drawn, so that its width is known. */
    root.replaceChildren(...Array.from(root.children).slice(0, 2), box);
    const { page, isNear } = pageFind(A.state.page);
    if (!isNear) {
      box.append(A.el('p', { class: 'hint', text: `The page at ${A.state.page} is not among ` +
        'those whose blocks are in this report; this is the nearest one.' }));
    }
    box.append(A.el('p', { class: 'sentence', text: sentence(page) }));
    A.panelAdd(box, {
      title: `Page ${page.address}`, label: A.blockLabel(A.data.inspector),
      note: `${page.reason || ''}${page.reason ? '; ' : ''}${page.use || ''}, ` +
        `${page.is_resident === false ? 'not resident' : 'resident'}, ` +
        `${A.bytes(page.live_bytes)} live, at ${A.momentName(A.get('inspector.moment'))}. ` +
        'Drawn to scale.',
      draw: (panel, width) => pageDraw(panel, width, page),
      table: () => ({
        columns: [{ name: 'offset', unit: 'count' }, { name: 'state' },
          { name: 'block', unit: 'bytes' }, { name: 'usable', unit: 'bytes' },
          { name: 'requested', unit: 'bytes' }, { name: 'tag', unit: 'bytes' }],
        rows: A.list('blocks', page).map((b) => [b.offset, b.state, b.block_bytes,
          b.usable_bytes, b.requested_bytes, b.tag_bytes]),
      }),
    });
    objectsAdd(box, page);
    listAdd(box, page);
  }

  A.viewAdd({
    key: 'inspector', name: 'Page inspector', group: 'Pages', needs: 'inspector.pages.0',
    lead: 'One page of the heap, to scale: who holds it, and how much of it for nothing.',
    missing: 'The report holds no page with its blocks.',
    command: 'allot record --sample 0 -o TRACE -- COMMAND', redrawOn: ['page'], draw,
  });
})(window.allotReport);
