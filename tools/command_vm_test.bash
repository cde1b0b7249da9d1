#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Tests of `allot vm` from the outside, as lines of the Test Anything Protocol: scripts, views, demos,
# traces of accesses.
#
# usage: command_vm_test.bash ALLOT MEASURE, with the compiler in CC

# shellcheck disable=SC2016 # what stands in single quotes is for the shells we start
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/command_claims.bash"

# ---- vm: scripts

printf 'map A 64p rw private\nr A\nexpect min=64 zero=64\nw A\nexpect min=64 anon=64\n' >a.vm
printf 'map A 64p rw private\nw A\nexpect min=1\n' >wrong.vm
printf 'map A 64p rw private\nunamp A\n' >damaged.vm
expect 'help of a subcommand' 0 'usage: allot vm diff *' 'next: *' "$allot" help vm diff
expect 'a script on the model' 0 'exact: *w A *64*64*' 'next: *' "$allot" vm run a.vm
expect 'and why' 0 '*64 x zero-read: *64 x zero-write: *' 'next: *' "$allot" vm run --explain a.vm
expect 'as JSON' 0 'allot.vm.run/1' '' json_valid "$allot" vm run --json a.vm
expect 'on standard input' 0 '*r A *64*' '*' bash -c "'$allot' vm run - <a.vm"
expect 'an expectation that fails' 1 '*' '*wrong.vm:2: *expects min=1, not 64' "$allot" vm run wrong.vm
expect 'a damaged script' 4 '' "*damaged.vm:2: *'unamp' (did you mean 'unmap'?)" \
	"$allot" vm run damaged.vm
expect 'no script' 2 '' '*none.vm: No such file*' "$allot" vm run none.vm
expect 'a near rule is named' 2 '' "*mean 'zero_page'*" "$allot" vm run --off zero_pge a.vm
expect 'a rule switched off is missed' 1 '*' '*expects zero=64, not 0' \
	"$allot" vm run --off zero_page a.vm

# ---- vm: physical memory

expect 'watermarks are the kernel'\''s' 0 '*ours: exact*measured*zone *min *protection*' 'next: *' \
	"$allot" vm watermarks --from-kernel
expect 'those of another machine' 0 '*zone Normal *promo *30951 *n/a*' 'next: *' \
	"$allot" vm watermarks DMA=3840 DMA32=772915 Normal=5394266
expect 'a zone that is none' 2 '' "*'Normal' is no zone: NAME=PAGES*" "$allot" vm watermarks Normal
expect 'a scale that is none' 2 '' "*--scale: '0' is no number from 1 to 3000*" \
	"$allot" vm watermarks --scale 0 A=1
expect 'no zones' 2 '' '*NAME=PAGES, or --from-kernel*' "$allot" vm watermarks
expect 'what is available and may be promised' 0 '*procps 4*procps 3.3*MemAvailable*CommitLimit*' \
	'next: *' "$allot" vm free --from-kernel
expect 'scores of processes' 0 "*1 *oom_score*$$ bash*oom_score*" 'next: *' "$allot" vm oom 1 $$
expect 'who is worst' 0 '*oom_score*' 'next: *' bash -c "'$allot' vm oom || '$allot' vm oom"
expect 'what is no process' 2 '' "*'1x' is no process*" "$allot" vm oom 1x
expect 'a process that is not there' 4 '' '*/proc/4999999/status: No such file*' "$allot" vm oom 4999999
printf 'file F 8p\nmap A 16p rw private\nmap B 8p r shared F\nr B\nw A\n' >physical.vm
expect 'a machine as free has it' 0 '*inputs that are exact*Mem, procps 4 *1048572*' 'next: *' \
	"$allot" vm free physical.vm
expect 'as sar has it' 0 '*kbmemfree*kbcached*kbactive* 32 *n/a*64*' 'next: *' \
	"$allot" vm sar physical.vm
expect 'sar of the kernel' 0 '*inputs that are measured*kbvmused*' 'next: *' \
	"$allot" vm sar --from-kernel
expect 'its free blocks' 0 '# exact*Node 0, zone   Normal *255 *' 'next: *' "$allot" vm buddyinfo physical.vm
expect 'and how fragmented they are' 0 '*fragmentation index*-1.000*' 'next: *' \
	"$allot" vm buddyinfo --explain physical.vm
expect 'those of the kernel are measured' 0 '# measured; indices: exact*' 'next: *' \
	"$allot" vm buddyinfo --from-kernel --explain
