/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of `allot vm` share. See vm_shared.h.
 */
#include "vm_shared.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "word.h"

enum {
	WORD_BYTES = 64,
	TEXTS = 8,
	KINDS_DATA = 1 << VM_LOAD | 1 << VM_STORE | 1 << VM_MODIFY,
	KINDS_CODE = 1 << VM_FETCH,
};

const char *const vm_kind_names[VM_KIND_COUNT] = {"load", "store", "fetch", "modify"};

/* ---- numbers ---- */

bool vm_number_parse(const char *text, uint64_t *out)
{
	static const char units[] = "kmg";
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	uint64_t value = strtoull(text, &end, text[1] == 'x' || text[1] == 'X' ? 16 : 10);
	if (errno != 0)
		return false;
	const char *unit = *end == '\0' ? NULL : strchr(units, tolower((unsigned char)*end));
	if (unit != NULL) {
		unsigned shift = 10 * (unsigned)(unit - units + 1);

		if (value > UINT64_MAX >> shift)
			return false;
		value <<= shift;
		end++;
	}
	if (*end != '\0')
		return false;
	*out = value;
	return true;
}

/* Take the next piece of `*text` up to `separator`. False at the end. */
static bool piece_take(const char **text, char separator, char piece[WORD_BYTES])
{
	if (*text == NULL)
		return false;
	const char *end = strchrnul(*text, separator);
	snprintf(piece, WORD_BYTES, "%.*s", (int)(end - *text), *text);
	*text = *end == '\0' ? NULL : end + 1;
	return true;
}

bool vm_list_parse(struct argument_scan *scan, const char *option, const char *text, uint64_t least,
		   uint64_t most, uint64_t list[VM_LIST_MAX], size_t *out_count)
{
	char piece[WORD_BYTES];
	size_t count = 0;

	while (piece_take(&text, ',', piece)) {
		if (count == VM_LIST_MAX) {
			argument_refuse(scan, NULL, "--%s: more than %d numbers", option,
					VM_LIST_MAX);
			return false;
		}
		if (!vm_number_parse(piece, &list[count]) || list[count] < least ||
		    list[count] > most) {
			argument_refuse(scan, NULL,
					"--%s: '%s' is no number from %" PRIu64 " to %" PRIu64,
					option, piece, least, most);
			return false;
		}
		count++;
	}
	*out_count = count;
	return true;
}

void *vm_memory(size_t bytes)
{
	void *memory = malloc(bytes > 0 ? bytes : 1);

	if (memory == NULL) {
		notice_write("vm", "no memory: %zu bytes", bytes);
		exit(STATUS_FAILURE);
	}
	return memory;
}

const char *vm_bytes_text(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	static char texts[TEXTS][WORD_BYTES];
	static unsigned turn;
	char *text = texts[turn++ % TEXTS];
	double value = (double)bytes;
	unsigned unit = 0;

	for (; value >= 1024 && unit < 6; value /= 1024)
		unit++;
	bool is_whole = value == (double)(uint64_t)value;
	snprintf(text, WORD_BYTES, is_whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return text;
}

/* ---- machines ---- */

const struct vm_geometry *vm_machine_require(struct argument_scan *scan, const char *name)
{
	const struct vm_geometry *geometry = vm_geometry_find(name);
	struct word_match match;

	if (geometry != NULL)
		return geometry;
	word_match_init(&match, name);
	for (size_t i = 0; (geometry = vm_geometry_get(i)) != NULL; i++)
		word_match_offer(&match, geometry->name);
	argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL, "no machine '%s'",
			name);
	return NULL;
}

/* ---- TLBs ---- */

static bool policy_parse(const char *word, struct vm_tlb_unit *unit)
{
	for (unsigned i = 0; i < VM_TLB_POLICY_COUNT; i++) {
		if (strcmp(word, vm_tlb_policy_name(i)) != 0)
			continue;
		unit->policy = (uint8_t)i;
		return true;
	}
	return false;
}

static bool kinds_parse(const char *word, struct vm_tlb_unit *unit)
{
	if (strspn(word, "di") != strlen(word) || word[0] == '\0')
		return false;
	unit->kinds = (uint8_t)((strchr(word, 'd') != NULL ? KINDS_DATA : 0) |
				(strchr(word, 'i') != NULL ? KINDS_CODE : 0));
	return true;
}

static bool sizes_parse(const char *word, const struct vm_geometry *geometry,
			struct vm_tlb_unit *unit)
{
	char piece[WORD_BYTES];
	unsigned sizes = 0;

	while (piece_take(&word, '+', piece)) {
		uint64_t bytes;
		unsigned size = 0;

		if (!vm_number_parse(piece, &bytes))
			return false;
		while (size < geometry->size_count &&
		       vm_geometry_page_bytes(geometry, size) != bytes)
			size++;
		if (size == geometry->size_count)
			return false;
		sizes |= 1u << size;
	}
	unit->sizes = (uint8_t)sizes;
	return true;
}

