#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put the report page together, as a C file that report_html.c writes out piece by piece.

Usage: embed.py OUTPUT D3 LICENCE TEMPLATE STYLE SCRIPT...

D3 and LICENCE are files of the distribution, or "" where d3 is not installed; the page is then
empty and report_html_write() says so. The template's marks become:

    @style@ @library@ @script@ @policy@  what is known here
    @title@ @summary@ @type@ @report@    cuts: the C code writes something there

The policy allows the two scripts and the style sheet by their hashes and nothing else, so what
stands in a trace can never run. The output depends on the input files alone.
"""
import base64
import hashlib
import json
import pathlib
import re
import sys

CUTS = ("title", "summary", "type", "report")
LINE_BYTES = 24


def comment_drop(text, pattern):
    """Without comments that stand on lines of their own; they are for who reads the sources."""
    return re.sub(pattern, "", text, flags=re.S | re.M)


def hash_of(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def script_make(paths, licence):
    """Our scripts in one, and the licence of d3 as text that the page can show."""
    parts = [f"window.allotLicence = {json.dumps(licence)};\n"]
    for path in paths:
        parts.append(comment_drop(path.read_text(), r"^ */\*.*?\*/ *\n"))
    return "".join(parts)


def page_make(library, licence, template, style, scripts):
    text = re.sub(r"<!--.*?-->\n?", "", template.read_text(), flags=re.S)
    css = comment_drop(style.read_text(), r"/\*.*?\*/\n?")
    script = script_make(scripts, licence)
    notice = library.splitlines()[0]
    library = f"{notice}\n/* The licence is at the start of the next script. */\n" + \
        library[len(notice) + 1:]
    policy = "; ".join([
        "default-src 'none'",
        f"script-src {hash_of(library)} {hash_of(script)}",
        f"style-src {hash_of(css)}",
        "img-src data: blob:", "base-uri 'none'", "form-action 'none'",
    ])
    for part in (library, script):
        if "</script" in part.lower() or "<!--" in part:
            sys.exit("embed.py: a script would end the element it stands in")
    for name, part in (("policy", policy), ("style", css), ("library", library),
                       ("script", script)):
        text = text.replace(f"@{name}@", part)
    return text


def array_write(out, pieces):
    """An array of pieces: text, then what is to be written after it."""
    out.write('/* Written by embed.py. */\n#include "report_page.h"\n\n')
    for number, (data, _) in enumerate(pieces):
        out.write(f"static const unsigned char bytes_{number}[] = {{\n")
        for at in range(0, len(data), LINE_BYTES):
            out.write(",".join(str(b) for b in data[at:at + LINE_BYTES]) + ",\n")
        out.write("};\n\n")
    out.write("const struct report_page_piece report_page[] = {\n")
    for number, (data, cut) in enumerate(pieces):
        out.write(f"\t{{ bytes_{number}, {len(data)}, REPORT_PAGE_{cut.upper()} }},\n")
    out.write("\t{ 0, 0, REPORT_PAGE_END },\n};\n")


def pieces_make(text):
    """The text cut at the marks that the C code fills: [(bytes, name of the mark)]."""
    words = re.split(r"@(" + "|".join(CUTS) + ")@", text)
    return [(words[i].encode(), words[i + 1] if i + 1 < len(words) else "end")
            for i in range(0, len(words), 2)]


def main():
    output, library, licence, template, style, *scripts = sys.argv[1:]
    pieces = []
    if library:
        notice = pathlib.Path(licence).read_text() if licence else ""
        pieces = pieces_make(page_make(pathlib.Path(library).read_text().rstrip() + "\n", notice,
                                       pathlib.Path(template), pathlib.Path(style),
                                       [pathlib.Path(path) for path in scripts]))
    with open(output, "w") as out:
        array_write(out, pieces)


main()