expect 'as the kernel writes them' 0 'OK' '*' bash -c "
	'$allot' vm buddyinfo --from-kernel | sed -n 2p |
		grep -qxE 'Node 0, zone +[A-Za-z0-9]+ ( *[0-9]+ ){11}' && echo OK"
for command in 'watermarks --from-kernel' 'free physical.vm' 'sar physical.vm' 'oom 1' \
	'buddyinfo physical.vm'; do
	# shellcheck disable=SC2086 # words are meant
	expect "vm $command as JSON" 0 "allot.vm.${command%% *}/1" '' \
		json_valid "$allot" vm ${command/ / --json }
done
expect 'kmalloc needs neighbours, vmalloc does not' 0 \
	'*kmalloc:large:64k *no memory*vmalloc:large:64k *0xffffc90000000000*' 'next: *' "$allot" vm kmem
expect 'a slab'\''s life' 0 '*take:a:3 *0xffff8880*shrink *4093 *' 'next: *' \
	"$allot" vm kmem cache:a:512 take:a:3 give:a:3 shrink
expect 'what is not lent' 0 '*free:x *nothing of this name*give:y:2 *no cache*' 'next: *' \
	"$allot" vm kmem free:x give:y:2
expect 'an operation misspelt' 2 '' "*'fragmnt' (did you mean 'fragment'?)" "$allot" vm kmem fragmnt
expect 'one cut short' 2 '' "*'take:a': take has 3 words, not 2*" "$allot" vm kmem shrink take:a
expect 'a number too large' 2 '' "*'x' is no number from 1*" "$allot" vm kmem take:a:x
expect 'frames that cannot be' 2 '' "*--frames: '3' is no number from 16*" "$allot" vm kmem --frames 3
expect 'kmem as JSON' 0 'allot.vm.kmem/1' '' json_valid "$allot" vm kmem --json
expect 'slabs in the kernel'\''s form' 0 '# exact*slabinfo - version: 2.1*dentry *900 *1008 *192 *21 *1 :*5 empty*' \
	'next: *' "$allot" vm slabinfo --explain
expect 'slabinfo as JSON' 0 'allot.vm.slabinfo/1' '' json_valid "$allot" vm slabinfo --json
# Hidden from all but root, and chosen by another rule before 6.8.
if [[ -r /proc/slabinfo ]] && printf '%s\n' 6.8 "$(uname -r)" | sort -CV; then
	expect 'its slabs are as large as the kernel'\''s' 0 '*kmalloc-* objperslab *objects*' 'next: *' \
		"$allot" vm slabinfo --from-kernel
fi
expect 'neither a script nor the kernel' 2 '' '*one script, or --from-kernel*' "$allot" vm free
expect 'both' 2 '' "*'a.vm' and --from-kernel: one of them*" "$allot" vm sar --from-kernel a.vm
expect 'no such copy' 4 '' '*none/buddyinfo: cannot be read*' "$allot" vm buddyinfo --from-kernel=none
mkdir -p copy/sys/vm
for file in zoneinfo meminfo buddyinfo sys/vm/min_free_kbytes sys/vm/watermark_scale_factor \
	sys/vm/lowmem_reserve_ratio; do
	cat "/proc/$file" >"copy/$file"
done
expect 'a copy of the kernel'\''s' 0 '*min *' 'next: *' "$allot" vm watermarks --from-kernel=copy
sed -i 's/^        low .*/        low      7/' copy/zoneinfo
expect 'what differs is found' 1 '*low *7 pages  differs*' '*figures differ from the kernel*' \
	"$allot" vm watermarks --from-kernel=copy
sed -i '/Committed_AS/d' copy/meminfo
expect 'a line that is missing' 4 '' '*copy/meminfo: expected a line Committed_AS: NUMBER kB' \
	"$allot" vm sar --from-kernel=copy
echo 'inode 1 2 600 99 1 : tunables' >copy/slabinfo
expect 'a slab that differs is found' 1 '*objperslab *13 *99 objects  differs*' '*2 of 2 figures*' \
	"$allot" vm slabinfo --from-kernel=copy
echo 'Node zero' >copy/buddyinfo
expect 'a line that is none' 4 '' '*copy/buddyinfo: expected lines Node*' \
	"$allot" vm buddyinfo --from-kernel=copy
echo many >copy/sys/vm/min_free_kbytes
expect 'a number that is none' 4 '' '*copy/sys/vm/min_free_kbytes: expected a number' \
	"$allot" vm watermarks --from-kernel=copy

# ---- vm: a process after a script

