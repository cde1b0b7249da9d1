#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of the HTML report in a browser without a window. Prints TAP.

Usage: report_test.py REPORT_WRITE CHROMIUM

Pages are made of reports of sample.py, a small and a large one, and looked at from the outside as
far as possible: by the keyboard, the mouse, the address, and what stands in the document.
"""
import sys
import tempfile

import claims_page
import claims_views
from browser import Browser
from pages import Pages

CLAIMS = [
    ("every view renders with data", claims_views.views_render),
    ("the brush of the timeline narrows all views over time", claims_views.brush_narrows),
    ("a chart over time is brushed, clicked and pointed at", claims_views.chart_is_brushed),
    ("a click on the map opens the page", claims_views.map_opens_inspector),
    ("the keyboard works", claims_page.keyboard_works),
    ("the address restores what was seen", claims_page.address_restores),
    ("the theme follows the system and toggles", claims_page.theme_toggles),
    ("text has enough contrast in both themes", claims_page.contrast_is_enough),
    ("CSV holds the figures", claims_views.csv_is_right),
    ("of resident memory, untouched bytes are no part", claims_views.untouched_is_no_part),
    ("a comparison says what differs, and what does not",
     claims_views.compare_says_what_differs),
    ("pictures are saved as SVG and PNG and stand alone", claims_views.pictures_are_saved),
    ("every chart has a table", claims_views.charts_have_twins),
    ("stacks are searched, inverted, compared, focused", claims_views.stacks_answer),
    ("the what-if table marks the best and sorts", claims_views.what_if_sorts),
    ("the slider answers whether a request fits", claims_views.slider_answers),
    ("any block may be missing, null or empty, and there may be others",
     claims_page.blocks_may_be_missing),
    ("a file that was cut short says so", claims_page.cut_files_say_so),
    ("a view without data says which command would give it", claims_page.missing_says_why),
    ("names in a trace stay text", claims_page.names_cannot_break_out),
    ("the first view of a large report is there within a second", claims_page.first_view_is_fast),
    ("the page is small, and the same for the same report", claims_page.page_is_small),
    ("a large report, deflated, renders as well", claims_views.large_page_works),
    ("all views fit a narrow window", claims_page.fits_narrow_windows),
    ("all views are printed", claims_page.prints_every_view),
    ("what can be used has a name", claims_page.controls_have_names),
    ("nothing is fetched and nothing complains", claims_page.nothing_complains),
]


def main():
    writer, chromium = sys.argv[1:]
    print(f"1..{len(CLAIMS)}")
    with tempfile.TemporaryDirectory() as folder, Browser(chromium) as browser:
        tab = browser.tab()
        tab.size(1400, 1000)
        pages = Pages(writer, folder, tab)
        for number, (claim, check) in enumerate(CLAIMS, 1):
            try:
                lines = list(check(pages))
            except (RuntimeError, TypeError, IndexError, AttributeError) as error:
                lines = [f"{type(error).__name__}: {error}"]
            print(f"{'not ' if lines else ''}ok {number} - {claim}", flush=True)
            for line in lines[:20]:
                print("# " + str(line).replace("\n", "\n# "))


main()
