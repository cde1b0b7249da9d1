/* SPDX-License-Identifier: MIT */
/*
 * TLBs: against a model that is as plain as can be, any number of levels, ways, sizes, address
 * spaces and modes, and what the hardware's rules say, one by one.
 *
 * The model keeps entries in places with two clocks, when each came and when it was used, looks
 * through all of them, and decides by comparing clocks. It has no filter, no keys, no order.
 * Model and TLB walk page tables of their own; that these are alike at the end shows that they
 * walked for the same accesses.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "long_run.h"
#include "random.h"

enum {
	SPACES = 5,
	PAGES = 256,
	PAGE_SHIFT = 6,
	LARGE_SHIFT = 10,
	LARGE_PAGES = 16,
	GLOBAL_FIRST = 224, /* pages from here on are the same in every space */
	ENTRIES_MAX = 256,
	SETS_MAX = 64,
	OPERATIONS = 3000,
	MESSAGE_BYTES = 200,
	KINDS_DATA = 1 << VM_LOAD | 1 << VM_STORE | 1 << VM_MODIFY,
	KINDS_ALL = KINDS_DATA | 1 << VM_FETCH,
	RIGHTS_ALL = VM_RIGHT_READ | VM_RIGHT_WRITE | VM_RIGHT_EXECUTE | VM_RIGHT_USER,
};

static const struct vm_geometry small = {
	.name = "small",
	.page_bytes = 64,
	.page_shift = PAGE_SHIFT,
	.va_bits = 14,
	.pa_bits = 20,
	.level_count = 2,
	.bits = {4, 4},
	.pte_bytes = 4,
	.size_count = 2,
};

/* ---- page tables ---- */

struct page {
	uint8_t rights;
	bool is_present, is_accessed, is_dirty;
};

struct tables {
	struct page base[SPACES][PAGES];
	struct page large[SPACES][LARGE_PAGES]; /* where present, in place of 16 base pages */
	uint64_t space;
	uint64_t walks;
	bool has_global;
};

static bool tables_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			     struct vm_translation *out)
{
	struct tables *t = context;
	t->walks++;
	if (va >> small.va_bits != 0) {
		out->error = VM_ERROR_LIMIT;
		return false;
	}
	uint64_t number = va >> PAGE_SHIFT;
	bool is_global = t->has_global && number >= GLOBAL_FIRST;
	uint64_t space = is_global ? 0 : t->space;
	struct page *page = &t->large[space][va >> LARGE_SHIFT];
	bool is_large = page->is_present;
	if (!is_large)
		page = &t->base[space][number];
	unsigned needed = vm_rights_needed(kind, is_user);
	out->reads = is_large ? 1 : 2;
	if (!page->is_present || (page->rights & needed) != needed) {
		out->error = page->is_present ? VM_ERROR_PRESENT : 0;
		return false;
	}
	page->is_accessed = true;
	page->is_dirty |= kind == VM_STORE || kind == VM_MODIFY;
	out->ppn = space * 1000 + (is_large ? number & ~15ul : number);
	out->size = is_large;
	out->rights = page->rights;
	out->is_global = is_global;
	out->is_dirty = page->is_dirty;
	return true;
}

static struct page page_draw(struct random_source *random, unsigned present_of_8)
{
	return (struct page){
		.is_present = random_below(random, 8) < present_of_8,
		.rights = (uint8_t)(random_below(random, 4) ? RIGHTS_ALL
							    : random_below(random, 16)),
	};
}

static void tables_fill(struct tables *t, struct random_source *random, bool has_large)
{
	memset(t, 0, sizeof(*t));
	t->has_global = random_below(random, 2);
	for (unsigned space = 0; space < SPACES; space++) {
		for (unsigned i = 0; i < PAGES; i++)
			t->base[space][i] = page_draw(random, 7);
		for (unsigned i = 0; i < LARGE_PAGES && has_large; i++)
			t->large[space][i] = page_draw(random, 2);
	}
}

/* ---- the plain model ---- */

struct model_entry {
	bool is_valid, is_global, is_dirty;
	uint64_t vpn, ppn, space;
	unsigned size, rights;
	uint64_t came, used;
};

struct model_unit {
	struct vm_tlb_unit conf;
	unsigned sets, ways;
	struct model_entry entries[ENTRIES_MAX];
	bool points_right[SETS_MAX][VM_TLB_PLRU_WAYS_MAX];
};

struct model {
	struct vm_tlb_conf conf;
	struct model_unit units[VM_TLB_UNITS_MAX];
	struct tables *tables;
	struct vm_tlb_statistics counted;
	uint64_t clock, space, random;
	uint64_t known[VM_TLB_ASIDS_MAX]; /* spaces with an identifier, the oldest first */
	unsigned known_count;
	bool is_user;
};