printf 'memory M 2p\nmap A 4p rw private\nmap Shm 2p rw shared M\nw A 0..1\nr A 2\nw Shm 0\nfork c\n' >v.vm
printf 'c: w A 0\n' >>v.vm
expect 'areas as maps has them' 0 \
	'# exact: model of linux-6.18, process main after v.vm?*-* rw-s 00000000 00:01 1                          /memfd:M (deleted)*-* rw-p 00000000 00:00 0 ' \
	'next: *' "$allot" vm maps v.vm
expect 'pages of areas as smaps has them' 0 \
	'*Rss: *8 kB*Pss: *6 kB*Shared_Dirty: *4 kB*Private_Dirty: *4 kB*VmFlags: rd wr mr mw me ac *' \
	'next: *' "$allot" vm smaps v.vm
expect 'of a child' 0 '*VmRSS:	       8 kB*VmSwap:	*' 'next: *' "$allot" vm status --process c v.vm
expect 'and earlier' 0 '# exact: *, process main after line 5 of v.vm?*VmRSS:	       8 kB*RssShmem:	       0 kB*' 'next: *' \
	"$allot" vm status --at 5 v.vm
expect 'pages as pagemap has them' 0 '*present frame*mapped-once*0000000000000000 not-present*' \
	'next: *' "$allot" vm pagemap v.vm
expect 'virtual to physical' 0 'exact: *virtual *008 *physical *008 *no physical address: bit 63 is clear*' \
	'next: *' "$allot" vm pagemap v.vm A+8 A+3p
for view in maps smaps status pagemap; do
	expect "$view as JSON" 0 "allot.vm.$view/1" '' json_valid "$allot" vm $view --json v.vm
done
expect 'JSON of the kernel'\''s text' 2 '' "*--json is of all of the model's*" \
	"$allot" vm maps --json --kernel v.vm
expect 'no such process' 2 '' "*no process 'mian' (did you mean 'main'?)" \
	"$allot" vm maps --process mian v.vm
expect 'a process not there yet' 2 '' '*process c is not there then' \
	"$allot" vm maps --process c --at 5 v.vm
expect 'no such region' 2 '' "*'Smh' is no address and no region of v.vm (did you mean 'Shm'?)" \
	"$allot" vm pagemap v.vm Smh
expect 'no address' 2 '' "*'12z' is no address*" "$allot" vm pagemap v.vm 12z
expect 'no line' 2 '' "*--at needs the number of a line, not 'x'*" "$allot" vm maps --at x v.vm
expect 'an access explained' 0 \
	'exact: *, process main after v.vm?a store at *VPN *PGD *PTE *write user accessed dirty*allowed *physical address 0x*' \
	'next: *' "$allot" vm explain v.vm Shm store
expect 'a fault explained' 0 \
	'*PTE *empty, the walk ends*error code 0x6: no page present, write*demand-zero: *restarted*' \
	'next: *' "$allot" vm explain v.vm A+3p store
expect 'copy on write explained' 0 '*error code 0x7: *cow-copy: *' 'next: *' \
	"$allot" vm explain v.vm A+1p store
expect 'a signal explained' 0 '*area      none here*SEGV_MAPERR*' 'next: *' \
	"$allot" vm explain v.vm null
expect 'where TLBs would look' 0 '*L1d: set (TLBI) *, tag (TLBT) 0x*' 'next: *' \
	"$allot" vm explain --tlb skylake v.vm A
expect 'an explanation as JSON' 0 'allot.vm.explain/1' '' \
	json_valid "$allot" vm explain --json v.vm A+3p store
expect 'no kind of access' 2 '' "*'laod' is no access: * (did you mean 'load'?)" \
	"$allot" vm explain v.vm A laod
expect 'nothing to explain' 2 '' '*a script, an address*not 1 operands*' "$allot" vm explain v.vm
expect 'page tables as a tree' 0 '*PGD table*PUD table*PMD table*PTE table*4 of 512 pages*KiB; *' \
	'next: *' "$allot" vm tree v.vm
expect 'areas as strips' 0 '*rw-s 8 KiB, 1 page a cell?s.?*rw-p 16 KiB, 1 page a cell?aaz.?*' \
	'next: *' "$allot" vm strip v.vm
expect 'strips over time' 0 '*?w A 0..1?*1 page a cell?  aa..?r A 2?*1 page a cell?  aaz.?*' 'next: *' \
	"$allot" vm strip --steps v.vm
expect 'over the life of a child' 0 '*?r A 2?w Shm 0?fork c?  *1 page a cell?  ???.?c: w A 0?*' \
	'next: *' "$allot" vm strip --steps --process c v.vm
