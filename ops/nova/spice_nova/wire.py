# SPDX-License-Identifier: Apache-2.0
"""Reading what the keeper signed: the frame, and the three messages a follower of the pool gets. No I/O.

The rules are those of schemas/README.md; tests/nova holds this file to schemas/spice.model. The order is always size, envelope, version,
type, signature, decode: nothing is looked at inside a body before its signature fits."""

import collections
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERSION = 1
FRAME_BYTES_MAX = 1 << 20
SIGNATURE_BYTES = 64
KEY_BYTES = 32
DEPLOYMENT_BYTES = 16
NONCE_BYTES = 16
NODE_KEY_BYTES = 16
NAME_BYTES_MAX = 40
ENTRIES_MAX = 256
NODE_BYTES_MAX = 64
POOL_BYTES_MAX = 64
WHY_BYTES_MAX = 256
SKIP_DEPTH_MAX = 8
SKIP_VALUES_MAX = 4096
U16, U32, U64 = 2 ** 16 - 1, 2 ** 32 - 1, 2 ** 64 - 1
TIER_NONE, TIER_PASS, TIER_WARN, TIER_FAIL = 0, 1, 2, 3
TIER_NAMES = ("none", "pass", "warn", "fail")

SNAPSHOT, TRUST_EVENT, TRUST_BEAT = 41, 42, 44
NAMES = {SNAPSHOT: "Snapshot", TRUST_EVENT: "TrustEvent", TRUST_BEAT: "TrustBeat"}

Entry = collections.namedtuple("Entry", "key node pool tier member until_ms since_ms why")
Snapshot = collections.namedtuple("Snapshot", "nonce boot now_ms sequence part last entries")
TrustEvent = collections.namedtuple("TrustEvent", "boot sequence now_ms entries")
TrustBeat = collections.namedtuple("TrustBeat", "nonce boot now_ms sequence")
Envelope = collections.namedtuple("Envelope", "type sender dest epoch sequence trace body auth sealed_bytes")

PRINCIPAL = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")

# y coordinates of the points of Ed25519 whose order divides 8: whoever has such a "key" can make signatures that fit anything.
SMALL_ORDER = frozenset(bytes.fromhex(y) for y in (
    "00" * 32,
    "01" + "00" * 31,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ec" + "ff" * 30 + "7f",
))
FIELD_PRIME = 2 ** 255 - 19


class WireError(Exception):
    """Bytes that break a rule, or that no keeper of ours signed."""


class BadKey(ValueError):
    """A configured key or deployment id that cannot be used."""


# ---- MessagePack: what the wire rules allow, each value in its shortest form ----

_LEAST_UINT = (0x80, 0x100, 0x10000, 0x100000000)
_LEAST_TEXT = (0x20, 0x100, 0x10000)
_LEAST_BLOB = (0, 0x100, 0x10000)


def _length(b, at, size, least):
    """Big-endian length of size bytes at `at`; (length, place after it)."""
    end = at + size
    if end > len(b):
        raise WireError("ends too early")
    n = int.from_bytes(b[at:end], "big")
    if n < least:
        raise WireError("not the shortest form")
    return n, end


def _uint(b, at, most):
    tag = b[at]
    if tag < 0x80:
        value, at = tag, at + 1
    elif 0xCC <= tag <= 0xCF:
        value, at = _length(b, at + 1, 1 << (tag - 0xCC), _LEAST_UINT[tag - 0xCC])
    else:
        raise WireError("no unsigned number")
    if value > most:
        raise WireError("number too large")
    return value, at


def _bool(b, at):
    tag = b[at]
    if tag != 0xC2 and tag != 0xC3:
        raise WireError("no boolean")
    return tag == 0xC3, at + 1


def _span(b, at, n, most):
    end = at + n
    if n > most:
        raise WireError("longer than its limit")
    if end > len(b):
        raise WireError("ends too early")
    return b[at:end], end


def _raw_text(b, at, most):
    tag = b[at]
    if 0xA0 <= tag <= 0xBF:
        return _span(b, at + 1, tag & 31, most)
    if 0xD9 <= tag <= 0xDB:
        n, at = _length(b, at + 1, 1 << (tag - 0xD9), _LEAST_TEXT[tag - 0xD9])
        return _span(b, at, n, most)
    raise WireError("no text")


def _text(b, at, most):
    raw, at = _raw_text(b, at, most)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise WireError("text is not UTF-8") from None
    if "\0" in text:
        raise WireError("text contains NUL")
    return text, at


