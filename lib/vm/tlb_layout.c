/* SPDX-License-Identifier: MIT */
/*
 * TLBs at rest: which there can be, and how they lie in memory.
 *
 * Memory, in this order: the state; the space of each identifier; of each unit its entries and the
 * sets' orders; the filters of those of rank 1.
 */
#include "vm/tlb.h"

#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/text.h"

enum {
	SIZES_4K = 1 << 0,
	SIZES_2M = 1 << 1,
	SIZES_1G = 1 << 2,
	SIZES_ALL = SIZES_4K | SIZES_2M | SIZES_1G,
	KINDS_DATA = 1 << VM_LOAD | 1 << VM_STORE | 1 << VM_MODIFY,
	KINDS_CODE = 1 << VM_FETCH,
	KINDS_ALL = KINDS_DATA | KINDS_CODE,
	PCIDS = 6, /* of the 4096, Linux uses 6 on each processor */
};

static const char *const policy_names[] = {"lru", "plru", "fifo", "random"};
static_assert(ARRAY_LEN(policy_names) == VM_TLB_POLICY_COUNT, "every policy has a name");

const char *vm_tlb_policy_name(unsigned policy)
{
	return policy < ARRAY_LEN(policy_names) ? policy_names[policy] : NULL;
}

/* ---- presets ---- */

struct preset {
	const char *name;
	const char *geometry;
	uint32_t asid_count;
	uint32_t unit_count;
	struct vm_tlb_unit units[VM_TLB_UNITS_MAX];
};

/* Sizes from the optimisation manuals of Intel and AMD; LRU stands for what they do not say. */
static const struct preset presets[] = {
	{"skylake", "x86-64", PCIDS, 7, {
		{"L1d", 64, 4, 1, VM_TLB_LRU, SIZES_4K, KINDS_DATA},
		{"L1d-2m", 32, 4, 1, VM_TLB_LRU, SIZES_2M, KINDS_DATA},
		{"L1d-1g", 4, 4, 1, VM_TLB_LRU, SIZES_1G, KINDS_DATA},
		{"L1i", 128, 8, 1, VM_TLB_LRU, SIZES_4K, KINDS_CODE},
		{"L1i-2m", 8, 8, 1, VM_TLB_LRU, SIZES_2M, KINDS_CODE},
		{"L2", 1536, 12, 2, VM_TLB_LRU, SIZES_4K | SIZES_2M, KINDS_ALL},
		{"L2-1g", 16, 4, 2, VM_TLB_LRU, SIZES_1G, KINDS_ALL},
	}},
	{"nehalem", "x86-64", 0, 5, {
		{"L1d", 64, 4, 1, VM_TLB_LRU, SIZES_4K, KINDS_DATA},
		{"L1d-2m", 32, 4, 1, VM_TLB_LRU, SIZES_2M, KINDS_DATA},
		{"L1i", 128, 4, 1, VM_TLB_LRU, SIZES_4K, KINDS_CODE},
		{"L1i-2m", 7, 0, 1, VM_TLB_LRU, SIZES_2M, KINDS_CODE},
		{"L2", 512, 4, 2, VM_TLB_LRU, SIZES_4K, KINDS_ALL},
	}},
	{"zen", "x86-64", PCIDS, 4, {
		{"L1d", 64, 0, 1, VM_TLB_LRU, SIZES_ALL, KINDS_DATA},
		{"L1i", 64, 0, 1, VM_TLB_LRU, SIZES_ALL, KINDS_CODE},
		{"L2d", 1536, 12, 2, VM_TLB_LRU, SIZES_4K | SIZES_2M, KINDS_DATA},
		{"L2i", 512, 8, 2, VM_TLB_LRU, SIZES_4K | SIZES_2M, KINDS_CODE},
	}},
	{"csapp", "csapp", 0, 1, {
		{"TLB", 16, 4, 1, VM_TLB_LRU, SIZES_4K, KINDS_ALL},
	}},
};

const char *vm_tlb_preset_name(size_t index)
{
	return index < ARRAY_LEN(presets) ? presets[index].name : NULL;
}

