#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one fault at a time into exposure_core and action_core and demands that their flow tests notice. A rule whose breach nobody notices is
not tested."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
CORE = ROOT / "broker/cloud/core"
FAULTS = [  # what is broken, file, text, instead
    ("more than at_once", "action_scan.c", "if (action_core_running(c) >= c->options.at_once)", "if (action_core_running(c) > c->options.at_once)"),
    ("no look at other bridges", "action_core.c", "c->found.foreign + action_core_running(c) < c->options.at_once", "true"),
    ("mass failure is no reason", "action_scan.c", "if (c->pools[i].mass)", "if (false)"),
    ("mass failure counts members", "action_scan.c", "if (s->member && !member)", "if (s->member && !member && false)"),
    ("first window is no reason", "action_scan.c", "if (now.us < c->start_us + c->options.window_ms * SP_US_PER_MS)", "if (false)"),
    ("an old scan will do", "action_scan.c", "if (c->doubt || now.us > c->scan_us + ACTION_FRESH_MS * SP_US_PER_MS)", "if (false)"),
    ("the keeper's no is a yes", "action_core.c", "bad = bad && sp_str_copy(", "bad = sp_str_copy("),
    ("a second attempt needs no evidence", "action_core.c", "    if (!bad) {\n        release(c, now, r);", "    if (false) {\n        release(c, now, r);"),
    ("an old look will do", "action_core.c", "if (now.us > c->looked_us + ACTION_FRESH_MS * SP_US_PER_MS)", "if (false)"),
    ("old evidence will do", "action_core.c", "now.us <= c->said_us + ACTION_SAID_MS * SP_US_PER_MS && ", ""),
    ("done before it is on disk", "action_core.c", "    if (c->dirty)\n        return ask_store(c, now, out);\n", "    if (c->dirty && c->step != ACTION_AT_WRITE)\n        return ask_store(c, now, out);\n"),
    ("enables without its reason", "action_core.c", "c->found.ours = r != NULL && !enabled && strcmp(reason, r->reason) == 0;", "c->found.ours = r != NULL && !enabled;"),
    ("disables what is disabled", "action_core.c", "c->found.matches == 1 && c->found.enabled &&", "c->found.matches == 1 &&"),
    ("enables before the node is back", "action_core.c", "return r->member_us != 0 && now.us >=", "return now.us >="),
    ("takes back what an operator took back", "action_core.c", "    r->state = ACTION_RELEASED;\n    r->due_us", "    r->state = ACTION_DISABLING;\n    r->due_us"),
    ("forgets an unanswered write", "action_core.c", "} else if (disable && result != ACTION_FAILED && r->tries == 1) {", "} else if (disable) {"),
    ("half a list counts", "exposure_core.c", "    if (!whole)\n        exposure_list_clear(c, &f->list);\n    else if (ask == EXPOSURE_ASK_ALL)", "    if (ask == EXPOSURE_ASK_ALL)"),
    ("an older list undoes a newer reading", "exposure_core.c", "if (newer == (pass == 1))", "if (pass == 0)"),
    ("cleared by silence", "exposure_core.c", "c->following = look != NULL;", "c->following = true;\n    for (uint32_t i = 0; i < c->place_count && look == NULL; i++)\n        c->places[i].out = false;"),
    ("a host is not read when its node leaves", "exposure_core.c", "        host_add(c, now, node);\n", "        (void)now;\n"),
    ("a server that moved counts twice", "exposure_rows.c", "if (i != SP_MAP_NONE && memcmp(list->rows[i].uuid, row->uuid, 16) == 0)", "if (false)"),
]


def build(folder, test):
    sources = [*folder.glob("exposure_*.c"), *folder.glob("action_*.c"), *(ROOT / "schemas/base").glob("*.c")]
    command = ["cc", "-std=gnu17", "-O1", "-g", "-w", *(f"-I{p}" for p in (folder, ROOT / "schemas/base", ROOT / "schemas", ROOT / "schemas/gen")),
               ROOT / f"tests/flow/{test}_flow_test.c", *sources, "-lcmocka", "-o", folder / test]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"{test}: does not compile: {done.stderr[-800:]}")
    return folder / test


def verdict(fault):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for source in [*CORE.glob("exposure_*"), *CORE.glob("action_*")]:
            shutil.copy(source, folder)
        test = "action"
        if fault:
            what, name, text, instead = fault
            whole = (folder / name).read_text()
            if whole.count(text) != 1:
                return f"{what}: the text stands {whole.count(text)} times in {name}; the list of faults is older than the code"
            (folder / name).write_text(whole.replace(text, instead))
            test = name.split("_")[0]
        try:
            good = subprocess.run([build(folder, test)], capture_output=True, timeout=600).returncode == 0
        except subprocess.TimeoutExpired:
            good = False
        return None if good == (fault is None) else f"{fault[0] if fault else 'without a fault'}: {'nobody noticed' if good else 'the test fails'}"


def main():
    with ThreadPoolExecutor(2) as pool:
        wrong = [v for v in pool.map(verdict, [None, *FAULTS]) if v]
    print("\n".join(wrong) or f"ok, {len(FAULTS)} faults noticed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