static void model_init(struct model *m, const struct vm_tlb_conf *conf, struct tables *tables)
{
	memset(m, 0, sizeof(*m));
	m->conf = *conf;
	m->tables = tables;
	m->random = conf->seed;
	m->is_user = true;
	m->known_count = 1;
	for (unsigned i = 0; i < conf->unit_count; i++) {
		struct model_unit *u = &m->units[i];
		u->conf = conf->units[i];
		u->ways = u->conf.ways == 0 ? u->conf.entries : u->conf.ways;
		u->sets = u->conf.entries / u->ways;
	}
}

/* The range of ways [low, high) below a node of the tree is halved at each step. */
static void tree_use(bool *points_right, unsigned node, unsigned low, unsigned high, unsigned way)
{
	if (high - low == 1)
		return;
	unsigned middle = (low + high) / 2;
	points_right[node] = way < middle;
	if (way < middle)
		tree_use(points_right, 2 * node + 1, low, middle, way);
	else
		tree_use(points_right, 2 * node + 2, middle, high, way);
}

static unsigned tree_leaf(const bool *points_right, unsigned node, unsigned low, unsigned high)
{
	unsigned middle = (low + high) / 2;
	if (high - low == 1)
		return low;
	return points_right[node] ? tree_leaf(points_right, 2 * node + 2, middle, high)
				  : tree_leaf(points_right, 2 * node + 1, low, middle);
}

static bool entry_is(const struct model_entry *e, uint64_t space, uint64_t va)
{
	return e->is_valid && (e->is_global || e->space == space) &&
	       e->vpn == va >> (e->size ? LARGE_SHIFT : PAGE_SHIFT);
}

static void model_use(struct model *m, struct model_unit *u, unsigned index)
{
	u->entries[index].used = ++m->clock;
	if (u->conf.policy == VM_TLB_PLRU)
		tree_use(u->points_right[index / u->ways], 0, 0, u->ways, index % u->ways);
}

static struct model_entry *model_find(struct model *m, struct model_unit *u, uint64_t va)
{
	for (unsigned i = 0; i < u->conf.entries; i++)
		if (entry_is(&u->entries[i], m->space, va))
			return &u->entries[i];
	return NULL;
}

static unsigned model_victim(struct model *m, struct model_unit *u, unsigned set)
{
	struct model_entry *e = &u->entries[set * u->ways];
	unsigned victim = 0;
	if (u->conf.policy == VM_TLB_PLRU)
		return tree_leaf(u->points_right[set], 0, 0, u->ways);
	if (u->conf.policy == VM_TLB_RANDOM) {
		struct random_source source = {m->random};
		victim = (unsigned)random_below(&source, u->ways);
		m->random = source.state;
		return victim;
	}
	for (unsigned i = 1; i < u->ways; i++) {
		bool is_older = u->conf.policy == VM_TLB_LRU ? e[i].used < e[victim].used
							     : e[i].came < e[victim].came;
		if (is_older)
			victim = i;
	}
	return victim;
}

static void model_enter(struct model *m, struct model_unit *u, const struct model_entry *entry)
{
	if (!(u->conf.sizes >> entry->size & 1))
		return;
	unsigned set = (unsigned)(entry->vpn % u->sets), way = 0;
	struct model_entry *e = &u->entries[set * u->ways];
	while (way < u->ways && e[way].is_valid)
		way++;
	if (way == u->ways) {
		way = model_victim(m, u, set);
		m->counted.evictions++;
	}
	e[way] = *entry;
	e[way].came = ++m->clock;
	model_use(m, u, set * u->ways + way);
}

static void model_forget(struct model *m, uint64_t va)
{
	for (unsigned i = 0; i < m->conf.unit_count; i++)
		for (unsigned j = 0; j < m->units[i].conf.entries; j++)
			if (entry_is(&m->units[i].entries[j], m->space, va)) {
				m->units[i].entries[j].is_valid = false;
				m->counted.flushed_entries++;
			}
}

static bool model_walk(struct model *m, uint64_t va, enum vm_kind kind, struct model_entry *out)
{
	struct vm_translation found = {0};
	bool is_there = tables_translate(m->tables, va, kind, m->is_user, &found);
	m->counted.walk_reads += found.reads;
	m->counted.faults += !is_there;
	*out = (struct model_entry){
		.is_valid = true,
		.is_global = found.is_global,
		.is_dirty = found.is_dirty,
		.vpn = va >> (found.size ? LARGE_SHIFT : PAGE_SHIFT),
		.ppn = found.ppn,
		.space = m->space,
		.size = found.size,
		.rights = found.rights,
	};
	return is_there;
}

/* Enter in the units for `kind` of ranks below `rank_end`. */
static void model_tell(struct model *m, enum vm_kind kind, unsigned rank_begin, unsigned rank_end,
		       const struct model_entry *entry)
{
	for (unsigned rank = rank_begin; rank < rank_end; rank++)
		for (unsigned i = 0; i < m->conf.unit_count; i++)
			if (m->units[i].conf.rank == rank && (m->units[i].conf.kinds >> kind & 1))
				model_enter(m, &m->units[i], entry);
}

