# SPDX-License-Identifier: MIT
"""
Tables: rows of words as aligned text or as markdown.

A table is a list of rows of equal length, the first the head. Not here: what stands in them.
"""

GAP = "  "


def widths_of(rows):
    return [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]


def width_of(rows):
    """Columns of the terminal that the whole table takes."""
    widths = widths_of(rows)
    return sum(widths) + len(GAP) * (len(widths) - 1)


def without(rows, name):
    """The table less the column of that name."""
    index = rows[0].index(name)
    return [row[:index] + row[index + 1:] for row in rows]


def aligned(rows, left):
    """Lines of text; the first `left` columns stand left, the others right."""
    widths = widths_of(rows)
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if i < left else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append(GAP.join(cells).rstrip())
    return lines


def columns_share(rows, left, columns_max):
    """Lists of column indices, each of which fits into the width beside the left columns."""
    widths = widths_of(rows)
    base = sum(widths[:left]) + len(GAP) * (left - 1)
    shares, used = [[]], base
    for i in range(left, len(widths)):
        need = len(GAP) + widths[i]
        if shares[-1] and columns_max is not None and used + need > columns_max:
            shares.append([])
            used = base
        shares[-1].append(i)
        used += need
    return shares


def as_text(rows, left=1, columns_max=None):
    """Aligned text. What is wider than allowed continues in a further table below."""
    parts = []
    for share in columns_share(rows, left, columns_max):
        chosen = list(range(left)) + share
        parts.append("\n".join(aligned([[row[i] for i in chosen] for row in rows], left)))
    return "\n\n".join(parts)


def as_markdown(rows, left=1, columns_max=None):
    """The same as a markdown table, which has no width."""
    del columns_max
    rule = ["---" if i < left else "---:" for i in range(len(rows[0]))]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [escaped[0], rule] + escaped[1:])
