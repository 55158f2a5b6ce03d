#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spice-bridge, a real Keystone and a real placement whose requests go through the real keystonemiddleware: password and application credential, an
answer with a catalogue, tokens that expire and are revoked, a password that is changed, roles that are too small, a Keystone that is away. Traits
follow the pool whenever a token is to be had, no node gets one that is not a member, and nothing secret is in a log."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from fleet import Failed, wait  # noqa: E402
from keystone_bed import SERVICE, KeystoneBed  # noqa: E402
from placement_bed import PlacementBed  # noqa: E402
from trait_fleet import GOLD, IRON, TraitFleet  # noqa: E402

NODES = ("n1", "n2", "n3")
PASSWORD, SECOND = 'spice\'s "pass:wörd"', "another one"
LIFE_S = 34  # of a token; shorter than the bridge expects, so that each end of one is found by a refusal
SEEN_S = 180


class Case:
    def __init__(self, keystone, bed, fleet):
        self.keystone, self.bed, self.fleet = keystone, bed, fleet

    def having(self, trait):
        """Read where placement keeps it: no token of ours is in the way."""
        rows = self.bed.database.sql("SELECT r.name FROM placement.resource_providers r JOIN placement.resource_provider_traits t ON t.resource_provider_id=r.id "
                                     f"JOIN placement.traits n ON n.id=t.trait_id WHERE n.name='{trait}'")
        return set(rows.split()) - {"done"}

    def settle(self, gold, iron=NODES):
        wait(f"gold {gold}", lambda: self.having(GOLD) == set(gold) and self.having(IRON) == set(iron), SEEN_S, 0.1)

    def count(self, text):
        return self.fleet.log().count(text)

    def flip(self, name):
        """A node leaves the pool and comes back; each needs a token."""
        self.fleet.label(name, gold=False)
        self.settle(set(NODES) - {name})
        self.fleet.label(name, gold=True)
        self.settle(NODES)

    def expires(self):
        """The bridge keeps a token as long as Keystone says, and a minute at the least; these end before, and it finds out by 401."""
        tokens = self.count("event=token ")
        wait("a token was replaced", lambda: self.count("event=token ") > tokens, SEEN_S, 0.1)
        self.flip("n1")

    def password_changed(self, user):
        """It takes effect by itself when the file has the new one; meanwhile nothing is put on, and what is on ends with its lease or stays."""
        self.keystone.set_password(user, SECOND)
        wait("Keystone refuses the old one", lambda: self.count("event=token.none") and "status=401" in self.fleet.log(), SEEN_S, 0.1)
        self.fleet.label("n2", gold=False)
        self.fleet.secret(SECOND)
        self.settle({"n1", "n3"})
        self.fleet.label("n2", gold=True)
        self.settle(NODES)

    def keystone_away(self):
        """Placement cannot check a token then: what was to be taken off is taken off when it can."""
        lost = self.count("placement.lost")
        self.keystone.kill()
        self.fleet.label("n3", gold=False)
        wait("placement fails", lambda: self.count("placement.lost") > lost, SEEN_S, 0.1)
        self.keystone.start()
        self.settle({"n1", "n2"})
        self.fleet.label("n3", gold=True)
        self.settle(NODES)

    def starts_without(self):
        """A bridge that starts before Keystone."""
        self.fleet.kill("bridge-1")
        self.keystone.kill()
        refused = self.count("event=token.none")
        self.fleet.start("bridge-1")
        wait("no token is to be had", lambda: self.count("event=token.none") > refused, SEEN_S, 0.1)
        self.keystone.start()
        self.flip("n2")

    def secrets(self, *more):
        log = self.fleet.log()
        for text in (PASSWORD, SECOND, SERVICE, "gAAAA", *more):
            assert text not in log, text


def too_small(keystone, bed):
    """A role that may not write traits: said in the log, and nothing is done with it."""
    keystone.user("reader", PASSWORD, "member")
    fleet = TraitFleet(bed.url, dict.fromkeys(NODES), f"auth: password\nsecret_file: etc/secret\nauth_url: {keystone.url}\nusername: reader\n")
    fleet.secret(PASSWORD)
    with fleet:
        fleet.start("bridge-1")
        wait("placement refuses", lambda: "placement.lost" in fleet.log(), SEEN_S, 0.1)
        view, = fleet.json("trait", "status")
        assert view["failing"] and not view["reconciled"], view


def main():
    started = time.monotonic()
    with KeystoneBed(life_s=LIFE_S) as keystone, PlacementBed(keystone=keystone) as bed:
        keystone.service("placement", bed.url)  # an answer of Keystone carries the catalogue
        print(f"Keystone and placement run after {time.monotonic() - started:.0f} s")
        for name in NODES:
            bed.provider(name, ["COMPUTE_NODE"])
        try:
            keystone.login("nobody", PASSWORD, "service")
            raise SystemExit("Keystone lets everybody in")
        except Failed as error:
            assert " 401 " in str(error), error
        too_small(keystone, bed)
        print(f"1. a role that may not: refused, and told ({time.monotonic() - started:.0f} s)")
        user = keystone.user("spice", PASSWORD)
        login = f"secret_file: etc/secret\nauth_url: {keystone.url}/\n"
        fleet = TraitFleet(bed.url, dict.fromkeys(NODES), f"auth: password\nusername: spice\n{login}")
        fleet.secret(PASSWORD)
        with fleet:
            case = Case(keystone, bed, fleet)
            fleet.start("bridge-1")
            case.settle(NODES)
            print(f"2. password: traits are put on ({time.monotonic() - started:.0f} s)")
            case.expires()
            print(f"3. tokens of {LIFE_S} s: the end of each is found and mended ({time.monotonic() - started:.0f} s)")
            case.password_changed(user)
            print(f"4. a changed password: refused, and taken from its file without a restart ({time.monotonic() - started:.0f} s)")
            case.keystone_away()
            print(f"5. Keystone killed and back ({time.monotonic() - started:.0f} s)")
            case.secrets()
            ident, secret = keystone.credential("spice", SECOND, "bridge")
            fleet.config.write_text(fleet.config.read_text().replace("auth: password\n    username: spice", f"auth: application_credential\n    username: {ident}"))
            fleet.secret(secret)
            case.starts_without()
            case.secrets(secret)
            print(f"6. application credential, by a bridge that starts before Keystone ({time.monotonic() - started:.0f} s)")
            others = {t for key in [p["uuid"] for p in bed.call("GET", "/resource_providers")["resource_providers"]] for t in bed.traits(key)}
            assert others == {GOLD, IRON, "COMPUTE_NODE"}, others
    print(f"ok, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