static bool model_hit(struct model *m, struct model_unit *u, struct model_entry *e, uint64_t va,
		      enum vm_kind kind)
{
	unsigned needed = vm_rights_needed(kind, m->is_user);
	bool is_store = kind == VM_STORE || kind == VM_MODIFY;
	struct model_entry found;
	if ((e->rights & needed) != needed) {
		m->counted.right_walks++;
		model_forget(m, va);
		if (!model_walk(m, va, kind, &found))
			return false;
		model_tell(m, kind, 1, VM_TLB_RANKS_MAX + 1, &found);
		return true;
	}
	if (is_store && !e->is_dirty) {
		m->counted.dirty_walks++;
		if (!model_walk(m, va, kind, &found)) {
			model_forget(m, va);
			return false;
		}
		for (unsigned i = 0; i < m->conf.unit_count; i++) {
			struct model_entry *other = model_find(m, &m->units[i], va);
			if (other != NULL)
				other->is_dirty = true;
		}
	}
	struct model_entry copy = *e;
	model_use(m, u, (unsigned)(e - u->entries));
	model_tell(m, kind, 1, u->conf.rank, &copy);
	return true;
}

static bool model_page(struct model *m, uint64_t va, enum vm_kind kind)
{
	struct model_entry found;
	if (va >> small.va_bits != 0) {
		m->counted.walks++;
		return model_walk(m, va, kind, &found);
	}
	for (unsigned rank = 1; rank <= VM_TLB_RANKS_MAX; rank++) {
		bool is_asked = false;
		for (unsigned i = 0; i < m->conf.unit_count; i++) {
			struct model_unit *u = &m->units[i];
			if (u->conf.rank != rank || !(u->conf.kinds >> kind & 1))
				continue;
			is_asked = true;
			struct model_entry *e = model_find(m, u, va);
			if (e != NULL)
				return model_hit(m, u, e, va, kind);
		}
		m->counted.misses[rank - 1][kind] += is_asked;
	}
	m->counted.walks++;
	if (!model_walk(m, va, kind, &found))
		return false;
	model_tell(m, kind, 1, VM_TLB_RANKS_MAX + 1, &found);
	return true;
}

/* Is the page known to this rank? It is from now on. */
static bool model_rank(struct model *m, unsigned rank, uint64_t va, enum vm_kind kind,
		       const struct model_entry *found)
{
	for (unsigned i = 0; i < m->conf.unit_count; i++) {
		struct model_unit *u = &m->units[i];
		struct model_entry *e = model_find(m, u, va);
		if (u->conf.rank != rank || !(u->conf.kinds >> kind & 1) || e == NULL)
			continue;
		uint64_t came = e->came;
		*e = *found;
		e->came = came;
		model_use(m, u, (unsigned)(e - u->entries));
		return true;
	}
	model_tell(m, kind, rank, rank + 1, found);
	return false;
}

static bool model_reference(struct model *m, uint64_t va, uint64_t last, enum vm_kind kind)
{
	uint64_t reads = m->counted.walk_reads;
	m->counted.accesses[kind]++;
	for (unsigned rank = 1; rank <= VM_TLB_RANKS_MAX; rank++) {
		bool is_asked = false, is_known = true;
		for (unsigned i = 0; i < m->conf.unit_count; i++)
			is_asked |= m->units[i].conf.rank == rank &&
				    (m->units[i].conf.kinds >> kind & 1);
		if (!is_asked)
			continue;
		m->counted.walk_reads = reads;
		for (uint64_t page = va >> PAGE_SHIFT; page <= last >> PAGE_SHIFT; page++) {
			uint64_t at = page == va >> PAGE_SHIFT ? va : page << PAGE_SHIFT;
			struct model_entry found;
			if (!model_walk(m, at, kind, &found))
				return false;
			is_known &= model_rank(m, rank, at, kind, &found);
		}
		if (is_known) {
			m->counted.walk_reads = reads;
			return true;
		}
		m->counted.misses[rank - 1][kind]++;
	}
	m->counted.walks++;
	return true;
}

static bool model_access(struct model *m, uint64_t va, uint64_t bytes, enum vm_kind kind)
{
	uint64_t last = va + bytes - 1;
	bool is_held = false;
	for (unsigned i = 0; i < m->conf.unit_count; i++)
		is_held |= m->units[i].conf.kinds >> kind & 1;
	if (!is_held) {
		m->counted.accesses[kind]++;
		return true;
	}
	m->counted.straddles += va >> PAGE_SHIFT != last >> PAGE_SHIFT;
	if (va >> PAGE_SHIFT != last >> PAGE_SHIFT &&
	    m->conf.counting == VM_TLB_COUNT_REFERENCES)
		return model_reference(m, va, last, kind);
	for (uint64_t page = va >> PAGE_SHIFT; page <= last >> PAGE_SHIFT; page++) {
		uint64_t at = page == va >> PAGE_SHIFT ? va : page << PAGE_SHIFT;
		m->counted.accesses[kind]++;
		if (!model_page(m, at, kind))
			return false;
	}
	return true;
}

