# SPDX-License-Identifier: MIT
"""Claims about the views. Each is a function that yields a line for each thing that is not so."""
import base64
import json
import math
import re

from pages import VIEWS, differ

TIMED = ("ledger", "what_if", "pages", "free_space", "vm")


def views_render(pages):
    pages.open("small")
    for view, parts in VIEWS.items():
        pages.view(view)
        for selector, least in parts:
            count = pages.count(selector)
            if count < least:
                yield f"{view}: {count} of {selector}, wanted {least}"
    yield from differ("failures", pages.tab.run("allotReport.failures"), [])
    yield from differ("views in the list", pages.tab.run(
        "[...document.querySelectorAll('#views a')].map((a) => a.dataset.view)"), list(VIEWS))


def ticks(pages):
    return pages.tab.run("[...document.querySelectorAll('main .axis:not(.grid)')].map((a) =>"
                         "a.textContent).join('|')")


def brush_narrows(pages):
    pages.open("small", "view=ledger")
    before = {}
    for view in TIMED:
        pages.view(view)
        before[view] = pages.tab.run("document.querySelector('main .panel:nth-of-type(3)')"
                                     "?.innerHTML") if view == "what_if" else ticks(pages)
    left, top, width, height = pages.box("#strip svg")
    pages.tab.drag(left + width * 0.3, left + width * 0.6, top + height / 2)
    start, end = pages.state("from"), pages.state("to")
    first, last = 0, pages.small["ledger"]["time_ns"][-1]
    if start is None or not first < start < end < last:
        yield f"the range is {start} to {end}"
        return
    for view in TIMED:
        pages.view(view)
        now = pages.tab.run("document.querySelector('main .panel:nth-of-type(3)')"
                            "?.innerHTML") if view == "what_if" else ticks(pages)
        if now == before[view]:
            yield f"{view} shows the same as without a range"
    pages.view("ledger")
    shown = pages.tab.run("document.querySelector('main path.layer').getAttribute('d').length")
    pages.tab.key("0")
    whole = pages.tab.run("document.querySelector('main path.layer').getAttribute('d').length")
    if not shown < whole / 2:
        yield f"a third of the time has {shown} of {whole} characters of a path"
    yield from differ("from, after 0", pages.state("from"), None)


def chart_is_brushed(pages):
    pages.open("small", "view=ledger")
    left, top, width, height = pages.box("main .brush .overlay")
    pages.tab.drag(left + width * 0.25, left + width * 0.75, top + height / 2)
    span = pages.small["ledger"]["time_ns"][-1]
    for key, share in (("from", 0.25), ("to", 0.75)):
        value = pages.state(key)
        if value is None or abs(value / span - share) > 0.02:
            yield f"{key} is {value}, wanted {share * span}"
    left, top, width, height = pages.box("main .brush .overlay")
    pages.tab.click(left + width / 2, top + height / 2)
    cursor = pages.state("t")
    if cursor is None or abs(cursor / span - 0.5) > 0.02:
        yield f"the cursor is at {cursor}"
    pages.tab.mouse("mouseMoved", left + width / 3, top + height / 2)
    rows = pages.tab.run("document.querySelectorAll('#tip:not([hidden]) .tip-row').length")
    if rows < len(pages.small["ledger"]["terms"]) + 3:
        yield f"the note has {rows} rows"


def untouched_is_no_part(pages):
    pages.open("small", "view=ledger&mapped=resident")
    yield from differ("lines", pages.tab.run(
        "[...document.querySelectorAll('path[data-line]')].map((p) => p.dataset.line)"),
        ["resident"])
    yield from differ("sums that are not the ledger's", pages.tab.run("""(() => {
        const all = allotReport.data.ledger;
        all.series.untouched = all.series.requested.map((n, i) => n + all.series.rounding[i] / 2);
        return all.time_ns.filter((_, i) => d3.sum(all.terms, (term) =>
            allotReport.touched(term.key, i)) !== d3.sum(all.terms, (term) =>
            all.series[term.key][i] * term.sign)).length;
    })()"""), 0)


def compare_says_what_differs(pages):
    pages.open("small", "view=compare")
    if not re.search(r"\d points", pages.text("main")):
        yield "differences of shares are not in points"
    compare = pages.small["compare"]
    pages.write("same", dict(pages.small, compare=dict(
        compare, stacks=[dict(row, difference=0) for row in compare["stacks"]])))
    pages.open("same", "view=compare")
    if "No stack has more live bytes" not in pages.text("main"):
        yield "it is not said that no stack differs"


