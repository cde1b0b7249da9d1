# SPDX-License-Identifier: MIT
"""
ELF: is a file a shared library for this machine, and does it define a function?

Only what is read here is needed: the header, the section headers, the dynamic symbols. The file is
not loaded, for a library that cannot be trusted yet may crash whoever loads it.
"""

import struct
import sys

MAGIC = b"\x7fELF"
CLASS_64 = 2
TYPE_SHARED = 3
SECTION_DYNSYM = 11
SEGMENT_INTERPRETER = 3
SECTION_UNDEFINED = 0
HEADER = "16sHHIQQQIHHHHHH"     # Elf64_Ehdr
SECTION_HEADER = "IIQQQQIIQQ"   # Elf64_Shdr
SEGMENT_HEADER = "IIQQQQQQ"     # Elf64_Phdr
SYMBOL = "IBBHQQ"               # Elf64_Sym


class Unreadable(Exception):
    """Why a file is no ELF file for this machine, in a few words."""


class Elf:
    """One file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:4] != MAGIC:
            raise Unreadable("is no shared library")
        if self.data[:6] != self.own()[:6]:
            raise Unreadable("is for another kind of processor")
        self.order = "<" if sys.byteorder == "little" else ">"
        (_, self.type, self.machine, _, _, self.segments, self.sections, _, _, _,
         self.segment_count, _, self.section_count, _) = self.unpack(HEADER, 0)
        if self.machine != struct.unpack_from(self.order + "H", self.own(), 18)[0]:
            raise Unreadable("is for another kind of processor")

    @staticmethod
    def own():
        """The head of the running interpreter."""
        with open("/proc/self/exe", "rb") as file:
            return file.read(struct.calcsize("<" + HEADER))

    def unpack(self, form, offset):
        try:
            return struct.unpack_from(self.order + form, self.data, offset)
        except struct.error:
            raise Unreadable("is cut short") from None

    def rows(self, form, offset, count):
        """The entries of a table."""
        size = struct.calcsize("<" + form)
        return [self.unpack(form, offset + i * size) for i in range(count)]

    def word(self, offset):
        """The string that begins at an offset of the file."""
        return self.data[offset:self.data.find(b"\0", offset)].decode(errors="replace")

    def is_library(self):
        return self.type == TYPE_SHARED

    def is_static(self):
        """Is it a program that no dynamic linker will see?"""
        return not any(row[0] == SEGMENT_INTERPRETER for row in
                       self.rows(SEGMENT_HEADER, self.segments, self.segment_count))

    def defines(self, name):
        """Does it define a dynamic symbol of this name?"""
        sections = self.rows(SECTION_HEADER, self.sections, self.section_count)
        for section in sections:
            if section[1] != SECTION_DYNSYM:
                continue
            strings = sections[section[6]][4]
            count = section[5] // struct.calcsize("<" + SYMBOL)
            for symbol in self.rows(SYMBOL, section[4], count):
                if symbol[3] != SECTION_UNDEFINED and self.word(strings + symbol[0]) == name:
                    return True
        return False
