# SPDX-License-Identifier: Apache-2.0
"""One reader of the pool in this process: a thread that asks the keeper through the bridge, takes the bridge's fanout, and keeps the table that
the filter looks at. Needs no Nova and no oslo: the bus is given.

`threading`, `time` and `queue` are whatever Nova made of them, green threads or native ones; both do."""

import base64
import binascii
import json
import logging
import os
import re
import threading
import time

from . import __version__, reader, wire

LOG = logging.getLogger(__name__)
FRAMES_MAX = 16384         # of one answer
FANOUT_FRAMES_MAX = 1024   # of one cast
VERIFY_PER_SECOND = 2000   # signatures looked at in fanout: a flood costs some of a processor, and then trust
TURN_S = 0.25              # the thread looks around at least so often
CONNECT_S = 1.0            # between two tries to reach the message bus
DUMP_S = 10.0              # between two state dumps when nothing changes
DUMP_EVENT_S = 1.0         # and while events come
PATIENCE_S = 10.0          # no proof for so long after the start: say so once


def boottime_us(read=time.clock_gettime_ns, clock=time.CLOCK_BOOTTIME):
    """Monotonic, and goes on while the machine sleeps."""
    return read(clock) // 1000


def unpack_frames(frames, most):
    """List of bytes from the list of base64 texts of a message; WireError for anything else."""
    if not isinstance(frames, list) or len(frames) > most:
        raise wire.WireError("no list of frames")
    out = []
    for text in frames:
        if not isinstance(text, str) or len(text) > wire.FRAME_BYTES_MAX * 4 // 3 + 4:
            raise wire.WireError("a frame is no text, or too large")
        try:
            out.append(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            raise wire.WireError("a frame is no base64") from None
    return out


class Listener:
    def __init__(self, keeper, options, make_bus, name="nova-scheduler", state_dir=None, clock=boottime_us, nonce=os.urandom):
        """keeper: wire.Keeper. make_bus(on_frames) gives an object with listen() and ask(method, nonce)."""
        self._keeper, self._make_bus = keeper, make_bus
        self._clock, self._nonce = clock, nonce
        self._reader = reader.Reader(options)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._settled = threading.Event()  # set with the first proof, for good
        self._started_us = clock()
        self._stop = False
        self._thread = None
        self._bus = None
        self._budget, self._budget_us = VERIFY_PER_SECOND, 0
        self._healthy, self._warned = False, False
        self._dumped_us, self._dumped_sequence = None, 0
        self._name, self._state_dir = name, state_dir
        self.refused = 0      # frames that no keeper of ours signed, or that make no sense
        self.bad_bus = 0      # answers that did not come or were no answers
        self.last_error = ""

    # ---- for the filter ----

    def start(self):
        LOG.info("SPICE reader %s starts in process %d with %d keeper key(s)", __version__, os.getpid(), len(self._keeper.keys))
        self._started_us = self._clock()
        self._thread = threading.Thread(target=self._run, name="spice-reader", daemon=True)
        self._thread.start()

    def stop(self):
        """For tests; in Nova the reader ends with its process."""
        self._stop = True
        self._wake.set()
        self._thread.join()
        self._drop_bus()

    def view(self):
        """What may be believed now. Never waits; a thread of ours that is stuck makes it `nothing` by the clock alone."""
        return self._reader.view(self._clock())

    def believed(self):
        """The same for one look-up, without the reason."""
        return self._reader.believed(self._clock())

    def wait_first(self, seconds):
        """Waits for the first proof, until so many seconds after the start of this reader, and never again. True when it came meanwhile."""
        left_s = seconds - (self._clock() - self._started_us) / 1e6
        return left_s > 0 and not self._settled.is_set() and self._settled.wait(min(left_s, seconds))

    # ---- the thread ----

    def _run(self):
        while not self._stop:
            try:
                self._connect()
                while not self._stop:
                    self._turn()
            except Exception as error:  # whatever a library throws: this thread must not end
                LOG.debug("SPICE reader starts over", exc_info=True)
                self._fault(error)
                self._drop_bus()
                with self._lock:
                    self._reader.lost("the message bus cannot be used")
                self._note_health()
                self._wake.wait(CONNECT_S)
                self._wake.clear()

    def _connect(self):
        """First the fanout, then the snapshot: so no event falls between them."""
        if self._bus is None:
            self._bus = self._make_bus(self.on_fanout)
            self._bus.listen()

    def _drop_bus(self):
        bus, self._bus = self._bus, None
        try:
            if bus is not None:
                bus.close()
        except Exception as error:
            self._fault(error)

    def _turn(self):
        with self._lock:
            request = self._reader.step(self._clock(), self._nonce(wire.NONCE_BYTES))
        if request is not None:
            self._ask(request)
        self._note_health()
        self._dump_if_due()
        with self._lock:
            wait_s = (self._reader.next_deadline_us() - self._clock()) / 1e6
        self._wake.wait(min(max(wait_s, 0.01), TURN_S))
        self._wake.clear()

    def _ask(self, request):
        method = request.method
        try:
            answer = self._bus.ask(method, base64.b64encode(request.nonce).decode())
            frames = unpack_frames(answer.get("frames") if isinstance(answer, dict) else None, FRAMES_MAX)
        except Exception as error:  # time-outs, remote errors, an answer that is none
            self.bad_bus += 1
            self._fault(error)
            with self._lock:
                self._reader.failed(self._clock(), "the bridge does not answer (%s)" % type(error).__name__)
            return
        self._take(frames)
        with self._lock:
            if request.method == reader.SNAPSHOT_ASK and self._reader.state == reader.JOINING:
                self._reader.failed(self._clock(), "the bridge's answer holds no whole snapshot")

    def _take(self, frames):
        for frame in frames:
            try:
                message = self._keeper.open(frame)
            except wire.WireError as error:
                self.refused += 1
                self._fault(error)
                continue
            with self._lock:
                self._reader.on_message(self._clock(), message)
            time.sleep(0)  # a part of 256 entries costs about 10 ms: requests run between the parts of a large snapshot

    def on_fanout(self, bridge, frames):
        """From the bus's thread. Raises nothing."""
        try:
            frames = unpack_frames(frames, FANOUT_FRAMES_MAX)
            if self._spend(len(frames)):
                self._take(frames)
        except Exception as error:
            self.refused += 1
            self._fault(error)
        self._wake.set()

    def _spend(self, count):
        now_us = self._clock()
        if not 0 <= now_us - self._budget_us < 1000000:
            self._budget, self._budget_us = VERIFY_PER_SECOND, now_us
        self._budget -= count
        return self._budget >= 0

    def _fault(self, error):
        self.last_error = "%s: %s" % (type(error).__name__, str(error)[:200])

    # ---- what people see ----

    def _note_health(self):
        view = self.view()
        if view.fresh:
            self._settled.set()
        if view.fresh and not self._healthy:
            with self._lock:
                boot, count = self._reader.boot, self._reader.count
            LOG.info("SPICE reader follows the keeper (start %016x): %d entries in pools %s", boot, count, ", ".join(sorted(view.pools)) or "none")
        elif self._healthy and not view.fresh:
            LOG.warning("SPICE reader has no proof any more, every host is unknown: %s", view.why)
        elif not view.fresh and not self._warned and not self._settled.is_set() and self._clock() - self._started_us > PATIENCE_S * 1e6:
            self._warned = True
            LOG.warning("SPICE reader has no proof yet, every host is unknown: %s", view.why)
        if view.fresh != self._healthy:
            self._healthy, self._dumped_us = view.fresh, None

    def state(self):
        """What `spicectl doctor` wants to know."""
        now_us = self._clock()
        view = self._reader.view(now_us)
        with self._lock:
            r = self._reader
            pools = {}
            for name, pool in view.pools.items():
                alive = sum(1 for e in pool.by_key.values() if e.member and view.clock_ms < e.until_ms)
                pools[name] = {"nodes": len(pool.by_key), "members": alive}
            return {"version": __version__, "pid": os.getpid(), "name": self._name, "following": view.fresh, "why": view.why,
                    "state": r.state, "boot": "%016x" % r.boot, "sequence": r.sequence, "entries": r.count, "pools": pools,
                    "event_delay_ms": r.delay_ms,
                    "proof_age_ms": (now_us - r.proven_us) // 1000 if r.proven_us is not None else None,
                    "written_boottime_ms": now_us // 1000, "counters": dict(r.counters), "refused_frames": self.refused,
                    "unanswered": self.bad_bus, "last_error": self.last_error}

    def _dump_if_due(self):
        now_us, sequence = self._clock(), self._reader.sequence
        pause_s = DUMP_S if sequence == self._dumped_sequence else DUMP_EVENT_S
        if not self._state_dir or (self._dumped_us is not None and 0 <= now_us - self._dumped_us < pause_s * 1e6):
            return
        first, self._dumped_us, self._dumped_sequence = self._dumped_us is None, now_us, sequence
        try:
            if first:
                remove_dead(self._state_dir, self._name)
            write_whole(os.path.join(self._state_dir, dump_name(self._name, os.getpid())), json.dumps(self.state(), indent=1))
        except OSError as error:
            self._fault(error)


def dump_name(name, pid):
    return "spice-filter-%s-%d.json" % (re.sub(r"[^A-Za-z0-9._-]", "_", name), pid)


def write_whole(path, text):
    """A reader of the file sees the former or the new content, never a part."""
    temporary = "%s.new" % path
    with open(temporary, "w", encoding="utf-8") as f:
        f.write(text + "\n")
    os.replace(temporary, path)


def remove_dead(folder, name):
    """Dumps of processes of this host that are no more."""
    pattern = re.compile(re.escape(dump_name(name, 0)[:-len("0.json")]) + r"(\d+)\.json\Z")
    for entry in os.listdir(folder):
        match = pattern.match(entry)
        if match and not os.path.exists("/proc/%s" % match.group(1)):
            os.unlink(os.path.join(folder, entry))