static void model_flush_space(struct model *m, uint64_t space)
{
	bool is_known = false;
	for (unsigned i = 0; i < m->known_count; i++)
		is_known |= m->known[i] == space;
	for (unsigned i = 0; i < m->conf.unit_count && is_known; i++)
		for (unsigned j = 0; j < m->units[i].conf.entries; j++) {
			struct model_entry *e = &m->units[i].entries[j];
			if (!e->is_valid || e->is_global || e->space != space)
				continue;
			e->is_valid = false;
			m->counted.flushed_entries++;
		}
}

static void model_switch(struct model *m, uint64_t space)
{
	unsigned room = m->conf.asid_count == 0 ? 1 : m->conf.asid_count;
	bool is_known = false;
	if (space == m->space)
		return;
	m->counted.switches++;
	for (unsigned i = 0; i < m->known_count; i++)
		is_known |= m->known[i] == space;
	if (!is_known && m->known_count == room) {
		model_flush_space(m, m->known[0]);
		memmove(m->known, m->known + 1, --m->known_count * sizeof(m->known[0]));
	}
	if (!is_known)
		m->known[m->known_count++] = space;
	m->space = space;
	m->tables->space = space;
}

static void model_flush_range(struct model *m, uint64_t space, uint64_t va, uint64_t bytes)
{
	for (unsigned i = 0; i < m->conf.unit_count; i++)
		for (unsigned j = 0; j < m->units[i].conf.entries; j++) {
			struct model_entry *e = &m->units[i].entries[j];
			unsigned shift = e->size ? LARGE_SHIFT : PAGE_SHIFT;
			if (!e->is_valid || (!e->is_global && e->space != space) ||
			    e->vpn < va >> shift || e->vpn > (va + bytes - 1) >> shift)
				continue;
			e->is_valid = false;
			m->counted.flushed_entries++;
		}
}

static void model_flush(struct model *m)
{
	for (unsigned i = 0; i < m->conf.unit_count; i++)
		for (unsigned j = 0; j < m->units[i].conf.entries; j++) {
			m->counted.flushed_entries += m->units[i].entries[j].is_valid;
			m->units[i].entries[j].is_valid = false;
		}
}

/* As the TLB reports them. */
static struct vm_tlb_statistics model_counted(const struct model *m)
{
	struct vm_tlb_statistics all = m->counted;
	all.accesses[VM_LOAD] += all.accesses[VM_MODIFY];
	if (m->conf.counting == VM_TLB_COUNT_PAGES)
		all.accesses[VM_STORE] += all.accesses[VM_MODIFY];
	for (unsigned rank = 0; rank < VM_TLB_RANKS_MAX; rank++)
		all.misses[rank][VM_LOAD] += all.misses[rank][VM_MODIFY];
	return all;
}

/* ---- both side by side ---- */

struct pair {
	struct vm_tlb tlb;
	struct model model;
	struct tables tlb_tables, model_tables;
	void *memory;
	struct random_source random;
	bool has_pages; /* more than one size */
};

static void unit_draw(struct random_source *random, struct vm_tlb_unit *unit, unsigned rank,
		      unsigned sizes, unsigned kinds)
{
	/* Up to 16 ways, and more, are kept in different manners. */
	static const unsigned many_ways[] = {8, 12, 15, 16, 17, 20, 24};
	unsigned sets_shift = (unsigned)random_below(random, 4);
	unsigned policy = (unsigned)random_below(random, VM_TLB_POLICY_COUNT);
	unsigned ways = (unsigned)random_between(random, 1, 6);
	if (random_below(random, 4) == 0)
		ways = many_ways[random_below(random, 7)];
	if (policy == VM_TLB_PLRU)
		ways = 1u << random_below(random, 4);
	*unit = (struct vm_tlb_unit){
		.entries = ways << sets_shift,
		.ways = sets_shift == 0 && random_below(random, 2) ? 0 : ways,
		.rank = (uint8_t)rank,
		.policy = (uint8_t)policy,
		.sizes = (uint8_t)sizes,
		.kinds = (uint8_t)kinds,
	};
	snprintf(unit->name, sizeof(unit->name), "u%u", rank);
}