printf 'map A 40p rw private\nr A 0..20\nw A\nfork c\nc: w A 0..9\nc: exit\nw A\n' >t.vm
expect 'faults over time' 0 '*r A 0..20 *21    zz*w A *40    dd*ZZ*fork c *0?c: w A 0..9 *10    CC*?c: exit *0?*all *111*cow-reuse' \
	'next: *' "$allot" vm timeline t.vm
expect 'faults up to a line' 0 '*?all *61?*' 'next: *' "$allot" vm timeline --at 3 t.vm
expect 'physical memory in blocks' 0 '*?       0   z*t*aa*free: *0 to A: *a anon*' 'next: *' \
	"$allot" vm buddies t.vm
for picture in tree strip timeline buddies; do
	expect "$picture as JSON" 0 "allot.vm.$picture/1" '' json_valid "$allot" vm $picture --json v.vm
	expect "a picture: vm $picture" 0 'OK' '' bash -c "'$allot' vm $picture --svg p.svg v.vm \
		>/dev/null 2>&1 && python3 -c 'import xml.dom.minidom as m; m.parse(\"p.svg\"); print(\"OK\")'"
done
expect 'a picture that cannot be written' 1 '*' '*none/p.svg: No such file*' \
	"$allot" vm strip --svg none/p.svg v.vm
expect 'demonstrations are listed' 0 'fork-cow *zero-page *belady *vmalloc *notes100 *map-100mb *' 'next: *' \
	"$allot" vm demo
for demo in $("$allot" vm demo 2>/dev/null | cut -d ' ' -f 1); do
	expect "the demonstration $demo" 0 "$demo: *exact: *seen: *notes: *kernel: *" '' \
		"$allot" vm demo "$demo"
done
expect 'switches cost walks' 0 \
	'*every switch flushes  *16 *512*1 of 6 identifiers  *16 *0 *64*' '' "$allot" vm demo tlb-switch
expect 'Belady as in the books' 0 '*fifo  *9  *10*lru  *10  *8*opt  *7  *6*' '' "$allot" vm demo belady
expect 'contiguous in addresses only' 0 \
	'*kmalloc of 64 KiB  *no memory *vmalloc of 64 KiB  *0xffffc90000000000 *frame *vfree * 3 *' '' \
	"$allot" vm demo vmalloc
expect 'aligned, and two lines' 0 '*7ffff1bfb000-7ffff7fff000 *7ffff1a00000-7ffff7e00000 *' '' \
	"$allot" vm demo map-100mb
expect 'a demonstration misspelt' 2 '' "*'fork-cwo'; * (did you mean 'fork-cow'?)" \
	"$allot" vm demo fork-cwo
expect 'a damaged script is not looked at' 4 '' '*damaged.vm:2: *' "$allot" vm maps damaged.vm

# ---- vm

expect 'vm lists its subcommands' 0 '*translate*tlb*policy*trace*cc*' 'next: *' "$allot" help vm
expect 'help of a subcommand' 0 'usage: allot vm policy *--frames*' 'next: *' "$allot" help vm policy
expect 'a near subcommand is named' 2 '' "*'trnslate' (did you mean 'translate'?)" \
	"$allot" vm trnslate
expect 'vm alone is wrong usage' 2 '' 'usage: allot vm *' "$allot" vm
expect 'the example of the book' 0 '*PA*0x354*exact*cache hit?*yes*byte*0x36*exact*' 'next: *' \
	"$allot" vm translate --machine csapp 0x3d4
expect 'its page fault' 0 '*page fault?*yes*error code*0x4*' 'next: *' \
	"$allot" vm translate --machine csapp 0x40
expect 'pages of 100 bytes' 0 '*150 = 1 x 100 + 50*650*exact*' 'next: *' \
	"$allot" vm translate --machine notes100 150
expect 'no page tables, no address' 0 '*PMD index*356*PA*n/a*' 'next: *' \
	"$allot" vm translate 0x7f3d6c9fdabc
expect 'what is no address' 2 '' "*'12z' is no address*" "$allot" vm translate 12z
expect 'a machine misspelt' 2 '' "*'cspp' (did you mean 'csapp'?)" \
	"$allot" vm translate --machine cspp 1
expect 'translate as JSON' 0 'allot.vm.translate/1' '' json_valid "$allot" vm translate --json 1
expect 'Belady'\''s anomaly' 0 '*fifo *9*10*lru *10*8*opt *7*6*clock *9*10*anomaly*' 'next: *' \
	"$allot" vm policy 1 2 3 4 1 2 5 1 2 3 4 5
