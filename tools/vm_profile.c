/* SPDX-License-Identifier: MIT */
/*
 * Profiles as files. One table says what members there are, and what they may be: writing and
 * reading go by it. A profile is one flat object of JSON (RFC 8259) of strings without escapes,
 * whole numbers, true and false; nothing else is read.
 */
#include "vm_profile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum kind {
	KIND_FIXED,   /* a string that is always the same */
	KIND_NAME,
	KIND_HUGE,    /* an enum vm_huge_policy as a word */
	KIND_BOOL,
	KIND_U32,
	KIND_U64,
};

static const char schema[] = "allot.vm.profile/1";
static const char *const policies[] = { "never", "advised", "always" };

/* A member: its place in struct vm_profile, and of a number the least and the most it may be. */
static const struct member {
	const char *key;
	enum kind kind;
	size_t place;
	uint64_t least, most;
	bool is_power;         /* of two, and nothing between */
	const char *fixed;
} members[] = {
#define MEMBER(name, kind) #name, kind, offsetof(struct vm_profile, name)
	{ .key = "schema", .kind = KIND_FIXED, .fixed = schema },
	{ .key = "label", .kind = KIND_FIXED, .fixed = "measured" },
	{ .key = "name", .kind = KIND_NAME },
	{ MEMBER(fault_around_pages, KIND_U32), 1, 512, true, NULL },
	{ MEMBER(huge, KIND_HUGE), 0, 0, false, NULL },
	{ MEMBER(has_huge_zero_page, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(places_huge, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(stack_flag_is_small, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(reclaims_tables, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(remaps_many, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(last_page_needs_table, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(counts_late, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(merges_faulted, KIND_BOOL), 0, 0, false, NULL },
	{ MEMBER(aux_count, KIND_U32), 1, 1024, false, NULL },
	{ MEMBER(vvar_pages, KIND_U32), 0, 1024, false, NULL },
	{ MEMBER(vclock_pages, KIND_U32), 0, 1024, false, NULL },
	{ MEMBER(vdso_pages, KIND_U32), 0, 1024, false, NULL },
	{ MEMBER(stack_gap_pages, KIND_U32), 0, 1 << 20, false, NULL },
	{ MEMBER(stack_limit_bytes, KIND_U64), 1 << 16, UINT64_C(1) << 40, false, NULL },
	{ MEMBER(lowest_address, KIND_U64), 0, UINT64_C(1) << 32, false, NULL },
	{ MEMBER(area_count_max, KIND_U32), 1, INT32_MAX, false, NULL },
#undef MEMBER
};

enum {
	MEMBERS = sizeof(members) / sizeof(members[0]),
};

/* ---- writing ---- */

static const void *value_at(const struct vm_profile *profile, const struct member *member)
{
	return (const char *)profile + member->place;
}

static void member_write(struct json *json, const struct vm_profile *profile,
			 const struct member *member)
{
	const void *value = value_at(profile, member);
	switch (member->kind) {
	case KIND_FIXED:
		json_text(json, member->key, member->fixed);
		break;
	case KIND_NAME:
		json_text(json, member->key, profile->name);
		break;
	case KIND_HUGE:
		json_text(json, member->key, policies[*(const enum vm_huge_policy *)value]);
		break;
	case KIND_BOOL:
		json_bool(json, member->key, *(const bool *)value);
		break;
	case KIND_U32:
		json_number(json, member->key, *(const uint32_t *)value);
		break;
	case KIND_U64:
		json_number(json, member->key, (int64_t)*(const uint64_t *)value);
		break;
	}
}

void profile_write(const struct vm_profile *profile, FILE *out)
{
	struct json json = { .out = out };
	json_open(&json, NULL, '{');
	for (size_t i = 0; i < MEMBERS; i++)
		member_write(&json, profile, &members[i]);
	json_close(&json, '{');
}

/* ---- reading ---- */

struct reader {
	struct profile_read *out;
	const char *text, *at;
	bool is_known[MEMBERS];   /* read already */
};

/* What is wrong at `reader->at`; always false. */
static bool refuse(struct reader *reader, const char *expected)
{
	reader->out->offset = (size_t)(reader->at - reader->text);
	snprintf(reader->out->expected, sizeof(reader->out->expected), "%s", expected);
	return false;
}

static void blanks_skip(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t\r\n");
}

static bool char_take(struct reader *reader, char c)
{
	blanks_skip(reader);
	if (*reader->at != c)
		return false;
	reader->at++;
	return true;
}

/* May it stand in a string as it is? */
static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static bool text_take(struct reader *reader, char *out, size_t out_bytes, const char *expected)
{
	blanks_skip(reader);
	if (*reader->at != '"')
		return refuse(reader, expected);
	size_t length = 0;
	while (is_plain(reader->at[1 + length]))
		length++;
	if (reader->at[1 + length] != '"' || length >= out_bytes)
		return refuse(reader, expected);
	memcpy(out, reader->at + 1, length);
	out[length] = '\0';
	reader->at += length + 2;
	return true;
}

static bool word_take(struct reader *reader, const char *word)
{
	size_t length = strlen(word);
	blanks_skip(reader);
	if (strncmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

static bool number_take(struct reader *reader, const struct member *member, uint64_t *out)
{
	char expected[80];
	snprintf(expected, sizeof(expected), "%s from %llu to %llu",
		 member->is_power ? "a power of two" : "a number",
		 (unsigned long long)member->least, (unsigned long long)member->most);
	blanks_skip(reader);
	size_t digits = strspn(reader->at, "0123456789");
	bool is_number = digits > 0 && digits <= 18 && (digits == 1 || *reader->at != '0');
	*out = strtoull(reader->at, NULL, 10);
	if (!is_number || *out < member->least || *out > member->most ||
	    (member->is_power && (*out & (*out - 1)) != 0))
		return refuse(reader, expected);
	reader->at += digits;
	return true;
}

static bool huge_take(struct reader *reader, enum vm_huge_policy *out)
{
	static const char expected[] = "\"never\", \"advised\" or \"always\"";
	char word[16];
	blanks_skip(reader);
	const char *begin = reader->at;
	if (!text_take(reader, word, sizeof(word), expected))
		return false;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		*out = (enum vm_huge_policy)i;
		if (strcmp(word, policies[i]) == 0)
			return true;
	}
	reader->at = begin;
	return refuse(reader, expected);
}

static bool fixed_take(struct reader *reader, const struct member *member)
{
	char word[sizeof(schema)], expected[80];
	blanks_skip(reader);
	const char *begin = reader->at;
	snprintf(expected, sizeof(expected), "\"%s\"", member->fixed);
	if (!text_take(reader, word, sizeof(word), expected))
		return false;
	if (strcmp(word, member->fixed) == 0)
		return true;
	reader->at = begin;
	return refuse(reader, expected);
}

static bool value_take(struct reader *reader, const struct member *member)
{
	struct profile_read *out = reader->out;
	void *value = (char *)&out->profile + member->place;
	uint64_t number;
	switch (member->kind) {
	case KIND_FIXED:
		return fixed_take(reader, member);
	case KIND_NAME:
		return text_take(reader, out->name, sizeof(out->name),
				 "a string of up to 31 plain letters");
	case KIND_HUGE:
		return huge_take(reader, value);
	case KIND_BOOL:
		*(bool *)value = word_take(reader, "true");
		return *(bool *)value || word_take(reader, "false") ||
		       refuse(reader, "true or false");
	default:
		break;
	}
	if (!number_take(reader, member, &number))
		return false;
	if (member->kind == KIND_U32)
		*(uint32_t *)value = (uint32_t)number;
	else
		*(uint64_t *)value = number;
	return true;
}

static bool member_take(struct reader *reader)
{
	char key[32];
	blanks_skip(reader);
	const char *begin = reader->at;
	if (!text_take(reader, key, sizeof(key), "the name of a member, as \"name\""))
		return false;
	for (size_t i = 0; i < MEMBERS; i++) {
		if (strcmp(members[i].key, key) != 0 || reader->is_known[i])
			continue;
		reader->is_known[i] = true;
		if (!char_take(reader, ':'))
			return refuse(reader, "a colon");
		return value_take(reader, &members[i]);
	}
	reader->at = begin;
	return refuse(reader, "a member of a profile, once");
}

bool profile_parse(struct profile_read *out, const char *text)
{
	struct reader reader = { .out = out, .text = text, .at = text };
	char expected[80];
	memset(out, 0, sizeof(*out));
	if (!char_take(&reader, '{'))
		return refuse(&reader, "{, the begin of a profile");
	do {
		if (!member_take(&reader))
			return false;
	} while (char_take(&reader, ','));
	for (size_t i = 0; i < MEMBERS; i++) {
		snprintf(expected, sizeof(expected), "a comma and \"%s\"", members[i].key);
		if (!reader.is_known[i])
			return refuse(&reader, expected);
	}
	if (!char_take(&reader, '}'))
		return refuse(&reader, "}, the end of a profile");
	blanks_skip(&reader);
	if (*reader.at != '\0')
		return refuse(&reader, "nothing behind a profile");
	out->profile.name = out->name;
	return true;
}
