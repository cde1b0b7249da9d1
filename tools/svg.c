/* SPDX-License-Identifier: MIT */
/*
 * SVG: written as it is drawn. A style sheet holds the colours, once for each theme.
 */
#include "svg.h"

#include <stdarg.h>

enum { WORDS_BYTES = 256 };

static const char *const classes[SVG_INK_COUNT] = {"k", "p", "a", "b", "c", "d", "e"};

/* Dash patterns tell lines apart where colours do not. */
static const char style[] =
	"<style>text{font:13px sans-serif;text-anchor:middle}.m{font-family:monospace}"
	".s{text-anchor:start}\n"
	".l{stroke-width:2}.x{fill-opacity:.25}\n"
	".k{fill:#222;stroke:#222}.p{fill:#999;stroke:#999}.a{fill:#0b62b0;stroke:#0b62b0}\n"
	".b{fill:#b3460b;stroke:#b3460b}.c{fill:#2a7a2a;stroke:#2a7a2a}\n"
	".d{fill:#7a2a8a;stroke:#7a2a8a}.e{fill:#8a6d00;stroke:#8a6d00}\n"
	"text{stroke:none}.l.b{stroke-dasharray:8 3}.l.c{stroke-dasharray:2 3}\n"
	".l.d{stroke-dasharray:10 3 2 3}.l.e{stroke-dasharray:5 5}\n"
	"@media(prefers-color-scheme:dark){.k{fill:#ddd;stroke:#ddd}\n"
	".a{fill:#6db3f2;stroke:#6db3f2}.b{fill:#f29c6d;stroke:#f29c6d}\n"
	".c{fill:#7fd07f;stroke:#7fd07f}.d{fill:#d08fe0;stroke:#d08fe0}\n"
	".e{fill:#e0c04d;stroke:#e0c04d}text{stroke:none}}</style>\n";

static void words_put(FILE *out, const char *words)
{
	for (; *words != '\0'; words++) {
		if (*words == '<')
			fputs("&lt;", out);
		else if (*words == '&')
			fputs("&amp;", out);
		else
			putc(*words, out);
	}
}

bool svg_open(struct svg *svg, const char *path, int width, int height, const char *title)
{
	svg->out = fopen(path, "we");
	if (svg->out == NULL)
		return false;
	fprintf(svg->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		"width=\"%d\" height=\"%d\" role=\"img\">\n<title>", width, height, width, height);
	words_put(svg->out, title);
	fprintf(svg->out, "</title>\n%s", style);
	return true;
}

bool svg_close(struct svg *svg)
{
	fputs("</svg>\n", svg->out);
	bool is_written = ferror(svg->out) == 0;
	return fclose(svg->out) == 0 && is_written;
}

void svg_box(struct svg *svg, double x, double y, double width, double height, enum svg_ink ink,
	     bool is_filled)
{
	fprintf(svg->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
		"class=\"%s%s\"%s/>\n", x, y, width, height, is_filled ? "x " : "", classes[ink],
		is_filled ? "" : " style=\"fill:none\"");
}

void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, enum svg_ink ink)
{
	fprintf(svg->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
		x1, y1, x2, y2, classes[ink]);
}

/* `more` are further classes. Blanks are kept, for columns. */
static void text_put(struct svg *svg, double x, double y, const char *class, const char *more,
		     const char *format, va_list arguments)
{
	char words[WORDS_BYTES];

	vsnprintf(words, sizeof(words), format, arguments);
	fprintf(svg->out, "<text x=\"%.1f\" y=\"%.1f\" xml:space=\"preserve\" class=\"%s%s\">", x,
		y, class, more);
	words_put(svg->out, words);
	fputs("</text>\n", svg->out);
}

void svg_words(struct svg *svg, double x, double y, enum svg_ink ink, bool is_code,
	       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_put(svg, x, y, classes[ink], is_code ? " m" : "", format, arguments);
	va_end(arguments);
}

void svg_label(struct svg *svg, double x, double y, enum svg_ink ink, bool is_code,
	       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_put(svg, x, y, classes[ink], is_code ? " m s" : " s", format, arguments);
	va_end(arguments);
}

void svg_path(struct svg *svg, const double *points, size_t count, enum svg_ink ink)
{
	fprintf(svg->out, "<polyline class=\"l %s\" style=\"fill:none\" points=\"", classes[ink]);
	for (size_t i = 0; i < count; i++)
		fprintf(svg->out, "%.1f,%.1f ", points[2 * i], points[2 * i + 1]);
	fputs("\"/>\n", svg->out);
}