expect 'step by step' 0 '*fault 4, 1 leaves*hit*' 'next: *' \
	"$allot" vm policy --explain --policy fifo --frames 3 1 2 3 4 1 2 5 1 2 3 4 5
expect 'a policy misspelt' 2 '' "*'lur' (did you mean 'lru'?)" "$allot" vm policy --policy lur 1
expect 'no frames' 2 '' "*'0' is no number from 1*" "$allot" vm policy --frames 0 1
expect 'policy as JSON' 0 'allot.vm.policy/1' '' json_valid "$allot" vm policy --json 1 2
expect 'a switch flushes' 0 '*@1 *2 flushed*0x1000 *walk*' 'next: *' \
	"$allot" vm tlb --asids 0 0x1000 @1 0x1000
expect 'or keeps' 0 '*@1 *0 flushed*@0 *0 flushed*0x1000 *hit in rank 1*' 'next: *' \
	"$allot" vm tlb --asids 4 0x1000 @1 0x1000 @0 0x1000
expect 'a TLB that cannot be' 2 '' '*12 sets*power of two*' "$allot" vm tlb --tlb 24x2
expect 'tlb as JSON' 0 'allot.vm.tlb/1' '' json_valid "$allot" vm tlb --json
printf 'I  1000,4\n L 2000,8\n S 2ffc,8\n==1== end\n' >lackey
expect 'a trace' 0 '*load *1*store *2*fetch *1*crossing *1*rank 1 *walks *3*' 'next: *' \
	"$allot" vm trace --lackey lackey --tlb 4x2
expect 'its curve and working set' 0 '*faults by frames*exact*mean*' 'next: *' \
	"$allot" vm trace --lackey lackey --curve --tau 2
expect 'trace as JSON' 0 'allot.vm.trace/1' '' json_valid "$allot" vm trace --json --lackey lackey
expect 'a trace into another form and back' 0 '*load *1*store *2*fetch *1*' 'next: *' \
	bash -c "'$allot' vm trace --lackey - --write t.vmt <lackey >/dev/null 2>&1 &&
		'$allot' vm trace --bin t.vmt"
expect 'a trace cut off' 4 '*' "*t.cut: byte *: expected the rest of a block*" \
	bash -c "head -c 40 t.vmt >t.cut; '$allot' vm trace --bin t.cut"
expect 'what is no trace' 4 '*' "*lackey: byte 0: expected a trace that begins*" \
	"$allot" vm trace --bin lackey
expect 'a wrong line' 4 '*' '*-: line 2: expected an access*' \
	bash -c "printf ' L 10,1\nhello\n' | '$allot' vm trace --lackey -"
expect 'no file' 1 '' '*none: No such file*' "$allot" vm trace --bin none
expect 'no trace at all' 2 '' '*one trace*' "$allot" vm trace
for picture in 'translate --svg p.svg 1' 'tlb --svg p.svg 1' 'policy --svg p.svg 1 2 3' \
	'trace --svg p.svg --lackey lackey'; do
	# shellcheck disable=SC2086 # words are meant
	expect "a picture: vm ${picture%% *}" 0 'OK' '' bash -c "'$allot' vm $picture >/dev/null 2>&1 &&
		python3 -c 'import xml.dom.minidom as m; m.parse(\"p.svg\"); print(\"OK\")'"
done
if [[ -e $(dirname "$allot")/record/libtsan.a ]] && gcc --version >/dev/null 2>&1; then
	cat >recorded.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static long cells[4096];
static void *work(void *p) { for (int i = 0; i < 4096; i++) cells[i] += (long)p; return 0; }
int main(void)
{
	char text[3000];
	pthread_t thread;
	pthread_create(&thread, 0, work, (void *)1);
	pthread_join(thread, 0);
	memset(text, 'x', sizeof(text) - 1);
	text[2999] = 0;
	return printf("%zu\n", strlen(text)) < 0;
}
END
	expect 'a program is compiled to record' 0 '' '' \
		env CC=gcc "$allot" vm cc -O1 -pthread -o recorded recorded.c
	expect 'and runs as ever' 0 '2999' '' env ALLOT_VM_TRACE=r.vmt ./recorded
	expect 'its accesses are in the trace' 0 '*load *409[0-9]*store *409[0-9]*fetch *0*' 'next: *' \
		"$allot" vm trace --bin r.vmt
	expect 'a trace that cannot be written is said' 0 '2999' 'allot: recording: /none/t: *' \
		env ALLOT_VM_TRACE=/none/t ./recorded
fi
expect 'nothing to compile' 2 '' '*nothing to compile*' "$allot" vm cc

echo "1..$count"