/* Any TLBs there can be: ranks of one unit for all, or of one for code and one for data. */
static void conf_draw(struct random_source *random, struct vm_tlb_conf *conf)
{
	unsigned ranks = (unsigned)random_between(random, 1, VM_TLB_RANKS_MAX);
	memset(conf, 0, sizeof(*conf));
	conf->geometry = &small;
	conf->asid_count = (uint32_t)random_below(random, 4);
	conf->counting = random_below(random, 2) ? VM_TLB_COUNT_PAGES : VM_TLB_COUNT_REFERENCES;
	conf->seed = random_next(random);
	conf->translate = tables_translate;
	bool is_lru = random_below(random, 2);
	for (unsigned rank = 1; rank <= ranks; rank++) {
		struct vm_tlb_unit *next = &conf->units[conf->unit_count];
		switch (random_below(random, 4)) {
		case 0:
			unit_draw(random, next, rank, 3, KINDS_ALL);
			conf->unit_count++;
			break;
		case 1:
			unit_draw(random, next, rank, 3, KINDS_DATA);
			conf->unit_count++;
			break;
		case 2:
			unit_draw(random, next, rank, 1, KINDS_ALL);
			unit_draw(random, next + 1, rank, 2, KINDS_DATA);
			conf->unit_count += 2;
			break;
		default:
			unit_draw(random, next, rank, 3, KINDS_DATA);
			unit_draw(random, next + 1, rank, 1, 1 << VM_FETCH);
			conf->unit_count += 2;
		}
	}
	for (unsigned i = 0; i < conf->unit_count && is_lru; i++)
		conf->units[i].policy = VM_TLB_LRU;
}

static void pair_init(struct pair *p, uint64_t seed)
{
	struct vm_tlb_conf conf;
	char message[MESSAGE_BYTES] = "";
	p->random.state = seed;
	conf_draw(&p->random, &conf);
	p->has_pages = random_below(&p->random, 2);
	tables_fill(&p->tlb_tables, &p->random, p->has_pages);
	p->model_tables = p->tlb_tables;
	conf.context = &p->tlb_tables;
	size_t bytes = vm_tlb_bytes(&conf);
	p->memory = malloc(bytes);
	cr_assert(vm_tlb_init(&p->tlb, p->memory, bytes, &conf, message, sizeof(message)),
		  "seed %lu: %s", seed, message);
	model_init(&p->model, &conf, &p->model_tables);
}

static void page_change(struct pair *p)
{
	uint64_t space = random_below(&p->random, SPACES);
	unsigned number = (unsigned)random_below(&p->random, PAGES);
	struct page page = page_draw(&p->random, 7);
	uint64_t va = (uint64_t)number << PAGE_SHIFT;
	if (p->tlb_tables.has_global && number >= GLOBAL_FIRST)
		space = 0;
	p->tlb_tables.base[space][number] = p->model_tables.base[space][number] = page;
	vm_tlb_flush_range(&p->tlb, space, va, 64);
	model_flush_range(&p->model, space, va, 64);
}

static bool pair_access(struct pair *p)
{
	struct random_source *r = &p->random;
	/* Most accesses are near the last ones, so that there are hits of every kind. */
	uint64_t pages = random_below(r, 8) ? 12 : PAGES;
	uint64_t va = random_below(r, pages << PAGE_SHIFT) + (random_below(r, 4) ? 0 : 14 * 1024);
	uint64_t bytes = random_below(r, 6) ? random_between(r, 1, 8) : random_between(r, 1, 200);
	enum vm_kind kind = (enum vm_kind)random_below(r, VM_KIND_COUNT);
	unsigned times = (unsigned)random_between(r, 1, 3);
	if (random_below(r, 200) == 0)
		va = random_next(r) >> random_below(r, 50);
	if (va + bytes < va || (va >> small.va_bits != 0 && va >> 60 == 0xf))
		return true;
	for (; times > 0; times--) {
		bool is_done = vm_tlb_access(&p->tlb, va, bytes, kind);
		if (is_done != model_access(&p->model, va, bytes, kind))
			return false;
	}
	return true;
}

static bool pair_operate(struct pair *p)
{
	uint64_t space = random_below(&p->random, SPACES);
	uint64_t va = random_below(&p->random, PAGES << PAGE_SHIFT);
	uint64_t bytes = random_between(&p->random, 1, (PAGES << PAGE_SHIFT) - va);
	bool is_user = random_below(&p->random, 2);
	switch (random_below(&p->random, 40)) {
	case 0:
	case 1:
		vm_tlb_switch(&p->tlb, space);
		model_switch(&p->model, space);
		p->tlb_tables.space = space;
		return true;
	case 2:
		vm_tlb_set_user(&p->tlb, is_user);
		p->model.is_user = is_user;
		return true;
	case 3:
		vm_tlb_flush_range(&p->tlb, space, va, bytes);
		model_flush_range(&p->model, space, va, bytes);
		return true;
	case 4:
		vm_tlb_flush_space(&p->tlb, space);
		model_flush_space(&p->model, space);
		return true;
	case 5:
		if (random_below(&p->random, 8) == 0) {
			vm_tlb_flush(&p->tlb);
			model_flush(&p->model);
		}
		return true;
	case 6:
		page_change(p);
		return true;
	default:
		return pair_access(p);
	}
}

