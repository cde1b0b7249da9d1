/* SPDX-License-Identifier: MIT */
/*
 * Model: what is expected of the next event of a stream. See model.h.
 */
#include "trace/model.h"

#include <stdlib.h>
#include <string.h>

struct model *model_create(uint32_t capacity)
{
	struct model *model = malloc(sizeof(*model));

	if (model == NULL)
		return NULL;
	model->capacity = capacity;
	model->addresses = malloc(((size_t)capacity + 1) * sizeof(*model->addresses));
	model->freed = malloc(((size_t)capacity + 1) * sizeof(*model->freed));
	if (model->addresses == NULL || model->freed == NULL) {
		model_destroy(model);
		return NULL;
	}
	model_reset(model);
	return model;
}

void model_destroy(struct model *model)
{
	if (model == NULL)
		return;
	free(model->addresses);
	free(model->freed);
	free(model);
}

void model_reset(struct model *model)
{
	model->sequence = model->freed_count = 0;
	model->last_freed = 0;
	model->last_old = model->last_old_step = model->request = model->request_before = 0;
	model->stack = 0;
	memset(model->classes, 0, sizeof(model->classes));
	memset(model->slabs, 0, sizeof(model->slabs));
	memset(model->requests, 0, sizeof(model->requests));
	memset(model->results, 0, sizeof(model->results));
	memset(model->stacks, 0, sizeof(model->stacks));
}
