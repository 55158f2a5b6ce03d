# SPDX-License-Identifier: Apache-2.0
"""A fleet whose pools feed placement traits, and bridges that do it. Without RabbitMQ: traits do not need it."""
import os
import pathlib
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fleet  # noqa: E402

GOLD, IRON = "CUSTOM_SPICE_GOLD", "CUSTOM_SPICE_IRON"
DEFINITIONS = textwrap.dedent(f"""\
    kind: profile
    name: fast
    period: 1s
    ---
    kind: check
    name: boot
    adapter: noop
    profile: fast
    max_age: 30s
    stage: enforcing
    params: {{outcome: pass}}
    ---
    kind: pool
    name: gold
    mandatory: [boot]
    selector: gold=yes
    trait: {GOLD}
    ---
    kind: pool
    name: iron
    mandatory: [boot]
    trait: {IRON}
    ---
    kind: pool
    name: plain
    mandatory: [boot]
    """)


class TraitFleet(fleet.Fleet):
    """nodes: {name: key or None}."""

    def __init__(self, url, nodes, settings="", second=False):
        super().__init__(workers=1, init_args=("--bridges", "2") if second else ())
        path = self.prefix / "etc/transport_url"
        path.write_text("rabbit://nobody:nothing@127.0.0.1:1/\n")
        os.chmod(path, 0o600)
        self.url, self.nodes, self.settings = url, nodes, settings

    def secret(self, text):
        path = self.prefix / "etc/secret"
        path.write_text(text + "\n")
        os.chmod(path, 0o600)

    def __enter__(self):
        try:
            with open(self.config, "a") as conf:
                conf.write(f"\nbridge:\n  transport_url_file: etc/transport_url\n  placement:\n    url: {self.url}\n    reconcile: 2s\n")
                conf.write(textwrap.indent(textwrap.dedent(self.settings), "    "))
            self.start("broker-1", "keeper", "scheduler", "worker-1").ready()
            self.apply(DEFINITIONS)
            for name in self.nodes:
                self.label(name, gold=True)
            for name in self.nodes:
                self.wait_member(name, True, "gold")
                self.wait_member(name, True, "iron")
            return self
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def label(self, name, gold):
        key = self.nodes[name]
        self.apply(f"kind: node\nname: {name}\n" + (f"key: {key}\n" if key else "") + f"labels: {{gold: {'yes' if gold else 'no'}}}\n")

    def log(self, name="bridge-1"):
        return (self.prefix / f"{name}.log").read_text(errors="replace")
