/* SPDX-License-Identifier: MIT */
/*
 * allot vm kmem and allot vm slabinfo: memory of the kernel by a few operations, and slab caches
 * in the form of /proc/slabinfo, ours or the kernel's with the layout computed again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "notice.h"
#include "vm_shared.h"
#include "vm_source.h"
#include "word.h"

enum {
	FRAMES_DEFAULT = 4096,
	FRAMES_MAX = 1 << 22,
	LENT_MAX = 1 << 16,
	WORD_BYTES = 32,
	WORDS_MAX = 3,
	CHECK_BYTES = 160,
};

/* ---- what was lent ---- */

/* Something lent, under the name it was given, or of the cache it is from. */
struct lent {
	char name[WORD_BYTES];
	uint64_t address;
	struct vm_slab_cache *cache; /* NULL: of kmalloc or vmalloc */
	bool is_virtual;
};

struct kmem {
	struct argument_scan *scan;
	struct vm_machine *machine;
	struct lent *lent;
	size_t lent_count;
	struct json *json;          /* NULL: text */
};

/* An operation taken apart: VERB:NAME:NUMBER, what is missing empty. */
struct operation {
	const char *text;
	char words[WORDS_MAX][WORD_BYTES];
	size_t word_count;
	uint64_t number;            /* the last word, when the verb has one */
};

/* What an operation came to. */
struct outcome {
	bool is_done;
	uint64_t address;   /* 0: none */
	uint64_t count;     /* of objects or frames */
	const char *why;    /* it is not done */
};

static bool lent_add(struct kmem *kmem, const char *name, uint64_t address,
		     struct vm_slab_cache *cache, bool is_virtual)
{
	struct lent *lent = &kmem->lent[kmem->lent_count];
	if (kmem->lent_count == LENT_MAX)
		return false;
	*lent = (struct lent){ .address = address, .cache = cache, .is_virtual = is_virtual };
	snprintf(lent->name, sizeof(lent->name), "%s", name);
	kmem->lent_count++;
	return true;
}

/* The last thing lent under `name`, or NULL. */
static struct lent *lent_find(struct kmem *kmem, const char *name,
			      const struct vm_slab_cache *cache)
{
	for (size_t i = kmem->lent_count; i-- > 0;) {
		struct lent *lent = &kmem->lent[i];
		if (cache != NULL ? lent->cache == cache : strcmp(lent->name, name) == 0)
			return lent;
	}
	return NULL;
}

static void lent_remove(struct kmem *kmem, struct lent *lent)
{
	kmem->lent_count--;
	memmove(lent, lent + 1,
		(size_t)(kmem->lent + kmem->lent_count - lent) * sizeof(*lent));
}

static struct vm_slab_cache *cache_find(const struct kmem *kmem, const char *name)
{
	struct vm_slab_cache *cache = NULL;
	struct vm_slab_cache_view view;
	while ((cache = vm_slab_cache_next(kmem->machine, cache)) != NULL) {
		vm_slab_cache_get(cache, &view);
		if (strcmp(view.name, name) == 0)
			return cache;
	}
	return NULL;
}

/* ---- operations ---- */

static struct outcome allocate(struct kmem *kmem, const struct operation *operation,
			       bool is_virtual)
{
	struct outcome outcome = { .why = "no memory" };
	outcome.address = is_virtual ? vm_vmalloc(kmem->machine, operation->number)
				     : vm_kmalloc(kmem->machine, operation->number);
	outcome.is_done = outcome.address != 0 &&
			  lent_add(kmem, operation->words[1], outcome.address, NULL, is_virtual);
	return outcome;
}

static struct outcome op_kmalloc(struct kmem *kmem, const struct operation *operation)
{
	return allocate(kmem, operation, false);
}

static struct outcome op_vmalloc(struct kmem *kmem, const struct operation *operation)
{
	return allocate(kmem, operation, true);
}

static struct outcome op_free(struct kmem *kmem, const struct operation *operation)
{
	struct outcome outcome = { .why = "nothing of this name" };
	struct lent *lent = lent_find(kmem, operation->words[1], NULL);
	if (lent == NULL)
		return outcome;
	outcome.address = lent->address;
	outcome.is_done = lent->is_virtual ? vm_vfree(kmem->machine, lent->address)
					   : vm_kfree(kmem->machine, lent->address);
	lent_remove(kmem, lent);
	return outcome;
}

