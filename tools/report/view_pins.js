/* SPDX-License-Identifier: MIT */
/*
 * Who pins memory: the stacks whose live objects keep pages with free bytes on them.
 */
(function (A) {
  'use strict';

  const WEIGHTS = [
    ['pinned_bytes', 'pinned', 'bytes'],
    ['returns_bytes', 'freeing it returns', 'bytes'],
    ['live_bytes', 'live', 'bytes'],
    ['exclusive_pages', 'pages of its own', 'count'],
  ];
  const COLUMNS = [
    ['stack', 'stack', null], ['pinned_bytes', 'pinned', 'bytes'],
    ['live_bytes', 'live', 'bytes'], ['objects', 'objects', 'count'],
    ['pages', 'pages', 'count'], ['exclusive_pages', 'its own pages', 'count'],
    ['returns_bytes', 'free this: goes back', 'bytes'], ['leverage', 'leverage', 'ratio'],
    ['median_age_ns', 'median age', 'ns'],
  ];
  const TITLES = {
    leverage: 'Bytes that go back for each live byte freed',
    exclusive_pages: 'Pages whose live bytes all belong to this stack',
    pinned_bytes: 'Its share of the free bytes on the pages it has live bytes on',
  };

  function icicleAdd(root, rows) {
    const weight = () => WEIGHTS.find(([key]) => key === A.state.pins) || WEIGHTS[0];
    A.panelAdd(root, {
      title: 'Stacks by what they pin', label: A.blockLabel(A.data.pins),
      on: ['pins', 'q', 'focus'],
      note: 'Callers above, callees below; the width is the weight. Click a function to ' +
        'look at it alone, again on one above to go back.',
      controls: [A.choice('Weight', WEIGHTS.map(([key, name]) => [key, name]), weight()[0],
        (value) => A.set({ pins: value === WEIGHTS[0][0] ? '' : value }))],
      table: () => {
        const [key, name, unit] = weight();
        return {
          columns: [{ name: 'stack' }, { name, unit }],
          rows: rows.map((row) => [A.frameTrail(row.stack).map(A.frameName).join(';') ||
            A.frameName(0), row[key]]),
        };
      },
      draw(panel, width) {
        const [key, , unit] = weight();
        const tree = A.treeMake(rows.map((row) => [row.stack, row[key] || 0, 0]), false);
        A.icicleDraw(panel, width, tree, {
          focus: A.state.focus, isMatch: A.matcher(A.state.q),
          tip: A.treeTip(tree, unit), onFocus: (focus) => A.set({ focus }),
        });
      },
    });
  }

  function tableAdd(root, rows) {
    A.panelAdd(root, {
      title: 'Top pinners', label: A.blockLabel(A.data.pins),
      rows: {
        sort: [1, true], limit: 15,
        onRow: (row) => A.set({ view: 'stacks', focus: row[COLUMNS.length] || null }),
      },
      table: () => ({
        columns: COLUMNS.map(([key, name, unit]) => ({
          name, unit, title: TITLES[key], cell: key !== 'stack' ? null
            : (value, row) => A.el('code', { text: value,
              title: A.trailText(row[COLUMNS.length]) }),
        })),
        rows: rows.map((row) => COLUMNS.map(([key]) => key === 'stack'
          ? A.frameName(row.stack) : row[key]).concat([row.stack])),
      }),
    });
  }

  /* Pages may be empty or full, apart from those in between. */
  function shareName(bar) {
    return bar.from !== bar.to ? bar.to + ' %' : bar.to === 0 ? 'empty' : 'full';
  }

  function occupancyAdd(root, bars) {
    A.panelAdd(root, {
      title: 'How full pages are', label: A.blockLabel(A.data.pins),
      note: 'Resident pages by the share of them that is live, up to so many per cent. Those ' +
        'on the left are kept by little.',
      table: () => ({
        columns: [{ name: 'from', unit: '%' }, { name: 'to', unit: '%' },
          { name: 'pages', unit: 'count' }, { name: 'free bytes', unit: 'bytes' }],
        rows: bars.map((bar) => [bar.from, bar.to, bar.pages, bar.free_bytes]),
      }),
      draw(panel, width) {
        panel.legend([[A.termColour('pinned_free'), 'free bytes on these pages'],
          [A.termColour('requested'), 'live bytes']]);
        const page = A.get('trace.page_bytes') || 4096;
        const frame = A.frameMake(panel, width, 240, {
          bottom: 46, top: 28, right: 26,
        });
        const x = d3.scaleBand().domain(d3.range(bars.length)).range([0, frame.width])
          .paddingInner(0.08);
        const most = d3.max(bars, (bar) => bar.pages * page) || 1;
        const y = d3.scaleLinear().domain([0, most * 1.05]).range([frame.height, 0]);
        A.axisBytes(frame, y);
        const every = Math.ceil(bars.length * 44 / frame.width);
        A.axisBelow(frame, x, (i) => shareName(bars[i]), null,
          d3.range(0, bars.length, every));
        A.axisName(frame, 'live share of a page', null);
        const bar = frame.plot.selectAll(null).data(bars).enter().append('g');
        bar.append('rect').attr('class', 'bar').attr('x', (_, i) => x(i))
          .attr('width', x.bandwidth()).attr('y', (b) => y(b.pages * page))
          .attr('height', (b) => y(0) - y(b.pages * page))
          .attr('fill', A.termColour('requested'));
        bar.append('rect').attr('x', (_, i) => x(i)).attr('width', x.bandwidth())
          .attr('y', (b) => y(b.pages * page))
          .attr('height', (b) => Math.max(0, y(0) - y(b.free_bytes || 0)))
          .attr('fill', A.termColour('pinned_free'));
        bar.append('title').text((b) => `${shareName(b)}: ${A.count(b.pages)} ` +
          `pages, ${A.bytes(b.free_bytes)} free on them`);
      },
    });
  }

  A.viewAdd({
    key: 'pins', name: 'Who pins memory', group: 'Pages', needs: 'pins',
    lead: 'Free bytes cannot go back while a live object is on their page. Whose objects are ' +
      'these?',
    missing: 'The report does not know which stacks keep which pages.',
    command: 'allot record --depth 24 -o TRACE -- COMMAND',
    draw(root, block) {
      const rows = A.list('rows', block), total = block.pinned_free_bytes;
      if (A.isNumber(total)) {
        root.append(A.el('p', { class: 'sentence', text: `${A.bytes(total)} of free memory ` +
          `is pinned at ${A.momentName(block.moment)}.` }));
      }
      if (rows.some((row) => row.stack > 0)) {
        icicleAdd(root, rows);
        tableAdd(root, rows);
      } else {
        A.emptyAdd(root, 'No stacks were recorded, so nobody can be named.', this.command);
      }
      const pair = A.el('div', { class: 'pair' });
      root.append(pair);
      const shares = A.list('cumulative', block);
      if (shares.length > 1) {
        A.xyAdd(pair, {
          title: 'How many stacks explain it', height: 240, label: A.blockLabel(block),
          note: 'The share of all pinned bytes that the first stacks of the table hold.',
          x: { name: 'stacks', unit: 'count', from: 0 }, y: { unit: 'share', to: 1 },
          series: [{ name: 'explained', colour: A.termColour('pinned_free'),
            points: [[0, 0]].concat(shares.map((share, i) => [i + 1, share])) }],
        });
      }
      if (A.list('occupancy', block).length)
        occupancyAdd(pair, block.occupancy);
    },
  });
})(window.allotReport);
