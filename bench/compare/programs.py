# SPDX-License-Identifier: MIT
"""
Programs that are neither interpreters nor compilers: data bases, a version control system, a
renderer, a solver, filters.

Commands are chosen to print results, not times or addresses.
"""

import os
import random
import subprocess
import time

from workload import SEED, Program

START_S_MAX = 20       # for a server to answer
SOCKET_PATH_MAX = 100  # a Unix socket's path is at most 107 bytes


class Sqlite(Program):
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


class Redis(Program):
    name = "redis-server"
    needs = ("redis-server", "redis-cli", "redis-benchmark")
    about = "under redis-benchmark; the server is measured"
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


class Git(Program):
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


class Ghostscript(Program):
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


class Z3(Program):
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


class Jq(Program):
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


class Xmllint(Program):
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