static struct outcome op_cache(struct kmem *kmem, const struct operation *operation)
{
	struct outcome outcome = { .why = "too large, or there" };
	outcome.is_done = operation->number <= UINT32_MAX &&
			  cache_find(kmem, operation->words[1]) == NULL &&
			  vm_slab_cache_create(kmem->machine, operation->words[1],
					       (uint32_t)operation->number, 0) != NULL;
	return outcome;
}

static struct outcome op_take(struct kmem *kmem, const struct operation *operation)
{
	struct outcome outcome = { .why = "no cache of this name" };
	struct vm_slab_cache *cache = cache_find(kmem, operation->words[1]);
	if (cache == NULL)
		return outcome;
	outcome.why = "no memory";
	while (outcome.count < operation->number) {
		uint64_t address = vm_slab_cache_take(cache);
		if (address == 0 || !lent_add(kmem, "", address, cache, false))
			return outcome;
		outcome.address = address;
		outcome.count++;
	}
	outcome.is_done = true;
	return outcome;
}

/* The last ones taken first. */
static struct outcome op_give(struct kmem *kmem, const struct operation *operation)
{
	struct outcome outcome = { .why = "no cache of this name" };
	struct vm_slab_cache *cache = cache_find(kmem, operation->words[1]);
	if (cache == NULL)
		return outcome;
	outcome.why = "fewer are lent";
	while (outcome.count < operation->number) {
		struct lent *lent = lent_find(kmem, "", cache);
		if (lent == NULL || !vm_slab_cache_give(cache, lent->address))
			return outcome;
		outcome.address = lent->address;
		lent_remove(kmem, lent);
		outcome.count++;
	}
	outcome.is_done = true;
	return outcome;
}

static struct outcome op_shrink(struct kmem *kmem, const struct operation *operation)
{
	struct outcome outcome = { .is_done = true };
	struct vm_slab_cache *cache = NULL;
	(void)operation;
	while ((cache = vm_slab_cache_next(kmem->machine, cache)) != NULL)
		outcome.count += vm_slab_cache_shrink(cache);
	return outcome;
}

/* Lend every frame alone, and take back every second: no two free ones are neighbours. */
static struct outcome op_fragment(struct kmem *kmem, const struct operation *operation)
{
	struct outcome outcome = { .is_done = true };
	size_t first = kmem->lent_count, kept = first;
	uint64_t page;
	(void)operation;
	while (kmem->lent_count < LENT_MAX && (page = vm_kernel_pages(kmem->machine, 0)) != 0)
		lent_add(kmem, "", page, NULL, false);
	for (size_t i = first; i < kmem->lent_count; i++) {
		struct lent *lent = &kmem->lent[i];
		if (vm_kernel_frame(kmem->machine, lent->address) % 2 != 0)
			kmem->lent[kept++] = *lent;
		else
			outcome.count += vm_kfree(kmem->machine, lent->address);
	}
	kmem->lent_count = kept;
	return outcome;
}

static const struct verb {
	const char *name;
	size_t word_count;    /* with the verb */
	bool has_number;      /* the last word is one */
	uint64_t most;
	struct outcome (*apply)(struct kmem *kmem, const struct operation *operation);
} verbs[] = {
	{ "kmalloc", 3, true, UINT64_MAX, op_kmalloc },
	{ "vmalloc", 3, true, UINT64_MAX, op_vmalloc },
	{ "free", 2, false, 0, op_free },
	{ "cache", 3, true, UINT32_MAX, op_cache },
	{ "take", 3, true, LENT_MAX, op_take },
	{ "give", 3, true, LENT_MAX, op_give },
	{ "shrink", 1, false, 0, op_shrink },
	{ "fragment", 1, false, 0, op_fragment },
};

/* What is played when no operation is named. */
static const char *const workload_kmem[] = {
	"cache:inode:600", "take:inode:50", "give:inode:30", "shrink", "kmalloc:buffer:100",
	"fragment", "kmalloc:large:64k", "vmalloc:large:64k",
};
static const char *const workload_slabinfo[] = {
	"cache:task:3520", "take:task:20", "cache:inode:600", "take:inode:500", "give:inode:260",
	"cache:dentry:192", "take:dentry:1000", "give:dentry:100", "kmalloc:a:100",
	"kmalloc:b:8", "kmalloc:c:2000",
};

static const struct verb *verb_find(struct argument_scan *scan, const char *name)
{
	struct word_match match;
	word_match_init(&match, name);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
		word_match_offer(&match, verbs[i].name);
	}
	argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL,
			"no operation '%s'", name);
	return NULL;
}

