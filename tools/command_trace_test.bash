#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Tests of `allot record`, `report`, `diff` and `advise` from the outside, as lines of the Test
# Anything Protocol.
#
# usage: command_trace_test.bash ALLOT MEASURE, with the compiler in CC

# shellcheck disable=SC2016 # what stands in single quotes is for the shells we start
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/command_claims.bash"

# ---- reports of traces

"$allot" run --conf trace:before.raw,trace_depth:0 -- ls / >/dev/null 2>&1
"$allot" run --conf trace:after.raw,trace_depth:0 -- ls -l / >/dev/null 2>&1
expect 'a trace is reported' 0 '*peak requested *+ requested *over time*advice*' \
	'next: allot replay *before.raw*' "$allot" report --plain before.raw
expect 'options may follow the trace' 0 '*peak requested*' 'next: *' \
	"$allot" report before.raw --plain --top 0 --at end
result "$([[ $(json_valid "$allot" report --json before.raw) == allot.report/1 ]] && echo yes)" \
	'the report is JSON' ''
result "$([[ $(json_valid "$allot" diff --json before.raw after.raw) == allot.diff/1 ]] &&
	echo yes)" 'so is a difference' ''
result "$([[ $(json_valid "$allot" advise --json before.raw) == allot.advise/1 ]] && echo yes)" \
	'so is advice' ''
expect 'a threshold that trips' 3 '*peak requested*' \
	"*--fail-on 'peak_requested>1k' trips: peak requested is *exact*" \
	"$allot" report --fail-on 'peak_requested>1k' before.raw
expect 'one that does not' 0 '*' 'next: *' "$allot" report --fail-on 'peak_requested>9g' before.raw
expect 'a threshold without sense' 2 '' "*'five' is no number*" \
	"$allot" report --fail-on 'u>five' before.raw
expect 'a metric misspelt' 2 '*' "*did you mean 'peak_rss'*" \
	"$allot" report --fail-on 'peak_rs>5' before.raw
expect 'no such moment' 1 '' "*'noon' is no moment*" "$allot" report --at noon before.raw
expect 'no trace named' 2 '' '*no trace*' "$allot" report
expect 'no such trace' 1 '' '*none.raw*No such file*' "$allot" report none.raw
expect 'a file that is no trace' 1 '' 'allot: report: *recorded.c*' \
	"$allot" report "$(touch recorded.c; echo int main >>recorded.c; echo recorded.c)"
expect 'no such replay' 1 '' '*none.json*' "$allot" report --replay none.json before.raw
"$allot" record -o turned.trace -- bash -c 'exec true' >/dev/null 2>&1
expect 'what became another program has ended' 0 '*"is_complete":true*' '*' \
	"$allot" report --json turned.trace
echo '{"schema":"allot.replay/1","trace":{"events":1},"rows":[]}' >other.json
expect 'the replay of another trace' 1 '' '*other.json: the replay of another trace than before.raw*' \
	"$allot" report --replay other.json before.raw
result "$("$allot" report --compare after.raw --json before.raw | python3 -c '
import json, sys
block = json.load(sys.stdin)["compare"]
print("yes" if "ls -l" in block["b"]["command"] and block["stacks"] else block)')" \
	'another trace is set beside one' ''
expect 'on a terminal a difference does that' 2 '' '*allot diff before.raw after.raw*' \
	"$allot" report --compare after.raw before.raw
expect 'no such trace to compare' 1 '' '*none.raw*No such file*' \
	"$allot" report --json --compare none.raw before.raw
expect 'nothing differs from itself' 0 '*ledger, at *None differs.*No stack has more*' 'next: *' \
	bash -c "'$allot' record -o stacks.trace -- ls / >/dev/null 2>&1 &&
		'$allot' diff stacks.trace stacks.trace"
expect 'shares differ by points' 0 '*internal fragmentation *% *% *[0-9] points*' 'next: *' \
	"$allot" diff before.raw after.raw
result "$([[ $("$allot" report --html /dev/full before.raw 2>&1 | grep -c /dev/full) == 1 ]] &&
	echo yes)" 'a page that cannot be written is one line' ''
expect 'a change that is too much' 3 '*B less A*' '*trips*' \
	"$allot" diff --fail-on 'allocations>0' before.raw after.raw
expect 'one trace is not two' 2 '' '*one is given*' "$allot" diff before.raw
expect 'nothing is promised without a replay' 0 '# No configuration*' 'next: *' \
	"$allot" advise before.raw

# ---- record

