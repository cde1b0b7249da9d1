# SPDX-License-Identifier: MIT
# Ruby: objects, strings, symbols, the collector with compaction of its own heap, threads.
. "$SCRIPTS/common.sh"
need ruby
COUNT=$(pick 30000 300000) ruby - <<'EOF'
require "digest"
require "json"
count = ENV["COUNT"].to_i
table = {}
count.times { |i| table["key #{i * 7919 % count}"] = [i, "x" * (i % 211), i.to_s.to_sym] }
text = JSON.generate(table.sort.to_h)
puts text.size, Digest::SHA256.hexdigest(text)
puts JSON.parse(text).size
GC.start
GC.compact if GC.respond_to?(:compact)
table.delete_if { |key, value| value[0] % 3 == 1 }
GC.start
puts table.size
sums = 4.times.map { |n| Thread.new { (1..count / 4).map { |i| "t" * (i % 300 + n) }.sum(&:size) } }
puts sums.map(&:value).inspect
puts text.scan(/key \d*9"/).size
child = fork { table.clear; GC.start; exit!(5) }
Process.wait(child)
puts $?.exitstatus
EOF
