# SPDX-License-Identifier: Apache-2.0
"""The wire format of SPICE in Python, made from schemas/spice.model alone: no generated file, no C code. python3-msgpack writes;
reading walks the bytes itself, for that library takes long forms and mixes text with bytes.

It is the second opinion of the tests. encode and decode take and give dictionaries by field name; text is str, bytes are bytes,
lists are lists of dictionaries. Everything a peer may not send raises WireError."""

import functools
import hashlib
import hmac
import os
import re

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "schemas", "spice.model")
WIRE_VERSION = 1
FRAME_BYTES_MAX = 1 << 20
DEPTH_MAX = 8
SKIP_MAX = 4096
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
INT_MAX = {"u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1, "u64": 2**64 - 1}
AUTH_BYTES = {"none": 0, "mac": 32, "sign": 64, "pair": 32}


class WireError(Exception):
    """A peer's bytes break a rule; limit is true when the rule is a stated maximum."""

    def __init__(self, text, limit=False):
        super().__init__(text)
        self.limit = limit


class Field:
    def __init__(self, name, spec):
        self.name = name
        m = re.fullmatch(r"(str|bin|list)<(?:(\w+),)?(\d+)>", spec)
        e = re.fullmatch(r"bin\[(\d+)\]", spec)
        self.record = None
        self.max = 0
        if m:
            self.kind, self.record, self.max = m.group(1), m.group(2), int(m.group(3))
        elif e:
            self.kind, self.max = "exact", int(e.group(1))
        elif spec in INT_MAX or spec == "bool":
            self.kind = spec
        else:
            self.kind, self.record = "record", spec


class Message:
    def __init__(self, name, number=None, attributes=None):
        self.name, self.number, self.fields = name, number, []
        a = attributes or {}
        self.senders, self.receivers = a.get("from", "").split(","), a.get("to", "").split(",")
        self.auth, self.repeat, self.reply = a.get("auth"), a.get("repeat"), a.get("reply")


def read_model(path=MODEL):
    """(messages by name, records by name, enums: name -> {name: number})"""
    messages, records, enums = {}, {}, {}
    current = None
    with open(path, encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if line[0] not in " \t":
                if words[0] == "message":
                    current = Message(words[2], int(words[1]), dict(w.split("=") for w in words[3:]))
                    messages[current.name] = current
                elif words[0] == "record":
                    current = records[words[1]] = Message(words[1])
                elif words[0] == "enum":
                    current = enums[words[1]] = {}
            elif isinstance(current, dict):
                current[words[0]] = int(words[2])
            else:
                current.fields.append(Field(words[0], words[1]))
    return messages, records, enums


MESSAGES, RECORDS, ENUMS = read_model()
BY_NUMBER = {m.number: m for m in MESSAGES.values()}


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def put_field(f, value):
    if f.kind == "list":
        return [put_fields(RECORDS[f.record], v) for v in value]
    if f.kind == "record":
        return put_fields(RECORDS[f.record], value)
    return value


def put_fields(group, values):
    return [put_field(f, values[f.name]) for f in group.fields]


def encode(name, values):
    """Bytes of a message body or of a record that stands alone."""
    return pack(put_fields(MESSAGES.get(name) or RECORDS[name], values))


class Extra:
    """Counts the elements that a newer peer appended."""

    def __init__(self):
        self.count = 0


def depth_and_size(value, depth=0):
    """Deepest nesting and number of values of one skipped element."""
    if isinstance(value, (list, Map)):
        inner = [depth_and_size(v, depth + 1) for v in value]
        return max([depth + 1 if value else depth] + [d for d, _ in inner]), 1 + sum(n for _, n in inner)
    return depth, 1


class Map(list):
    """A map as its keys and values in turn, so that nothing of it is lost or hashed."""


def text_of(value):
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise WireError("text is not UTF-8") from None
    if "\0" in text:
        raise WireError("text contains NUL")
    return text


class Text(bytes):
    """Bytes that came as msgpack text."""


def take_field(f, value, extra):
    if f.kind == "bool":
        if not isinstance(value, bool):
            raise WireError("%s is no boolean" % f.name)
        return value
    if f.kind in INT_MAX:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise WireError("%s is no unsigned number" % f.name)
        if value > INT_MAX[f.kind]:
            raise WireError("%s is too large" % f.name, limit=True)
        return value
    if f.kind == "record":
        return take_fields(RECORDS[f.record], value, extra)
    if f.kind == "list":
        if not isinstance(value, list) or isinstance(value, Map):
            raise WireError("%s is no list" % f.name)
        if len(value) > f.max:
            raise WireError("%s has too many elements" % f.name, limit=True)
        return [take_fields(RECORDS[f.record], v, extra) for v in value]
    wanted = Text if f.kind == "str" else bytes
    if type(value) is not wanted:
        raise WireError("%s has another type" % f.name)
    if len(value) > f.max:
        raise WireError("%s is too long" % f.name, limit=True)
    if f.kind == "exact" and len(value) != f.max:
        raise WireError("%s has another length" % f.name)
    return text_of(value) if f.kind == "str" else bytes(value)


def take_fields(group, value, extra):
    if not isinstance(value, list) or isinstance(value, Map) or len(value) < len(group.fields):
        raise WireError("%s is no array of at least %d" % (group.name, len(group.fields)))
    out = {f.name: take_field(f, v, extra) for f, v in zip(group.fields, value)}
    for more in value[len(group.fields):]:
        depth, size = depth_and_size(more)
        if depth > DEPTH_MAX or size > SKIP_MAX:
            raise WireError("unknown element too deep or too large")
        extra.count += 1
    return out


def parse(data):
    """Our own walk over the bytes, for python3-msgpack loses the difference between text and bytes when raw and accepts long forms.
    Returns (value, rest)."""
    if not data:
        raise WireError("ends too early")
    tag, rest = data[0], data[1:]

    def length(size, least):
        if len(rest) < size:
            raise WireError("ends too early")
        n = int.from_bytes(rest[:size], "big")
        if n < least:
            raise WireError("not the shortest form")
        return n, rest[size:]

    def body(n, rest, make):
        if len(rest) < n:
            raise WireError("ends too early")
        return make(rest[:n]), rest[n:]

    def items(n, rest, make):
        if n > len(rest):
            raise WireError("ends too early")
        out = make()
        for _ in range(n):
            v, rest = parse(rest)
            out.append(v)
        return out, rest

    if tag < 0x80:
        return tag, rest
    if tag < 0x90:
        return items(2 * (tag & 15), rest, Map)
    if tag < 0xA0:
        return items(tag & 15, rest, list)
    if tag < 0xC0:
        return body(tag & 31, rest, Text)
    if tag >= 0xE0:
        return tag - 256, rest
    if tag in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[tag], rest
    if 0xC4 <= tag <= 0xC6:
        n, rest = length(1 << (tag - 0xC4), (0, 1 << 8, 1 << 16)[tag - 0xC4])
        return body(n, rest, bytes)
    if 0xD9 <= tag <= 0xDB:
        n, rest = length(1 << (tag - 0xD9), (32, 1 << 8, 1 << 16)[tag - 0xD9])
        return body(n, rest, Text)
    if 0xCC <= tag <= 0xCF:
        return length(1 << (tag - 0xCC), (1 << 7, 1 << 8, 1 << 16, 1 << 32)[tag - 0xCC])
    if 0xD0 <= tag <= 0xD3:
        size = 1 << (tag - 0xD0)
        if len(rest) < size:
            raise WireError("ends too early")
        v = int.from_bytes(rest[:size], "big", signed=True)
        if v >= (-0x20, -0x80, -0x8000, -0x80000000)[tag - 0xD0]:
            raise WireError("not the shortest form")
        return v, rest[size:]
    if tag in (0xCA, 0xCB):
        return body(4 if tag == 0xCA else 8, rest, lambda b: float(len(b)))
    if tag in (0xDC, 0xDD):
        n, rest = length(2 if tag == 0xDC else 4, 16 if tag == 0xDC else 1 << 16)
        return items(n, rest, list)
    if tag in (0xDE, 0xDF):
        n, rest = length(2 if tag == 0xDE else 4, 16 if tag == 0xDE else 1 << 16)
        return items(2 * n, rest, Map)
    raise WireError("type 0x%02x is not used" % tag)


def decode(name, data):
    """(values, number of elements skipped)"""
    if len(data) > FRAME_BYTES_MAX:
        raise WireError("too large", limit=True)
    value, rest = parse(data)
    if rest:
        raise WireError("bytes left over")
    extra = Extra()
    return take_fields(MESSAGES.get(name) or RECORDS[name], value, extra), extra.count


@functools.cache
def agreed(seed, peer):
    """The key of two peers for `pair`: X25519 of both signing keys in Montgomery form (RFC 7748, section 4.1), from an Ed25519 seed and a public key."""
    prime = 2**255 - 19
    y = int.from_bytes(peer, "little") & (2**255 - 1)
    u = (1 + y) * pow(1 - y, prime - 2, prime) % prime
    secret = X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32])
    shared = secret.exchange(X25519PublicKey.from_public_bytes(u.to_bytes(32, "little")))
    own = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hmac.new(shared, b"SPICE1 pair:" + min(own, peer) + max(own, peer), "sha256").digest()