def _blob(b, at, most):
    tag = b[at]
    if not 0xC4 <= tag <= 0xC6:
        raise WireError("no bytes")
    n, at = _length(b, at + 1, 1 << (tag - 0xC4), _LEAST_BLOB[tag - 0xC4])
    return _span(b, at, n, most)


def _exact(b, at, size):
    raw, at = _blob(b, at, size)
    if len(raw) != size:
        raise WireError("another length")
    return raw, at


def _array(b, at):
    tag = b[at]
    if 0x90 <= tag <= 0x9F:
        return tag & 15, at + 1
    if tag in (0xDC, 0xDD):
        return _length(b, at + 1, 2 if tag == 0xDC else 4, 16 if tag == 0xDC else 0x10000)
    raise WireError("no array")


def _skip_head(b, at):
    """Steps over one value's head and content; (place after it, number of values nested in it)."""
    tag = b[at]
    at += 1
    if tag < 0x80 or tag >= 0xE0 or tag in (0xC0, 0xC2, 0xC3):
        return at, 0
    if tag < 0xA0:
        return at, (tag & 15) * (2 if tag < 0x90 else 1)
    if tag < 0xC0:
        n = tag & 31
    elif 0xC4 <= tag <= 0xC6:
        n, at = _length(b, at, 1 << (tag - 0xC4), _LEAST_BLOB[tag - 0xC4])
    elif 0xD9 <= tag <= 0xDB:
        n, at = _length(b, at, 1 << (tag - 0xD9), _LEAST_TEXT[tag - 0xD9])
    elif tag in (0xCA, 0xCB):
        n = 4 if tag == 0xCA else 8
    elif 0xCC <= tag <= 0xCF:
        return _length(b, at, 1 << (tag - 0xCC), _LEAST_UINT[tag - 0xCC])[1], 0
    elif 0xD0 <= tag <= 0xD3:
        size = 1 << (tag - 0xD0)
        raw, at = _span(b, at, size, size)
        if int.from_bytes(raw, "big", signed=True) >= (-0x20, -0x80, -0x8000, -0x80000000)[tag - 0xD0]:
            raise WireError("not the shortest form")
        return at, 0
    elif 0xDC <= tag <= 0xDF:
        wide = tag in (0xDD, 0xDF)
        n, at = _length(b, at, 4 if wide else 2, 0x10000 if wide else 16)
        return at, n * 2 if tag >= 0xDE else n
    else:
        raise WireError("a type that is not used")
    return _span(b, at, n, n)[1], 0


def _skip(b, at):
    """Steps over one element that a newer keeper appended; bounded, without recursion."""
    left = [1]
    for _ in range(SKIP_VALUES_MAX):
        at, inner = _skip_head(b, at)
        left[-1] -= 1
        if inner:
            if len(left) > SKIP_DEPTH_MAX or inner > len(b) - at:
                raise WireError("unknown element too deep or too large")
            left.append(inner)
        while left and left[-1] == 0:
            left.pop()
        if not left:
            return at
    raise WireError("unknown element too large")


def _fields(b, at, least):
    count, at = _array(b, at)
    if count < least:
        raise WireError("too few fields")
    return count - least, at


def _extra(b, at, count):
    if count > len(b) - at:
        raise WireError("ends too early")
    for _ in range(count):
        at = _skip(b, at)
    return at


# ---- messages ----

def _entry(b, at):
    more, at = _fields(b, at, 8)
    key, at = _exact(b, at, NODE_KEY_BYTES)
    node, at = _text(b, at, NODE_BYTES_MAX)
    pool, at = _text(b, at, POOL_BYTES_MAX)
    tier, at = _uint(b, at, 255)
    member, at = _bool(b, at)
    until_ms, at = _uint(b, at, U64)
    since_ms, at = _uint(b, at, U64)
    why, at = _text(b, at, WHY_BYTES_MAX)
    return Entry(key, node, pool, tier, member, until_ms, since_ms, why), _extra(b, at, more) if more else at


def _entries(b, at):
    count, at = _array(b, at)
    if count > ENTRIES_MAX:
        raise WireError("too many elements")
    entries = []
    for _ in range(count):
        entry, at = _entry(b, at)
        entries.append(entry)
    return entries, at


def _snapshot(b):
    more, at = _fields(b, 0, 7)
    nonce, at = _exact(b, at, NONCE_BYTES)
    boot, at = _uint(b, at, U64)
    now_ms, at = _uint(b, at, U64)
    sequence, at = _uint(b, at, U64)
    part, at = _uint(b, at, U32)
    last, at = _bool(b, at)
    entries, at = _entries(b, at)
    return Snapshot(nonce, boot, now_ms, sequence, part, last, entries), _extra(b, at, more)


