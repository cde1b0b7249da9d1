/* SPDX-License-Identifier: MIT */
/*
 * A panel: what every chart and table stands in. A heading that says what is seen, the kind of
 * figures, the buttons (table twin, CSV, Markdown, SVG, PNG), the drawing, a legend.
 *
 * A panel draws itself into a box of known width and again when something it depends on changes:
 * the width, the theme, or one of the keys of the state it names in `on`.
 */
(function (A) {
  'use strict';

  let panels = [];

  /* Forget all panels: another view is drawn. */
  A.panelsClear = function () {
    panels = [];
    A.tipHide();
  };

  /* Draw those again that depend on one of these keys; all of them without. */
  A.panelsDraw = function (keys) {
    for (const panel of panels.slice()) {
      if (!keys || panel.on.some((key) => keys.has(key)))
        panel.draw();
    }
  };

  /* Tell those that show the cursor that it moved: cheaper than drawing. */
  A.panelsMove = function () {
    for (const panel of panels) {
      if (panel.move)
        panel.move();
    }
  };

  function legendDraw(box, items) {
    box.replaceChildren(...items.map(([colour, name, title, act]) => {
      const swatch = A.swatch(colour);
      return A.el(act ? 'button' : 'span', {
        class: 'key', title, type: act ? 'button' : null, onclick: act || null,
      }, swatch, A.el('span', { text: name }));
    }));
  }

  function fileName(title) {
    const program = String(A.get('trace.command') || 'trace').split(/[\s/]+/)
      .filter((word) => word)[0] || 'trace';
    return 'allot-' + (program + '-' + title).toLowerCase().replace(/[^a-z0-9]+/g, '-')
      .replace(/-+$/, '').slice(0, 60);
  }

  function actions(panel) {
    const title = panel.title, buttons = [];
    if (panel.table && panel.drawChart) {
      buttons.push(A.button('Table', 'The same as a table', () => {
        panel.isTable = !panel.isTable;
        panel.draw();
      }, { class: 'twin', 'aria-pressed': 'false' }));
    }
    if (panel.table) {
      buttons.push(A.button('CSV', 'Save the figures', () =>
        A.download(fileName(title) + '.csv', 'text/csv', A.csv(panel.table()))));
      buttons.push(A.button('Copy', 'Copy the table as Markdown', () =>
        A.copy(A.markdown(panel.table()))));
    }
    if (panel.drawChart && !panel.isText) {
      const take = () => A.picture(panel.body, title, panel.legendItems);
      buttons.push(A.button('SVG', 'Save the picture', () =>
        A.download(fileName(title) + '.svg', 'image/svg+xml', take().text), {
        class: 'picture',
      }));
      buttons.push(A.button('PNG', 'Save the picture as pixels', async () =>
        A.download(fileName(title) + '.png', 'image/png', await A.pngMake(take())), {
        class: 'picture',
      }));
    }
    return buttons;
  }

  /*
   * Add a panel to `root`. Options: title, note (a sentence), label, on (keys of the state),
   * draw(panel, width) for a chart, table() for its twin, rows for a table that stands for
   * itself: its options as for tableDraw(); controls: elements above the chart.
   */
  A.panelAdd = function (root, options) {
    const panel = Object.assign({ on: [], isTable: false, legendItems: [] }, options);
    panel.drawChart = options.draw;
    panel.body = A.el('div', { class: 'body' });
    panel.legendBox = A.el('div', { class: 'legend' });
    const bar = A.el('div', { class: 'actions', role: 'toolbar',
      'aria-label': 'Save ' + panel.title }, actions(panel));
    const id = 'p' + panels.length;
    panel.section = A.el('section', {
      class: 'panel' + (options.class ? ' ' + options.class : ''), 'aria-labelledby': id,
    }, A.el('div', { class: 'head' }, A.el('h2', { id }, panel.title, ' ',
      A.badge(typeof panel.label === 'string' ? panel.label : null)), bar),
    options.note ? A.el('p', { class: 'note', text: options.note }) : null,
    options.controls ? A.el('div', { class: 'controls' }, options.controls) : null,
    panel.legendBox, panel.body);
    root.append(panel.section);

    panel.legend = function (items) {
      panel.legendItems = items;
      legendDraw(panel.legendBox, items);
    };
    panel.draw = function () {
      const twin = bar.querySelector('.twin');
      if (twin)
        twin.setAttribute('aria-pressed', String(panel.isTable));
      panel.legendBox.hidden = panel.isTable;
      panel.section.classList.toggle('as-table', panel.isTable);
      panel.body.replaceChildren();
      panel.move = null;
      if (panel.isTable || !panel.drawChart)
        A.tableDraw(panel.body, panel.table(), Object.assign({ caption: panel.title },
          panel.rows));
      else
        panel.drawChart(panel, Math.max(280, panel.body.clientWidth));
    };
    panels.push(panel);
    panel.draw();
    return panel;
  };

  /* Say why nothing is to be seen, and what to type to see it. */
  A.emptyAdd = function (root, why, command) {
    root.append(A.el('section', { class: 'panel empty' }, A.el('p', { text: why }),
      command ? A.el('p', {}, 'To have it: ', A.el('code', { text: command })) : null));
  };

  /* A small group of buttons of which one is chosen: [[value, name]...]. */
  A.choice = function (name, values, current, act) {
    const group = A.el('div', { class: 'choice', role: 'group', 'aria-label': name },
      A.el('span', { class: 'choice-name', text: name }));
    for (const [value, text] of values) {
      group.append(A.button(text, '', () => {
        for (const button of group.querySelectorAll('button'))
          button.setAttribute('aria-pressed', String(button.value === value));
        act(value);
      }, { value, 'aria-pressed': String(value === current) }));
    }
    return group;
  };
})(window.allotReport);
