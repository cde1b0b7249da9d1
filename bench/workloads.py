# SPDX-License-Identifier: MIT
"""
Workloads: real programs with work to do, the same work every time.

Each prepares its input in a folder of its own, from one seed, and says which command runs it. The
command's standard output, and the files it names, are what must come out the same under every
allocator; so commands are chosen to print results, not times or addresses. `scale` is 1 for about a
second under the C library's malloc, less for a quick look.

Not here: starting, measuring, comparing.
"""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import textwrap
import time

SEED = 20231
START_S_MAX = 20       # for a server to answer
SOCKET_PATH_MAX = 100  # a Unix socket's path is at most 107 bytes


class Workload:
    """One program and its work. Subclasses say which."""

    name = ""
    needs = ()              # programs that must be installed
    about = ""
    outputs = ()            # files it writes, beside its standard output
    has_own_malloc = False  # linked with an allocator other than the C library's
    variables = {}          # added to its environment

    def __init__(self, folder, scale):
        self.folder = folder
        self.scale = scale
        self.random = random.Random(SEED)
        self.lexicon = self.lexicon_make()

    def count(self, full):
        """A number of things for the full workload, at this scale."""
        return max(1, int(full * self.scale))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def lexicon_make(self):
        """Words of a small language."""
        syllables = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu", "gra", "ple"]
        return ["".join(self.random.choices(syllables, k=self.random.randint(1, 4)))
                for _ in range(800)]

    def words(self, count):
        """Some of them; common ones come often."""
        weights = [1 / (i + 1) for i in range(len(self.lexicon))]
        return self.random.choices(self.lexicon, weights=weights, k=count)

    def prepare(self):
        """Write the input. Called once."""

    def command(self):
        """The command's words. It runs in the folder."""
        raise NotImplementedError

    def drive(self, process, limit_s):
        """
        For servers: give `process` its work while it runs, end it, and return what to hash.
        Raises RuntimeError, or what subprocess raises, when that fails or takes too long.
        """
        return None

    @classmethod
    def missing(cls):
        """The first program that is not installed, or None."""
        return next((need for need in cls.needs if not shutil.which(need)), None)


class Script(Workload):
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


class Sqlite(Workload):
    name = "sqlite3"
    needs = ("sqlite3",)
    about = "100,000 rows, an index, updates, joins, in memory"

    def prepare(self):
        rows = self.count(100000)
        lines = ["create table item(id integer primary key, name text, size int, note text);",
                 "begin;"]
        for i in range(rows):
            note = " ".join(self.random.choices(["red", "green", "blue", "old", "new"],
                                                k=self.random.randint(1, 8)))
            lines.append(f"insert into item values({i}, 'name {i * 7919 % 65537}', "
                         f"{self.random.randint(1, 9999)}, '{note}');")
        lines += ["commit;", "create index item_name on item(name);",
                  "create index item_size on item(size, note);",
                  "update item set size = size + 1 where id % 3 = 0;",
                  "delete from item where id % 7 = 0;",
                  "select count(*), sum(size), sum(length(note)) from item;",
                  "select note, count(*), max(name) from item group by note order by 2, 1;",
                  "select count(*) from item a join item b on a.name = b.name and a.id < b.id;",
                  "create table copy as select * from item order by note, name;",
                  "select count(*), min(id), max(id) from copy where name like '%9%';"]
        self.write("work.sql", "\n".join(lines) + "\n")

    def command(self):
        return ["sqlite3", "-batch", ":memory:", ".read work.sql"]


class Gcc(Workload):
    name = "gcc"
    needs = ("gcc",)
    about = "-O2 on a generated C file"
    outputs = ("work.s",)

    def prepare(self):
        parts = ["struct node { struct node *next; int key; double weight; char name[24]; };"]
        for i in range(self.count(160)):
            a, b, c = (self.random.randint(1, 97) for _ in range(3))
            parts.append(textwrap.dedent(f"""
                static int step{i}(struct node *n, int k)
                {{
                    int sum = {a};
                    for (int j = 0; j < k; j++) {{
                        switch ((n->key + j) % 5) {{
                        case 0: sum += j * {b}; break;
                        case 1: sum ^= n->key << (j & 7); break;
                        case 2: n->weight = n->weight * 0.5 + sum; break;
                        case 3: if (n->next) n = n->next; else sum -= {c}; break;
                        default: n->name[j & 15] = (char)(sum + j);
                        }}
                    }}
                    return sum;
                }}
                int call{i}(struct node *n) {{ return step{i}(n, {a}) + step{i}(n->next, {c}); }}
                """))
        self.write("work.c", "\n".join(parts))

    def command(self):
        return ["gcc", "-O2", "-S", "-o", "work.s", "work.c"]


