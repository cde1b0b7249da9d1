/* SPDX-License-Identifier: MIT */
/*
 * Bodies: a cell of the tree is a cube. It is empty (NULL), holds one body, or is divided into
 * eight; a divided cell knows the mass and the centre of mass of all that is in it.
 *
 * A body feels a cell that is small against its distance as one mass, and the parts of others.
 */
#include "nbody.h"

#include "crew.h"
#include "heap.h"

#include <math.h>
#include <string.h>

enum {
	BODY_COUNT = 20000,
	AXIS_COUNT = 3,
	PART_COUNT = 8,
	DEPTH_MAX = 48, /* bodies closer than a cell of this depth count as one place */
};

static const double space_size = 1.0;    /* edge of the cube everything starts in */
static const double time_step = 1e-4;
static const double softening = 1e-4;    /* added to squared distances, against infinities */
static const double opening_square = 0.5; /* (edge / distance)^2 above which a cell is opened */

struct body {
	double position[AXIS_COUNT];
	double velocity[AXIS_COUNT];
	double mass;
};

/* A cell that is not empty. Only divided ones have memory for parts. */
struct cell {
	double centre[AXIS_COUNT]; /* of mass; while the tree is built, times the mass */
	double mass;
	const struct body *body;   /* the only one here, or NULL for a divided cell */
	struct cell *parts[];      /* PART_COUNT of them */
};

/* A cube in space: where a cell is, known to those who descend to it. */
struct cube {
	double middle[AXIS_COUNT];
	double edge;
};

/* The part of the cube where the position is, which the cube then becomes. */
static size_t cube_descend(struct cube *cube, const double *position)
{
	size_t part = 0;
	cube->edge /= 2;
	for (size_t axis = 0; axis < AXIS_COUNT; axis++) {
		bool is_above = position[axis] >= cube->middle[axis];
		part |= (size_t)is_above << axis;
		cube->middle[axis] += is_above ? cube->edge / 2 : -cube->edge / 2;
	}
	return part;
}

static void cell_add(struct cell *cell, const struct body *body)
{
	for (size_t axis = 0; axis < AXIS_COUNT; axis++)
		cell->centre[axis] += body->position[axis] * body->mass;
	cell->mass += body->mass;
}

/* A cell with one body. */
static struct cell *cell_take(const struct body *body)
{
	struct cell *cell = heap_take_zeroed(1, sizeof(*cell));
	cell->body = body;
	cell_add(cell, body);
	return cell;
}

/* A divided cell in place of one with a body, which becomes a part; `cube` is theirs. */
static struct cell *cell_divide(struct cell *leaf, struct cube cube)
{
	struct cell *cell = heap_take_zeroed(1, sizeof(*cell) + PART_COUNT * sizeof(*cell->parts));
	cell_add(cell, leaf->body);
	cell->parts[cube_descend(&cube, leaf->body->position)] = leaf;
	return cell;
}

/* Put a body into the tree below `place`, the root's. */
static void tree_insert(struct cell **place, const struct body *body)
{
	struct cube cube = {{0}, space_size};
	for (size_t depth = 0; *place != NULL; depth++) {
		if ((*place)->body != NULL) {
			if (depth == DEPTH_MAX) {
				cell_add(*place, body);
				return;
			}
			*place = cell_divide(*place, cube);
		}
		cell_add(*place, body);
		place = &(*place)->parts[cube_descend(&cube, body->position)];
	}
	*place = cell_take(body);
}

/* Turn sums into centres. */
static void tree_settle(struct cell *cell)
{
	for (size_t axis = 0; axis < AXIS_COUNT; axis++)
		cell->centre[axis] /= cell->mass;
	for (size_t part = 0; cell->body == NULL && part < PART_COUNT; part++)
		if (cell->parts[part] != NULL)
			tree_settle(cell->parts[part]);
}

static void tree_give(struct cell *cell)
{
	for (size_t part = 0; cell->body == NULL && part < PART_COUNT; part++)
		if (cell->parts[part] != NULL)
			tree_give(cell->parts[part]);
	heap_give(cell);
}

/* Accelerate the body by what is in the cell, whose edge is given. */
static void body_pull(struct body *body, const struct cell *cell, double edge)
{
	double way[AXIS_COUNT];
	double square = softening;
	if (cell->body == body)
		return;
	for (size_t axis = 0; axis < AXIS_COUNT; axis++) {
		way[axis] = cell->centre[axis] - body->position[axis];
		square += way[axis] * way[axis];
	}
	if (cell->body == NULL && edge * edge > opening_square * square) {
		for (size_t part = 0; part < PART_COUNT; part++)
			if (cell->parts[part] != NULL)
				body_pull(body, cell->parts[part], edge / 2);
		return;
	}
	double strength = time_step * cell->mass / (square * sqrt(square));
	for (size_t axis = 0; axis < AXIS_COUNT; axis++)
		body->velocity[axis] += strength * way[axis];
}

static void body_move(struct body *body)
{
	for (size_t axis = 0; axis < AXIS_COUNT; axis++)
		body->position[axis] += time_step * body->velocity[axis];
}

/* A body at rest, anywhere in the space. */
static struct body *body_take(struct chance *chance)
{
	const size_t grain = 1 << 30;
	struct body *body = heap_take_zeroed(1, sizeof(*body));
	for (size_t axis = 0; axis < AXIS_COUNT; axis++)
		body->position[axis] =
			((double)chance_below(chance, grain) / (double)grain - 0.5) * space_size;
	body->mass = 1.0 / BODY_COUNT;
	return body;
}

/* One step of time. */
static void bodies_step(struct body **bodies)
{
	struct cell *root = NULL;
	for (size_t i = 0; i < BODY_COUNT; i++)
		tree_insert(&root, bodies[i]);
	tree_settle(root);
	for (size_t i = 0; i < BODY_COUNT; i++)
		body_pull(bodies[i], root, space_size);
	tree_give(root);
	for (size_t i = 0; i < BODY_COUNT; i++)
		body_move(bodies[i]);
}

static void nbody_work(struct worker *worker)
{
	size_t step_count = run_step_count(worker->run);
	struct body **bodies = heap_take(BODY_COUNT * sizeof(struct body *));
	for (size_t i = 0; i < BODY_COUNT; i++)
		bodies[i] = body_take(&worker->chance);
	for (size_t step = 0; step < step_count; step++)
		bodies_step(bodies);
	for (size_t i = 0; i < BODY_COUNT; i++) {
		uint64_t bits;
		memcpy(&bits, &bodies[i]->position[0], sizeof(bits));
		worker->checksum = worker->checksum * 31 + bits;
		heap_give(bodies[i]);
	}
	heap_give(bodies);
}

void nbody_run(struct run *run)
{
	crew_run(run, nbody_work);
}