bool vm_tlb_preset(const char *name, struct vm_tlb_conf *conf)
{
	for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
		const struct preset *preset = &presets[i];
		if (!string_equal(preset->name, name))
			continue;
		conf->geometry = vm_geometry_find(preset->geometry);
		conf->asid_count = preset->asid_count;
		conf->counting = VM_TLB_COUNT_PAGES;
		conf->seed = 0;
		conf->unit_count = preset->unit_count;
		memcpy(conf->units, preset->units, sizeof(conf->units));
		return true;
	}
	return false;
}

/* ---- what can be ---- */

static uint32_t ways_of(const struct vm_tlb_unit *unit)
{
	return unit->ways == 0 ? unit->entries : unit->ways;
}

static bool check_sets(const struct vm_tlb_unit *unit, struct text *why)
{
	uint32_t ways = ways_of(unit);
	if (unit->entries == 0 || unit->entries > VM_TLB_ENTRIES_MAX)
		text_format(why, "%s: 1 to %u entries, not %u", unit->name,
			    (size_t)VM_TLB_ENTRIES_MAX, (size_t)unit->entries);
	else if (ways > unit->entries || unit->entries % ways != 0)
		text_format(why, "%s: %u entries are no whole number of sets of %u", unit->name,
			    (size_t)unit->entries, (size_t)ways);
	else if (!is_pow2(unit->entries / ways))
		text_format(why, "%s: %u sets: the index is low bits of the VPN, so a power of two",
			    unit->name, (size_t)(unit->entries / ways));
	else if (unit->policy >= VM_TLB_POLICY_COUNT)
		text_format(why, "%s: no policy of number %u", unit->name, (size_t)unit->policy);
	else if (unit->policy == VM_TLB_PLRU && (!is_pow2(ways) || ways > VM_TLB_PLRU_WAYS_MAX))
		text_format(why, "%s: plru is a tree of 1 to %u ways, a power of two, not %u",
			    unit->name, (size_t)VM_TLB_PLRU_WAYS_MAX, (size_t)ways);
	else
		return true;
	return false;
}

static bool check_reach(const struct vm_tlb_conf *conf, const struct vm_tlb_unit *unit,
			struct text *why)
{
	if (unit->name[VM_TLB_NAME_BYTES - 1] != '\0')
		text_format(why, "a unit's name has at most %u characters",
			    (size_t)VM_TLB_NAME_BYTES - 1);
	else if (unit->rank == 0 || unit->rank > VM_TLB_RANKS_MAX)
		text_format(why, "%s: ranks are 1 to %u, not %u", unit->name,
			    (size_t)VM_TLB_RANKS_MAX, (size_t)unit->rank);
	else if (unit->sizes == 0 || unit->sizes >> conf->geometry->size_count != 0)
		text_format(why, "%s: holds page sizes the machine %s does not have", unit->name,
			    conf->geometry->name);
	else if ((unit->kinds & KINDS_ALL) == 0 || unit->kinds > KINDS_ALL)
		text_format(why, "%s: is for no kind of access", unit->name);
	else if (!(unit->kinds >> VM_STORE & 1) != !(unit->kinds >> VM_MODIFY & 1))
		text_format(why, "%s: stores and modifications go together", unit->name);
	else
		return true;
	return false;
}

/* Two of a rank for the same pages: which of them would an access ask? */
static bool check_pair(const struct vm_tlb_unit *a, const struct vm_tlb_unit *b, struct text *why)
{
	if (a->rank != b->rank || !(a->sizes & b->sizes) || !(a->kinds & b->kinds))
		return true;
	text_format(why, "%s and %s: two of rank %u for the same pages", a->name, b->name,
		    (size_t)a->rank);
	return false;
}

static unsigned vpn_bits(const struct vm_geometry *g)
{
	unsigned bits = 0;
	for (unsigned i = 0; i < g->level_count; i++)
		bits += g->bits[i];
	return bits;
}