def covered(name, deployment, sealed):
    """What a MAC or signature is made over: purpose prefix, then the SHA-256 of the sealed bytes."""
    return b"SPICE1:" + name.encode() + b":" + deployment + hashlib.sha256(sealed).digest()


def envelope(number, sender, dest, body, auth=lambda sealed: b"", epoch=0, sequence=0, trace=0):
    """A whole frame. auth gets the bytes to be covered and returns the field."""
    head = b"\x99" + b"".join(pack(v) for v in (WIRE_VERSION, number, sender, dest, epoch, sequence, trace, body))
    return head + pack(auth(head))


def open_envelope(frame):
    """Dictionary of an envelope, with sealed: the bytes its auth field covers."""
    if len(frame) > FRAME_BYTES_MAX:
        raise WireError("too large", limit=True)
    value, rest = parse(frame)
    if rest or not isinstance(value, list) or isinstance(value, Map) or len(value) != 9:
        raise WireError("no envelope")
    version, number, sender, dest, epoch, sequence, trace, body, auth = value
    for v, most in ((version, 2**64), (number, 2**16), (epoch, 2**64), (sequence, 2**64), (trace, 2**64)):
        if isinstance(v, bool) or not isinstance(v, int) or not 0 <= v < most:
            raise WireError("no number")
    if version != WIRE_VERSION:
        raise WireError("another version")
    if type(sender) is not Text or type(dest) is not Text or type(body) is not bytes or type(auth) is not bytes:
        raise WireError("wrong type")
    sender, dest = text_of(sender), text_of(dest)
    if not NAME.fullmatch(sender) or (dest and not NAME.fullmatch(dest)) or len(auth) > 64:
        raise WireError("wrong name or authority")
    sealed = frame[:len(frame) - len(pack(auth))]
    return {"type": number, "sender": sender, "dest": dest, "epoch": epoch, "sequence": sequence, "trace": trace,
            "body": body, "auth": auth, "sealed": sealed}
