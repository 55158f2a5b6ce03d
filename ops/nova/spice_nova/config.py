# SPDX-License-Identifier: Apache-2.0
"""Options of group [spice] in nova.conf."""

from oslo_config import cfg

GROUP = cfg.OptGroup("spice", title="Trusted computing pools of SPICE")
OPTIONS = [
    cfg.ListOpt("keeper_keys", default=[],
                help="Ed25519 public keys of the keeper, 64 hexadecimal digits each: `sign` of its row in SPICE's principals.yaml. While a key "
                     "is changed, the former and the next."),
    cfg.StrOpt("keeper_name", default="keeper", help="Name of the keeper in principals.yaml."),
    cfg.StrOpt("deployment", default="",
               help="Deployment id of SPICE, 32 hexadecimal digits: `deployment` of spice.yaml."),
    cfg.StrOpt("pool", default="trusted",
               help="Pool that the flavor key trust:trusted_host speaks of."),
    cfg.StrOpt("transport_url", secret=True,
               help="Message bus of the bridge; without it, Nova's own transport_url."),
    cfg.StrOpt("exchange", default="spice", help="Control exchange of the bridge."),
    cfg.StrOpt("rpc_topic", default="spice", help="Topic on which the bridge answers."),
    cfg.StrOpt("fanout_topic", default="spice_trust", help="Topic on which the bridge spreads what the keeper says."),
    cfg.FloatOpt("ping_interval", default=2.0, min=0.1, max=60.0,
                 help="Seconds between questions to the keeper."),
    cfg.FloatOpt("stale_after", default=6.0, min=0.2, max=300.0,
                 help="Seconds after which a proof is too old: every node is unknown from then on."),
    cfg.FloatOpt("call_timeout", default=2.0, min=0.1, max=60.0,
                 help="Seconds to wait for an answer of the bridge; for a snapshot, which takes longer in a large cloud, also for a sign that it works on it "
                      "(each second, when this is 2 or more). Nobody but the reader's own thread waits."),
    cfg.FloatOpt("first_wait", default=2.0, min=0.0, max=10.0,
                 help="A scheduler process starts its reader with its first request. Requests that demand trust wait so many seconds at most for "
                      "the reader's first snapshot, once in the life of a process; 0: they are refused until it is there."),
    cfg.IntOpt("entries_max", default=262144, min=1, max=2097152,
               help="Nodes times pools that are kept at most; more, and nothing is believed."),
    cfg.StrOpt("state_dir",
               help="Folder for the state dump of each scheduler process (spice-filter-HOST-PID.json), which `spicectl doctor` reads; without it "
                    "none is written."),
]


def register(conf):
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts():
    """For oslo-config-generator."""
    return [(GROUP, OPTIONS)]
