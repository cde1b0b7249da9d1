/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: a memory machine on paper, in parts that can be used apart.
 *
 * vm_translation.h  how addresses are cut, page tables of textbooks, TLBs, replacement policies,
 *                   fault curves and traces: what becomes of an access that is allowed
 */
#ifndef ALLOT_VM_H
#define ALLOT_VM_H

#include <allot/vm_translation.h>

#endif