static bool conf_check(const struct vm_tlb_conf *conf, struct text *why)
{
	if (conf->geometry == NULL || conf->translate == NULL) {
		text_format(why, "a TLB needs a machine and page tables to ask");
		return false;
	}
	if (!vm_geometry_check(conf->geometry, why->chars, why->capacity))
		return false;
	if (vpn_bits(conf->geometry) > VM_TLB_VPN_BITS_MAX) {
		text_format(why, "page numbers of %u bits: at most %u",
			    (size_t)vpn_bits(conf->geometry), (size_t)VM_TLB_VPN_BITS_MAX);
		return false;
	}
	if (conf->unit_count == 0 || conf->unit_count > VM_TLB_UNITS_MAX) {
		text_format(why, "1 to %u units, not %u", (size_t)VM_TLB_UNITS_MAX,
			    (size_t)conf->unit_count);
		return false;
	}
	if (conf->asid_count > VM_TLB_ASIDS_MAX) {
		text_format(why, "at most %u identifiers of address spaces, not %u",
			    (size_t)VM_TLB_ASIDS_MAX, (size_t)conf->asid_count);
		return false;
	}
	for (uint32_t i = 0; i < conf->unit_count; i++) {
		const struct vm_tlb_unit *unit = &conf->units[i];
		if (!check_reach(conf, unit, why) || !check_sets(unit, why))
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (!check_pair(&conf->units[j], unit, why))
				return false;
	}
	return true;
}

/* ---- layout ---- */

/* Hands out pieces of memory, or only counts them while there is none. */
struct layout {
	char *memory;
	size_t used;
};

static void *layout_take(struct layout *layout, size_t count, size_t bytes)
{
	void *piece = layout->memory == NULL ? NULL : layout->memory + layout->used;
	layout->used += align_up(count * bytes, sizeof(uint64_t));
	return piece;
}

static enum keeping keeping_of(uint8_t policy, uint32_t ways)
{
	if (policy == VM_TLB_RANDOM)
		return KEEP_NOTHING;
	if (policy == VM_TLB_PLRU)
		return KEEP_TREE;
	return ways <= WORD_WAYS_MAX ? KEEP_WORD : KEEP_MOVING;
}

static void words_start(struct unit *unit)
{
	for (uint32_t set = 0; set < unit->sets && unit->keeping == KEEP_WORD; set++)
		unit->sets_kept[set].word = WORD_START & unit->word_mask;
}

static void layout_unit(struct layout *layout, struct unit *unit, const struct vm_tlb_unit *conf)
{
	unit->conf = *conf;
	unit->conf.ways = unit->ways = ways_of(conf);
	unit->sets = conf->entries / unit->ways;
	unit->set_shift = (uint8_t)log2_floor(unit->sets);
	unit->used = 0;
	unit->filter = NULL;
	unit->slots = layout_take(layout, conf->entries, sizeof(*unit->slots));
	unit->sets_kept = layout_take(layout, unit->sets, sizeof(*unit->sets_kept));
	unit->keeping = keeping_of(conf->policy, unit->ways);
	unit->word_mask = unit->ways >= WORD_WAYS_MAX
				  ? UINT64_MAX
				  : ((uint64_t)1 << unit->ways * PLACE_BITS) - 1;
}

/* A unit's filter is of all kinds of access; those the unit is not for are never asked. */
static void layout_filters(struct layout *layout, struct vm_tlb *tlb, struct unit *units,
			   uint32_t unit_count)
{
	uint64_t *nobody = layout_take(layout, VM_KIND_COUNT, sizeof(uint64_t));
	for (unsigned kind = 0; kind < VM_KIND_COUNT; kind++)
		tlb->filters[kind] = (struct vm_tlb_filter){nobody, 0};
	for (uint32_t i = 0; i < unit_count; i++) {
		struct unit *unit = &units[i];
		if (unit->conf.rank != 1 || !(unit->conf.sizes & SIZES_4K))
			continue;
		unit->filter = layout_take(layout, (size_t)unit->sets * VM_KIND_COUNT,
					   sizeof(uint64_t));
		for (unsigned kind = 0; kind < VM_KIND_COUNT && layout->memory != NULL; kind++)
			if (unit->conf.kinds >> kind & 1)
				tlb->filters[kind] = (struct vm_tlb_filter){
					unit->filter + kind, unit->sets - 1};
	}
	for (unsigned kind = 0; kind < VM_KIND_COUNT && layout->memory != NULL; kind++)
		nobody[kind] = FILTER_EMPTY;
}