/* "64x4" or "64xfull". */
static bool shape_parse(const char *word, struct vm_tlb_unit *unit)
{
	char entries[WORD_BYTES];
	uint64_t entry_count, ways = 0;
	const char *cross = strchr(word, 'x');

	if (cross == NULL || cross - word >= WORD_BYTES)
		return false;
	snprintf(entries, sizeof(entries), "%.*s", (int)(cross - word), word);
	if (!vm_number_parse(entries, &entry_count) || entry_count > VM_TLB_ENTRIES_MAX)
		return false;
	if (strcmp(cross + 1, "full") != 0 &&
	    (!vm_number_parse(cross + 1, &ways) || ways == 0 || ways > entry_count))
		return false;
	unit->entries = (uint32_t)entry_count;
	unit->ways = (uint32_t)ways;
	return true;
}

static bool unit_parse(struct argument_scan *scan, const char *text, unsigned number,
		       const struct vm_geometry *geometry, struct vm_tlb_unit *unit)
{
	char word[WORD_BYTES];
	const char *equals = strchr(text, '=');

	*unit = (struct vm_tlb_unit){
		.rank = (uint8_t)number, .sizes = 1, .kinds = KINDS_DATA | KINDS_CODE};
	snprintf(unit->name, sizeof(unit->name), "L%u", number);
	if (equals != NULL) {
		const char *digit = strpbrk(text, "123456789");

		snprintf(unit->name, sizeof(unit->name), "%.*s", (int)(equals - text), text);
		if (digit != NULL && digit < equals)
			unit->rank = (uint8_t)(*digit - '0');
		text = equals + 1;
	}
	if (!piece_take(&text, ':', word) || !shape_parse(word, unit)) {
		argument_refuse(scan, NULL, "'%s' is no TLB: entries and ways, such as 64x4 or "
				"64xfull", word);
		return false;
	}
	while (piece_take(&text, ':', word)) {
		if (policy_parse(word, unit) || kinds_parse(word, unit) ||
		    sizes_parse(word, geometry, unit))
			continue;
		argument_refuse(scan, NULL, "'%s' of a TLB is no policy (lru, plru, fifo, random), "
				"no kinds (d, i, di) and no page sizes of %s", word,
				geometry->name);
		return false;
	}
	return true;
}

static bool preset_refuse(struct argument_scan *scan, const char *text)
{
	struct word_match match;

	word_match_init(&match, text);
	for (size_t i = 0; vm_tlb_preset_name(i) != NULL; i++)
		word_match_offer(&match, vm_tlb_preset_name(i));
	argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL,
			"'%s' is no TLB: a preset, or units such as L1=64x4,L2=1536x12", text);
	return false;
}

/* Would vm_tlb_init() take it? */
static bool conf_check(struct argument_scan *scan, const struct vm_tlb_conf *conf)
{
	char message[VM_MESSAGE_BYTES] = "";
	struct vm_tlb tlb;

	if (vm_tlb_bytes(conf) > 0)
		return true;
	vm_tlb_init(&tlb, NULL, 0, conf, message, sizeof(message));
	argument_refuse(scan, NULL, "no such TLB: %s", message);
	return false;
}

bool vm_tlb_parse(struct argument_scan *scan, const char *text, const struct vm_geometry *geometry,
		  struct vm_tlb_conf *conf)
{
	char piece[WORD_BYTES];
	unsigned count = 0;

	memset(conf, 0, sizeof(*conf));
	conf->translate = vm_flat_translate;
	if (vm_tlb_preset(text, conf)) {
		/* On another machine: the base page alone. */
		for (unsigned i = 0; geometry != NULL && i < conf->unit_count; i++)
			if (conf->geometry != geometry && conf->units[i].sizes & 1)
				conf->units[count++] = conf->units[i];
		if (geometry != NULL && conf->geometry != geometry) {
			conf->unit_count = count;
			for (unsigned i = 0; i < count; i++)
				conf->units[i].sizes = 1;
			conf->geometry = geometry;
		}
		return conf_check(scan, conf);
	}
	if (strchr(text, 'x') == NULL)
		return preset_refuse(scan, text);
	conf->geometry = geometry != NULL ? geometry : vm_geometry_find("x86-64");
	while (piece_take(&text, ',', piece)) {
		if (count == VM_TLB_UNITS_MAX) {
			argument_refuse(scan, NULL, "at most %d TLBs", VM_TLB_UNITS_MAX);
			return false;
		}
		if (!unit_parse(scan, piece, count + 1, conf->geometry, &conf->units[count]))
			return false;
		count++;
	}
	conf->unit_count = count;
	return conf_check(scan, conf);
}
