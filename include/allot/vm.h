/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: a memory machine on paper, in parts that can be used apart.
 *
 * vm_translation.h  how addresses are cut, page tables of textbooks, TLBs, replacement policies,
 *                   fault curves and traces: what becomes of an access that is allowed
 * vm_machine.h      address spaces by the rules of the Linux kernel: areas, page faults, fork and
 *                   their counters: what is allowed, and what the kernel does about the rest
 * vm_exec.h         execve: a space from the segments of an ELF file
 * vm_group.h        memory under pressure: limits, swap, and the killing of processes
 * vm_kernel_memory.h  the kernel's own memory: slab caches, kmalloc, vmalloc
 * vm_memory.h       physical memory in figures: watermarks, what is available, who is killed
 */
#ifndef ALLOT_VM_H
#define ALLOT_VM_H

#include <allot/vm_exec.h>
#include <allot/vm_group.h>
#include <allot/vm_kernel_memory.h>
#include <allot/vm_machine.h>
#include <allot/vm_memory.h>
#include <allot/vm_translation.h>

#endif
