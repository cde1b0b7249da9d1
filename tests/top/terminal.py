# SPDX-License-Identifier: MIT
"""A program in a terminal of ours: a pseudo-terminal, and what stands on its screen.

The screen knows the controls that ncurses sends to an xterm; others are kept in `unknown`.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

CONTROL = re.compile(r"\x1b(?:\[([?>]?[0-9;]*)([@-~])|[()][A-Z0-9]|[=>78M])")
CONTROL_LENGTH_MAX = 24
TAB_COLUMNS = 8
IGNORED = "mhlrtnq"
NOT_STARTED = 127
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE,
           signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Screen:
    """Rows of characters; colours and the like are left out."""

    def __init__(self, rows, columns):
        self.unknown = set()
        self.is_alternate = False
        self.wraps = True
        self.rest = b""
        self.last = " "
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0

    def feed(self, data):
        text = (self.rest + data).decode("utf-8", "surrogateescape")
        self.rest = b""
        at = 0
        while at < len(text):
            # What was cut off is completed by what comes.
            if text[at] >= "\udc80" and text[at] <= "\udcff" and len(text) - at < 4:
                self.rest = text[at:].encode("utf-8", "surrogateescape")
                return
            if text[at] != "\x1b":
                self._put(text[at])
                at += 1
                continue
            control = CONTROL.match(text, at)
            if control is None:
                if len(text) - at < CONTROL_LENGTH_MAX:
                    self.rest = text[at:].encode("utf-8", "surrogateescape")
                    return
                self.unknown.add(text[at:at + 4])
                at += 1
                continue
            if control.group(2):
                self._control(control.group(1), control.group(2))
            at = control.end()

    def _put(self, mark):
        if mark == "\r":
            self.column = 0
        elif mark == "\n":
            self.row = min(self.row + 1, self.rows - 1)
        elif mark == "\b":
            self.column = max(self.column - 1, 0)
        elif mark == "\t":
            self.column = min((self.column // TAB_COLUMNS + 1) * TAB_COLUMNS, self.columns - 1)
        elif mark >= " ":
            if self.column >= self.columns:
                self.column, self.row = 0, min(self.row + 1, self.rows - 1)
            self.cells[self.row][self.column] = self.last = mark
            self.column += 1
            if not self.wraps:
                self.column = min(self.column, self.columns - 1)

    def _control(self, arguments, final):
        if arguments.startswith(("?", ">")):
            if arguments == "?1049":
                self.is_alternate = final == "h"
            elif arguments == "?7":
                self.wraps = final == "h"
            return
        numbers = [int(number or 0) for number in arguments.split(";")]
        count = numbers[0] or 1
        row = self.cells[self.row]
        if final in "Hf":
            self.row = min(count, self.rows) - 1
            self.column = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif final == "d":
            self.row = min(count, self.rows) - 1
        elif final == "G":
            self.column = min(count, self.columns) - 1
        elif final in "AB":
            step = count if final == "B" else -count
            self.row = min(max(self.row + step, 0), self.rows - 1)
        elif final in "CD":
            step = count if final == "C" else -count
            self.column = min(max(self.column + step, 0), self.columns - 1)
        elif final == "Z":
            self.column = max((self.column - 1) // TAB_COLUMNS * TAB_COLUMNS, 0)
        elif final == "J":
            self._erase(numbers[0])
        elif final == "K":
            first, end = (0, self.column + 1) if numbers[0] == 1 else (self.column, self.columns)
            row[first:end] = [" "] * (end - first)
        elif final == "X":
            end = min(self.column + count, self.columns)
            row[self.column:end] = [" "] * (end - self.column)
        elif final == "P":
            row[self.column:] = (row[self.column + count:] + [" "] * count)[
                :self.columns - self.column]
        elif final == "@":
            row[self.column:] = ([" "] * count + row[self.column:])[:self.columns - self.column]
        elif final == "b":
            for _ in range(count):
                self._put(self.last)
        elif final in "LM":
            blank = [[" "] * self.columns for _ in range(count)]
            if final == "L":
                self.cells[self.row:] = (blank + self.cells[self.row:])[:self.rows - self.row]
            else:
                self.cells[self.row:] = (self.cells[self.row + count:] + blank)[
                    :self.rows - self.row]
        elif final not in IGNORED:
            self.unknown.add(arguments + final)

    def _erase(self, how):
        first = 0 if how == 2 else self.row
        for row in range(first, self.rows):
            begin = self.column if row == self.row and how != 2 else 0
            self.cells[row][begin:] = [" "] * (self.columns - begin)

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)


class Terminal:
    """A program that believes it has a terminal. Those that were opened are in `all`."""

    all = []

    def __init__(self, arguments, rows=24, columns=80, cwd=None, **environment):
        self.screen = Screen(rows, columns)
        self.status = None
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.process = os.fork()
        if self.process == 0:
            # Whatever fails here, the child must not go on as a second test.
            try:
                self._become(slave, arguments, cwd, environment)
            except OSError as error:
                os.write(slave, f"{arguments[0]}: {error}".encode())
            finally:
                os._exit(NOT_STARTED)
        self.master, self.slave = master, slave
        self.all.append(self)

    @staticmethod
    def _become(slave, arguments, cwd, environment):
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for descriptor in range(3):
            os.dup2(slave, descriptor)
        # A test's runner may have these ignored or blocked, which a program keeps.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if cwd is not None:
            os.chdir(cwd)
        os.execvpe(arguments[0], arguments, {**os.environ, **environment})

    def resize(self, rows, columns):
        self.read(0.05)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def read(self, seconds):
        """What comes in that time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                continue
            try:
                self.screen.feed(os.read(self.master, 1 << 16))
            except OSError:
                return

    def wait(self, claim, seconds=8):
        """Until `claim` holds of the screen's text; whether it does. Not once it has ended."""
        until = time.monotonic() + seconds
        has_ended = False
        while not has_ended and time.monotonic() < until:
            has_ended = self._look()
            self.read(0.05)
            if claim(self.screen.text()):
                return True
        return False

    def _look(self):
        """Has it ended?"""
        if self.status is None:
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process == self.process:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def key(self, keys):
        os.write(self.master, keys.encode())

    def is_restored(self):
        """Are the terminal's settings, and its screen, as they were?"""
        return termios.tcgetattr(self.slave) == self.before and not self.screen.is_alternate

    def end(self, seconds=8):
        """The status once it has ended; None: it has not."""
        until = time.monotonic() + seconds
        while not self._look() and time.monotonic() < until:
            self.read(0.05)
        self.read(0.05)
        return self.status

    @classmethod
    def close_all(cls):
        """End what still runs; what stood on the screens."""
        texts = [terminal.screen.text() for terminal in cls.all]
        for terminal in cls.all:
            if not terminal._look():
                os.kill(terminal.process, signal.SIGKILL)
                os.waitpid(terminal.process, 0)
            os.close(terminal.master)
            os.close(terminal.slave)
        cls.all.clear()
        return texts