class Gxx(Workload):
    name = "g++"
    needs = ("g++",)
    about = "-O2 on a generated file full of templates"
    outputs = ("work.s",)

    def prepare(self):
        parts = ["#include <algorithm>", "#include <map>", "#include <string>",
                 "#include <tuple>", "#include <vector>",
                 "template <int n> struct chain { chain<n - 1> rest; int at[n % 7 + 1];",
                 "  template <class f> int fold(f g) const { return g(at[0]) + rest.fold(g); } };",
                 "template <> struct chain<0> {",
                 "  template <class f> int fold(f) const { return 0; } };"]
        for i in range(self.count(5)):
            depth = self.random.randint(20, 60)
            parts.append(textwrap.dedent(f"""
                struct key{i} {{ int a, b; bool operator<(const key{i} &o) const
                    {{ return std::tie(a, b) < std::tie(o.a, o.b); }} }};
                int use{i}(int n)
                {{
                    std::map<key{i}, std::vector<std::tuple<int, std::string, chain<{i % 5}>>>> m;
                    for (int j = 0; j < n; j++)
                        m[key{i}{{j % 7, j}}].emplace_back(j, std::string(j % 9, 'x'),
                                                         chain<{i % 5}>());
                    chain<{depth}> c{{}};
                    int sum = c.fold([n](int x) {{ return x * n + {i}; }});
                    std::vector<key{i}> keys;
                    for (auto &e : m)
                        keys.push_back(e.first);
                    std::sort(keys.begin(), keys.end(), [](auto &p, auto &q) {{ return q < p; }});
                    return sum + (int)keys.size();
                }}
                """))
        self.write("work.cc", "\n".join(parts))

    def command(self):
        return ["g++", "-std=c++17", "-O2", "-S", "-o", "work.s", "work.cc"]


class Redis(Workload):
    name = "redis"
    needs = ("redis-server", "redis-cli", "redis-benchmark")
    about = "redis-server under redis-benchmark; the server is measured"
    has_own_malloc = True  # Debian's is linked with jemalloc

    def prepare(self):
        def command(*words):
            return f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)

        parts = []
        for i in range(self.count(40000)):
            parts.append(command("SET", f"key:{i}", "v" * self.random.randint(8, 400)))
            parts.append(command("HSET", f"hash:{i % 4000}", f"field{i % 50}", f"value {i}"))
            if i % 3 == 0:
                parts.append(command("ZADD", f"sorted:{i % 50}", str(i), f"member:{i}"))
                parts.append(command("APPEND", f"key:{i // 2}", "w" * self.random.randint(1, 90)))
            if i % 2 == 0:
                parts.append(command("DEL", f"key:{i * 7919 % (i + 1)}"))
        self.write("work.resp", "".join(parts))

    def socket(self):
        path = os.path.join(self.folder, "redis.sock")
        return path if len(path) <= SOCKET_PATH_MAX else None

    def address(self):
        """How a client finds the server."""
        return ["-s", self.socket()] if self.socket() else ["-h", "127.0.0.1", "-p", "16399"]

    def command(self):
        place = (["--port", "0", "--unixsocket", self.socket()] if self.socket() else
                 ["--port", "16399", "--bind", "127.0.0.1"])
        return ["redis-server", *place, "--save", "", "--appendonly", "no", "--daemonize", "no",
                "--enable-debug-command", "yes", "--databases", "2", "--loglevel", "warning",
                "--logfile", "redis.log"]

    def client(self, words, end_s, **more):
        """Run a client until it ends, at the latest when the clock says `end_s`."""
        left_s = max(0.1, end_s - time.monotonic())
        return subprocess.run(words[:1] + self.address() + words[1:], check=True,
                              capture_output=True, timeout=left_s, cwd=self.folder, **more).stdout

    def wait(self, process, end_s):
        start_s = time.monotonic()
        while time.monotonic() < start_s + START_S_MAX and process.poll() is None:
            try:
                if self.client(["redis-cli", "ping"], end_s).strip() == b"PONG":
                    return
            except subprocess.CalledProcessError:
                pass
            time.sleep(0.01)
        raise RuntimeError("the server does not answer")

    def drive(self, process, limit_s):
        end_s = time.monotonic() + limit_s
        self.wait(process, end_s)
        with open(os.path.join(self.folder, "work.resp"), "rb") as commands:
            filled = self.client(["redis-cli", "--pipe"], end_s, stdin=commands)
        if b"errors: 0" not in filled:
            raise RuntimeError("the server refused a command")
        digest = self.client(["redis-cli", "debug", "digest"], end_s)
        self.client(["redis-benchmark", "--dbnum", "1", "-q", "-P", "16", "-c", "20",
                     "-n", str(self.count(80000)), "-r", "20000", "-d", "100", "-t",
                     "set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,mset"], end_s)
        self.client(["redis-cli", "shutdown", "nosave"], end_s)
        return digest


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
    name = "lua5.4"
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


