/* SPDX-License-Identifier: MIT */
/*
 * The VM lab: what the pages of the heap cost on a machine: faults over time and by frames,
 * replacement policies, TLB reach, working sets.
 */
(function (A) {
  'use strict';

  const TERMS_OF_POLICIES = ['requested', 'pinned_free', 'tags', 'reclaimable_free', 'metadata',
    'rounding'];

  /* Are they counted from the start? */
  const isSum = (faults) => A.list('minor', faults).every((n, i, all) => i === 0 ||
    n >= all[i - 1]);

  function policiesAdd(root, policies, label) {
    const names = Array.from(new Set(policies.map((policy) => policy.name)));
    A.xyAdd(root, {
      title: 'Replacement policies', label, height: 280,
      note: 'Faults when only so many frames are to be had.',
      x: { name: 'frames', unit: 'count', isLog: true }, y: { name: 'faults', unit: 'count' },
      series: names.map((name, i) => ({
        name, colour: A.termColour(TERMS_OF_POLICIES[i % TERMS_OF_POLICIES.length]),
        hasDots: true, points: policies.filter((policy) => policy.name === name)
          .map((policy) => [policy.frames, policy.faults]).sort((a, b) => a[0] - b[0]),
      })),
    });
  }

  function tlbAdd(root, rows, label) {
    A.panelAdd(root, {
      title: 'TLB', label,
      note: 'Reach: what the entries of a TLB cover at once. Beyond it, accesses walk the ' +
        'page tables.',
      table: () => ({
        columns: [{ name: 'TLB' }, { name: 'entries', unit: 'count' },
          { name: 'reach', unit: 'bytes' }, { name: 'misses', unit: 'share' }],
        rows: rows.map((row) => [row.name, row.entries, row.reach_bytes, row.miss_share]),
      }),
    });
  }

  A.viewAdd({
    key: 'vm', name: 'VM lab', group: 'More', needs: 'vm', isTimed: true,
    lead: 'The heap\u2019s pages on a model of the machine: faults, frames, TLBs.',
    missing: 'The trace has no page faults, and was not played on the model of memory.',
    command: 'allot replay --on model --vm --json TRACE',
    draw(root, block) {
      const label = (key) => A.labelOf(block, key) || null;
      const faults = A.get('faults', block);
      if (faults && A.list('time_ns', faults).length) {
        A.linesAdd(root, {
          title: isSum(faults) ? 'Page faults so far' : 'Page faults over time',
          time: faults.time_ns, unit: 'count', label: label('faults'), height: 200, series: [
            { name: 'minor', values: A.list('minor', faults),
              colour: A.termColour('requested') },
            { name: 'major', values: A.list('major', faults),
              colour: A.termColour('pinned_free') }],
        });
      }
      const pair = A.el('div', { class: 'pair' });
      root.append(pair);
      if (A.list('curve.frames', block).length) {
        A.xyAdd(pair, {
          title: 'Faults by memory (LRU)', label: label('curve'), height: 260,
          note: 'What a limit on resident frames would cost.',
          x: { name: 'frames', unit: 'count', isLog: true },
          y: { name: 'faults', unit: 'count' },
          series: [{ name: 'faults', colour: A.termColour('requested'),
            points: block.curve.frames.map((f, i) =>
              [f, A.list('curve.faults', block)[i]]) }],
        });
      }
      if (A.list('working_set.tau', block).length) {
        A.xyAdd(pair, {
          title: 'Working set', label: label('working_set'), height: 260,
          note: 'Pages used within a window of that many references.',
          x: { name: 'window', unit: 'count', isLog: true },
          y: { name: 'pages', unit: 'count' },
          series: [{ name: 'pages', colour: A.termColour('requested'),
            points: block.working_set.tau.map((tau, i) =>
              [tau, A.list('working_set.pages', block)[i]]) }],
        });
      }
      if (A.list('policies', block).length)
        policiesAdd(root, block.policies, label('policies'));
      if (A.list('tlb', block).length)
        tlbAdd(root, block.tlb, label('tlb'));
    },
  });
})(window.allotReport);
