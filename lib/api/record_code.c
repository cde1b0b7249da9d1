/* SPDX-License-Identifier: MIT */
/*
 * What a recorded process says of its code and its threads: which modules hold the addresses of its
 * stacks, which are gone, who writes to a stream. See record.h.
 *
 * A module is noted when the first address in it is, and again when others lie where it was.
 */
#include "api/record.h"

#include <string.h>

#include "os/module.h"
#include "os/process.h"

/* ---- threads ---- */

void record_name(struct record_stream *stream, uint32_t number)
{
	char name[OS_THREAD_NAME_BYTES];
	os_thread_name(name);
	raw_thread_name(&stream->raw, number, name);
}

/* ---- code ---- */

static void module_write(struct record_stream *stream, const struct record_module *known,
			 const struct os_module *module)
{
	char program[OS_PATH_BYTES_MAX];
	struct raw_module blob = {
		.begin = known->begin,
		.end = known->end,
		.bias = known->bias,
		.is_gone = module == NULL,
	};
	const char *path = module == NULL ? "" : module->path;
	if (module != NULL) {
		blob.build_id_bytes = (uint32_t)os_module_build_id(module, blob.build_id,
								   sizeof(blob.build_id));
		if (*path == '\0') {
			os_program_path(program, sizeof(program));
			path = program;
		}
	}
	raw_blob(&stream->raw, RAW_BLOB_MODULE, &blob, sizeof(blob), path, strlen(path) + 1);
}

/* What lay there before is gone. False: it is known as it is. */
static bool modules_make_way(struct record_stream *stream, const struct record_module *module)
{
	size_t kept = 0;
	bool is_new = true;
	for (size_t i = 0; i < recorder->module_count; i++) {
		const struct record_module *known = &recorder->modules[i];
		bool is_same = known->begin == module->begin && known->end == module->end &&
			       known->identity == module->identity;
		bool is_apart = known->end <= module->begin || module->end <= known->begin;
		is_new = is_new && !is_same;
		if (is_same || is_apart)
			recorder->modules[kept++] = *known;
		else
			module_write(stream, known, NULL);
	}
	recorder->module_count = kept;
	return is_new;
}

void record_module_of(struct record_stream *stream, uintptr_t address)
{
	struct os_module found;
	if (!os_module_find(address, &found))
		return;
	struct record_module module = {found.begin, found.end, found.bias, found.identity};
	/* Where another thread is at it, it may come twice: whoever reads takes that for one. */
	if (!record_look_begin()) {
		module_write(stream, &module, &found);
		return;
	}
	if (modules_make_way(stream, &module) && recorder->module_count < RECORD_MODULES_MAX) {
		recorder->modules[recorder->module_count++] = module;
		module_write(stream, &module, &found);
	}
	record_look_finish();
}
