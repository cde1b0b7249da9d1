/* SPDX-License-Identifier: MIT */
/*
 * Screen: see top_screen.h. The only file that knows ncurses.
 */
#include "top_screen.h"

#include <curses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "notice.h"
#include "top_save.h"

enum {
	STEP_NS = 30 * 1000 * 1000, /* of reading, between two looks at the keys */
	KEY_WAIT_MS = 20,
	NS_PER_S = 1000000000,
	ESCAPE = 27,
	ESCAPE_MS = 25,
	PAGE_ROWS = 10,
};

static SCREEN *screen;
static volatile sig_atomic_t signal_come;

static void signal_note(int signal)
{
	signal_come = signal;
}

static void signals_take(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = signal_note };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* ---- colours ------------------------------------------------------------------------------ */

static bool has_colour;

static const short term_colours[REPORT_TERMS] = {
	[REPORT_REQUESTED] = COLOR_BLUE,
	[REPORT_ROUNDING] = COLOR_CYAN,
	[REPORT_TAGS] = COLOR_MAGENTA,
	[REPORT_PINNED_FREE] = COLOR_RED,
	[REPORT_RECLAIMABLE_FREE] = COLOR_YELLOW,
	[REPORT_METADATA] = COLOR_GREEN,
	[REPORT_RECORDER] = -1,
	[REPORT_UNTOUCHED] = -1,
};

static void colours_begin(void)
{
	has_colour = notice_has_colour(stdout) && has_colors();
	if (!has_colour)
		return;
	start_color();
	use_default_colors();
	for (short term = 0; term < REPORT_TERMS; term++)
		init_pair((short)(TOP_TERM + term), term_colours[term], -1);
	init_pair(TOP_WARNING, COLOR_RED, -1);
}

static attr_t style_attributes(uint8_t style)
{
	switch (style) {
	case TOP_STRONG:
		return A_BOLD;
	case TOP_WEAK:
		return A_DIM;
	case TOP_HEAD:
		return A_REVERSE;
	case TOP_WARNING:
		return A_BOLD;
	default:
		return A_NORMAL;
	}
}

/* ---- opening ------------------------------------------------------------------------------ */

bool top_screen_open(char *message, size_t message_bytes)
{
	const char *kind = getenv("TERM");

	/* The size is the terminal's own: what these say would hold whatever it is resized to. */
	unsetenv("LINES");
	unsetenv("COLUMNS");
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		screen = newterm(NULL, stdout, stdin);
	if (screen == NULL) {
		if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
			snprintf(message, message_bytes, "this is no terminal");
		else
			snprintf(message, message_bytes, "the terminal '%s' is not known here",
				 kind != NULL ? kind : "");
		return false;
	}
	set_term(screen);
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	timeout(KEY_WAIT_MS);
	colours_begin();
	signals_take();
	return true;
}

