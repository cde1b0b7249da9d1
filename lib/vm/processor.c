/* SPDX-License-Identifier: MIT */
/*
 * Processors: a TLB on the page tables of a machine's spaces (Intel SDM 3A 4.10).
 *
 * The TLB asks the tables only when it does not know a page, or knows of too few rights; so
 * whatever takes from an entry has to tell it. What gives to an entry need not: the next access
 * asks again.
 */
#include "base/text.h"
#include "vm/access.h"
#include "vm/page_table.h"

uint64_t vm_space_number(const struct vm_space *space)
{
	return space->number;
}

void vm_machine_watch(struct vm_machine *machine, vm_invalidate *invalidate, void *context)
{
	machine->invalidate = invalidate;
	machine->invalidate_context = context;
}

/* ---- walking ---- */

static uint8_t rights_of(uint64_t entry)
{
	return (uint8_t)(VM_RIGHT_READ | (entry & ENTRY_USER ? VM_RIGHT_USER : 0) |
			 (entry & ENTRY_WRITE ? VM_RIGHT_WRITE : 0) |
			 (entry & ENTRY_NO_EXEC ? 0 : VM_RIGHT_EXECUTE));
}

bool vm_processor_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			    struct vm_translation *out)
{
	const struct vm_processor *processor = context;
	const struct vm_space *space = processor->space;
	bool is_store = kind == VM_STORE || kind == VM_MODIFY;
	unsigned level, needed = vm_rights_needed(kind, is_user);
	uint64_t *leaf = table_walk(space, va, &level);
	out->reads = (uint8_t)(space->machine->geometry->level_count - level);
	bool is_present = leaf != NULL && *leaf & ENTRY_PRESENT;
	if (!is_present || (rights_of(*leaf) & needed) != needed) {
		out->error = (uint16_t)((is_present ? VM_ERROR_PRESENT : 0) |
					(is_store ? VM_ERROR_WRITE : 0) |
					(is_user ? VM_ERROR_USER : 0) |
					(kind == VM_FETCH ? VM_ERROR_FETCH : 0));
		return false;
	}
	*leaf |= ENTRY_ACCESSED | (is_store ? ENTRY_DIRTY : 0);
	out->ppn = entry_frame(*leaf);
	out->size = (uint8_t)level;
	out->rights = rights_of(*leaf);
	out->is_global = false;
	out->is_dirty = *leaf & ENTRY_DIRTY;
	return true;
}

/* ---- the processor ---- */

void vm_processor_invalidate(void *context, uint64_t space, uint64_t address, uint64_t bytes)
{
	struct vm_processor *processor = context;
	vm_tlb_flush_range(&processor->tlb, space, address, bytes);
}

void vm_processor_switch(struct vm_processor *processor, struct vm_space *space)
{
	processor->space = space;
	vm_tlb_switch(&processor->tlb, space->number);
}

struct vm_touched vm_processor_touch(struct vm_processor *processor, uint64_t address,
				     uint64_t bytes, enum vm_kind kind)
{
	struct vm_space *space = processor->space;
	uint64_t page = page_bytes(space), piece;
	enum vm_kind asked = kind == VM_MODIFY ? VM_STORE : kind;
	for (uint64_t at = address; bytes > 0; at += piece, bytes -= piece) {
		piece = size_min(bytes, page - (at & (page - 1)));
		if (!access_is_address(space, at))
			return (struct vm_touched){VM_SIGSEGV_KERNEL, at};
		while (!vm_tlb_access(&processor->tlb, at, piece, kind)) {
			enum vm_signal signal = access_fault(space, at, asked);
			if (signal != VM_SIGNAL_NONE)
				return (struct vm_touched){signal, at};
		}
	}
	return (struct vm_touched){VM_SIGNAL_NONE, 0};
}

/* ---- checking ---- */

/* What is wrong with an entry of the current space, or NULL. */
static const char *entry_wrong(const struct vm_space *space, const struct vm_tlb_entry *entry)
{
	unsigned level;
	const uint64_t *leaf =
		table_walk(space, entry->vpn * table_span(space, entry->size), &level);
	if (leaf == NULL || !(*leaf & ENTRY_PRESENT))
		return "a TLB entry for a page that is not there";
	if (level != entry->size)
		return "a TLB entry of another page size";
	if (entry_frame(*leaf) != entry->ppn)
		return "a TLB entry with another frame";
	if (entry->rights & ~rights_of(*leaf))
		return "a TLB entry that grants more";
	if (entry->is_dirty && !(*leaf & ENTRY_DIRTY))
		return "a TLB entry that is dirty alone";
	return NULL;
}

static const char *set_wrong(const struct vm_processor *processor, unsigned unit, uint32_t set,
			     uint32_t ways)
{
	for (uint32_t way = 0; way < ways; way++) {
		struct vm_tlb_entry entry;
		struct vm_tlb_look look;
		vm_tlb_entry_get(&processor->tlb, unit, set, way, &entry);
		if (!entry.is_valid)
			continue;
		/* Is it the current space that would find it? */
		vm_tlb_look(&processor->tlb, unit,
			    entry.vpn * table_span(processor->space, entry.size), entry.size,
			    &look);
		const char *why = look.is_hit && look.way == way
					  ? entry_wrong(processor->space, &entry)
					  : NULL;
		if (why != NULL)
			return why;
	}
	return NULL;
}

bool vm_processor_check(const struct vm_processor *processor, char *message, size_t message_bytes)
{
	const struct vm_tlb *tlb = &processor->tlb;
	const struct vm_tlb_unit *conf;
	if (!vm_tlb_check(tlb, message, message_bytes))
		return false;
	for (unsigned unit = 0; (conf = vm_tlb_unit(tlb, unit)) != NULL; unit++) {
		for (uint32_t set = 0; set < vm_tlb_sets(tlb, unit); set++) {
			struct text text;
			const char *why = set_wrong(processor, unit, set, conf->ways);
			if (why == NULL)
				continue;
			text_init(&text, message, message_bytes);
			text_string(&text, why);
			return false;
		}
	}
	return true;
}
