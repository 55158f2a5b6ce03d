# SPDX-License-Identifier: Apache-2.0
"""The model in memory: reads spice.model and spice.text and refuses what breaks their rules."""

import re

FRAME_BYTES_MAX = 1 << 20
INT_BYTES = {"u8": 2, "u16": 3, "u32": 5, "u64": 9, "bool": 1}
INT_TYPES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "bool": "bool"}
INT_MAX = {"u8": "UINT8_MAX", "u16": "UINT16_MAX", "u32": "UINT32_MAX", "u64": "UINT64_MAX"}
AUTH_BYTES = {"none": 0, "mac": 32, "sign": 64, "pair": 32}


class ModelError(Exception):
    pass


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Field:
    """One field: kind is one of the integer types, str, bin, exact, list, record."""

    def __init__(self, name, spec, remark):
        self.name, self.spec, self.remark = name, spec, remark
        self.max = 0
        self.record = None
        m = re.fullmatch(r"(str|bin)<(\d+)>", spec)
        e = re.fullmatch(r"bin\[(\d+)\]", spec)
        k = re.fullmatch(r"list<(\w+),(\d+)>", spec)
        if spec in INT_BYTES:
            self.kind = spec
        elif m:
            self.kind, self.max = m.group(1), int(m.group(2))
        elif e:
            self.kind, self.max = "exact", int(e.group(1))
        elif k:
            self.kind, self.record, self.max = "list", k.group(1), int(k.group(2))
        elif re.fullmatch(r"[A-Z]\w*", spec):
            self.kind, self.record = "record", spec
        else:
            raise ModelError("type %s is not known" % spec)

    def head_bytes(self):
        """Bytes of the largest header this field can have."""
        if self.kind == "str":
            return 1 if self.max < 32 else 2 if self.max < 256 else 3 if self.max < 65536 else 5
        if self.kind in ("bin", "exact"):
            return 2 if self.max < 256 else 3 if self.max < 65536 else 5
        return 1 if self.max < 16 else 3


class Group:
    """A record or a message: named fields in wire order."""

    def __init__(self, name):
        self.name, self.fields = name, []
        self.c = snake(name)
        self.upper = self.c.upper()

    def lists(self):
        return [f for f in self.fields if f.kind == "list"]

    def plain(self):
        return [f for f in self.fields if f.kind != "list"]


class Record(Group):
    prefix = "rec"


class Message(Group):
    prefix = "msg"

    def __init__(self, number, name):
        super().__init__(name)
        self.number = number
        self.sender, self.receiver = [], []
        self.auth = self.repeat = self.reply = self.since = None
        self.text = ""


class Receiver:
    """A part of a process that messages are dealt out to: lines holds the message names by how they are handed over."""
    KINDS = ("takes", "bytes", "ignores", "passing")

    def __init__(self, name, roles, folder):
        self.name, self.roles, self.folder = name, roles, folder
        self.lines = {}

    def how(self, message):
        return next((kind for kind in self.KINDS if message in self.lines.get(kind, [])), None)

    def handler(self, message):
        return "%s_on_%s" % (self.name, message.c)


