# SPDX-License-Identifier: Apache-2.0
"""The filter for nova-scheduler. See README.md for how to enable it.

    [filter_scheduler]
    available_filters = nova.scheduler.filters.all_filters
    available_filters = spice_nova.filters.TrustedFilterSPICE
    enabled_filters = ...,TrustedFilterSPICE
"""

import os
import threading

from nova.scheduler import filters
from oslo_config import cfg
from oslo_log import log as logging

from . import bus, config, judge, listener, reader, wire

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
config.register(CONF)


def make_listener(conf):
    """The reader of this process; BadKey or ValueError when [spice] cannot be used."""
    s = conf.spice
    keeper = wire.Keeper(s.keeper_keys, s.deployment, s.keeper_name)
    options = reader.Options(ping_ms=int(s.ping_interval * 1000), stale_ms=int(s.stale_after * 1000), entries_max=s.entries_max,
                             join_ms=int(s.call_timeout * 1000) + 2000)
    return listener.Listener(keeper, options, lambda on_frames: bus.OsloBus(conf, on_frames), name=bus.host_name(conf), state_dir=s.state_dir)


class TrustedFilterSPICE(filters.BaseHostFilter):
    """Passes the hosts that are in the pool the flavor asks for.

    Nova makes the filters before it forks its workers; a reader made then would listen in the parent only. So the first request that a process
    sees starts its reader."""

    # A rebuild stays on its host and brings a new image: it must not go on where trust has ended.
    RUN_ON_REBUILD = True
    # A look-up costs nothing worth saving, and a host may lose trust in the middle of a request for many servers.
    run_filter_once_per_request = False

    def __init__(self):
        super().__init__()
        self._pid, self._listener, self._pool = None, None, None
        self._starting = threading.Lock()

    def filter_all(self, filter_obj_list, spec_obj):
        """One view of the pools for the whole list."""
        try:
            hosts = list(filter_obj_list)
            demand = self._demand(spec_obj)
            if demand is None:
                return hosts
            view = self._view(wait=True)
            passes = judge.judge_of(view, demand, self._pool)
            kept = [host for host in hosts if passes(host.uuid, host.nodename)]
            if LOG.isEnabledFor(logging.DEBUG):
                self._say_why(view, demand, set(map(id, hosts)) - set(map(id, kept)), hosts)
            return kept
        except judge.BadDemand as error:
            LOG.warning("TrustedFilterSPICE refuses every host: %s", error)
            return []
        except Exception:
            LOG.exception("TrustedFilterSPICE failed and refuses every host")
            return []

    def host_passes(self, host_state, spec_obj):
        try:
            demand = self._demand(spec_obj)
            if demand is None:
                return True
            current = self._listener
            belief = current.believed() if current is not None else None
            passes = judge.passes_one(belief, demand, self._pool, host_state.uuid, host_state.nodename)
            if not passes and LOG.isEnabledFor(logging.DEBUG):
                self._say_why(self._view(wait=False), demand, {id(host_state)}, [host_state])
            return passes
        except judge.BadDemand as error:
            LOG.warning("TrustedFilterSPICE refuses the host: %s", error)
            return False
        except Exception:
            LOG.exception("TrustedFilterSPICE failed and refuses the host")
            return False

    def _demand(self, spec_obj):
        """What the flavor asks for; None: nothing. Also the moment at which the reader of this process starts."""
        if self._pid != os.getpid():
            self._start()
        flavor = spec_obj.flavor
        try:
            specs = flavor.extra_specs
        except Exception:
            if "extra_specs" in flavor:
                raise
            return None  # never set: nothing is asked for. Asking first would cost each host more than its answer
        return judge.demand_of(specs) if specs else None

    def _start(self):
        with self._starting:
            if self._pid == os.getpid():
                return
            self._listener = None  # a former process's: its threads are not here
            self._pool = CONF.spice.pool  # the option is looked up once: that takes longer than a verdict
            try:
                self._listener = make_listener(CONF)
                self._listener.start()
            except ValueError as error:
                LOG.error("TrustedFilterSPICE cannot work, every host is unknown: [spice] %s", error)
            self._pid = os.getpid()

    def _view(self, wait):
        current = self._listener
        if current is None:
            return reader.View(False, "[spice] of nova.conf cannot be used", 0, {})
        view = current.view()
        if wait and not view.fresh and CONF.spice.first_wait > 0 and current.wait_first(CONF.spice.first_wait):
            view = current.view()
        return view

    def _say_why(self, view, demand, refused, hosts):
        for host in hosts:
            if id(host) in refused:
                LOG.debug("%s does not pass %s: %s", host, demand,
                          judge.refusal(view, demand, self._pool, host.uuid, host.nodename))