/* Every entry of the TLB is one of the model's. */
static size_t entries_missing(const struct pair *p)
{
	size_t missing = 0;
	for (unsigned unit = 0; unit < p->model.conf.unit_count; unit++) {
		const struct model_unit *u = &p->model.units[unit];
		for (unsigned i = 0; i < u->conf.entries; i++) {
			struct vm_tlb_entry e;
			bool is_found = false;
			vm_tlb_entry_get(&p->tlb, unit, i / u->ways, i % u->ways, &e);
			for (unsigned j = 0; j < u->conf.entries; j++) {
				const struct model_entry *o = &u->entries[j];
				is_found |= o->is_valid && o->vpn == e.vpn && o->ppn == e.ppn &&
					    o->size == e.size && o->rights == e.rights &&
					    o->is_dirty == e.is_dirty &&
					    o->is_global == (e.asid == VM_TLB_GLOBAL);
			}
			missing += e.is_valid && !is_found;
		}
	}
	return missing;
}

static void pair_compare(const struct pair *p, uint64_t seed, unsigned operation)
{
	struct vm_tlb_statistics is, wanted = model_counted(&p->model);
	char message[MESSAGE_BYTES] = "";
	vm_tlb_statistics(&p->tlb, &is);
	cr_assert(memcmp(&is, &wanted, sizeof(is)) == 0,
		  "seed %lu, operation %u: walks %lu, not %lu; faults %lu, not %lu; misses of "
		  "loads %lu, not %lu; flushed %lu, not %lu; evictions %lu, not %lu",
		  seed, operation, is.walks, wanted.walks, is.faults, wanted.faults,
		  is.misses[0][0], wanted.misses[0][0], is.flushed_entries,
		  wanted.flushed_entries, is.evictions, wanted.evictions);
	cr_assert(vm_tlb_check(&p->tlb, message, sizeof(message)), "seed %lu, operation %u: %s",
		  seed, operation, message);
}

static void pair_run(uint64_t seed)
{
	static struct pair p;
	pair_init(&p, seed);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		cr_assert(pair_operate(&p), "seed %lu, operation %u: one of two faults", seed, i);
		pair_compare(&p, seed, i);
	}
	cr_expect_eq(entries_missing(&p), 0, "seed %lu", seed);
	cr_expect(memcmp(&p.tlb_tables, &p.model_tables, sizeof(p.tlb_tables)) == 0,
		  "seed %lu: accessed and dirty bits", seed);
	free(p.memory);
}

Test(tlb, any_tlbs_count_as_the_plain_model, .timeout = 300)
{
	uint64_t first = test_seed();
	unsigned runs = is_long_run() ? 5000 : 200;
	fprintf(stderr, "tlb: seeds %lu to %lu\n", first, first + runs - 1);
	for (uint64_t seed = first; seed < first + runs; seed++)
		pair_run(seed);
}

/* ---- rules, one by one ---- */

static struct tables tables;
static char memory[1 << 20];

static void tlb_make(struct vm_tlb *tlb, uint32_t asid_count, unsigned policy, unsigned ways)
{
	struct vm_tlb_conf conf = {
		.geometry = &small,
		.units = {{"L1", ways, 0, 1, (uint8_t)policy, 3, KINDS_ALL}},
		.unit_count = 1,
		.asid_count = asid_count,
		.translate = tables_translate,
		.context = &tables,
	};
	memset(&tables, 0, sizeof(tables));
	tables.has_global = true;
	for (unsigned i = 0; i < SPACES * PAGES; i++)
		tables.base[i / PAGES][i % PAGES] =
			(struct page){.is_present = true, .rights = RIGHTS_ALL};
	cr_assert(vm_tlb_init(tlb, memory, sizeof(memory), &conf, NULL, 0));
}

static struct vm_tlb_statistics counted(const struct vm_tlb *tlb)
{
	struct vm_tlb_statistics all;
	vm_tlb_statistics(tlb, &all);
	return all;
}

Test(tlb, accessed_is_set_on_a_walk_only)
{
	struct vm_tlb tlb;
	tlb_make(&tlb, 0, VM_TLB_LRU, 4);
	vm_tlb_access(&tlb, 0, 1, VM_LOAD);
	cr_expect(tables.base[0][0].is_accessed);
	/* The kernel clears the bit and does not flush: later use is not seen. */
	tables.base[0][0].is_accessed = false;
	vm_tlb_access(&tlb, 0, 1, VM_LOAD);
	cr_expect_not(tables.base[0][0].is_accessed);
	vm_tlb_flush_range(&tlb, 0, 0, 1);
	vm_tlb_access(&tlb, 0, 1, VM_LOAD);
	cr_expect(tables.base[0][0].is_accessed);
}

Test(tlb, dirty_is_set_by_the_first_store_only)
{
	struct vm_tlb tlb;
	tlb_make(&tlb, 0, VM_TLB_LRU, 4);
	vm_tlb_access(&tlb, 0, 1, VM_LOAD);
	cr_expect_not(tables.base[0][0].is_dirty);
	vm_tlb_access(&tlb, 0, 1, VM_STORE);
	cr_expect(tables.base[0][0].is_dirty);
	cr_expect_eq(counted(&tlb).dirty_walks, 1);
	tables.base[0][0].is_dirty = false;
	vm_tlb_access(&tlb, 0, 1, VM_STORE);
	cr_expect_not(tables.base[0][0].is_dirty);
	cr_expect_eq(counted(&tlb).dirty_walks, 1);
}

