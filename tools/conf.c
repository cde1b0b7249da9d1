/* SPDX-License-Identifier: MIT */
/*
 * Configuration: looking into allot_options().
 */
#include "conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILE_BYTES_MAX = 64 * 1024,
};

char *conf_file_read(void)
{
	FILE *file = fopen(CONF_FILE, "re");
	if (file == NULL)
		return NULL;

	char *text = malloc(FILE_BYTES_MAX + 1);
	if (text != NULL)
		text[fread(text, 1, FILE_BYTES_MAX, file)] = '\0';
	int error = text == NULL ? ENOMEM : ferror(file) ? EIO : 0;
	fclose(file);
	if (error == 0)
		return text;
	free(text);
	errno = error;
	return NULL;
}

const struct allot_option *conf_option(const char *key)
{
	size_t count;
	const struct allot_option *options = allot_options(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(options[i].key, key) == 0)
			return &options[i];
	return NULL;
}

const char *conf_type_name(enum allot_option_type type)
{
	switch (type) {
	case ALLOT_OPTION_WORD:
		return "word";
	case ALLOT_OPTION_SIZE:
		return "size";
	case ALLOT_OPTION_COUNT:
		return "count";
	case ALLOT_OPTION_BOOL:
		return "bool";
	case ALLOT_OPTION_TEXT:
		return "text";
	}
	return "unknown";
}

const char *conf_value_next(const struct allot_option *option, const char *position, char *out_word,
			    size_t word_bytes)
{
	if (position == NULL) {
		if (option->type == ALLOT_OPTION_WORD)
			position = option->values;
		else if (option->type == ALLOT_OPTION_BOOL)
			position = "true|false";
		else
			return NULL;
	}
	if (*position == '\0')
		return NULL;

	size_t length = strcspn(position, "|");
	snprintf(out_word, word_bytes, "%.*s", (int)length, position);
	position += length;
	return *position == '|' ? position + 1 : position;
}
