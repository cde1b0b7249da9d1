# SPDX-License-Identifier: MIT
# A Redis server on a socket of its own under its benchmark, a snapshot (a fork), a restart.
. "$SCRIPTS/common.sh"
need redis-server redis-benchmark redis-cli awk
start() {
	redis-server --port 0 --unixsocket "$PWD/socket" --dir "$PWD" --save '' --appendonly no \
		--enable-debug-command yes --logfile log --daemonize no &
	server=$!
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		redis-cli -s socket ping >/dev/null 2>&1 && return
		sleep 0.1
	done
	echo "the server did not come up"
	cat log
	exit 1
}
ask() {
	redis-cli -s socket "$@"
}
trap 'kill $server 2>/dev/null || true' EXIT
start
requests=$(pick 8000 200000)
redis-benchmark -s socket -n "$requests" -c 20 -P 8 -r 5000 -d 200 -q \
	-t set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset >benchmark 2>&1
grep -c 'requests per second' benchmark
ask flushall
awk -v n="$requests" 'BEGIN {
	for (i = 0; i < n; i++) {
		printf "SET string:%d %0*d\r\n", i, i % 400 + 1, i
		printf "HSET hash:%d field%d value%d\r\n", i % 100, i, i * 3
		printf "ZADD zset:%d %d member%d\r\n", i % 10, i * 7 % 1009, i
		printf "RPUSH list:%d element%d\r\n", i % 50, i
		if (i % 3 == 0) printf "APPEND string:%d %0*d\r\n", i / 2, i % 900 + 1, i
		if (i % 7 == 0) printf "DEL string:%d\r\n", i / 3
	}
}' | redis-cli -s socket --pipe | tail -n 1
ask dbsize
ask debug digest
ask save
ask bgsave >/dev/null
while ask info persistence | grep -q 'rdb_bgsave_in_progress:1'; do sleep 0.05; done
ask info persistence | grep rdb_last_bgsave_status
ask memory purge >/dev/null || true
ask shutdown nosave || true
wait "$server" || true
start
ask dbsize
ask debug digest
ask shutdown nosave || true
wait "$server" && echo "the server ended well"
trap - EXIT