def _event(b):
    more, at = _fields(b, 0, 4)
    boot, at = _uint(b, at, U64)
    sequence, at = _uint(b, at, U64)
    now_ms, at = _uint(b, at, U64)
    entries, at = _entries(b, at)
    return TrustEvent(boot, sequence, now_ms, entries), _extra(b, at, more)


def _beat(b):
    more, at = _fields(b, 0, 4)
    nonce, at = _exact(b, at, NONCE_BYTES)
    boot, at = _uint(b, at, U64)
    now_ms, at = _uint(b, at, U64)
    sequence, at = _uint(b, at, U64)
    return TrustBeat(nonce, boot, now_ms, sequence), _extra(b, at, more)


_DECODERS = {SNAPSHOT: _snapshot, TRUST_EVENT: _event, TRUST_BEAT: _beat}


def decode(number, body):
    """The message of a body that is already known to be the keeper's; WireError when it breaks a rule."""
    if len(body) > FRAME_BYTES_MAX:
        raise WireError("too large")
    try:
        message, at = _DECODERS[number](body)
    except IndexError:
        raise WireError("ends too early") from None
    if at != len(body):
        raise WireError("bytes left over")
    return message


def open_envelope(frame):
    """The nine elements, nothing verified."""
    if len(frame) > FRAME_BYTES_MAX:
        raise WireError("too large")
    try:
        count, at = _array(frame, 0)
        version, at = _uint(frame, at, U64)
        if version != VERSION:
            raise WireError("another version")
        if count != 9:
            raise WireError("no envelope")
        number, at = _uint(frame, at, U16)
        sender, at = _raw_text(frame, at, NAME_BYTES_MAX)
        dest, at = _raw_text(frame, at, NAME_BYTES_MAX)
        epoch, at = _uint(frame, at, U64)
        sequence, at = _uint(frame, at, U64)
        trace, at = _uint(frame, at, U64)
        body, at = _blob(frame, at, FRAME_BYTES_MAX)
        sealed = at
        auth, at = _blob(frame, at, SIGNATURE_BYTES)
    except IndexError:
        raise WireError("ends too early") from None
    if at != len(frame) or not PRINCIPAL.match(sender) or (dest and not PRINCIPAL.match(dest)):
        raise WireError("no envelope")
    return Envelope(number, sender.decode(), dest.decode(), epoch, sequence, trace, body, auth, sealed)


def key_is_usable(key):
    """False for encodings that are not canonical and for points of small order."""
    y = key[:31] + bytes([key[31] & 0x7F])
    return y not in SMALL_ORDER and int.from_bytes(y, "little") < FIELD_PRIME


def from_hex(text, size, what):
    """Exactly size bytes from hexadecimal digits; BadKey otherwise."""
    try:
        raw = bytes.fromhex(text.strip())
    except (ValueError, AttributeError):
        raw = b""
    if len(raw) != size:
        raise BadKey("%s is not %d hexadecimal digits" % (what, size * 2))
    return raw


class Keeper:
    """Who is believed: the keepers' public keys (more than one while a key is changed) within one deployment."""

    def __init__(self, keys, deployment, name="keeper"):
        """keys: list of 64 hexadecimal digits; deployment: 32 of them; name: the keeper's in principals.yaml."""
        self.name = name
        self.deployment = from_hex(deployment, DEPLOYMENT_BYTES, "deployment")
        if not any(self.deployment):
            raise BadKey("deployment is zero")
        raw = [from_hex(k, KEY_BYTES, "a keeper key") for k in keys]
        if not raw:
            raise BadKey("no keeper key")
        if not all(key_is_usable(k) for k in raw):
            raise BadKey("a keeper key is no proper Ed25519 key")
        try:
            self.keys = [Ed25519PublicKey.from_public_bytes(k) for k in raw]
        except ValueError:
            raise BadKey("a keeper key is no proper Ed25519 key") from None

    def open(self, frame):
        """The verified message of one frame; WireError otherwise."""
        e = open_envelope(frame)
        name = NAMES.get(e.type)
        if name is None:
            raise WireError("message %d is not for a follower of the pool" % e.type)
        if e.sender != self.name:
            raise WireError("%s of %s, who is not our keeper" % (name, e.sender))
        if len(e.auth) != SIGNATURE_BYTES:
            raise WireError("%s without a signature" % name)
        covered = b"SPICE1:" + name.encode() + b":" + self.deployment + hashlib.sha256(frame[:e.sealed_bytes]).digest()
        for key in self.keys:
            try:
                key.verify(e.auth, covered)
            except InvalidSignature:
                continue
            return decode(e.type, e.body)
        raise WireError("signature of %s does not verify" % name)