Test(tlb, a_switch_flushes_without_identifiers_and_keeps_with_them)
{
	struct vm_tlb tlb;
	for (uint32_t asids = 0; asids <= 2; asids++) {
		tlb_make(&tlb, asids, VM_TLB_LRU, 8);
		vm_tlb_access(&tlb, 0, 1, VM_LOAD);
		vm_tlb_access(&tlb, GLOBAL_FIRST << PAGE_SHIFT, 1, VM_LOAD);
		vm_tlb_switch(&tlb, 1);
		vm_tlb_access(&tlb, GLOBAL_FIRST << PAGE_SHIFT, 1, VM_LOAD);
		cr_expect_eq(counted(&tlb).walks, 2, "a global entry was lost");
		vm_tlb_access(&tlb, 0, 1, VM_LOAD);
		cr_expect_eq(counted(&tlb).walks, 3, "another space's entry was used");
		vm_tlb_switch(&tlb, 0);
		vm_tlb_access(&tlb, 0, 1, VM_LOAD);
		cr_expect_eq(counted(&tlb).walks, asids < 2 ? 4 : 3, "%u identifiers", asids);
	}
}

Test(tlb, a_page_made_read_only_is_stale_until_it_is_flushed)
{
	struct vm_tlb tlb;
	tlb_make(&tlb, 0, VM_TLB_LRU, 4);
	cr_expect(vm_tlb_access(&tlb, 0, 1, VM_STORE));
	tables.base[0][0].rights = VM_RIGHT_READ | VM_RIGHT_USER;
	cr_expect(vm_tlb_access(&tlb, 0, 1, VM_STORE));
	vm_tlb_flush_range(&tlb, 0, 0, 64);
	cr_expect_not(vm_tlb_access(&tlb, 0, 1, VM_STORE));
	cr_expect_eq(tlb.fault.error, VM_ERROR_PRESENT);
	/* What grants too little is looked up again, so that rights gained need no flush. */
	cr_expect(vm_tlb_access(&tlb, 0, 1, VM_LOAD));
	tables.base[0][0].rights = RIGHTS_ALL;
	cr_expect(vm_tlb_access(&tlb, 0, 1, VM_STORE));
	cr_expect_eq(counted(&tlb).right_walks, 1);
}

Test(tlb, plru_is_not_lru)
{
	/* Ways 0 to 3 in order, then 0 and 2: LRU lets 1 go, the tree points to 1's or 3's side. */
	static const uint64_t pages[] = {0, 1, 2, 3, 0, 1, 2, 4};
	struct vm_tlb tlb;
	for (unsigned policy = 0; policy < 2; policy++) {
		struct vm_tlb_look look;
		tlb_make(&tlb, 0, policy, 4);
		for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
			vm_tlb_access(&tlb, pages[i] << PAGE_SHIFT, 1, VM_LOAD);
		/* LRU: 3. The tree: last went right (2), so left; there last 1, so 0. */
		vm_tlb_look(&tlb, 0, (policy == VM_TLB_LRU ? 3 : 0) << PAGE_SHIFT, 0, &look);
		cr_expect_not(look.is_hit, "policy %u", policy);
	}
}

Test(tlb, an_access_across_pages_is_counted_as_asked_for)
{
	struct vm_tlb tlb;
	struct vm_flat flat = {&small};
	struct vm_tlb_conf conf = {
		.geometry = &small,
		.units = {{"L1", 4, 0, 1, VM_TLB_LRU, 1, KINDS_ALL}},
		.unit_count = 1,
		.translate = vm_flat_translate,
		.context = &flat,
	};
	cr_assert(vm_tlb_init(&tlb, memory, sizeof(memory), &conf, NULL, 0));
	cr_expect(vm_tlb_access(&tlb, 60, 8, VM_MODIFY));
	cr_expect_eq(counted(&tlb).accesses[VM_LOAD], 2);
	cr_expect_eq(counted(&tlb).accesses[VM_STORE], 2);
	cr_expect_eq(counted(&tlb).misses[0][VM_LOAD], 2);
	conf.counting = VM_TLB_COUNT_REFERENCES;
	cr_assert(vm_tlb_init(&tlb, memory, sizeof(memory), &conf, NULL, 0));
	cr_expect(vm_tlb_access(&tlb, 60, 8, VM_MODIFY));
	cr_expect_eq(counted(&tlb).accesses[VM_LOAD], 1);
	cr_expect_eq(counted(&tlb).accesses[VM_STORE], 0);
	cr_expect_eq(counted(&tlb).misses[0][VM_LOAD], 1);
}

