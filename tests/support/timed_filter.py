# SPDX-License-Identifier: Apache-2.0
"""TrustedFilterSPICE with a clock around each pass, for the benchmark in a real nova-scheduler: hosts and seconds of the latest pass are in the file
filter-times of `[spice] state_dir`."""
import pathlib
import time

from oslo_config import cfg
from spice_nova.filters import TrustedFilterSPICE


class TrustedFilterTimed(TrustedFilterSPICE):
    def filter_all(self, filter_obj_list, spec_obj):
        hosts = list(filter_obj_list)
        start = time.perf_counter()
        kept = super().filter_all(hosts, spec_obj)
        took = time.perf_counter() - start
        pathlib.Path(cfg.CONF.spice.state_dir, "filter-times").write_text("%d %.9f\n" % (len(hosts), took))
        return kept