def map_opens_inspector(pages):
    pages.open("small", "view=pages")
    left, top, width, height = pages.box("main .brush .overlay")
    pages.tab.click(left + width * 0.6, top + height * 0.52)
    yield from differ("view", pages.state("view"), "inspector")
    page = pages.state("page")
    rows = pages.small["pages"]["row_address"]
    if page not in rows or abs(rows.index(page) / len(rows) - 0.52) > 0.05:
        yield f"page {page}"
    if "is held by" not in (pages.text("main .sentence") or ""):
        yield f"sentence: {pages.text('main .sentence')}"
    pages.tab.run("void allotReport.set({ page: '" +
                  pages.small["inspector"]["pages"][0]["address"] + "' })")
    yield from differ("sentence", pages.text("main .sentence"),
                      "This page is held by 1 object of 48\u202fB: 4\u202f048\u202fB pinned."
                      .replace("\u202fB", " B"))
    pages.tab.run("document.querySelectorAll('main tr.active')[3].click()")
    yield from differ("page of a row", pages.state("page"),
                      pages.small["inspector"]["pages"][3]["address"])


def csv_is_right(pages):
    pages.open("small", "view=ledger")
    pages.save_catch()
    pages.press("Resident memory by what it is", "CSV")
    lines = pages.tab.run("saved[0].content").split("\r\n")
    series, time = pages.small["ledger"]["series"], pages.small["ledger"]["time_ns"]
    names = {t["key"]: t["name"] for t in pages.small["ledger"]["terms"]}
    head = ["time (ns)"] + [f"{names.get(k, k.replace('_', ' '))} "
                            f"({'count' if k == 'live_blocks' else 'bytes'})" for k in series]
    yield from differ("head", lines[0], ",".join(head))
    yield from differ("rows", len(lines), len(time) + 2)
    for i in (0, 57, len(time) - 1):
        yield from differ(f"row {i}", lines[i + 1],
                          ",".join(str(v) for v in [time[i]] + [s[i] for s in series.values()]))
    quoted = pages.tab.run("allotReport.csv({ columns: [{ name: 'a,b' }, { name: 'c' }],"
                           "rows: [['say \"x\"', null, 'not a column']] })")
    pages.view("free_space")
    pages.press("Free bytes that cannot", "CSV")
    space = pages.small["free_space"]
    cells, row = base64.b64decode(space["unusable"]), pages.tab.run(
        "saved[1].content.split('\\r\\n')[1].split(',').map(Number)")
    yield from differ("row of free space", row, [space["time_ns"][0]] + [
        cells[j * len(space["time_ns"])] / 200 for j in range(len(space["request_bytes"]))])
    yield from differ("quoting", quoted, '"a,b",c\r\n"say ""x""",\r\n')


def pictures_are_saved(pages):
    pages.open("small", "view=pages")
    pages.save_catch()
    pages.press("Pages over time", "SVG")
    pages.press("Pages over time", "PNG")
    if not pages.tab.wait("saved.length === 2"):
        yield "no PNG"
        return
    picture = pages.tab.run("saved[0].content")
    for part in ("<svg", "<image", "Pages over time", "0x55d0c0000000", 'fill="rgb(',
                 'font-size="11.5px"'):
        if part not in picture:
            yield f"the SVG has no {part}"
    if "var(--" in picture or "class=" in picture:
        yield "the SVG leans on the style sheet"
    yield from differ("parser", pages.tab.run(
        "new DOMParser().parseFromString(saved[0].content, 'image/svg+xml')"
        ".querySelectorAll('parsererror').length"), 0)
    data = base64.b64decode(pages.tab.run(
        "new Promise((done) => { const reader = new FileReader(); reader.onload = () =>"
        "done(reader.result.split(',')[1]); reader.readAsDataURL(saved[1].content); })"))
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 20000:
        yield f"the PNG has {len(data)} bytes"


def charts_have_twins(pages):
    pages.open("small")
    for view in VIEWS:
        pages.view(view)
        missing = pages.tab.run(
            "[...document.querySelectorAll('main .panel')].filter((panel) => panel.querySelector("
            "'.body svg, .body canvas') && !panel.querySelector('.twin'))"
            ".map((panel) => panel.querySelector('h2').textContent)")
        yield from differ(f"{view}: charts without a table", missing, [])
        rows = pages.tab.run(
            "[...document.querySelectorAll('main .twin')].map((twin) => { twin.click();"
            "const panel = twin.closest('.panel');"
            "return panel.querySelectorAll('.body tbody tr').length; })")
        if 0 in rows:
            yield f"{view}: rows of tables {rows}"


