/* SPDX-License-Identifier: MIT */
/*
 * Big numbers: products of several primes are factored, in arithmetic that allocates every result
 * anew: millions of tiny blocks that live for a few operations. A step is a product.
 */
#ifndef ALLOT_WORKLOAD_BIGNUM_H
#define ALLOT_WORKLOAD_BIGNUM_H

#include "workload.h"

void bignum_run(struct run *run);

#endif
