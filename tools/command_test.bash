#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Tests of the `allot` command from the outside, as lines of the Test Anything Protocol: exit
# statuses, streams, messages, the environment of what it runs, the verdicts of the doctor.
#
# usage: command_test.bash ALLOT MEASURE, with the compiler in CC

# shellcheck disable=SC2016 # what stands in single quotes is for the shells we start
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/command_claims.bash"

# ---- help and mistakes

expect 'help lists every command' 0 '*run *list *doctor *bench *help *' 'next: *' "$allot" help
expect '--help is help' 0 'usage: allot *' '*' "$allot" --help
expect '--version prints one' 0 'allot [0-9]*.[0-9]*.[0-9]*' '' "$allot" --version
expect 'help of a command' 0 'usage: allot run *--strategy NAME*125*' 'next: *' "$allot" help run
expect '--help of a command' 0 'usage: allot list *' '' "$allot" list --help
expect 'no command is wrong usage' 2 '' 'usage: allot *' "$allot"
expect 'a near command is named' 2 '' "allot: no command 'rnu' (did you mean 'run'?)" "$allot" rnu
expect 'a program needs run' 2 '' "*'ls' (did you mean 'allot run ls'?)" "$allot" ls
expect 'help of no command' 2 '' "*'lsit' (did you mean 'list'?)" "$allot" help lsit
expect 'a near option is named' 2 '' "*'--jsn' (did you mean '--json'?)" "$allot" list --jsn
expect 'an operand too many' 2 '' "*'more'*" "$allot" list more

# ---- list

expect 'list shows strategies and keys' 0 '*segregated*implicit*buddy*strategy*fit*' 'next: *' \
	"$allot" list
expect 'list as JSON, nothing beside' 0 'allot.list/1' '' json_valid "$allot" list --json
expect 'a full disk is a failure' 1 '' '*No space left*' bash -c "'$allot' list >/dev/full"

# ---- run

expect 'the status is the program'\''s' 7 '' '' "$allot" run -- sh -c 'exit 7'
expect 'so is its signal' 137 '' '*' bash -c "'$allot' run -- sh -c 'kill -9 \$\$'; exit \$?"
expect 'options end at the program' 0 '--strategy' '' "$allot" run echo --strategy
expect 'the library comes first' 0 '*/liballot.so:libm.so.6' '' \
	env LD_PRELOAD=libm.so.6 "$allot" run sh -c 'echo "$LD_PRELOAD"'
expect 'once is enough' 0 '/*/liballot.so' '' \
	"$allot" run "$allot" run sh -c 'echo "$LD_PRELOAD" | grep -v :'
expect 'environment, --conf, options' 0 'fit:best,fit:first,strategy:implicit' '' \
	env ALLOT_CONF=fit:best "$allot" run --strategy implicit --conf fit:first \
	sh -c 'echo "$ALLOT_CONF"'
expect '--stats and --json' 0 '*stats:*/x,stats_format:json' '' \
	"$allot" run --stats="$work/x" --json sh -c 'echo "$ALLOT_CONF"'
expect 'no program' 125 '' 'allot: run: no program to run' "$allot" run
expect 'a wrong strategy, the right one named' 125 '' 'allot: run: *buddy*' \
	"$allot" run --strategy budy -- true
expect 'a wrong key, the right one named' 125 '' 'allot: run: *strategy*' \
	"$allot" run --conf strategi:buddy -- true
expect 'a value missing' 125 '' "*'--fit' needs a value*" "$allot" run --fit
expect 'a value where none goes' 125 '' "*'--json' takes no value" "$allot" run --json=1 true
expect 'a misspelt program' 127 '' \
	"allot: run: no program 'sotr' on PATH (did you mean 'sort'?)" "$allot" run sotr
expect 'a path to nothing' 127 '' "allot: run: no program './none'" "$allot" run ./none
expect 'a directory' 126 '' 'allot: run: /: not executable' "$allot" run /
touch plain
expect 'a plain file' 126 '' 'allot: run: ./plain: not executable' "$allot" run ./plain
printf '#!/none/sh\n' >script && chmod +x script
expect 'a script without interpreter' 127 '' 'allot: run: /none/sh: No such file*' \
	"$allot" run ./script
compile static -static <<<'int main(void) { return 3; }'
expect 'a static program runs, with a warning' 3 '' \
	'allot: run: ./static is statically linked*' "$allot" run ./static

# ---- doctor

expect 'the doctor alone' 0 'effective: *vm.max_map_count*page size*' 'next: *' "$allot" doctor
expect 'the doctor of a program' 0 'effective: *malloc  *sort*' 'next: *' "$allot" doctor sort
expect 'the doctor as JSON' 0 'allot.doctor/1' '' json_valid "$allot" doctor --json true
expect 'a program'\''s output goes to standard error' 0 'effective: *' 'hello*' \
	"$allot" doctor echo hello
expect 'the doctor of a static program' 1 'not effective: *statically*' 'next: *' \
	"$allot" doctor ./static
expect 'the doctor of no program' 2 '' "*'sotr'*'sort'*" "$allot" doctor sotr
compile own <<'END'
#include <stddef.h>
static char pool[1 << 20];
static size_t used;
void *malloc(size_t bytes) { used += (bytes + 31) & ~(size_t)15; return pool + used - bytes; }
void free(void *block) { (void)block; }
int main(void) { return malloc(8) == NULL; }
END
expect 'a program with a malloc of its own' 1 'not effective: *its own malloc*' '*' \
	"$allot" doctor ./own
compile plugin.so -shared -fPIC <<'END'
#include <stdlib.h>
void *work(void) { return malloc(9); }
END
compile deep <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
int main(void) { return !dlopen("./plugin.so", RTLD_NOW | RTLD_DEEPBIND); }
END
expect 'a plugin that prefers its own libraries' 1 'not effective: *plugin.so gets malloc from*' \
	'*' "$allot" doctor ./deep
expect 'no colours in a file' 1 '' '' bash -c "'$allot' doctor true 2>&1 | grep \$'\\033'"
expect 'colours on a terminal' 0 $'\033*' '' \
	env TERM=xterm script -qec "'$allot' doctor true" /dev/null
expect 'but not with NO_COLOR' 0 'effective*' '' \
	env TERM=xterm NO_COLOR=1 script -qec "'$allot' doctor true" /dev/null

# ---- measure

expect 'what a program cost' 0 '' 'wall_s=*peak_rss_kib=*status=0' "$measure" true
expect 'into a file' 5 '' '' "$measure" -o figures sh -c 'exit 5'
expect 'added to it' 0 '2' '' bash -c "'$measure' -o figures true; wc -l <figures"
expect 'a program that a signal ends' 139 '' '*status=139' "$measure" sh -c 'kill -11 $$'
expect 'a program that is not there' 127 '' 'allot-measure: ./none: *' "$measure" ./none

echo "1..$count"