/* Take an operand apart. NULL: refused. */
static const struct verb *operation_parse(struct argument_scan *scan, const char *text,
					  struct operation *out)
{
	*out = (struct operation){ .text = text };
	for (const char *at = text; at != NULL; out->word_count++) {
		const char *end = strchrnul(at, ':');
		if (out->word_count == WORDS_MAX || end == at || end - at >= WORD_BYTES) {
			argument_refuse(scan, NULL, "'%s' is no operation: VERB:NAME:NUMBER", text);
			return NULL;
		}
		memcpy(out->words[out->word_count], at, (size_t)(end - at));
		at = *end == ':' ? end + 1 : NULL;
	}
	const struct verb *verb = verb_find(scan, out->words[0]);
	if (verb == NULL)
		return NULL;
	if (out->word_count != verb->word_count) {
		argument_refuse(scan, NULL, "'%s': %s has %zu words, not %zu", text, verb->name,
				verb->word_count, out->word_count);
		return NULL;
	}
	const char *number = out->words[verb->word_count - 1];
	if (verb->has_number && (!vm_number_parse(number, &out->number) || out->number == 0 ||
				 out->number > verb->most)) {
		argument_refuse(scan, NULL, "'%s': '%s' is no number from 1 to %" PRIu64, text,
				number, verb->most);
		return NULL;
	}
	return verb;
}

/* ---- kmem ---- */

static void row_write(const struct kmem *kmem, const struct operation *operation,
		      const struct outcome *outcome)
{
	struct vm_kernel_memory memory;
	struct vm_memory all;
	char where[WORD_BYTES] = "";
	vm_kernel_memory_get(kmem->machine, &memory);
	vm_memory_get(kmem->machine, &all);
	if (outcome->address != 0)
		snprintf(where, sizeof(where), "0x%" PRIx64, outcome->address);
	if (kmem->json == NULL) {
		printf("%-22s %-20s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
		       " %8" PRIu64 "\n",
		       operation->text, outcome->is_done ? where : outcome->why, all.free_frames,
		       memory.slabs, memory.pages, memory.vmalloc, memory.tables);
		return;
	}
	json_open(kmem->json, NULL, '{');
	json_text(kmem->json, "operation", operation->text);
	json_bool(kmem->json, "is_done", outcome->is_done);
	json_text(kmem->json, "address", outcome->address != 0 ? where : NULL);
	json_text(kmem->json, "why_not", outcome->is_done ? NULL : outcome->why);
	json_number(kmem->json, "free_frames", (int64_t)all.free_frames);
	json_number(kmem->json, "slab_frames", (int64_t)memory.slabs);
	json_number(kmem->json, "page_frames", (int64_t)memory.pages);
	json_number(kmem->json, "vmalloc_frames", (int64_t)memory.vmalloc);
	json_number(kmem->json, "table_frames", (int64_t)memory.tables);
	json_close(kmem->json, '{');
}

/* What is misspelt is said before anything is done. */
static bool operations_check(struct argument_scan *scan, const char *const *texts, size_t count)
{
	struct operation operation;
	for (size_t i = 0; i < count; i++) {
		if (operation_parse(scan, texts[i], &operation) == NULL)
			return false;
	}
	return true;
}

/* Play operations, a row each unless `is_quiet`. A status, or ARGUMENT_GO_ON. */
static int operations_play(struct kmem *kmem, const char *const *texts, size_t count,
			   bool is_quiet)
{
	char message[CHECK_BYTES];
	struct operation operation;
	for (size_t i = 0; i < count; i++) {
		const struct verb *verb = operation_parse(kmem->scan, texts[i], &operation);
		struct outcome outcome = verb->apply(kmem, &operation);
		if (!is_quiet)
			row_write(kmem, &operation, &outcome);
	}
	if (!vm_check(kmem->machine, message, sizeof(message))) {
		notice_write(kmem->scan->command->name, "%s", message);
		return STATUS_FAILURE;
	}
	return ARGUMENT_GO_ON;
}

static bool kmem_open(struct kmem *kmem, struct argument_scan *scan, uint64_t frames)
{
	const struct vm_config config = { .frame_count = frames };
	*kmem = (struct kmem){ .scan = scan, .machine = vm_machine_create(&config) };
	kmem->lent = vm_memory(LENT_MAX * sizeof(kmem->lent[0]));
	if (kmem->machine == NULL)
		notice_write(scan->command->name, "no memory for the machine");
	return kmem->machine != NULL;
}

