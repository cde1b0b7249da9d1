# SPDX-License-Identifier: MIT
"""
Interpreters: scripts that make, keep and drop what their languages are made of.

What they print depends on nothing but the scale.
"""

import os
import sys
import textwrap

from workload import Program


class Script(Program):
    """An interpreter running one script, whose one parameter is N."""

    interpreter = ()
    suffix = ""
    full = 1
    source = ""

    def prepare(self):
        text = textwrap.dedent(self.source).strip().replace("@N@", str(self.count(self.full)))
        self.write("work" + self.suffix, text + "\n")

    def command(self):
        return [*self.interpreter, "work" + self.suffix]


def python_path():
    """An interpreter itself: a wrapper script of some version manager would be measured, too."""
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


class Python(Script):
    name = "python3"
    needs = ("python3",)
    about = "JSON and dictionaries, PYTHONMALLOC=malloc"
    variables = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
    interpreter = (python_path(), "-s")
    suffix = ".py"
    full = 35000
    source = """
        import json, zlib
        rows = [{"id": i, "name": f"name {i * 7919 % 65537}", "tags": [f"t{i % 13}", f"u{i % 7}"],
                 "at": {"x": i * 0.5, "y": [i, i + 1, {"deep": str(i)}]}} for i in range(@N@)]
        text = json.dumps(rows)
        again = json.loads(text)
        by_name = {}
        for row in again:
            by_name.setdefault(row["name"], []).append(row)
        for row in again[::3]:
            del by_name[row["name"]][:]
        joined = sorted((name, len(rows)) for name, rows in by_name.items())
        words = " ".join(f"{name}={count}" for name, count in joined).split()
        table = {word: i for i, word in enumerate(words)}
        again = [dict(row, extra=str(i)) for i, row in enumerate(again) if i % 2]
        print(len(text), len(table), zlib.crc32(json.dumps(again, sort_keys=True).encode()))
    """


class Perl(Script):
    name = "perl"
    needs = ("perl",)
    about = "hashes of arrays, splitting, sorting"
    interpreter = ("perl",)
    suffix = ".pl"
    variables = {"PERL_HASH_SEED": "0"}
    full = 200000
    source = r"""
        use strict; my (%by, @rows); my $x = 12345;
        for my $i (1 .. @N@) {
            $x = ($x * 1103515245 + 12345) % 2147483648;
            my $line = join ",", $i, "name" . $x % 5000, "v" x ($x % 40), $x;
            my @f = split /,/, $line;
            push @{$by{$f[1]}}, { id => $f[0], text => $f[2], n => $f[3] };
            push @rows, $line if $i % 3 == 0;
        }
        my $sum = 0;
        for my $k (sort keys %by) {
            my @sorted = sort { $a->{n} <=> $b->{n} } @{$by{$k}};
            $sum += $sorted[0]{n} + length $sorted[-1]{text};
            delete $by{$k} if $sum % 2;
        }
        my %seen; $seen{$_}++ for map { (split /,/)[2] . ($_ % 7) } map { s/name/N/r } @rows;
        print join(" ", $sum, scalar(keys %by), scalar(keys %seen)), "\n";
    """


class Ruby(Script):
    name = "ruby"
    needs = ("ruby",)
    about = "objects, strings and hashes"
    interpreter = ("ruby", "--disable=gems")
    suffix = ".rb"
    full = 200000
    source = """
        Row = Struct.new(:id, :name, :tags)
        rows = (1..@N@).map { |i| Row.new(i, "name #{i * 7919 % 65537} of a row", ["t#{i % 13}"]) }
        by = rows.group_by { |r| r.name[0, 9] }
        text = rows.map { |r| "#{r.id}:#{r.name}:#{r.tags.join}" }.join("\\n")
        words = text.split(/[:\\n]/).map(&:upcase)
        counts = Hash.new(0)
        words.each { |w| counts[w] += 1 }
        rows = rows.each_slice(2).map(&:first).map { |r| r.tags << "x" * (r.id % 60); r }
        puts [by.size, text.size, counts.size, rows.sum { |r| r.tags.last.size }].join(" ")
    """


class Lua(Script):
    name = "lua"
    needs = ("lua5.4",)
    about = "tables and strings"
    interpreter = ("lua5.4",)
    suffix = ".lua"
    full = 220000
    source = """
        local rows, by = {}, {}
        for i = 1, @N@ do
            local name = "name " .. i * 7919 % 65537
            local row = { id = i, name = name, at = { x = i, y = { i + 1 } } }
            rows[i] = row
            by[name] = by[name] or {}
            by[name][#by[name] + 1] = row
        end
        local parts, sum = {}, 0
        for i = 1, #rows, 2 do parts[#parts + 1] = rows[i].name .. ":" .. rows[i].id end
        local text = table.concat(parts, ",")
        for word, id in text:gmatch("(%w+ %d+):(%d+)") do sum = sum + #by[word] + id % 7 end
        for i = 1, #rows, 3 do rows[i] = { tostring(i), rows[i] } end
        print(#text, sum, #rows)
    """


class Node(Script):
    name = "node"
    needs = ("node",)
    about = "buffers, maps and JSON"
    interpreter = ("node",)
    suffix = ".js"
    full = 130000
    source = """
        const crypto = require("crypto"), zlib = require("zlib");
        const rows = new Map(), buffers = [];
        for (let i = 0; i < @N@; i++) {
            rows.set(`name ${i * 7919 % 65537}`, { id: i, tags: [`t${i % 13}`], at: { x: i / 2 } });
            const b = Buffer.allocUnsafeSlow(64 + i * 31 % 4000).fill(i & 255);
            buffers[i * 7919 % 5000] = b;
        }
        const text = JSON.stringify([...rows.entries()]);
        const again = JSON.parse(text).filter((e, i) => i % 2);
        const packed = [];
        for (let i = 0; i + 20000 < text.length; i += 40000)
            packed.push(zlib.deflateSync(text.slice(i, i + 20000)));
        const hash = crypto.createHash("sha256");
        for (const b of buffers) if (b) hash.update(b);
        console.log(text.length, again.length, packed.length, hash.digest("hex"));
    """
