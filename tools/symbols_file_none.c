/* SPDX-License-Identifier: MIT */
/*
 * Symbols of files, for a build without libdw: there are none.
 */
#include "symbols_file.h"

struct symbols_file *symbols_file_open(const struct trace_module *module,
				       enum symbols_file_state *out_state)
{
	(void)module;
	*out_state = SYMBOLS_FILE_NO_READER;
	return NULL;
}

void symbols_file_close(struct symbols_file *file)
{
	(void)file;
}

size_t symbols_file_look(struct symbols_file *file, uint64_t address,
			 struct symbols_file_place out[SYMBOLS_FILE_DEPTH_MAX])
{
	(void)file;
	(void)address;
	(void)out;
	return 0;
}
