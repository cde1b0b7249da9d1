/* SPDX-License-Identifier: MIT */
/*
 * The HTML report: the page that was built in, with the report in its middle.
 *
 * A small report is in the page as the JSON it is, for other programs to read; a large one is
 * deflated, in base64, and the page inflates it. In JSON a '<' stands in strings only, so all of
 * them are written as escapes, and no name in a trace can end the element or open a comment.
 */
#include "report_html.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report_pack.h"
#include "report_page.h"

enum {
	PLAIN_BYTES_MAX = 512 << 10,
};

/* What goes into the page. */
struct page {
	FILE *out;
	const char *title;
	const char *json;
	size_t json_bytes;
	unsigned char *packed;  /* the same, deflated; NULL: as it is */
	size_t packed_bytes;
};

bool report_html_is_built(void)
{
	return report_page[0].bytes != NULL;
}

/* One character of text in HTML. */
static void letter_write(FILE *out, unsigned char letter)
{
	switch (letter) {
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '&':
		fputs("&amp;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	default:
		fputc(letter < ' ' ? ' ' : letter, out);
	}
}

static void text_write(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		letter_write(out, (unsigned char)*text);
}

/* An escape of a string in JSON, `text` behind the backslash. Returns what follows it. */
static const char *escape_write(FILE *out, const char *text, const char *end)
{
	static const char blanks[] = "nrtbf";
	char digits[5] = "";

	if (*text != 'u' || end - text < (ptrdiff_t)sizeof(digits)) {
		letter_write(out, strchr(blanks, *text) != NULL ? ' ' : (unsigned char)*text);
		return text + 1;
	}
	memcpy(digits, text + 1, sizeof(digits) - 1);
	unsigned long point = strtoul(digits, NULL, 16);
	bool is_surrogate = point >= 0xd800 && point <= 0xdfff;

	fprintf(out, "&#x%lx;", is_surrogate || point < ' ' ? 0xfffdul : point);
	return text + sizeof(digits);
}

/*
 * What the report says in a sentence, for who reads without scripts. The key is found as text:
 * inside a string its quotes would be escaped.
 */
static void summary_write(const struct page *page)
{
	static const char key[] = "\"sentence\":";
	const char *end = page->json + page->json_bytes;
	const char *text = memmem(page->json, page->json_bytes, key, sizeof(key) - 1);

	if (text == NULL)
		return;
	text += sizeof(key) - 1;
	while (text < end && (*text == ' ' || *text == '\n'))
		text++;
	if (text == end || *text != '"')
		return;
	text++;
	while (text < end && *text != '"') {
		if (*text == '\\' && text + 1 < end)
			text = escape_write(page->out, text + 1, end);
		else
			letter_write(page->out, (unsigned char)*text++);
	}
}

/* U+2028 and U+2029 end a line in older readers of scripts; they differ in their last byte. */
static bool is_line_end(const char *text, const char *end)
{
	return end - text >= 3 && memcmp(text, "\xe2\x80", 2) == 0 &&
	       (text[2] == '\xa8' || text[2] == '\xa9');
}

static void json_plain_write(const struct page *page)
{
	const char *text = page->json, *end = page->json + page->json_bytes;

	while (text < end) {
		if (*text == '<') {
			fputs("\\u003c", page->out);
		} else if (is_line_end(text, end)) {
			fputs(text[2] == '\xa8' ? "\\u2028" : "\\u2029", page->out);
			text += 2;
		} else {
			fputc(*text, page->out);
		}
		text++;
	}
}

static void base64_write(FILE *out, const unsigned char *bytes, size_t count)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < count; i += 3) {
		size_t left = count - i;
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (left > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		fputc(digits[group >> 18], out);
		fputc(digits[group >> 12 & 63], out);
		fputc(left > 1 ? digits[group >> 6 & 63] : '=', out);
		fputc(left > 2 ? digits[group & 63] : '=', out);
	}
}

static void cut_write(const struct page *page, enum report_page_cut cut)
{
	switch (cut) {
	case REPORT_PAGE_TITLE:
		text_write(page->out, page->title);
		break;
	case REPORT_PAGE_SUMMARY:
		summary_write(page);
		break;
	case REPORT_PAGE_TYPE:
		fputs(page->packed != NULL ? "application/x-allot-deflated" : "application/json",
		      page->out);
		break;
	case REPORT_PAGE_REPORT:
		if (page->packed != NULL)
			base64_write(page->out, page->packed, page->packed_bytes);
		else
			json_plain_write(page);
		break;
	case REPORT_PAGE_END:
		break;
	}
}

bool report_html_write(FILE *out, const char *json, size_t json_bytes, const char *title)
{
	struct page page = {
		.out = out, .title = title, .json = json, .json_bytes = json_bytes,
	};

	if (!report_html_is_built()) {
		errno = ENOTSUP;
		return false;
	}
	if (json_bytes > PLAIN_BYTES_MAX &&
	    !report_pack(json, json_bytes, &page.packed, &page.packed_bytes)) {
		errno = ENOMEM;
		return false;
	}
	for (const struct report_page_piece *piece = report_page; piece->bytes != NULL; piece++) {
		fwrite(piece->bytes, 1, piece->count, out);
		cut_write(&page, piece->cut);
	}
	free(page.packed);
	return fflush(out) == 0 && ferror(out) == 0;
}
