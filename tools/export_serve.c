/* SPDX-License-Identifier: MIT */
/*
 * Serving metrics: an endpoint for Prometheus, over a trace that may still be written.
 *
 * One connection at a time, a request, an answer, closed (HTTP/1.0): what asks once in a few
 * seconds needs no more. The trace is read at each request, unless it was complete before and has
 * not changed. Only this machine can ask unless an address was given.
 */
#include "export.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "command.h"
#include "notice.h"

enum {
	BACKLOG = 16,
	REQUEST_BYTES_MAX = 8192,
	MESSAGE_BYTES = 512,
	HOST_BYTES = 256,
	TIMEOUT_S = 5,          /* for a client that says nothing, or takes nothing */
};

/* The answer of last time, which stands while the file has not changed. */
struct answer {
	char *text;
	size_t bytes;
	struct stat state;
	bool is_final;   /* the recording was over */
};

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal)
{
	(void)signal;
	is_interrupted = 1;
}

/* ---- the answer --------------------------------------------------------------------------- */

static bool is_answered(const struct answer *answer, const struct stat *state)
{
	return answer->text != NULL && answer->is_final &&
	       state->st_size == answer->state.st_size && state->st_ino == answer->state.st_ino &&
	       state->st_mtim.tv_sec == answer->state.st_mtim.tv_sec &&
	       state->st_mtim.tv_nsec == answer->state.st_mtim.tv_nsec;
}

static bool answer_make(const char *command, const char *path, struct answer *answer)
{
	struct export export = { .command = command, .path = path, .is_told = true };
	char message[MESSAGE_BYTES];
	struct stat state;

	if (stat(path, &state) == 0 && is_answered(answer, &state))
		return true;
	export.trace = trace_open(path, message, sizeof(message));
	if (export.trace == NULL) {
		notice_write(command, "%s", message);
		return false;
	}
	free(answer->text);
	*answer = (struct answer){ .state = state };
	export.out = open_memstream(&answer->text, &answer->bytes);
	bool is_made = export.out != NULL && export_openmetrics(&export);
	if (export.out != NULL)
		fclose(export.out);
	answer->is_final = is_made && trace_info_get(export.trace)->is_complete;
	trace_close(export.trace);
	return is_made;
}

/* ---- requests ----------------------------------------------------------------------------- */

static bool send_all(int client, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(client, bytes, count, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		count -= (size_t)sent;
	}
	return true;
}

static void reply(int client, const char *status, const char *type, const char *body, size_t bytes)
{
	char head[MESSAGE_BYTES];
	int length = snprintf(head, sizeof(head),
			      "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			      "Connection: close\r\n\r\n", status, type, bytes);

	if (send_all(client, head, (size_t)length))
		send_all(client, body, bytes);
}

static void reply_error(int client, const char *status)
{
	char body[MESSAGE_BYTES];
	int length = snprintf(body, sizeof(body), "%s: metrics are at /metrics\n", status);

	reply(client, status, "text/plain; charset=utf-8", body, (size_t)length);
}

/* Read a request up to its empty line; false: it is none. */
static bool request_read(int client, char request[REQUEST_BYTES_MAX])
{
	size_t used = 0;

	while (used < REQUEST_BYTES_MAX - 1) {
		ssize_t got = recv(client, request + used, REQUEST_BYTES_MAX - 1 - used, 0);

		if (got <= 0)
			return false;
		used += (size_t)got;
		request[used] = '\0';
		if (strstr(request, "\r\n\r\n") != NULL || strstr(request, "\n\n") != NULL)
			return true;
	}
	return false;
}

static void client_serve(int client, const char *command, const char *path, struct answer *answer)
{
	static const char type[] =
		"application/openmetrics-text; version=1.0.0; charset=utf-8";
	static const char type_old[] = "text/plain; version=0.0.4; charset=utf-8";
	static const char wanted[] = "GET /metrics";
	char request[REQUEST_BYTES_MAX];

	if (!request_read(client, request))
		reply_error(client, "400 Bad Request");
	else if (strncmp(request, "GET ", 4) != 0)
		reply_error(client, "405 Method Not Allowed");
	else if (strncmp(request, wanted, sizeof(wanted) - 1) != 0 ||
		 strchr(" ?\r\n", request[sizeof(wanted) - 1]) == NULL)
		reply_error(client, "404 Not Found");
	else if (!answer_make(command, path, answer))
		reply_error(client, "500 Internal Server Error");
	else
		/* Who does not ask for OpenMetrics gets the same as the older text format. */
		reply(client, "200 OK",
		      strcasestr(request, "application/openmetrics-text") != NULL ? type
										  : type_old,
		      answer->text, answer->bytes);
}

/* ---- the socket --------------------------------------------------------------------------- */

/* "PORT", "ADDRESS:PORT" or "[ADDRESS]:PORT" into host and port; false: it is none of them. */
static bool address_split(const char *address, char host[HOST_BYTES], const char **out_port)
{
	const char *colon = strrchr(address, ':');
	size_t length = colon != NULL ? (size_t)(colon - address) : 0;

	*out_port = colon != NULL ? colon + 1 : address;
	if (colon == NULL || length == 0) {
		snprintf(host, HOST_BYTES, "127.0.0.1");
	} else {
		if (address[0] == '[' && length > 2 && address[length - 1] == ']') {
			address++;
			length -= 2;
		}
		if (length >= HOST_BYTES)
			return false;
		memcpy(host, address, length);
		host[length] = '\0';
	}
	return (*out_port)[0] != '\0' && strspn(*out_port, "0123456789") == strlen(*out_port) &&
	       strtoul(*out_port, NULL, 10) <= UINT16_MAX;
}

static int socket_open(const char *command, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found;
	int one = 1, fd = -1;
	int error = getaddrinfo(host, port, &hints, &found);

	if (error != 0) {
		notice_write(command, "%s:%s: %s", host, port, gai_strerror(error));
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		notice_write(command, "%s:%s: %s", host, port, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

/* Port 0 lets the kernel choose: say which it was. */
static void address_tell(int fd, const char *host)
{
	struct sockaddr_storage bound;
	socklen_t bytes = sizeof(bound);
	char port[NI_MAXSERV] = "?";

	if (getsockname(fd, (struct sockaddr *)&bound, &bytes) == 0)
		getnameinfo((struct sockaddr *)&bound, bytes, NULL, 0, port, sizeof(port),
			    NI_NUMERICSERV);
	printf(strchr(host, ':') != NULL ? "http://[%s]:%s/metrics\n" : "http://%s:%s/metrics\n",
	       host, port);
	fflush(stdout);
}

int export_serve(const char *command, const char *path, const char *address)
{
	const struct sigaction action = { .sa_handler = interrupt };
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct answer answer = { .text = NULL };
	sigset_t blocked, open_mask;
	char host[HOST_BYTES];
	const char *port;

	if (!address_split(address, host, &port)) {
		notice_write(command, "'%s' is no address: write PORT or ADDRESS:PORT", address);
		return STATUS_USAGE;
	}
	if (!answer_make(command, path, &answer))
		return STATUS_FAILURE;
	int fd = socket_open(command, host, port);
	if (fd < 0)
		return STATUS_FAILURE;
	/* Signals are let in while waiting only, so that none comes between looking and waiting. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &open_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	address_tell(fd, host);
	while (!is_interrupted) {
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		int client = -1;

		if (ppoll(&waiting, 1, NULL, &open_mask) > 0)
			client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
		client_serve(client, command, path, &answer);
		close(client);
	}
	close(fd);
	free(answer.text);
	return STATUS_OK;
}