def stacks_answer(pages):
    pages.open("small", "view=stacks")
    frames, rows = pages.small["frames"], pages.small["stacks"]["rows"]

    def trail(frame):
        while frame:
            yield frames[frame]["function"]
            frame = frames[frame]["parent"]
    total = sum(row["values"][0] for row in rows)
    found = sum(row["values"][0] for row in rows
                if any(re.search("^load", name) for name in trail(row["frame"])))
    pages.tab.run("search.value = '^load', search.dispatchEvent(new Event('input')), 0")
    share = float(re.match(r"[\d.]+", pages.text("output.found") or "0").group())
    if not math.isclose(share, 100 * found / total, rel_tol=0.01):
        yield f"{share} % matched, wanted {100 * found / total}"
    roots = ("[...document.querySelectorAll('main .cell')].filter((cell) => / ?,20\\)/.test("
             "cell.getAttribute('transform'))).map((cell) => cell.textContent).sort().join()")
    before = pages.tab.run(roots)
    pages.tab.run("void allotReport.set({ q: '', invert: 'on' })")
    after = pages.tab.run(roots)
    if not before or not after or before == after:
        yield f"the tree begins with {before}, inverted with {after}"
    pages.tab.run("void allotReport.set({ invert: '', diff: 'on' })")
    if "more in B" not in pages.text("main .legend"):
        yield f"legend of the difference: {pages.text('main .legend')}"
    if not pages.tab.run("[...document.querySelectorAll('main .cell text')].some((text) => "
                         "text.textContent === 'main_of_b')"):
        yield "a stack that only B has is not in the difference"
    pages.tab.run("void allotReport.set({ diff: '' })")
    pages.tab.run("document.querySelectorAll('main .cell')[2]"
                  ".dispatchEvent(new MouseEvent('click'))")
    if not pages.state("focus"):
        yield "a click does not look closer"


def what_if_sorts(pages):
    pages.open("small", "view=what_if")
    rows = [r for r in pages.small["what_if"]["rows"] if r["values"]]
    least = min(rows, key=lambda r: r["values"]["peak_rss_bytes"])["name"]
    yield from differ("best of peak RSS", pages.tab.run(
        "[...document.querySelectorAll('main tbody tr')].find((row) => row.children[2]"
        ".querySelector('.best')).children[0].textContent"), least)
    click = "document.querySelectorAll('main thead button')[2].click()"
    names = "[...document.querySelectorAll('main tbody tr')].map((r) => r.children[0].textContent)"
    pages.tab.run(click)
    most = max(rows, key=lambda r: r["values"]["peak_rss_bytes"])["name"]
    yield from differ("first row, the largest on top", pages.tab.run(names)[0], most)
    pages.tab.run(click)
    order = pages.tab.run(names)
    yield from differ("first row, the least on top", order[0], least)
    if "gave up" not in order[-1]:
        yield f"last row: {order[-1]}"
    yield from differ("figures with bounds", pages.tab.run(
        "document.querySelectorAll('main tbody .bounds').length"), len(rows))
    highest = max(rows, key=lambda r: r["values"]["peak_rss_bytes"])
    low, high = highest["bounds"]["peak_rss_bytes"]
    length, to_zero = pages.tab.run(
        "(() => { const bar = [...document.querySelectorAll('.error .between')]"
        ".sort((a, b) => a.getAttribute('y2') - b.getAttribute('y2'))[0];"
        "const [y1, y2] = [+bar.getAttribute('y1'), +bar.getAttribute('y2')];"
        "const point = [...document.querySelectorAll('circle.point')]"
        ".reduce((a, b) => +a.getAttribute('cy') < +b.getAttribute('cy') ? a : b);"
        "return [y1 - y2, y1 - point.getAttribute('cy')]; })()")
    share = (highest["values"]["peak_rss_bytes"] - low) / (high - low)
    if length <= 0 or abs(to_zero / length - share) > 0.01:
        yield f"the bar of {highest['name']} is {length} long, its point {to_zero} from its foot"


def slider_answers(pages):
    pages.open("small", "view=free_space")
    space = pages.small["free_space"]
    at = pages.tab.run("allotReport.cursor()")
    i = min(range(len(space["time_ns"])), key=lambda k: abs(space["time_ns"][k] - at))
    for size in (64, 1 << 30, space["largest_bytes"][i], space["largest_bytes"][i] + 1):
        pages.tab.run(f"void allotReport.set({{ bytes: {size} }})")
        yield from differ(f"{size} bytes", pages.text(".question .sentence b"),
                          "Yes." if size <= space["largest_bytes"][i] else "No.")
    cells = base64.b64decode(space["unusable"])
    row = space["request_bytes"].index(1 << 20)
    share = cells[row * len(space["time_ns"]) + i] / 2
    pages.tab.run("void allotReport.set({ bytes: 1048576 })")
    said = re.search(r"and ([\d.]+) % of", pages.text(".question .sentence"))
    if not said or abs(float(said.group(1)) - share) > 0.06:
        yield f"{pages.text('.question .sentence')}: wanted {share} %"


def large_page_works(pages):
    pages.open("large")
    for view, parts in VIEWS.items():
        pages.view(view)
        for selector, least in parts:
            if pages.count(selector) < least:
                yield f"{view}: {pages.count(selector)} of {selector}"