class Model:
    def __init__(self, path):
        self.version = None
        self.enums, self.records, self.messages, self.receivers = {}, {}, [], []
        self.group = None
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                try:
                    self.line(line.rstrip("\n"))
                except ModelError as e:
                    raise ModelError("%s:%d: %s" % (path, number, e)) from None
        self.verify()

    def line(self, line):
        body = line.strip()
        if not body or body.startswith("#"):
            return
        if not line[0].isspace():
            self.opening(body.split())
            return
        if isinstance(self.group, list):
            m = re.fullmatch(r'(\w+)\s*=\s*(\d+)\s+"([^"]*)"', body)
            if not m:
                raise ModelError("expected NAME = NUMBER \"text\"")
            self.group.append((m.group(1), int(m.group(2)), m.group(3)))
            return
        m = re.fullmatch(r'(\w+)\s+(\S+)\s+"([^"]*)"', body)
        if not m or self.group is None:
            raise ModelError("expected NAME TYPE \"remark\" inside a record or message")
        if any(f.name == m.group(1) for f in self.group.fields):
            raise ModelError("field %s is there twice" % m.group(1))
        self.group.fields.append(Field(m.group(1), m.group(2), m.group(3)))

    def opening(self, words):
        if words[0] == "version" and len(words) == 2:
            self.version = int(words[1])
        elif words[0] == "enum" and len(words) == 2:
            self.group = self.enums.setdefault(words[1], [])
        elif words[0] == "record" and len(words) == 2:
            if words[1] in self.records:
                raise ModelError("record %s is there twice" % words[1])
            self.group = self.records[words[1]] = Record(words[1])
        elif words[0] == "message" and len(words) > 3:
            self.group = Message(int(words[1]), words[2])
            self.attributes(self.group, words[3:])
            self.messages.append(self.group)
        elif words[0] == "receiver" and len(words) == 4:
            given = dict(w.split("=", 1) for w in words[2:])
            if set(given) != {"role", "in"} or any(r.name == words[1] for r in self.receivers):
                raise ModelError("a receiver needs a name of its own, role and in")
            self.receivers.append(Receiver(words[1], given["role"].split(","), given["in"]))
            self.group = None
        elif words[0] in Receiver.KINDS and len(words) > 1 and self.receivers:
            if words[0] in self.receivers[-1].lines:
                raise ModelError("one line %s for each receiver" % words[0])
            self.receivers[-1].lines[words[0]] = words[1:]
        else:
            raise ModelError("expected version, enum, record, message, receiver or a line of one")

    @staticmethod
    def attributes(message, words):
        given = dict(w.split("=", 1) for w in words)
        if set(given) != {"from", "to", "auth", "repeat", "reply", "since"}:
            raise ModelError("a message needs from, to, auth, repeat, reply, since")
        message.sender, message.receiver = given["from"].split(","), given["to"].split(",")
        message.auth, message.repeat = given["auth"], given["repeat"]
        message.reply, message.since = given["reply"], int(given["since"])
        if message.auth not in AUTH_BYTES or message.repeat not in ("harmless", "once"):
            raise ModelError("auth is none, mac, sign or pair; repeat is harmless or once")

    def verify(self):
        roles = [name for name, _, _ in self.enums["role"]]
        names = {m.name for m in self.messages}
        numbers = [m.number for m in self.messages]
        if len(set(numbers)) != len(numbers) or len(names) != len(numbers):
            raise ModelError("two messages share a number or a name")
        for m in self.messages:
            if m.reply != "none" and m.reply not in names:
                raise ModelError("message %s: reply %s is no message" % (m.name, m.reply))
            for role in m.sender + m.receiver:
                if role not in roles:
                    raise ModelError("message %s: role %s is not known" % (m.name, role))
        for group in list(self.records.values()) + self.messages:
            self.verify_group(group)
        for name, values in self.enums.items():
            if len({v for _, v, _ in values}) != len(values) or len({n for n, _, _ in values}) != len(values):
                raise ModelError("enum %s: a name or number is there twice" % name)

        self.verify_receivers(roles, names)

    def verify_receivers(self, roles, names):
        """Nothing a process may be sent is left without a hand that takes it, and no hand takes what may not come."""
        by_name = {m.name: m for m in self.messages}
        for r in self.receivers:
            listed = [name for line in r.lines.values() for name in line]
            if len(set(listed)) != len(listed) or not listed:
                raise ModelError("receiver %s: a message is there twice, or none" % r.name)
            for role in r.roles:
                if role != "*" and role not in roles:
                    raise ModelError("receiver %s: role %s is not known" % (r.name, role))
            for name in listed:
                if name not in names:
                    raise ModelError("receiver %s: %s is no message" % (r.name, name))
                meant = "*" in r.roles or set(by_name[name].receiver) & set(r.roles)
                if bool(meant) == (r.how(name) == "passing"):
                    raise ModelError("receiver %s: %s is %s" % (r.name, name, "its own" if meant else "not for its role"))
        served = {role for r in self.receivers for role in r.roles}
        for m in self.messages:
            for role in set(m.receiver) & served:
                if not any(r.how(m.name) and (role in r.roles or "*" in r.roles and role != "broker") for r in self.receivers):
                    raise ModelError("message %s: no receiver of role %s takes it" % (m.name, role))

    def verify_group(self, group):
        """Lists come last, so that an encoder can stream them; records hold neither lists nor records."""
        seen_list = False
        if not 0 < len(group.fields) <= 15:
            raise ModelError("%s: 1 to 15 fields" % group.name)
        for f in group.fields:
            if f.record and (f.record not in self.records or isinstance(group, Record)):
                raise ModelError("%s.%s: record %s cannot stand here" % (group.name, f.name, f.record))
            if seen_list and f.kind != "list":
                raise ModelError("%s.%s: lists come last" % (group.name, f.name))
            if f.kind == "exact" and f.max > 256 or f.kind == "list" and f.max > 65535:
                raise ModelError("%s.%s: limit too large" % (group.name, f.name))
            seen_list = f.kind == "list"

    def fixed_bytes(self, group):
        """Bytes of everything but the content of strings and lists, at most."""
        return 1 + sum(self.field_fixed(f) for f in group.plain())

    def field_fixed(self, f):
        if f.kind in INT_BYTES:
            return INT_BYTES[f.kind]
        if f.kind == "exact":
            return f.head_bytes() + f.max
        if f.kind == "record":
            return self.fixed_bytes(self.records[f.record])
        return f.head_bytes()

    def plain_max(self, group):
        """Bytes of everything but the lists, at most."""
        return self.fixed_bytes(group) + sum(self.content_max(f) for f in group.plain())

    def content_max(self, f):
        if f.kind == "record":
            return sum(self.content_max(inner) for inner in self.records[f.record].fields)
        return f.max if f.kind in ("str", "bin") else 0

    def bytes_max(self, group):
        total = 1
        for f in group.fields:
            if f.kind == "list":
                total += f.head_bytes() + f.max * self.bytes_max(self.records[f.record])
            elif f.kind == "record":
                total += self.bytes_max(self.records[f.record])
            else:
                total += self.field_fixed(f) + (f.max if f.kind in ("str", "bin") else 0)
        return total


def read_texts(path, model):
    """The sentence on each message; every message has one and nothing else does."""
    texts = {}
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, text = line.partition(":")
            if not colon or not text.strip() or name in texts:
                raise ModelError("%s:%d: expected NAME: text, once for each message" % (path, number))
            texts[name] = text.strip()
    names = {m.name for m in model.messages}
    for name in sorted(names ^ set(texts)):
        raise ModelError("%s: %s" % (path, "no text for message " + name if name in names else name + " is no message"))
    return texts
