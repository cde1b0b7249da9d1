# SPDX-License-Identifier: MIT
"""
Picture: time against peak memory, one labelled point an allocator, drawn by gnuplot.

The points are the geometric means over all rows that every allocator passed. Where labels stand is
settled here, for gnuplot would print one over the other: each label takes the best of many places
around its point, near it, clear of points, of labels already placed, and of the frame; a line leads
to it when it could be taken for that of another point.
"""

import math
import os
import shutil
import subprocess

import terminal
from summary import PEAK, TIME

WIDTH, HEIGHT = 760, 560
# The plot within the picture, as parts of it: left, right, bottom, top.
FRAME = (0.10, 0.97, 0.12, 0.91)
LETTER_WIDTH, LETTER_HEIGHT = 7.6, 15  # of the font below, in pixels
POINT_RADIUS = 6
GAP = 5
DISTANCES = (0, 12, 24, 38, 54, 72, 92, 114)  # from a point to its label, in pixels
TURNS = (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11)  # of 16, the best first
LINE_FROM = 16    # a label further off has a line to its point, in pixels
LINE_STEPS = 24
PRICE_COVERED, PRICE_CROSSED = 1000, 150  # in pixels of distance
RANGE_MARGIN = 0.12 # of the range, on either side
RANGE_MIN = 0.04    # so that equals are not torn apart

COLOUR_ALLOT, COLOUR_PEER = "#c0392b", "#2c5f8a"
COLOUR_TEXT, COLOUR_GRID, COLOUR_LINE, COLOUR_GROUND = "#222222", "#dddddd", "#888888", "#ffffff"


def check(path, is_forced):
    """Leave when a picture could not be written to `path`."""
    if not shutil.which("gnuplot"):
        terminal.die("--picture needs gnuplot (package gnuplot-nox)")
    if os.path.exists(path) and not is_forced:
        terminal.die(f"{path} exists: --force overwrites it")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        terminal.die(f"no folder for {path}")


def range_of(values):
    """What an axis shows."""
    low, high = min(values), max(values)
    span = max(high - low, RANGE_MIN)
    middle = (low + high) / 2
    half = span / 2 + span * RANGE_MARGIN
    return middle - half, middle + half


class Box:
    """A rectangle in pixels, from the lower left."""

    def __init__(self, left, bottom, width, height):
        self.left, self.bottom = left, bottom
        self.right, self.top = left + width, bottom + height

    def touches(self, other):
        return (self.left < other.right and other.left < self.right
                and self.bottom < other.top and other.bottom < self.top)

    def is_inside(self, other):
        return (self.left >= other.left and self.right <= other.right
                and self.bottom >= other.bottom and self.top <= other.top)

    def nearest(self, x, y):
        """The place in it that is nearest to a point."""
        return (min(max(x, self.left), self.right), min(max(y, self.bottom), self.top))

    def distance(self, x, y):
        return math.dist((x, y), self.nearest(x, y))

    def meets(self, start, end):
        """Does a line go through it?"""
        steps = [i / LINE_STEPS for i in range(LINE_STEPS + 1)]
        return any(self.distance(start[0] + (end[0] - start[0]) * step,
                                 start[1] + (end[1] - start[1]) * step) == 0 for step in steps)


