/* SPDX-License-Identifier: MIT */
/*
 * The list of strategies, made from strategies.def.
 */
#include "strategy/strategy.h"

#define STRATEGY(name) extern const struct strategy strategy_##name;
#include "strategy/strategies.def"
#undef STRATEGY

const struct strategy *const strategies[] = {
#define STRATEGY(name) &strategy_##name,
#include "strategy/strategies.def"
#undef STRATEGY
	NULL,
};
