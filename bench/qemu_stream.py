#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
qemu_stream.py FILE - what is in a migration stream of QEMU's
qemu_stream.py --compare A B

Prints a line for each value of each device, NAME VALUE, registers by KVM's id:

    cpu[0].0x603000000013c020 0x1100000011111112
    arm_gicv3[0].gicd_ctlr 00000012

--compare prints NAME A B for those that differ ("-": has it not), and exits
with 1 if there is one.

The stream ends with a description of its own, which says of each device which
fields it has and how long they are.  From the first device to the end, each
byte is accounted for; the guest's memory, which comes before, is skipped.
"""
import json
import struct
import sys

SECTION_FULL, SUBSECTION, DESCRIPTION, FOOTER = 4, 5, 6, 0x7e


class Bad(Exception):
    """A stream that is not what its description says."""


class Reader:
    """Takes bytes off the stream, one piece after the other."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def take(self, size):
        piece = self.data[self.at:self.at + size]
        if len(piece) != size:
            raise Bad(f"ends at {self.at}, in a piece of {size} bytes")
        self.at += size
        return piece

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def name(self):
        return self.take(self.u8()).decode()

    def expect(self, got, wanted, what):
        if got != wanted:
            raise Bad(f"{what} is {got!r}, not {wanted!r}, before {self.at}")


def description(data):
    """The stream's own, and where it begins."""
    start = data.rfind(b'{"page_size"')
    if start < 6 or data[start - 5] != DESCRIPTION:
        raise Bad("has no description at its end")
    return json.loads(data[start:]), start - 6


def first_device(data, device, end):
    """Where the header of the device that comes first is."""
    name = device["name"].encode()
    tail = bytes([len(name)]) + name + struct.pack(
        ">II", device["instance_id"], device["version"])
    at = data.rfind(tail, 0, end) - 5
    if at < 0 or data[at] != SECTION_FULL:
        raise Bad(f"no section of {device['name']}")
    return at


def size_of(field):
    return field["size"] * field.get("array_len", 1)


def words(piece):
    return struct.unpack(f">{len(piece) // 8}Q", piece)


def read_fields(reader, fields, prefix):
    """Yields the name and the value of each."""
    ids = ()
    for field in fields:
        piece = reader.take(size_of(field))
        name = field["name"]
        if name == "cpreg_vmstate_indexes":
            ids = words(piece)
        elif name == "cpreg_vmstate_values":
            for reg, value in zip(ids, words(piece), strict=True):
                yield f"{prefix}.{reg:#018x}", f"{value:#x}"
        elif "index" in field:
            yield f"{prefix}.{name}[{field['index']}]", piece.hex()
        else:
            yield f"{prefix}.{name}", piece.hex()


def read_part(reader, part, prefix):
    """The fields of a device or of one of its subsections, and below."""
    yield from read_fields(reader, part.get("fields", ()), prefix)
    for sub in part.get("subsections", ()):
        reader.expect(reader.u8(), SUBSECTION, "a subsection's mark")
        reader.expect(reader.name(), sub["vmsd_name"], "a subsection")
        reader.expect(reader.u32(), sub["version"], "its version")
        yield from read_part(reader, sub, prefix)


def read_device(reader, device):
    what = device["name"]
    reader.expect(reader.u8(), SECTION_FULL, f"the mark of {what}")
    section = reader.u32()
    reader.expect(reader.name(), what, "a section")
    reader.expect(reader.u32(), device["instance_id"], f"{what}'s instance")
    reader.expect(reader.u32(), device["version"], f"{what}'s version")
    yield from read_part(reader, device, f"{what}[{device['instance_id']}]")
    reader.expect(reader.u8(), FOOTER, f"the end of {what}")
    reader.expect(reader.u32(), section, f"the section of {what}")


def read_stream(path):
    """All values by name."""
    with open(path, "rb") as f:
        data = f.read()
    values = {}
    try:
        described, end = description(data)
        devices = described["devices"]
        reader = Reader(data, first_device(data, devices[0], end))
        for device in devices:
            for name, value in read_device(reader, device):
                if name in values:
                    raise Bad(f"has {name} twice")
                values[name] = value
        reader.expect(reader.at, end, "the end of the devices")
    except Bad as bad:
        sys.exit(f"qemu_stream: {path}: {bad}")
    return values


def differences(a, b):
    """Yields name, value there, value here; "-" where there is none."""
    for name in list(a) + [n for n in b if n not in a]:
        if a.get(name) != b.get(name):
            yield name, a.get(name, "-"), b.get(name, "-")


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--compare":
        found = list(differences(read_stream(sys.argv[2]),
                                 read_stream(sys.argv[3])))
        for name, a, b in found:
            print(name, a, b)
        sys.exit(1 if found else 0)
    if len(sys.argv) != 2:
        sys.exit("usage: qemu_stream.py FILE | --compare A B")
    for name, value in read_stream(sys.argv[1]).items():
        print(name, value)


if __name__ == "__main__":
    main()