Test(tlb, pages_found_by_division_are_cached_too)
{
	const struct vm_geometry *notes = vm_geometry_find("notes100");
	struct vm_tlb tlb;
	struct vm_flat flat = {notes};
	struct vm_tlb_conf conf = {
		.geometry = notes,
		.units = {{"L1", 4, 2, 1, VM_TLB_LRU, 1, KINDS_ALL}},
		.unit_count = 1,
		.translate = vm_flat_translate,
		.context = &flat,
	};
	cr_assert(vm_tlb_init(&tlb, memory, sizeof(memory), &conf, NULL, 0));
	for (uint64_t va = 0; va < 300; va++)
		cr_expect(vm_tlb_access(&tlb, va, 1, VM_LOAD));
	cr_expect_eq(counted(&tlb).misses[0][VM_LOAD], 3);
	cr_expect(vm_tlb_access(&tlb, 99, 2, VM_LOAD));
	cr_expect_eq(counted(&tlb).straddles, 1);
	cr_expect_eq(counted(&tlb).misses[0][VM_LOAD], 3);
}

Test(tlb, addresses_go_up_to_the_last)
{
	const struct vm_geometry *x86 = vm_geometry_find("x86-64");
	struct vm_tlb tlb;
	struct vm_flat flat = {x86};
	struct vm_tlb_conf conf = {.translate = vm_flat_translate, .context = &flat};
	cr_assert(vm_tlb_preset("skylake", &conf));
	cr_assert(vm_tlb_init(&tlb, memory, sizeof(memory), &conf, NULL, 0));
	cr_expect(vm_tlb_access(&tlb, UINT64_MAX - 7, 8, VM_LOAD));
	cr_expect(vm_tlb_access(&tlb, UINT64_MAX - 7, 8, VM_LOAD));
	cr_expect_eq(counted(&tlb).misses[0][VM_LOAD], 1);
	/* The same page number but for bits that are no part of an address. */
	cr_expect_not(vm_tlb_access(&tlb, UINT64_MAX >> 1, 1, VM_LOAD));
	cr_expect_not(vm_tlb_access(&tlb, UINT64_MAX >> 16, 1, VM_LOAD));
	cr_expect_eq(tlb.fault.error, VM_ERROR_LIMIT);
	cr_expect(vm_tlb_access(&tlb, (UINT64_MAX >> 17) - 8, 16, VM_LOAD) == false);
}

/* ---- what cannot be ---- */

static void refused(const struct vm_tlb_conf *conf, const char *why)
{
	struct vm_tlb tlb;
	char message[MESSAGE_BYTES] = "";
	cr_expect_eq(vm_tlb_bytes(conf), 0, "%s", why);
	cr_expect_not(vm_tlb_init(&tlb, memory, sizeof(memory), conf, message, sizeof(message)));
	cr_expect_not_null(strstr(message, why), "'%s' is not '%s'", message, why);
}

Test(tlb, impossible_tlbs_are_refused_with_the_reason)
{
	const struct vm_tlb_conf right = {
		.geometry = &small,
		.units = {{"L1", 16, 4, 1, VM_TLB_LRU, 1, KINDS_ALL}},
		.unit_count = 1,
		.translate = tables_translate,
	};
	struct vm_tlb_conf conf = right;
	cr_expect_gt(vm_tlb_bytes(&conf), 0);
	conf.units[0].entries = 24;
	conf.units[0].ways = 2;
	refused(&conf, "a power of two");
	conf.units[0].ways = 5;
	refused(&conf, "no whole number of sets");
	conf = right;
	conf.units[0].entries = 0;
	refused(&conf, "entries, not 0");
	conf = right;
	conf.units[0].sizes = 4;
	refused(&conf, "page sizes");
	conf = right;
	conf.units[0].rank = 0;
	refused(&conf, "ranks are 1 to 3");
	conf = right;
	conf.units[0] = (struct vm_tlb_unit){"L1", 12, 12, 1, VM_TLB_PLRU, 1, KINDS_ALL};
	refused(&conf, "plru");
	conf = right;
	conf.units[1] = conf.units[0];
	conf.unit_count = 2;
	refused(&conf, "two of rank 1");
	conf = right;
	conf.units[0].kinds = 1 << VM_STORE;
	refused(&conf, "go together");
	conf = right;
	conf.asid_count = VM_TLB_ASIDS_MAX + 1;
	refused(&conf, "identifiers");
	conf = right;
	conf.unit_count = 0;
	refused(&conf, "units");
	struct vm_tlb tlb;
	char message[MESSAGE_BYTES] = "";
	cr_expect_not(vm_tlb_init(&tlb, memory, 100, &right, message, sizeof(message)));
	cr_expect_not_null(strstr(message, "bytes of memory"));
}

Test(tlb, every_preset_can_be)
{
	struct vm_tlb_conf conf = {.translate = vm_flat_translate};
	size_t count = 0;
	for (; vm_tlb_preset_name(count) != NULL; count++) {
		cr_assert(vm_tlb_preset(vm_tlb_preset_name(count), &conf));
		cr_expect_gt(vm_tlb_bytes(&conf), 0, "%s", vm_tlb_preset_name(count));
	}
	cr_expect_eq(count, 4);
	cr_expect_not(vm_tlb_preset("pentium", &conf));
}