void top_screen_close(void)
{
	if (screen == NULL)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

/* ---- drawing ------------------------------------------------------------------------------ */

static void canvas_show(const struct top_canvas *canvas)
{
	for (int row = 0; row < canvas->rows; row++) {
		for (int column = 0; column < canvas->columns; column++) {
			const struct top_cell *cell = &canvas->cells[
				(size_t)row * (size_t)canvas->columns + (size_t)column];
			wchar_t text[2] = { cell->mark, 0 };
			attr_t attributes = style_attributes(cell->style);
			cchar_t shown;

			if (cell->is_marked)
				attributes |= A_REVERSE;
			bool is_coloured = has_colour && (cell->style >= TOP_TERM ||
							  cell->style == TOP_WARNING);
			setcchar(&shown, text, attributes, is_coloured ? cell->style : 0, NULL);
			mvadd_wch(row, column, &shown);
		}
	}
	refresh();
}

static void draw(struct top_group *group, struct top_view *view, struct top_canvas *canvas)
{
	struct top_process *process = top_group_chosen(group);
	int rows, columns;

	getmaxyx(stdscr, rows, columns);
	if ((rows != canvas->rows || columns != canvas->columns) &&
	    !top_canvas_resize(canvas, rows, columns))
		return;
	view->process_count = group->count;
	if (process != NULL) {
		top_view_draw(view, process, canvas);
	} else {
		top_canvas_clear(canvas);
		top_canvas_text(canvas, 0, 0, TOP_PLAIN, "%s",
				group->child_has_ended ? "the program ended without a recording: "
				"it did not load the library (q)" : "the program is starting");
	}
	canvas_show(canvas);
}

/* ---- keys --------------------------------------------------------------------------------- */

static void thread_move(struct top_view *view, const struct top_process *process, int step)
{
	int count = process != NULL ? (int)process->count.thread_count : 0;

	view->thread += step;
	if (view->thread < TOP_ALL_THREADS)
		view->thread = count - 1;
	if (view->thread >= count)
		view->thread = TOP_ALL_THREADS;
	view->selected = view->first = 0;
}

/* A key of the filter that is typed. */
static void filter_key(struct top_view *view, int key)
{
	size_t length = strlen(view->filter);

	if (key == ESCAPE)
		view->filter[0] = '\0';
	if (key == ESCAPE || key == '\r' || key == '\n' || key == KEY_ENTER)
		view->is_typing = false;
	else if ((key == KEY_BACKSPACE || key == '\b' || key == 0x7f) && length > 0)
		view->filter[length - 1] = '\0';
	else if (key >= ' ' && key < 0x7f && length + 1 < sizeof(view->filter)) {
		view->filter[length] = (char)key;
		view->filter[length + 1] = '\0';
	}
	view->selected = view->first = 0;
}

static void move_key(struct top_view *view, int key)
{
	int step = key == KEY_UP || key == 'k' ? -1 : key == KEY_DOWN || key == 'j' ? 1 :
		   key == KEY_PPAGE ? -PAGE_ROWS : key == KEY_NPAGE ? PAGE_ROWS :
		   key == KEY_HOME ? -view->row_count : key == KEY_END ? view->row_count : 0;

	view->selected += step;
}

static void tab_show(struct top_view *view, int tab)
{
	view->tab = (enum top_tab)(tab % TOP_TABS);
	view->selected = view->first = 0;
	view->has_help = false;
}

/* False: quit. */
static bool key_take(struct top_group *group, struct top_view *view, int key)
{
	struct top_process *process = top_group_chosen(group);

	view->note[0] = '\0';
	if (view->is_typing) {
		filter_key(view, key);
		return true;
	}
	if (key >= '1' && key < '1' + TOP_TABS) {
		tab_show(view, key - '1');
		return true;
	}
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case '\t':
		tab_show(view, (int)view->tab + 1);
		break;
	case 't':
	case 'o':
	case 'a':
		view->sort = key == 't' ? TOP_BY_TOTAL : key == 'o' ? TOP_BY_OWN :
								      TOP_BY_ALLOCATIONS;
		break;
	case '<':
	case ',':
	case KEY_LEFT:
		thread_move(view, process, -1);
		break;
	case '>':
	case '.':
	case KEY_RIGHT:
		thread_move(view, process, 1);
		break;
	case ' ':
		view->is_paused = !view->is_paused;
		break;
	case '/':
		tab_show(view, TOP_STACKS);
		view->is_typing = true;
		break;
	case ESCAPE:
		view->filter[0] = '\0';
		view->has_help = false;
		break;
	case '?':
	case 'h':
		view->has_help = !view->has_help;
		break;
	case 'p':
		top_group_next(group);
		view->thread = TOP_ALL_THREADS;
		break;
	case 'd':
		if (process != NULL)
			top_save(view, process, view->note, sizeof(view->note));
		break;
	default:
		move_key(view, key);
	}
	return true;
}

int top_screen_run(struct top_group *group, struct top_view *view, double interval_s,
		   bool is_ascii)
{
	struct top_canvas canvas = { .is_ascii = is_ascii };
	uint64_t interval_ns = (uint64_t)(interval_s * NS_PER_S), next_ns = 0;
	bool is_shown = true;

	while (is_shown && signal_come == 0) {
		size_t events = top_group_step(group, STEP_NS);
		timeout(events > 0 ? 0 : KEY_WAIT_MS);
		int key = getch();
		bool is_changed = key != ERR;
		for (; key != ERR && is_shown; timeout(0), key = getch()) {
			if (key != KEY_RESIZE)
				is_shown = key_take(group, view, key);
			else
				/* What a terminal keeps of its screen then is its own affair. */
				clearok(curscr, TRUE);
		}
		bool is_due = top_clock_ns() >= next_ns;
		if (is_due) {
			struct top_process *process = top_group_chosen(group);
			if (process != NULL && !process->is_all_read)
				top_process_rate(process);
			top_save_look(view->note, sizeof(view->note));
			next_ns = top_clock_ns() + interval_ns;
		}
		if (is_changed || (is_due && !view->is_paused))
			draw(group, view, &canvas);
	}
	top_canvas_free(&canvas);
	top_screen_close();
	return signal_come;
}
