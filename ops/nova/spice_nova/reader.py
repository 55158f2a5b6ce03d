# SPDX-License-Identifier: Apache-2.0
"""Follows the pool through a courier that nobody trusts. No clock, socket, thread or random source inside: time and nonces come as arguments,
questions go out as return values. The twin in C is broker/client/core/reader_core.h; tests/nova plays the same streams to both.

An entry is believed only while all of this holds:
  - the copy is complete: same start of the keeper, no hole in the sequence;
  - something signed proves that it was complete a short while ago: the answer to a question of ours, or a beat that is not older than that by
    the keeper's own clock;
  - the end of the entry has not come by an *upper* bound of the keeper's clock: its reading, plus all time since we asked, plus 500 ppm.
Otherwise every node is unknown.

          snapshot asked             last part           hole not filled, other start, silence, clock in doubt
   AWAY ----------------> JOINING --------------> FOLLOWING -------------------------------------------------> AWAY

Answers and events come on different roads of the bus and cross each other. So events that come during a join are kept until the snapshot is
whole, and an answer that is ahead of the events proves nothing until they are here. A hole between events is doubt at once."""

import collections
import hashlib
import uuid

from . import wire

AWAY, JOINING, FOLLOWING = "away", "joining", "following"
DRIFT_PPM = 500     # how wrong two clocks may run against each other
ROUNDING_MS = 1     # the keeper's reading is cut to milliseconds
AHEAD_MAX = 256     # events kept while they cannot be applied
CLAIMS_MAX = 8      # answers that are ahead of the events
DEAD_MAX = 256      # former starts of the keeper that are remembered
SNAPSHOT_ASK, BEAT_ASK = "snapshot", "beat"

Request = collections.namedtuple("Request", "method nonce")
Claim = collections.namedtuple("Claim", "sequence asked_us seen_us")
Answer = collections.namedtuple("Answer", "member tier remaining_ms why")
Known = collections.namedtuple("Known", "member until_ms tier node key named as_of_ms late_part since_ms why")


class Options:
    def __init__(self, ping_ms=2000, stale_ms=6000, settle_ms=1000, join_ms=5000, retry_ms=500, retry_max_ms=2000, entries_max=262144):
        if not 0 < ping_ms <= stale_ms or retry_ms <= 0:
            raise ValueError("the interval of questions must be positive and not longer than what an answer proves")
        self.ping_ms, self.stale_ms = ping_ms, stale_ms
        self.settle_ms = settle_ms          # a hole, or an answer ahead of the events, may last so long
        self.join_ms = join_ms              # no next part of a snapshot for so long: ask again
        self.retry_ms, self.retry_max_ms = retry_ms, retry_max_ms
        self.entries_max = entries_max


class Pool:
    """What is known of one pool: entries by node key (UUID text) and by node name."""

    __slots__ = ("by_key", "by_name")

    def __init__(self):
        self.by_key, self.by_name = {}, {}


class View:
    """What may be believed at one moment; for any number of look-ups right after it was taken."""

    __slots__ = ("fresh", "why", "clock_ms", "pools")

    def __init__(self, fresh, why, clock_ms, pools):
        self.fresh, self.why, self.clock_ms, self.pools = fresh, why, clock_ms, pools


NOTHING = View(False, "the reader has not started", 0, {})


def name_key(name):
    """The key the keeper gives a node that was registered without one: it follows from the name, and says nothing about Nova's identity."""
    h = bytearray(hashlib.sha256(b"SPICE node:" + name.encode()).digest()[:16])
    h[6] = h[6] & 0x0F | 0x80
    h[8] = h[8] & 0x3F | 0x80
    return bytes(h)


def bound_ms(anchor, now_us):
    """Upper bound of the keeper's clock by one reading of it."""
    asked_us, keeper_ms = anchor
    elapsed = max(0, now_us - asked_us)
    drift = elapsed // 1000000 * DRIFT_PPM + DRIFT_PPM
    return keeper_ms + (elapsed + drift) // 1000 + ROUNDING_MS


