# SPDX-License-Identifier: MIT
# Python on malloc rather than its own pools: dictionaries, JSON, sorting, threads, fork.
. "$SCRIPTS/common.sh"
need python3
COUNT=$(pick 15000 200000) python3 - <<'EOF'
import gc, hashlib, json, os, sqlite3, threading
count = int(os.environ["COUNT"])
table = {}
for i in range(count):
    table["key %d" % (i * 7919 % count)] = {"number": i, "list": list(range(i % 17)), "text": "x" * (i % 301)}
text = json.dumps(table, sort_keys=True)
again = json.loads(text)
assert again == table
print(len(text), hashlib.sha256(text.encode()).hexdigest())
for key in list(table)[::2]:
    del table[key]
words = sorted((str(i * 2654435761 % 1000003) for i in range(count)), key=lambda w: (len(w), w))
print(hashlib.sha256(" ".join(words).encode()).hexdigest())
results = {}
def work(number):
    rows = [bytes([number]) * (n % 2000) for n in range(count // 4)]
    results[number] = sum(map(len, rows))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(results[0], results == {n: results[0] for n in range(4)})
database = sqlite3.connect(":memory:")
database.execute("create table t (a integer, b text)")
database.executemany("insert into t values (?, ?)", ((i, "row %d" % i) for i in range(count)))
print(database.execute("select count(*), sum(a), max(b) from t where b like '%7%'").fetchone())
child = os.fork()
if child == 0:
    again.clear(); gc.collect(); os._exit(len(table) % 100)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(table) % 100)
EOF
