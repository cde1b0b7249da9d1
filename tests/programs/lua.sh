# SPDX-License-Identifier: MIT
# Lua: realloc for everything, tables that grow and shrink, closures, coroutines.
. "$SCRIPTS/common.sh"
need lua5.4
COUNT=$(pick 50000 500000) lua5.4 - <<'EOF'
local count = tonumber(os.getenv("COUNT"))
local rows, index = {}, {}
for i = 1, count do
	local key = string.format("%07d", i * 7919 % count)
	rows[#rows + 1] = { key = key, text = string.rep("ab", i % 60), f = function() return i end }
	index[key] = i
end
table.sort(rows, function(a, b) return a.key < b.key or a.key == b.key and a.f() < b.f() end)
local sum = 0
for n, row in ipairs(rows) do sum = (sum * 31 + row.f() * #row.text + n) % 4294967291 end
print(sum, collectgarbage("count") > 0)
for i = 1, #rows, 2 do rows[i] = false end
collectgarbage()
local parts = {}
for word in coroutine.wrap(function() for i = 1, count do coroutine.yield("w" .. i) end end) do
	parts[#parts + 1] = word
end
local text = table.concat(parts, " ")
print(#text, select(2, text:gsub("w%d*7 ", "<%0>")))
collectgarbage("generational")
local tree = {}
for i = 1, count do local t = tree; for d = 1, 4 do local k = i >> (d * 3) & 7; t[k] = t[k] or {}; t = t[k] end t[i] = true end
collectgarbage()
local leaves = 0
local function walk(t) for _, v in pairs(t) do if v == true then leaves = leaves + 1 else walk(v) end end end
walk(tree)
print(leaves)
EOF
