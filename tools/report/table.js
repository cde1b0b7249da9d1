/* SPDX-License-Identifier: MIT */
/*
 * Tables: the twin behind every chart, and those that stand for themselves. Sorted by a click on a
 * head or Enter on it; long ones show their first rows until asked for all.
 */
(function (A) {
  'use strict';

  const ROWS_FIRST = 100;

  function compare(a, b) {
    if (a === b)
      return 0;
    if (a === null || a === undefined)
      return 1;
    if (b === null || b === undefined)
      return -1;
    return typeof a === 'number' && typeof b === 'number' ? a - b
      : String(a).localeCompare(String(b));
  }

  /* Rows in order of column `by`; what is not known stands last either way. */
  function sorted(rows, by, isDown) {
    return rows.slice().sort((a, b) => {
      const known = (v) => v !== null && v !== undefined;
      if (known(a[by]) !== known(b[by]))
        return known(a[by]) ? -1 : 1;
      return (isDown ? -1 : 1) * compare(a[by], b[by]);
    });
  }

  /*
   * Draw `table` into `root`. A column is { name, unit, label, title, cell(value, row) -> node or
   * null for the usual text }; `unit` makes it one of figures. Options: sort [column, isDown],
   * onRow(row, index), isMarked(row), caption, limit.
   */
  A.tableDraw = function (root, table, options) {
    const settings = options || {};
    let [by, isDown] = settings.sort || [null, false];
    let limit = settings.limit || ROWS_FIRST;

    function headCell(column, i) {
      const act = () => {
        isDown = by === i ? !isDown : !!column.unit;
        by = i;
        draw();
        root.querySelectorAll('thead button')[i].focus();
      };
      return A.el('th', {
        scope: 'col', class: column.unit ? 'number' : null, title: column.title,
        'aria-sort': by === i ? (isDown ? 'descending' : 'ascending') : null,
      }, A.el('button', { type: 'button', onclick: act, text: column.name }),
      A.badge(column.label));
    }

    function bodyCell(value, row, column) {
      const own = column.cell && column.cell(value, row);
      return A.el('td', {
        class: column.unit ? 'number' : null,
        title: column.unit && A.isNumber(value) ? A.exact(value, column.unit) : null,
      }, own || A.text(value, column.unit));
    }

    function bodyRow(row, i) {
      const attributes = { class: settings.isMarked && settings.isMarked(row) ? 'marked' : null };
      if (settings.onRow) {
        attributes.tabindex = 0;
        attributes.class = (attributes.class || '') + ' active';
        attributes.onclick = () => settings.onRow(row, i);
        attributes.onkeydown = (event) => {
          if (event.key === 'Enter')
            settings.onRow(row, i);
        };
      }
      return A.el('tr', attributes,
        table.columns.map((column, j) => bodyCell(row[j], row, column)));
    }

    function draw() {
      const rows = by === null ? table.rows : sorted(table.rows, by, isDown);
      root.replaceChildren(A.el('div', { class: 'table-box', tabindex: 0, role: 'region',
        'aria-label': settings.caption || 'Table' },
      A.el('table', {}, settings.caption
        ? A.el('caption', { class: 'off', text: settings.caption }) : null,
      A.el('thead', {}, A.el('tr', {}, table.columns.map(headCell))),
      A.el('tbody', {}, rows.slice(0, limit).map(bodyRow)))));
      if (rows.length > limit) {
        root.append(A.button(`Show all ${A.grouped(rows.length)} rows`, '', () => {
          limit = Infinity;
          draw();
        }, { class: 'more' }));
      }
    }
    draw();
  };
})(window.allotReport);
