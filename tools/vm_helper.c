/* SPDX-License-Identifier: MIT */
/*
 * allot-vm-helper: the process whose memory `allot vm diff` watches.
 *
 * It does what it is told over a channel (vm_wire.h) and nothing else: raw system calls, no heap,
 * no output. Statically linked and at fixed addresses, so that nothing is bound or placed behind
 * its back. All memory of its own is touched before anything is counted, and again after a fork.
 * Whoever counts reads /proc from outside.
 */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "vm_wire.h"

enum {
	SIGNAL_STACK_BYTES = 128 << 10,
	STACK_BYTES = 64 << 10, /* more than we need of our own stack */
	PAGE_BYTES = 4096,
	NOP = 0x90,             /* what is stored, so that it can be fetched */
	TRAP_FLAG = 0x100,
	CODE_BYTES_MAX = 15,    /* of one instruction */
};

static struct wire_request request;
static struct wire_answer answer;
static char signal_stack[SIGNAL_STACK_BYTES] __attribute__((aligned(PAGE_BYTES)));
static sigjmp_buf recovery;
static volatile uint64_t touched;
static uint64_t random_state, page; /* of the touch: a signal's way back keeps them */
static volatile uint64_t fetch_address;
static char scratch[PAGE_BYTES];

static long kernel(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		   uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* A fetch is one instruction, single-stepped: the first trap comes before it, the second behind. */
static void on_signal(int number, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;
	if (number == SIGTRAP &&
	    (uint64_t)interrupted->uc_mcontext.gregs[REG_RIP] == fetch_address)
		return;
	if (number != SIGTRAP) {
		answer.signal = number;
		answer.code = info->si_code;
		answer.address = (uint64_t)info->si_addr;
	}
	siglongjmp(recovery, 1);
}

/* Jump to `address` with the trap flag set; its instruction may use the memory rax points to. */
static void fetch(uint64_t address)
{
	fetch_address = address;
	__asm__ volatile("pushfq\n\t"
			 "orq %2, (%%rsp)\n\t"
			 "popfq\n\t"
			 "jmp *%0\n\t"
			 :
			 : "r"(address), "a"(scratch), "i"(TRAP_FLAG)
			 : "memory", "cc");
}

static void touch_one(uint64_t address, uint64_t bytes, uint64_t access)
{
	if (access == WIRE_FETCH)
		fetch(address);
	else if (access == WIRE_LOAD)
		(void)*(volatile unsigned char *)address;
	else if (bytes == sizeof(uint64_t))
		*(volatile uint64_t *)address = NOP;
	else
		*(volatile unsigned char *)address = NOP;
}

static void touch(void)
{
	uint64_t address = request.arguments[0], count = request.arguments[1];
	uint64_t stride = request.arguments[2];
	random_state = request.order.seed;
	for (touched = 0; touched < count; touched++) {
		page = wire_page(&request.order, touched, &random_state);
		if (sigsetjmp(recovery, 1) == 0)
			touch_one(address + page * stride, request.arguments[3],
				  request.arguments[4]);
		if (answer.signal != 0)
			break;
	}
	answer.result = (int64_t)touched;
}

static void prefault(void)
{
	volatile char room[STACK_BYTES];
	for (size_t i = 0; i < sizeof(room); i += PAGE_BYTES)
		room[i] = 0;
	for (size_t i = 0; i < WIRE_RANGES_MAX; i++) {
		const struct wire_range *range = &request.ranges[i];
		for (uint64_t at = range->start; at < range->end; at += PAGE_BYTES) {
			volatile char *byte = (volatile char *)at;
			if (range->is_writable)
				*byte = *byte;
			else
				(void)*byte;
		}
	}
}

/* A program in our place; returns where that fails. */
static long execute(void)
{
	static char argument[WIRE_ARGUMENT_BYTES_MAX];
	char *argv[] = { request.path, NULL, NULL }, *environment[] = { NULL };
	for (uint64_t i = 0; i + 1 < request.number; i++)
		argument[i] = 'a';
	if (request.number != 0)
		argv[1] = argument;
	return kernel(SYS_execve, (uint64_t)request.path, (uint64_t)argv, (uint64_t)environment, 0,
		      0, 0);
}

static int channel = WIRE_CHANNEL_FIRST;

/* What is asked is done; the parent of a fork answers here, the child on its own channel. */
static void serve(void)
{
	const uint64_t *a = request.arguments;
	answer = (struct wire_answer){0};
	switch (request.kind) {
	case WIRE_CALL:
		answer.result = kernel((long)request.number, a[0], a[1], a[2], a[3], a[4], a[5]);
		break;
	case WIRE_TOUCH:
		touch();
		break;
	case WIRE_PREFAULT:
		prefault();
		break;
	case WIRE_FORK:
		answer.result = kernel(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
		if (answer.result == 0)
			channel = WIRE_CHANNEL_FIRST + (int)request.number;
		break;
	case WIRE_EXEC:
		answer.result = execute();
		break;
	case WIRE_EXIT:
		kernel(SYS_exit_group, 0, 0, 0, 0, 0, 0);
		break;
	default:
		break;
	}
}

static void signals_catch(void)
{
	static const int caught[] = { SIGSEGV, SIGBUS, SIGTRAP, SIGILL };
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction action;
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaction(caught[i], &action, NULL);
}

/* Once more from the start, at addresses that are not random; never returns then. */
static void addresses_fix(char **argv, char **environment)
{
	int now = personality(0xffffffff);
	if (now < 0 || now & ADDR_NO_RANDOMIZE ||
	    personality((unsigned long)now | ADDR_NO_RANDOMIZE) < 0)
		return;
	execve("/proc/self/exe", argv, environment);
}

int main(int argc, char **argv, char **environment)
{
	(void)argc;
	addresses_fix(argv, environment);
	/* Nothing outlives whoever asked. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* A program that would gain rights by being executed would get random addresses, too. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signals_catch();
	for (;;) {
		long length = kernel(SYS_read, (uint64_t)channel, (uint64_t)&request,
				     sizeof(request), 0, 0, 0);
		if (length != (long)sizeof(request))
			return 0;
		serve();
		kernel(SYS_write, (uint64_t)channel, (uint64_t)&answer, sizeof(answer), 0, 0, 0);
	}
}