class Git(Workload):
    name = "git"
    needs = ("git",)
    about = "repack and fsck of a generated repository"
    variables = {"GIT_CONFIG_NOSYSTEM": "1"}

    def prepare(self):
        files = [self.words(300) for _ in range(40)]
        stream = []
        for commit in range(self.count(500)):
            message = f"change {commit}\n"
            stream.append("commit refs/heads/main\n"
                          f"committer A <a@b> {1600000000 + commit * 60} +0000\n"
                          f"data {len(message)}\n{message}")
            for index in self.random.sample(range(len(files)), 4):
                words = files[index]
                start = self.random.randrange(len(words))
                words[start:start + 5] = self.words(self.random.randint(2, 12))
                text = "\n".join(" ".join(words[i:i + 8]) for i in range(0, len(words), 8)) + "\n"
                stream.append(f"M 100644 inline d{index % 6}/f{index}.txt\n"
                              f"data {len(text)}\n{text}")
        self.git("init", "-q", "--bare", "repository")
        self.git("-C", "repository", "symbolic-ref", "HEAD", "refs/heads/main")
        self.git("-C", "repository", "fast-import", "--quiet", input="".join(stream).encode())

    def git(self, *words, **more):
        environment = dict(os.environ, HOME=self.folder, **self.variables)
        subprocess.run(["git", *words], check=True, cwd=self.folder, env=environment, **more)

    def command(self):
        # One thread, nothing reused: the same deltas are searched for, and found, every time.
        return ["sh", "-c", "cd repository && "
                "git -c pack.threads=1 repack -q -a -d -F --window=60 --depth=50 && "
                "git fsck --full --no-progress && git rev-parse main && ls objects/pack && "
                "git rev-list --objects --all | sort | sha1sum"]


class Ghostscript(Workload):
    name = "gs"
    needs = ("gs",)
    about = "rendering generated PostScript"
    outputs = ("work.ppm",)

    def prepare(self):
        lines = ["%!PS-Adobe-3.0"]
        for page in range(self.count(5)):
            for _ in range(900):
                x, y, w = (self.random.randint(20, 560) for _ in range(3))
                color = " ".join(f"{self.random.random():.3f}" for _ in range(3))
                lines.append(f"{color} setrgbcolor newpath {x} {y} moveto {y} {w} {w} {x} "
                             f"{x + 40} {y + 60} curveto {w} {x} lineto closepath "
                             + self.random.choice(["fill", "stroke", "eofill"]))
            text = " ".join(self.words(400))
            for row in range(40):
                size = self.random.randint(6, 14)
                lines.append(f"/Times-Roman findfont {size} scalefont setfont 0 setgray 40 "
                             f"{740 - 17 * row} moveto ({text[row * 60:row * 60 + 60]}) show")
            lines.append(f"%page {page}\nshowpage")
        self.write("work.ps", "\n".join(lines) + "\n")

    def command(self):
        return ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=ppmraw", "-r100",
                "-dTextAlphaBits=4", "-dGraphicsAlphaBits=2", "-sOutputFile=work.ppm", "work.ps"]