class Layout:
    """Where points and labels are, in pixels of the picture."""

    def __init__(self, points):
        self.points = points  # [(name, x, y, is_allot)]
        self.x_range = range_of([point[1] for point in points])
        self.y_range = range_of([point[2] for point in points])
        left, right, bottom, top = FRAME
        self.frame = Box(left * WIDTH, bottom * HEIGHT, (right - left) * WIDTH,
                         (top - bottom) * HEIGHT)
        self.pixels = [self.pixel(x, y) for _, x, y, _ in points]
        self.labels = []      # [(name, box, point in pixels, is_allot)]
        self.place()

    def pixel(self, x, y):
        """A point of the axes in pixels."""
        x_part = (x - self.x_range[0]) / (self.x_range[1] - self.x_range[0])
        y_part = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return (self.frame.left + x_part * (self.frame.right - self.frame.left),
                self.frame.bottom + y_part * (self.frame.top - self.frame.bottom))

    @staticmethod
    def places(x, y, width):
        """(box, distance) of the places for a label around a point, the best first."""
        for distance in DISTANCES:
            away = POINT_RADIUS + GAP + distance
            for turn in TURNS:
                dx, dy = math.cos(turn * math.pi / 8), math.sin(turn * math.pi / 8)
                # The middle of the box goes as far out as the box reaches in that direction.
                yield Box(x + dx * (away + width / 2) - width / 2,
                          y + dy * (away + LETTER_HEIGHT / 2) - LETTER_HEIGHT / 2,
                          width, LETTER_HEIGHT), distance

    def price(self, box, distance, point):
        """How bad a place is: its distance, and what it is in the way of."""
        line = (point, box.nearest(*point))
        covered = sum(box.touches(other) for _, other, _, _ in self.labels)
        crossed = sum(other.meets(*line) or box.meets(own, other.nearest(*own))
                      for _, other, own, _ in self.labels)
        points = sum(box.distance(*pixel) < POINT_RADIUS for pixel in self.pixels)
        return (distance + PRICE_COVERED * (covered + points + (not box.is_inside(self.frame)))
                + PRICE_CROSSED * crossed)

    def place(self):
        """Settle every label; allot first, which is looked for first."""
        order = sorted(zip(self.points, self.pixels), key=lambda pair: not pair[0][3])
        for (name, _, _, is_allot), point in order:
            places = self.places(*point, LETTER_WIDTH * len(name))
            box, _ = min(places, key=lambda place: self.price(*place, point))
            self.labels.append((name, box, point, is_allot))

    def needs_line(self, box, point):
        """Could the label be taken for that of another point?"""
        own = box.distance(*point)
        return own > LINE_FROM or any(box.distance(*pixel) < LINE_FROM for pixel in self.pixels
                                      if pixel != point)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def label_lines(layout):
    """gnuplot's words for the labels, and for the lines that lead to those far off."""
    for name, box, (x, y), is_allot in layout.labels:
        colour = COLOUR_ALLOT if is_allot else COLOUR_TEXT
        middle_x, middle_y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
        yield (f"set label {quoted(name)} at screen {middle_x / WIDTH:.4f}, "
               f"{middle_y / HEIGHT:.4f} center noenhanced textcolor rgb '{colour}' front")
        if layout.needs_line(box, (x, y)):
            end_x, end_y = box.nearest(x, y)
            yield (f"set arrow from screen {x / WIDTH:.4f}, {y / HEIGHT:.4f} to screen "
                   f"{end_x / WIDTH:.4f}, {end_y / HEIGHT:.4f} nohead "
                   f"linecolor rgb '{COLOUR_LINE}'")


def script(layout, title, path):
    """What gnuplot is to do."""
    left, right, bottom, top = FRAME
    lines = [f"set terminal svg size {WIDTH},{HEIGHT} font 'DejaVu Sans,Helvetica,sans-serif,13' "
             f"background rgb '{COLOUR_GROUND}'",
             f"set output {quoted(path)}",
             f"set lmargin at screen {left}", f"set rmargin at screen {right}",
             f"set bmargin at screen {bottom}", f"set tmargin at screen {top}",
             f"set title {quoted(title)} noenhanced textcolor rgb '{COLOUR_TEXT}'",
             f"set xlabel 'time, times the best of each row' textcolor rgb '{COLOUR_TEXT}'",
             f"set ylabel 'peak resident memory, times the best of each row' "
             f"textcolor rgb '{COLOUR_TEXT}'",
             f"set xrange [{layout.x_range[0]:.6f}:{layout.x_range[1]:.6f}]",
             f"set yrange [{layout.y_range[0]:.6f}:{layout.y_range[1]:.6f}]",
             "set format x '%.2f'", "set format y '%.2f'",
             f"set tics textcolor rgb '{COLOUR_TEXT}' nomirror",
             f"set border 3 linecolor rgb '{COLOUR_TEXT}'",
             f"set grid linetype 1 linecolor rgb '{COLOUR_GRID}'", "unset key",
             *label_lines(layout)]
    plots = []
    for is_allot, colour in ((False, COLOUR_PEER), (True, COLOUR_ALLOT)):
        rows = [f"{x:.6f} {y:.6f}" for _, x, y, own in layout.points if own == is_allot]
        if rows:
            lines += [f"$points{int(is_allot)} << END", *rows, "END"]
            plots.append(f"$points{int(is_allot)} with points pointtype 7 pointsize 0.9 "
                         f"linecolor rgb '{colour}'")
    return "\n".join(lines + ["plot " + ", ".join(plots)]) + "\n"


def draw(summary, path):
    """Write the picture; a failure of gnuplot is said, and changes no result."""
    points = [(one.name, summary.mean(one, TIME), summary.mean(one, PEAK), one.is_allot)
              for one in summary.passing]
    count = len(summary.common())
    title = (f"geometric means of {count} workload{'s' * (count > 1)}; "
             "down and to the left is better")
    result = subprocess.run(["gnuplot", "-"], input=script(Layout(points), title, path),
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        terminal.note("gnuplot: " + (result.stderr.strip().splitlines() or ["failed"])[-1])