class Reader:
    def __init__(self, options):
        self.options, self.stale_us = options, options.stale_ms * 1000
        self.state, self.why = AWAY, "the keeper was not asked yet"
        self.boot = self.sequence = self.part = 0
        self.nonce = self.ping_nonce = b""
        self.asked_us = self.heard_us = self.retry_us = self.ping_due_us = 0
        self.ping_us = None        # when the open question was sent
        self.anchor = (0, 0)       # our clock when we asked for a reading, and the keeper's clock in the answer
        self.copies = 0            # whole copies taken
        self.proven_us = None      # at this time of ours the copy was complete
        self.hole_us = None        # an event is missing since
        self.ahead, self.claims = {}, []
        self.strange, self.dead = set(), collections.OrderedDict()
        self.failures = self.count = 0
        self.delay_ms = None       # upper bound of the way of the latest event, from the keeper to here
        self.pools = {}
        self.counters = collections.Counter()

    # ---- time ----

    def clock_ms(self, now_us):
        """Upper bound of the keeper's clock."""
        return bound_ms(self.anchor, now_us)

    def _anchor(self, now_us, asked_us, keeper_ms, fresh_start):
        """A reading that answers a question asked at asked_us. The lower of two upper bounds is the better one, unless it is refuted."""
        anchor = (asked_us, keeper_ms)
        if not fresh_start and keeper_ms <= self.clock_ms(now_us) < bound_ms(anchor, now_us):
            return
        self.anchor = anchor  # as one: a view may be taken by another thread at any moment

    def _recent(self, now_us):
        proven_us = self.proven_us
        return proven_us is not None and 0 <= now_us - proven_us < self.stale_us

    def fresh(self, now_us):
        """True when the copy is complete and was proven so a short while ago."""
        return self.state == FOLLOWING and self.hole_us is None and self._recent(now_us)

    # ---- leaving and joining ----

    def _away(self, why):
        self.state, self.why = AWAY, why
        self.proven_us = self.ping_us = self.hole_us = None
        self.ahead, self.claims = {}, []

    def lost(self, why="the connection is gone"):
        """Events may have been missed: nothing is believed until the next join, which may be asked for at once."""
        self._away(why)
        self.retry_us = 0

    def failed(self, now_us, why):
        """The open question got no answer. A copy that is proven stays believed until its proof is old."""
        self.failures += 1
        if self.state == JOINING:
            self._away(why)
            self.retry_us = now_us + min(self.options.retry_ms << min(self.failures - 1, 16), self.options.retry_max_ms) * 1000
        else:
            self.ping_us = None

    def step(self, now_us, nonce):
        """Time passes. Returns a Request that is to be sent now with this nonce (16 fresh bytes), or None."""
        o = self.options
        if self.state == FOLLOWING:
            if not self._recent(now_us):
                self.counters["stale"] += 1
                self._away("no proof from the keeper for %.1f s" % (o.stale_ms / 1000))
            elif self._unsettled(now_us):
                self.counters["gaps"] += 1
                self._away("an event of the keeper is missing")
        if self.state == JOINING and now_us - self.heard_us >= o.join_ms * 1000:
            self._away("no whole snapshot came")
        if self.state == AWAY and now_us >= self.retry_us:
            self._subscribe(now_us, nonce)
            return Request(SNAPSHOT_ASK, nonce)
        if self.state == FOLLOWING and now_us >= self.ping_due_us:
            self.ping_nonce, self.ping_us = nonce, now_us
            self.ping_due_us = now_us + o.ping_ms * 1000
            return Request(BEAT_ASK, nonce)
        return None

    def next_deadline_us(self):
        o = self.options
        if self.state == AWAY:
            return self.retry_us
        if self.state == JOINING:
            return self.heard_us + o.join_ms * 1000
        times = [self.ping_due_us, self.proven_us + o.stale_ms * 1000]
        times += [t + o.settle_ms * 1000 for t in [self.hole_us] + [c.seen_us for c in self.claims[:1]] if t is not None]
        return min(times)

    def _subscribe(self, now_us, nonce):
        self.state, self.nonce = JOINING, nonce
        self.asked_us = self.heard_us = now_us
        self.retry_us = now_us + self.options.retry_ms * 1000
        self.part = self.count = 0
        self.pools = {}  # a new one: whoever still holds a view of the former keeps a consistent picture
        self.ahead, self.claims = {}, []
        self.counters["joins"] += 1

    def _unsettled(self, now_us):
        """A hole, or an answer that knows more events than we, for too long."""
        oldest = [t for t in [self.hole_us] + [c.seen_us for c in self.claims[:1]] if t is not None]
        return bool(oldest) and now_us - min(oldest) >= self.options.settle_ms * 1000

    # ---- messages: verified and decoded by the caller ----

    def on_message(self, now_us, message):
        if isinstance(message, wire.Snapshot):
            self._on_snapshot(now_us, message)
        elif isinstance(message, wire.TrustEvent):
            self._on_event(now_us, message)
        elif isinstance(message, wire.TrustBeat):
            self._on_beat(now_us, message)

    def _on_snapshot(self, now_us, m):
        if self.state != JOINING or m.nonce != self.nonce:
            return  # the answer to an older question, or to somebody else's
        if m.part == 0 and self.part == 0:
            self.boot, self.sequence = m.boot, m.sequence
        if m.part != self.part or m.boot != self.boot or m.boot == 0 or m.sequence != self.sequence:
            self.counters["gaps"] += 1
            self._away("a part of the snapshot is missing")
            return
        self.part += 1
        self.heard_us = now_us
        if not self._apply_all(m.entries, m.now_ms, m.part > 0) or not m.last:
            return
        self._anchor(now_us, self.asked_us, m.now_ms, True)
        self.copies += 1  # before the state: see view
        self.state, self.why = FOLLOWING, ""
        self.proven_us = self.asked_us
        self.ping_us, self.ping_due_us = None, now_us
        self.failures = 0
        self.counters["snapshots"] += 1
        self._bury()
        kept, self.ahead = self.ahead, {}
        for key in sorted(kept):
            if self.state == FOLLOWING:
                self._on_event(now_us, kept[key])

    def _on_event(self, now_us, m):
        if self.state == JOINING:
            self._keep(m)
            return
        if self.state != FOLLOWING:
            return
        if m.boot != self.boot:
            self._other_start(m.boot)
        elif m.sequence <= self.sequence:
            pass  # contained already
        elif m.now_ms > self.clock_ms(now_us):
            self._refuted()
        elif m.sequence != self.sequence + 1:
            self._hole(now_us, m)
        elif self._apply_event(m):
            self.delay_ms = self.clock_ms(now_us) - m.now_ms
            self._fill(now_us)

    def _keep(self, m):
        if len(self.ahead) >= AHEAD_MAX:
            self._away("more events than can be kept during a join")
        else:
            self.ahead[(m.sequence, m.boot)] = m

    def _hole(self, now_us, m):
        self.counters["holes"] += 1
        if self.options.settle_ms == 0 or len(self.ahead) >= AHEAD_MAX:
            self.counters["gaps"] += 1
            self._away("an event of the keeper is missing")
            return
        self.ahead[(m.sequence, m.boot)] = m
        self.hole_us = now_us if self.hole_us is None else self.hole_us
        self.why = "an event of the keeper is missing"

    def _fill(self, now_us):
        """After an event was applied: those that waited for it, and the answers that knew of it."""
        while self.ahead and self.state == FOLLOWING:
            following = self.ahead.pop((self.sequence + 1, self.boot), None)
            if following is None:
                self.ahead = {k: m for k, m in self.ahead.items() if k[0] > self.sequence}
                break
            if not self._apply_event(following):
                return
        if not self.ahead:
            self.hole_us = None
        while self.claims and self.claims[0].sequence <= self.sequence:
            self._prove(self.claims.pop(0).asked_us)

    def _on_beat(self, now_us, m):
        if self.state != FOLLOWING:
            return
        if m.nonce == self.ping_nonce and self.ping_us is not None:
            self._on_answer(now_us, m)
        elif m.boot == self.boot:  # made for somebody else: as old as the keeper's own clock says it is
            age_ms = self.clock_ms(now_us) - m.now_ms
            if age_ms < 0:
                self._refuted()
            elif age_ms < self.options.stale_ms:
                self._claim(now_us, m.sequence, now_us - age_ms * 1000)
        else:
            self._other_start(m.boot)

    def _other_start(self, boot):
        """A new start of the keeper, or a former one that somebody plays again: a question of ours will tell, until then nothing is believed.
        The keeper's starts follow each other, so one that was seen before we asked, and did not answer, is over: it counts for nothing again."""
        if boot in self.dead:
            return
        self.counters["boots"] += 1
        self.strange.add(boot)
        self._away("the keeper was started anew")

    def _bury(self):
        for boot in sorted(self.strange - {self.boot}):
            self.dead[boot] = True
        while len(self.dead) > DEAD_MAX:
            self.dead.popitem(last=False)
        self.strange = set()

    def _on_answer(self, now_us, m):
        asked_us, self.ping_us = self.ping_us, None
        if m.boot != self.boot:
            self.counters["boots"] += 1
            self._away("the keeper was started anew")
            return
        self.failures = 0
        self.counters["beats"] += 1
        self._anchor(now_us, asked_us, m.now_ms, False)
        self._claim(now_us, m.sequence, asked_us)

    def _claim(self, now_us, sequence, asked_us):
        """Signed: at asked_us of our clock `sequence` was the last event. It proves our copy once we hold all events up to that one."""
        if sequence <= self.sequence:
            self._prove(asked_us)
        elif self.options.settle_ms == 0:
            self.counters["gaps"] += 1
            self._away("an event of the keeper is missing")
        elif len(self.claims) < CLAIMS_MAX and (not self.claims or sequence >= self.claims[-1].sequence):
            self.claims.append(Claim(sequence, asked_us, now_us))

    def _prove(self, asked_us):
        if self.proven_us is None or asked_us > self.proven_us:
            self.proven_us = asked_us

    def _refuted(self):
        """A signed reading lies ahead of what we hold to be an upper bound: our clock is too slow, and lifetimes look too long."""
        self.counters["clock"] += 1
        self._away("the clock of this host runs behind the keeper's")

    # ---- entries ----

    def _apply_event(self, m):
        if not self._apply_all(m.entries, m.now_ms, False):
            return False
        self.sequence = m.sequence
        self.counters["events"] += 1
        return True

    def _apply_all(self, entries, as_of_ms, late_part):
        for t in entries:
            why = self._apply(t, as_of_ms, late_part)
            if why:
                self.counters["dropped"] += 1
                self._away(why)
                return False
        self.counters["entries"] += len(entries)
        return True

    def _apply(self, t, as_of_ms, late_part):
        """Takes one entry over; a text when that cannot be done, and then nothing may be believed at all. Later parts of a snapshot are made
        after events that the snapshot's sequence does not contain: such an event is older than what is known, whenever it arrives."""
        if not t.node or t.tier > wire.TIER_FAIL:
            return "an entry of the keeper makes no sense"
        pool = self.pools.get(t.pool)
        if pool is None:
            pool = self.pools[t.pool] = Pool()
        key = str(uuid.UUID(bytes=t.key))
        old = pool.by_key.get(key)
        if old is None:
            self.count += 1
            if self.count > self.options.entries_max:
                return "more entries than this reader may hold"
        elif old.late_part and old.as_of_ms >= as_of_ms and not late_part:
            if old.as_of_ms > as_of_ms or (old.member, old.until_ms, old.tier) == (t.member, t.until_ms, t.tier):
                return None
            return "two facts of one moment contradict each other"
        named = t.key[6] >> 4 == 8 and t.key == name_key(t.node)
        known = Known(t.member, t.until_ms, t.tier, t.node, key, named, as_of_ms, late_part, t.since_ms, t.why)
        pool.by_key[key] = known
        if old is not None and old.node != t.node and pool.by_name.get(old.node) == key:
            del pool.by_name[old.node]
        if old is None or old.node != t.node:
            pool.by_name[t.node] = key
        return None

    # ---- answers ----

    def believed(self, now_us):
        """(upper bound of the keeper's clock, pools) for look-ups right after; None: nothing may be believed now. Another thread may take messages
        meanwhile: what it leaves behind is not mixed with what was before."""
        copies, pools, anchor, proven_us = self.copies, self.pools, self.anchor, self.proven_us
        # As fresh() says, written out: each host of a request may come this way.
        if self.state is FOLLOWING and self.hole_us is None and proven_us is not None and 0 <= now_us - proven_us < self.stale_us \
                and copies == self.copies:
            return bound_ms(anchor, now_us), pools
        return None

    def view(self, now_us):
        """What may be believed now, or why nothing may."""
        belief = self.believed(now_us)
        if belief is not None:
            return View(True, "", *belief)
        why = self.why or "no proof from the keeper for %.1f s" % (self.options.stale_ms / 1000)
        return View(False, why, 0, {})

    def lookup(self, now_us, pool, key=None, name=None):
        """One answer, by key (UUID text) or by name; for tests and dumps."""
        view = self.view(now_us)
        if not view.fresh:
            return Answer(False, wire.TIER_NONE, 0, view.why)
        known = find(view.pools.get(pool), key) if key is not None else find_name(view.pools.get(pool), name)
        if known is None:
            return Answer(False, wire.TIER_NONE, 0, "no such node in this pool")
        if not known.member:
            return Answer(False, known.tier, 0, known.why)
        if view.clock_ms >= known.until_ms:
            return Answer(False, wire.TIER_NONE, 0, "its time is over and no renewal came")
        return Answer(True, known.tier, known.until_ms - view.clock_ms, known.why)


def find(pool, key):
    return pool.by_key.get(key) if pool is not None else None


def find_name(pool, name):
    return pool.by_key.get(pool.by_name.get(name)) if pool is not None else None