class Z3(Workload):
    name = "z3"
    needs = ("z3",)
    about = "a generated SMT2 problem"

    def swaps(self, count):
        """Swap elements of an array, then undo it in reverse: it must be as before. It is."""
        sort = "(Array (_ BitVec 8) (_ BitVec 8))"
        lines = ["(set-logic QF_AUFBV)", f"(declare-const m0 {sort})"]
        lines += [f"(declare-const i{i} (_ BitVec 8))" for i in range(count)]
        chance = random.Random(2)  # some orders are much harder than others
        pairs = [(chance.randrange(count), chance.randrange(count)) for _ in range(count)]
        for step, (a, b) in enumerate(pairs + pairs[::-1]):
            old = f"m{step}"
            lines.append(f"(define-fun m{step + 1} () {sort} (store (store {old} i{a} "
                         f"(select {old} i{b})) i{b} (select {old} i{a})))")
        return lines + [f"(assert (not (= m0 m{2 * count})))", "(check-sat)", "(reset)"]

    def products(self, seed, count=30, bits=8):
        """Products and quotients of bit vectors: a large formula."""
        chance = random.Random(seed)
        lines = ["(set-logic QF_BV)"]
        lines += [f"(declare-const x{i} (_ BitVec {bits}))" for i in range(count)]
        for i in range(count):
            a, b, c = (chance.randrange(count) for _ in range(3))
            lines.append(f"(assert (= (bvmul x{a} x{b}) (bvadd (bvudiv x{c} "
                         f"(bvor x{i} (_ bv1 {bits}))) (_ bv{chance.randrange(2 ** bits)} "
                         f"{bits}))))")
        return lines + ["(check-sat)", "(reset)"]

    def prepare(self):
        lines = self.swaps(9)
        # Most seeds give problems of minutes or more; these take less than a second each.
        for seed in (3, 4, 7) if self.scale >= 1 else (3,):
            lines += self.products(seed)
        self.write("work.smt2", "\n".join(lines) + "\n")

    def command(self):
        return ["z3", "work.smt2"]


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


class Jq(Workload):
    name = "jq"
    needs = ("jq",)
    about = "grouping and rewriting a JSON file"

    def prepare(self):
        rows = []
        for i in range(self.count(50000)):
            tags = ",".join(f'"t{self.random.randint(0, 40)}"' for _ in range(i % 5))
            rows.append(f'{{"id":{i},"name":"name {i * 7919 % 4099}","tags":[{tags}],'
                        f'"at":{{"x":{self.random.random():.6f},"y":{i % 77}}}}}')
        self.write("work.json", "[" + ",\n".join(rows) + "]\n")

    def command(self):
        return ["jq", "-c", "map(select(.at.y > 3) | .key = (.name + \"/\" + (.id | tostring))) "
                "| group_by(.name) | map({name: .[0].name, n: length, "
                "x: (map(.at.x) | add), tags: ([.[].tags[]] | unique)}) | sort_by(.x)[]",
                "work.json"]


class Xmllint(Workload):
    name = "xmllint"
    needs = ("xmllint",)
    about = "parsing and canonical form of an XML file"

    def prepare(self):
        parts = ['<?xml version="1.0"?>\n<items xmlns:x="urn:x">']
        for i in range(self.count(200000)):
            words = " ".join(self.random.choices(["red", "green", "blue", "old", "new"], k=4))
            parts.append(f'<item id="{i}" x:kind="k{i % 9}"><name>name {i * 7919 % 65537}</name>'
                         f"<note>{words} &amp; more</note><at x='{i}'/></item>")
        self.write("work.xml", "\n".join(parts) + "\n</items>\n")

    def command(self):
        return ["xmllint", "--nonet", "--huge", "--c14n", "work.xml"]


ALL = (Python, Sqlite, Gcc, Gxx, Redis, Perl, Ruby, Lua, Git, Ghostscript, Z3, Node, Jq, Xmllint)


def output_hash(workload, standard_output, driven):
    """One hash over everything a run brought forth."""
    digest = hashlib.sha256()
    for path in [standard_output] + [os.path.join(workload.folder, n) for n in workload.outputs]:
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                digest.update(piece)
        digest.update(b"\0")
    digest.update(driven or b"")
    return digest.hexdigest()