static int kmem_show(struct kmem *kmem, const char *const *texts, size_t count, bool is_json)
{
	struct json json = { .out = stdout };
	kmem->json = is_json ? &json : NULL;
	if (!operations_check(kmem->scan, texts, count))
		return kmem->scan->status;
	if (is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.kmem/1");
		json_text(&json, "label", "exact");
		json_open(&json, "operations", '[');
	} else {
		printf("exact: frames of 4 KiB after each operation\n%-22s %-20s %8s %8s %8s %8s "
		       "%8s\n", "operation", "address", "free", "slabs", "pages", "vmalloc",
		       "tables");
	}
	int status = operations_play(kmem, texts, count, false);
	if (is_json) {
		json_close(&json, '[');
		json_close(&json, '{');
	} else if (status == ARGUMENT_GO_ON) {
		notice_next(kmem->scan->command->next);
	}
	return status == ARGUMENT_GO_ON ? STATUS_OK : status;
}

/* Operations of the command line, or the ones built in. */
static const char *const *texts_of(const struct argument_scan *scan, const char *const *built_in,
				   size_t built_in_count, size_t *out_count)
{
	*out_count = (size_t)(scan->argc - scan->index);
	if (*out_count > 0)
		return (const char *const *)scan->argv + scan->index;
	*out_count = built_in_count;
	return built_in;
}

/* --frames; false: another option. */
static bool frames_option(struct argument_scan *scan, const struct command_option *option,
			  uint64_t *out)
{
	uint64_t list[VM_LIST_MAX];
	size_t count;
	if (strcmp(option->name, "frames") != 0)
		return false;
	if (vm_list_parse(scan, option->name, scan->value, 16, FRAMES_MAX, list, &count))
		*out = list[0];
	return true;
}

