/* SPDX-License-Identifier: MIT */
/*
 * Stacks as a tree, and the tree as an icicle: callers above, callees below, width by weight.
 *
 * Frames of the same function in the same place of the tree are one node, whatever line they are
 * at. Inverted, the tree begins at the functions that allocated. Nodes too narrow to be seen are
 * not drawn, so what is drawn is bounded by the width, not by the trace.
 */
(function (A) {
  'use strict';

  const ROW = 20, NARROW = 1.6, LETTER = 6.3, DEPTH_MAX = 64;

  function nodeMake(parent, frame) {
    const info = A.list('frames')[frame] || {};
    return {
      parent, frame, name: frame ? A.frameName(frame) : 'all', module: info.module,
      value: 0, self: 0, other: 0, children: new Map(), depth: parent ? parent.depth + 1 : 0,
    };
  }

  /*
   * The child of that name. Of a stack that only the other trace has there are names alone: a node
   * made for one goes by the frame of the node above it.
   */
  function childNamed(node, name) {
    for (const child of node.children.values()) {
      if (child.name === name)
        return child;
    }
    const child = Object.assign(nodeMake(node, node.frame), { name, module: '' });
    node.children.set(name, child);
    return child;
  }

  function childFramed(node, index) {
    const info = A.list('frames')[index];
    const key = info.function + '\u0000' + info.module;
    const child = node.children.get(key) || nodeMake(node, index);
    node.children.set(key, child);
    return child;
  }

  /*
   * The tree of `rows`, [frame, value, other value or 0, names from the outermost on where there
   * is no frame]: { root }. Values of a node include
   * those of what it called; `self` is what it allocated itself.
   */
  A.treeMake = function (rows, isInverted) {
    const root = nodeMake(null, 0);
    for (const [frame, value, other, names] of rows) {
      if (!(value > 0) && !(other > 0))
        continue;
      const trail = names ? names.slice() : A.frameTrail(frame);
      if (isInverted)
        trail.reverse();
      let node = root;
      node.value += value;
      node.other += other || 0;
      for (const index of trail) {
        node = names ? childNamed(node, index) : childFramed(node, index);
        node.value += value;
        node.other += other || 0;
      }
      node.self += value;
    }
    return root;
  };

  A.treeFind = function (root, frame) {
    const open = [root];
    while (open.length) {
      const node = open.pop();
      if (node.frame === frame)
        return node;
      open.push(...node.children.values());
    }
    return root;
  };

  /* What a search finds: a function of nodes. What is no expression is taken as it is. */
  A.matcher = function (words) {
    if (!words)
      return null;
    let expression;
    try {
      expression = new RegExp(words, 'i');
    } catch (error) {
      expression = new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i');
    }
    return (node) => node.depth > 0 &&
      (expression.test(node.name) || expression.test(node.module || ''));
  };

  /* The weight of all stacks that have a match, as a share of all. */
  A.treeShare = function (root, isMatch) {
    let found = 0;
    const open = [root];
    while (open.length) {
      const node = open.pop();
      if (isMatch(node))
        found += node.value;
      else
        open.push(...node.children.values());
    }
    return root.value > 0 ? found / root.value : 0;
  };

  const weight = (node) => Math.max(node.value, node.other);

  /* Where nodes go: those above `focus` at full width, then it and all below. */
  function layout(focus, width) {
    const cells = [];
    for (let node = focus.parent; node; node = node.parent)
      cells.unshift({ node, x: 0, width, isAbove: true });
    const open = [{ node: focus, x: 0, width }];
    while (open.length) {
      const cell = open.pop();
      cells.push(cell);
      if (cell.node.depth - focus.depth > DEPTH_MAX)
        continue;
      const children = Array.from(cell.node.children.values())
        .sort((a, b) => weight(b) - weight(a) || (a.name < b.name ? -1 : 1));
      /* Children can weigh more than their parent when two reports are compared. */
      const all = Math.max(weight(cell.node), d3.sum(children, weight));
      let x = cell.x;
      for (const node of children) {
        const wide = all > 0 ? cell.width * weight(node) / all : 0;
        if (wide >= NARROW)
          open.push({ node, x, width: wide });
        x += wide;
      }
    }
    return cells;
  }

  function clip(text, width) {
    const letters = Math.floor((width - 8) / LETTER);
    return letters < 3 ? '' : text.length <= letters ? text
      : text.slice(0, letters - 1) + '\u2026';
  }

  /*
   * Draw `root` into `panel`. Options: focus (frame), isMatch, colour(node), unit, tip(node) ->
   * rows, onFocus(frame).
   */
  A.icicleDraw = function (panel, width, root, options) {
    const focus = options.focus ? A.treeFind(root, options.focus) : root;
    const cells = layout(focus, width);
    const height = (d3.max(cells, (cell) => cell.node.depth) + 1) * ROW;
    const frame = A.frameMake(panel, width, height + 2, {
      top: 1, left: 0, right: 0, bottom: 1,
    });
    const { isMatch } = options;
    const faded = A.isDark() ? '#2b3137' : '#eceff1';
    const fill = (node) => isMatch ? (isMatch(node) ? '#e8a33d' : faded)
      : node.depth === 0 ? faded : options.colour ? options.colour(node)
      : A.frameColour(node.name, node.module);
    const ink = (node) => {
      const lightness = d3.lab(fill(node)).l;
      return lightness > 50 ? '#101315' : '#ffffff';
    };
    const group = frame.plot.selectAll('g').data(cells).join('g')
      .attr('class', (cell) => 'cell' + (cell.isAbove ? ' above' : ''))
      .attr('transform', (cell) => `translate(${cell.x},${cell.node.depth * ROW})`)
      .on('click', (cell) => options.onFocus(cell.node.depth ? cell.node.frame : null))
      .on('mousemove', (cell) => A.tipShow(cell.node.name, options.tip(cell.node),
        d3.event.clientX, d3.event.clientY))
      .on('mouseleave', A.tipHide);
    group.append('rect').attr('width', (cell) => Math.max(0.6, cell.width - 0.8))
      .attr('height', ROW - 1).attr('rx', 2).attr('fill', (cell) => fill(cell.node));
    group.filter((cell) => cell.width > 26).append('text').attr('x', 5).attr('y', 13.5)
      .attr('fill', (cell) => ink(cell.node)).text((cell) => clip(cell.node.name, cell.width));
    return focus;
  };

  /* Rows of a floating note on a node. */
  A.treeTip = function (root, unit) {
    return (node) => {
      const info = A.list('frames')[node.frame] || {};
      const rows = [[null, 'with what it calls', A.text(node.value, unit)],
        [null, 'itself', A.text(node.self, unit)],
        [null, 'share', A.text(root.value ? node.value / root.value : 0, 'share')]];
      if (info.module)
        rows.push([null, 'in', info.module + (info.line ? ', ' + info.line : '')]);
      return rows;
    };
  };
})(window.allotReport);
