# SPDX-License-Identifier: MIT
# Node: buffers outside its own heap, JSON, compression, worker threads.
. "$SCRIPTS/common.sh"
need node
cat >work.js <<'EOF'
const { createHash } = require("crypto");
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const zlib = require("zlib");
const count = Number(process.env.COUNT);
const hash = (data) => createHash("sha256").update(data).digest("hex");
function rows(n, seed) {
	const list = [];
	for (let i = 0; i < n; i++)
		list.push({ id: i * 7919 % n, text: "x".repeat((i + seed) % 200), part: Buffer.alloc(i % 5000, seed).length });
	return list.sort((a, b) => a.id - b.id || a.part - b.part);
}
if (isMainThread) {
	const text = JSON.stringify(rows(count, 1));
	console.log(text.length, hash(text));
	const packed = zlib.brotliCompressSync(text, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } });
	console.log(hash(zlib.gunzipSync(zlib.gzipSync(text))), zlib.brotliDecompressSync(packed).toString() === text);
	const results = [];
	for (let n = 0; n < 3; n++) {
		const worker = new Worker(__filename, { workerData: n });
		worker.on("message", (m) => { results[n] = m; });
		worker.on("exit", (code) => {
			if (code !== 0) console.log("worker", n, code);
			if (results.filter(Boolean).length === 3 && n >= 0 && !results.done) {
				results.done = true;
				console.log(results.join("\n"));
			}
		});
	}
} else {
	const buffers = [];
	for (let i = 0; i < count / 10; i++) buffers.push(Buffer.alloc(i % 20000, workerData + 1));
	parentPort.postMessage(hash(Buffer.concat(buffers)));
}
EOF
COUNT=$(pick 20000 200000) node work.js