/* Lay everything out behind `layout`; returns the bytes. `tlb` and `units` are filled in. */
static size_t layout_all(struct layout *layout, const struct vm_tlb_conf *conf,
			 struct vm_tlb *tlb, struct unit *units)
{
	uint64_t *spaces;
	tlb->state = layout_take(layout, 1, sizeof(*tlb->state));
	spaces = layout_take(layout, size_max(conf->asid_count, 1), sizeof(*spaces));
	if (layout->memory != NULL)
		tlb->state->spaces = spaces;
	for (uint32_t i = 0; i < conf->unit_count; i++)
		layout_unit(layout, &units[i], &conf->units[i]);
	layout_filters(layout, tlb, units, conf->unit_count);
	return layout->used;
}

size_t vm_tlb_bytes(const struct vm_tlb_conf *conf)
{
	struct text no_words = {0};
	struct unit units[VM_TLB_UNITS_MAX];
	struct vm_tlb tlb;
	struct layout layout = {0};
	return conf_check(conf, &no_words) ? layout_all(&layout, conf, &tlb, units) : 0;
}

/* The short cut of a route, all of whose ranks must have a unit for it. */
static void cut_make(struct route *route)
{
	unsigned ranks = 0, count = 0;
	for (unsigned i = 0, first = 0; i < route->count; i++) {
		struct unit *unit = route->units[i];
		if (i == 0 || unit->conf.rank != route->units[i - 1]->conf.rank) {
			first = i;
			ranks++;
		}
		if (!(unit->conf.sizes & SIZES_4K) || unit->conf.policy != VM_TLB_LRU ||
		    unit->keeping != KEEP_WORD)
			continue;
		route->cut[count] = unit;
		route->cut_before[count++] = first;
	}
	bool is_filtered = count > 0 && route->cut[0]->filter != NULL;
	route->cut_count = count == ranks && is_filtered ? count : 0;
}

static void routes_make(struct vm_tlb_state *s)
{
	for (unsigned kind = 0; kind < VM_KIND_COUNT; kind++) {
		struct route *route = &s->routes[kind];
		for (unsigned rank = 1; rank <= VM_TLB_RANKS_MAX; rank++)
			for (uint32_t i = 0; i < s->conf.unit_count; i++)
				if (s->units[i].conf.rank == rank &&
				    (s->units[i].conf.kinds >> kind & 1))
					route->units[route->count++] = &s->units[i];
		if (!s->is_divided)
			cut_make(route);
	}
}

bool vm_tlb_init(struct vm_tlb *tlb, void *memory, size_t memory_bytes,
		 const struct vm_tlb_conf *conf, char *message, size_t message_bytes)
{
	const struct vm_geometry *g = conf->geometry;
	struct layout layout = {.memory = memory};
	struct text why;
	text_init(&why, message, message == NULL ? 0 : message_bytes);
	if (!conf_check(conf, &why))
		return false;
	size_t bytes = vm_tlb_bytes(conf);
	if (memory_bytes < bytes) {
		text_format(&why, "%u bytes of memory, %u needed", memory_bytes, bytes);
		return false;
	}
	memset(memory, 0, bytes);
	memset(tlb, 0, sizeof(*tlb));
	struct vm_tlb_state *s = memory;
	layout_all(&layout, conf, tlb, s->units);
	s->conf = *conf;
	s->random = conf->seed;
	s->va_mask = g->va_bits == 64 ? UINT64_MAX : ((uint64_t)1 << g->va_bits) - 1;
	s->own = KEY_VALID;
	s->spaces_used = 1;
	s->spaces_next = conf->asid_count > 1 ? 1 : 0;
	s->is_user = true;
	s->is_divided = g->page_shift == 0;
	s->page_mask = g->page_bytes - 1;
	s->low_mask = g->is_canonical ? s->va_mask >> 1 : s->va_mask;
	for (unsigned size = 0; size < g->size_count && !s->is_divided; size++)
		s->shifts[size] = (uint8_t)log2_floor(vm_geometry_page_bytes(g, size));
	/* A page found by division has no shift; any one does for a filter that stays empty. */
	tlb->page_shift = s->is_divided ? 1 : g->page_shift;
	for (uint32_t i = 0; i < conf->unit_count; i++)
		words_start(&s->units[i]);
	routes_make(s);
	tlb_begin(tlb);
	return true;
}