int vm_kmem_main(int argc, char **argv)
{
	struct argument_scan scan;
	struct kmem kmem;
	const struct command_option *option;
	uint64_t frames = FRAMES_DEFAULT;
	bool is_json = false;
	size_t count;
	argument_init(&scan, &command_vm_kmem, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		is_json |= !frames_option(&scan, option, &frames);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	const char *const *texts =
		texts_of(&scan, workload_kmem, sizeof(workload_kmem) / sizeof(workload_kmem[0]),
			 &count);
	if (!kmem_open(&kmem, &scan, frames))
		return STATUS_FAILURE;
	int status = kmem_show(&kmem, texts, count, is_json);
	vm_machine_destroy(kmem.machine);
	return status;
}

/* ---- slabinfo ---- */

static const char slabinfo_head[] =
	"slabinfo - version: 2.1\n"
	"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
	" : tunables <limit> <batchcount> <sharedfactor>"
	" : slabdata <active_slabs> <num_slabs> <sharedavail>\n";

static void cache_text(const struct vm_slab_cache_view *view)
{
	uint64_t slabs = view->full + view->partial + view->empty;
	printf("%-17s %6" PRIu64 " %6" PRIu64 " %6" PRIu32 " %4" PRIu32 " %4u"
	       " : tunables %4u %4u %4u : slabdata %6" PRIu64 " %6" PRIu64 " %6u\n",
	       view->name, view->objects_lent, slabs * view->layout.objects, view->object_bytes,
	       view->layout.objects, 1u << view->layout.order, 0u, 0u, 0u,
	       view->full + view->partial, slabs, 0u);
}

static void cache_json(struct json *json, const struct vm_slab_cache_view *view)
{
	json_open(json, NULL, '{');
	json_text(json, "name", view->name);
	json_number(json, "active_objs", (int64_t)view->objects_lent);
	json_number(json, "objsize", view->object_bytes);
	json_number(json, "objperslab", view->layout.objects);
	json_number(json, "pagesperslab", 1 << view->layout.order);
	json_number(json, "full", (int64_t)view->full);
	json_number(json, "partial", (int64_t)view->partial);
	json_number(json, "empty", (int64_t)view->empty);
	json_close(json, '{');
}

static int slabinfo_model(struct kmem *kmem, bool is_json, bool explains)
{
	struct json json = { .out = stdout };
	struct vm_slab_cache *cache = NULL;
	struct vm_slab_cache_view view;
	if (is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.slabinfo/1");
		json_text(&json, "label", "exact");
		json_open(&json, "caches", '[');
	} else {
		printf("# exact\n%s", slabinfo_head);
	}
	while ((cache = vm_slab_cache_next(kmem->machine, cache)) != NULL) {
		vm_slab_cache_get(cache, &view);
		if (is_json)
			cache_json(&json, &view);
		else
			cache_text(&view);
		if (!is_json && explains)
			printf("# %-15s %" PRIu64 " full, %" PRIu64 " partial, %" PRIu64
			       " empty\n", "", view.full, view.partial, view.empty);
	}
	if (is_json) {
		json_close(&json, '[');
		json_close(&json, '{');
	} else {
		notice_next(kmem->scan->command->next);
	}
	return STATUS_OK;
}

/* Processors there are, from a text like "0-3". */
static unsigned processors_count(void)
{
	unsigned first = 0, last = 0;
	char *text = script_read("/sys/devices/system/cpu/present");
	if (text == NULL || sscanf(text, "%u-%u", &first, &last) != 2)
		last = first;
	free(text);
	return last - first + 1;
}

static bool slabinfo_line(const char *line, unsigned processors, struct figures *figures)
{
	char name[FIGURE_WORD_BYTES];
	unsigned size, objects, pages;
	struct vm_slab_cache_layout layout = { 0 };
	if (line[0] == '#' || strncmp(line, "slabinfo", 8) == 0)
		return true;
	if (sscanf(line, "%39s %*u %*u %u %u %u", name, &size, &objects, &pages) != 4)
		return false;
	vm_slab_cache_layout_get(size, (uint32_t)sysconf(_SC_PAGESIZE), processors, &layout);
	const struct {
		const char *name;
		int64_t ours, kernels;
	} rows[] = {
		{ "objperslab", layout.objects, objects },
		{ "pagesperslab", (int64_t)1 << layout.order, pages },
	};
	for (size_t i = 0; i < 2; i++) {
		struct figure figure = {
			.unit = i == 0 ? "objects" : "pages", .ours = rows[i].ours,
			.kernels = rows[i].kernels, .has_kernels = true,
		};
		snprintf(figure.of, sizeof(figure.of), "%s", name);
		snprintf(figure.name, sizeof(figure.name), "%s", rows[i].name);
		figures_add(figures, &figure);
	}
	return true;
}

static int slabinfo_kernel(struct vm_source *source)
{
	static struct figures figures; /* too large for a stack */
	struct json json = { .out = stdout };
	unsigned processors = processors_count();
	char path[PROC_MESSAGE_BYTES / 2], *rest = NULL;
	snprintf(path, sizeof(path), "%s/slabinfo", source->proc.root);
	char *text = script_read(path);
	const char *why = text != NULL ? NULL : "cannot be read";
	for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL;
	     line != NULL && why == NULL; line = strtok_r(NULL, "\n", &rest)) {
		if (!slabinfo_line(line, processors, &figures))
			why = "expected lines NAME and five numbers";
	}
	free(text);
	if (why != NULL) {
		snprintf(source->proc.message, sizeof(source->proc.message), "%s: %s", path, why);
		return vm_source_fail(source);
	}
	if (source->is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.slabinfo/1");
		json_number(&json, "processors", processors);
		figures_write_json(&figures, &json, "figures");
		json_close(&json, '{');
	} else {
		figures_write(&figures);
	}
	return vm_source_status(source, &figures);
}

int vm_slabinfo_main(int argc, char **argv)
{
	static struct vm_source source; /* too large for a stack */
	struct argument_scan scan;
	struct kmem kmem;
	const struct command_option *option;
	uint64_t frames = FRAMES_DEFAULT;
	size_t count;
	argument_init(&scan, &command_vm_slabinfo, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (!vm_source_option(&source, option, &scan))
			frames_option(&scan, option, &frames);
	}
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	source.command = scan.command;
	if (source.is_kernel)
		return scan.index == argc ? slabinfo_kernel(&source) :
		       argument_refuse(&scan, NULL, "'%s' and --from-kernel: one of them",
				       argv[scan.index]);
	const char *const *texts =
		texts_of(&scan, workload_slabinfo,
			 sizeof(workload_slabinfo) / sizeof(workload_slabinfo[0]), &count);
	if (!operations_check(&scan, texts, count))
		return scan.status;
	if (!kmem_open(&kmem, &scan, frames))
		return STATUS_FAILURE;
	int status = operations_play(&kmem, texts, count, true);
	if (status == ARGUMENT_GO_ON)
		status = slabinfo_model(&kmem, source.is_json, source.is_explained);
	vm_machine_destroy(kmem.machine);
	return status;
}
