# SPDX-License-Identifier: MIT
"""
Picture: time against peak memory, one labelled point an allocator, drawn by gnuplot.

The points are the geometric means over all rows that every allocator passed. Where labels stand is
settled here, for gnuplot would print one over the other: each label takes the first place around
its point where it covers neither a point, nor a label already placed, nor the frame; a line leads
to it when that place is some way off.
"""

import os
import shutil
import subprocess

import terminal
from summary import PEAK, TIME

WIDTH, HEIGHT = 760, 560
# The plot within the picture, as parts of it: left, right, bottom, top.
FRAME = (0.10, 0.97, 0.12, 0.87)
LETTER_WIDTH, LETTER_HEIGHT = 7.6, 15  # of the font below, in pixels
POINT_RADIUS = 6
GAP = 5
DISTANCES = (0, 14, 28, 44, 62, 82)    # from a point to its label, in pixels
LEADER_FROM = 14
RANGE_MARGIN = 0.12                    # of the range, on either side
RANGE_MIN = 0.04                       # so that equals are not torn apart

COLOUR_ALLOT, COLOUR_PEER = "#c0392b", "#2c5f8a"
COLOUR_TEXT, COLOUR_GRID, COLOUR_GROUND = "#222222", "#dddddd", "#ffffff"


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


class Layout:
    """Where points and labels are, in pixels of the picture."""

    def __init__(self, points):
        self.points = points  # [(name, x, y, is_allot)]
        self.x_range = range_of([point[1] for point in points])
        self.y_range = range_of([point[2] for point in points])
        left, right, bottom, top = FRAME
        self.frame = Box(left * WIDTH, bottom * HEIGHT, (right - left) * WIDTH,
                         (top - bottom) * HEIGHT)
        self.labels = []      # [(name, box, point in pixels, distance, is_allot)]
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
        near = POINT_RADIUS + GAP
        half = LETTER_HEIGHT / 2
        for distance in DISTANCES:
            away = near + distance
            slant = near + 0.7 * distance
            for left, bottom in ((x + away, y - half), (x - away - width, y - half),
                                 (x - width / 2, y + away), (x - width / 2, y - away - 2 * half),
                                 (x + slant, y + slant), (x + slant, y - slant - 2 * half),
                                 (x - slant - width, y + slant),
                                 (x - slant - width, y - slant - 2 * half)):
                yield Box(left, bottom, width, LETTER_HEIGHT), distance

    def place(self):
        """Settle every label; allot first, which is looked for first."""
        pixels = [self.pixel(x, y) for _, x, y, _ in self.points]
        taken = [Box(x - POINT_RADIUS, y - POINT_RADIUS, 2 * POINT_RADIUS, 2 * POINT_RADIUS)
                 for x, y in pixels]
        order = sorted(zip(self.points, pixels), key=lambda pair: not pair[0][3])
        for (name, _, _, is_allot), (x, y) in order:
            width = LETTER_WIDTH * len(name)
            free = [(box, distance) for box, distance in self.places(x, y, width)
                    if box.is_inside(self.frame) and not any(map(box.touches, taken))]
            box, distance = free[0] if free else next(iter(self.places(x, y, width)))
            taken.append(box)
            self.labels.append((name, box, (x, y), distance, is_allot))


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def label_lines(layout):
    """gnuplot's words for the labels, and for the lines that lead to those far off."""
    for name, box, (x, y), distance, is_allot in layout.labels:
        colour = COLOUR_ALLOT if is_allot else COLOUR_TEXT
        middle_x, middle_y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
        yield (f"set label {quoted(name)} at screen {middle_x / WIDTH:.4f}, "
               f"{middle_y / HEIGHT:.4f} center noenhanced textcolor rgb '{colour}' front")
        if distance >= LEADER_FROM:
            end_x = min(max(x, box.left), box.right)
            end_y = min(max(y, box.bottom), box.top)
            yield (f"set arrow from screen {x / WIDTH:.4f}, {y / HEIGHT:.4f} to screen "
                   f"{end_x / WIDTH:.4f}, {end_y / HEIGHT:.4f} nohead linecolor rgb '#999999'")


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
