/* SPDX-License-Identifier: MIT */
/*
 * Stacks: an icicle of all of them by a metric of choice, searched, inverted, or coloured by the
 * difference to another trace; the functions as a table; the threads.
 */
(function (A) {
  'use strict';

  const UNITS = { allocations: 'count', temporary: 'count' };

  function metricsOf(block) {
    return A.list('metrics', block).map((metric, index) => {
      const given = typeof metric === 'string' ? { key: metric } : metric;
      return Object.assign({ index, name: (given.key || '').replace(/_/g, ' '),
        unit: UNITS[given.key] || 'bytes' }, given);
    });
  }

  function metricNow(metrics) {
    return metrics.find((metric) => metric.key === A.state.metric) || metrics[0];
  }

  const hasOther = () => A.list('compare.stacks').some((row) => row.frame > 0);
  const isDiff = () => A.state.diff === 'on' && hasOther();

  /* Rows of the tree: of the metric, or of the comparison. */
  function rowsMake(block, metric) {
    if (isDiff()) {
      /* Those of B alone last: they join the nodes there are. */
      return A.list('compare.stacks').map((row) => [row.frame, row.a || 0, row.b || 0,
        !row.frame && typeof row.stack === 'string' && row.stack.split(' < ').reverse()])
        .sort((x, y) => Boolean(x[3]) - Boolean(y[3]));
    }
    return A.list('rows', block).map((row) => [row.frame,
      (row.values || [])[metric.index] || 0, 0]);
  }

  /* What the search found, in words. */
  function foundText(tree, isMatch) {
    if (!isMatch)
      return '';
    const share = A.treeShare(tree, isMatch);
    return share > 0 ? `${A.text(share, 'share')} matched` : 'nothing matched';
  }

  function controlsMake(metrics, found) {
    const field = A.el('input', {
      type: 'search', id: 'search', placeholder: 'Search functions (/)', value: A.state.q,
      'aria-label': 'Search functions, a regular expression', spellcheck: 'false',
      oninput: (event) => A.set({ q: event.target.value }),
    });
    const select = A.el('select', { id: 'metric', 'aria-label': 'Weight',
      onchange: (event) => A.set({ metric: event.target.value }),
    }, metrics.map((metric) => A.el('option', {
      value: metric.key, text: metric.name + (metric.moment ? ` (${metric.moment})` : ''),
      selected: metric === metricNow(metrics),
    })));
    const controls = [A.el('label', { class: 'choice' },
      A.el('span', { class: 'choice-name', text: 'Weight' }), select),
    A.choice('Root', [['', 'callers'], ['on', 'allocating functions']], A.state.invert,
      (value) => A.set({ invert: value, focus: null }))];
    if (hasOther()) {
      controls.push(A.choice('Colour', [['', 'function'], ['on', 'difference to B']],
        A.state.diff, (value) => A.set({ diff: value })));
    }
    return controls.concat([field, found]);
  }

  function icicleAdd(root, block, metrics) {
    const found = A.el('output', { class: 'found', for: 'search' });
    A.panelAdd(root, {
      title: 'Stacks', label: A.labelOf(block, metricNow(metrics).key) ||
        A.blockLabel(null), class: 'wide',
      on: ['metric', 'invert', 'q', 'focus', 'diff'], controls: controlsMake(metrics, found),
      note: 'Callers above, callees below. Click a function to look at it alone, again on ' +
        'one above to go back.',
      table: () => functionsTable(block, metrics),
      draw(panel, width) {
        const metric = metricNow(metrics), isMatch = A.matcher(A.state.q);
        /* Two traces are compared by one metric. */
        panel.section.querySelector('#metric').disabled = isDiff();
        const tree = A.treeMake(rowsMake(block, metric), A.state.invert === 'on');
        const most = d3.max(Array.from(tree.children.values()), (node) =>
          Math.abs(node.other - node.value)) || 1;
        panel.legend(!isDiff() ? [] : [-1, -0.3, 0, 0.3, 1].map((share) =>
          [A.signed(share, 1), ['less in B', '', 'the same', '', 'more in B'][
            [-1, -0.3, 0, 0.3, 1].indexOf(share)]]));
        A.icicleDraw(panel, width, tree, {
          focus: A.state.focus, isMatch, tip: tipMake(tree, metric),
          colour: isDiff() ? (node) => A.signed(node.other - node.value, most) : null,
          onFocus: (focus) => A.set({ focus }),
        });
        found.value = foundText(tree, isMatch);
      },
    });
  }

  function tipMake(tree, metric) {
    const plain = A.treeTip(tree, metric.unit);
    if (!isDiff())
      return plain;
    return (node) => [[null, 'A', A.bytes(node.value)], [null, 'B', A.bytes(node.other)],
      [null, 'difference', A.bytes(node.other - node.value)]];
  }

  /* Functions with what they and what they call weigh; recursion counts once. */
  function functionsTable(block, metrics) {
    const metric = metricNow(metrics), sums = new Map();
    for (const row of A.list('rows', block)) {
      const value = (row.values || [])[metric.index] || 0, trail = A.frameTrail(row.frame);
      const seen = new Set();
      trail.forEach((index, i) => {
        const name = A.frameName(index), module = A.list('frames')[index].module;
        const key = name + '\u0000' + module;
        const sum = sums.get(key) || { name, module, self: 0, total: 0 };
        sums.set(key, sum);
        if (!seen.has(key))
          sum.total += value;
        seen.add(key);
        if (i === trail.length - 1)
          sum.self += value;
      });
    }
    const all = d3.sum(A.list('rows', block), (row) => (row.values || [])[metric.index] || 0);
    return {
      columns: [{ name: 'function' }, { name: 'module' },
        { name: 'with callees', unit: metric.unit }, { name: 'share', unit: 'share' },
        { name: 'itself', unit: metric.unit }],
      rows: Array.from(sums.values()).filter((sum) => sum.total > 0)
        .sort((a, b) => b.total - a.total).map((sum) => [sum.name, sum.module, sum.total,
          all ? sum.total / all : null, sum.self]),
    };
  }

  function threadsAdd(root, threads) {
    A.panelAdd(root, {
      title: 'Threads', label: A.blockLabel(null), rows: { sort: [2, true], limit: 20 },
      table: () => ({
        columns: [{ name: 'thread' }, { name: 'name' },
          { name: 'allocations', unit: 'count' }, { name: 'frees', unit: 'count' },
          { name: 'frees of others', unit: 'count' },
          { name: 'live at most', unit: 'bytes' }],
        rows: threads.map((t) => [t.thread, t.name, t.allocations, t.frees,
          t.frees_of_others, t.live_bytes_peak]),
      }),
    });
  }

  A.viewAdd({
    key: 'stacks', name: 'Stacks', group: 'Requests', needs: 'stacks',
    lead: 'Which code allocates: what is live, what went by, what is wasted.',
    missing: 'No stacks were recorded.',
    command: 'allot record --depth 24 -o TRACE -- COMMAND',
    draw(root, block) {
      const metrics = metricsOf(block);
      if (metrics.length && A.list('rows', block).some((row) => row.frame > 0))
        icicleAdd(root, block, metrics);
      else
        A.emptyAdd(root, this.missing, this.command);
      if (A.list('threads').length)
        threadsAdd(root, A.list('threads'));
    },
  });
})(window.allotReport);