expect 'a program is recorded' 7 '' '*allot: record: sh.trace: *events*next: allot report sh.trace' \
	"$allot" record -o sh.trace --depth 0 -- bash -c 'ls >/dev/null; exit 7'
result "$([[ -s sh.trace && $(echo sh.trace.ls.*.trace) == sh.trace.ls.[0-9]*.trace ]] && echo yes)" \
	'programs that it starts have traces of their own' "$(ls)"
expect 'a trace is not overwritten' 125 '' "*sh.trace exists*'-f'*" \
	"$allot" record -o sh.trace -- true
expect 'but when asked' 0 '*' '*sh.trace: *' "$allot" record -f -o sh.trace --depth 0 -- ls /
expect 'a program that is killed is recorded up to there' 137 '' '*killed.trace: *events*' \
	"$allot" record -o killed.trace --depth 0 -- bash -c 'ls >/dev/null; kill -KILL $$'
expect 'what was recorded is read' 0 '*' 'next: *' "$allot" report killed.trace
"$allot" record -o term.trace --depth 0 -- bash -c 'trap "exit 9" TERM; while :; do sleep 0.1; done' 2>/dev/null &
sleep 1
kill -TERM $!
wait $!
result "$([[ $? == 9 && -s term.trace ]] && echo yes)" 'a signal is passed on' ''
expect 'no trace can be made there: nothing is run' 125 '' "*no trace can be made in nodir/: No such*" \
	"$allot" record -o nodir/x.trace -- touch ran
result "$([[ ! -e ran ]] && echo yes)" 'nor is its program run' ''
expect 'what runs on in the background is recorded on' 3 '' \
	'*1 process of it runs in the background*daemon.trace.sleep.*.trace: *events*' \
	"$allot" record -o daemon.trace --depth 0 -- bash -c 'sleep 0.7 & exit 3'
"$allot" record -o enough.trace --depth 0 -- bash -c 'setsid sleep 60 & echo $! >daemon; exit 4' \
	2>enough &
sleep 1
kill -TERM $!
wait $!
result "$([[ $? == 4 && $(<enough) == *"runs, and is not recorded any more"* ]] &&
	kill -TERM "$(<daemon)" && echo yes)" 'until it is enough, and runs on' "$(<enough)"
cp "$(type -P true)" tool.raw
expect 'a program may be called .raw' 0 '' '*allot: record: tool.trace: *' \
	"$allot" record -o tool.trace --depth 0 -- ./tool.raw
expect 'what a program becomes last has the name, what it was is whole' 0 '*' \
	'*became.trace: *next: allot report became.trace' "$allot" record -o became.trace --depth 0 -- \
	bash -c 'echo $BASHPID >main; exec bash -c "sleep 0.2; exec ls /"'
result "$([[ $("$allot" report --json became.trace 2>/dev/null) == *'"ls /"'* &&
	$("$allot" report --json became.trace.bash."$(<main)".trace 2>/dev/null) == \
	*'"lost_events":0,'* &&
	$("$allot" report --json became.trace.bash."$(<main)".2.trace 2>/dev/null) == \
	*'"lost_events":0,'* ]] && echo yes)" 'whatever the order of the folder' "$(ls)"
"$allot" record -o left.trace --depth 0 -- sleep 0.5 2>/dev/null &
left=$!
sleep 0.2
kill -KILL $left
wait $left 2>/dev/null
"$allot" record -o next.trace --depth 0 -- true 2>/dev/null
result "$(compgen -G "/dev/shm/allot-$left-*" >/dev/null || echo yes)" 'the folder of a recorder that was killed goes with the next one' ''
(sleep 0.1; exec "$allot" record -o pipe.trace --depth 0 -- true) 2>&1 >/dev/null | true
statuses=("${PIPESTATUS[@]}")
result "$([[ ${statuses[0]} == 0 && -s pipe.trace ]] && echo yes)" \
	'who reads the messages may go' "${statuses[*]}"
expect 'a raw file is packed' 0 '*column*' '*raw.trace: *events*next: *' \
	"$allot" record --convert before.raw -o raw.trace --columns
expect 'no raw file is none' 1 '' '*none.raw: No such file*' \
	"$allot" record --convert none.raw -o none.trace
expect 'no program to record' 125 '' '*no program*' "$allot" record
expect 'a wrong configuration is not run' 125 '' "*did you mean 'buddy'*" \
	"$allot" record --strategy budy -- touch ran
result "$([[ ! -e ran ]] && echo yes)" 'nor is its program' ''

echo "1..$count"
