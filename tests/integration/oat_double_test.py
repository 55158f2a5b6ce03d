#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds tests/support/oat_double.py to recorded facts about real OpenAttestation servers (field names, formats, quirks, errors)."""
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

DOUBLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "oat_double.py")
V10 = "/OpenAttestationWebServices/V1.0"
LATER = "/AttestationService/resources"
XML_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")  # 2012-09-09T05:10:40.123-04:00
V2_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$")  # 2016-02-29T22:29:26.365+0000


class Double:
    def __init__(self, generation="1.7"):
        self.state = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([sys.executable, DOUBLE, "--state", self.state.name, "--generation", generation],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.state.cleanup()

    def set(self, name, text):
        with open(os.path.join(self.state.name, name), "w", encoding="utf-8") as f:
            f.write(text)

    def post(self, base, body):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("POST", base + "/PollHosts", body if isinstance(body, str) else json.dumps(body), {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r, json.loads(text) if (r.headers["Content-Type"] or "").startswith("application/json") else text


class Facts(unittest.TestCase):
    generation = "1.7"

    def setUp(self):
        self.double = Double(self.generation)
        self.double.set("node1", "trusted\n")
        self.double.set("node2", "untrusted\n")

    def tearDown(self):
        self.double.close()


class First(Facts):
    def test_answer_of_1x(self):
        r, a = self.double.post(V10, {"count": 2, "hosts": ["node1", "node2"]})
        self.assertEqual(r.status, 200)
        self.assertIsNotNone(r.headers["Date"])
        self.assertTrue(r.headers["Location"].endswith(V10))
        self.assertEqual(list(a), ["hosts"])  # no count in the synchronous answer
        self.assertEqual([h["host_name"] for h in a["hosts"]], ["node1", "node2"])  # in the order asked
        self.assertEqual([h["trust_lvl"] for h in a["hosts"]], ["trusted", "untrusted"])
        for h in a["hosts"]:
            self.assertRegex(h["vtime"], XML_TIME)

    def test_all_levels(self):
        for level in ("trusted", "untrusted", "unknown", "timeout", "pending"):
            self.double.set("node1", level)
            _, a = self.double.post(LATER, {"hosts": ["node1"]})
            self.assertEqual(a["hosts"][0]["trust_lvl"], level)
        self.assertNotIn("vtime", a["hosts"][0])  # pending has none
        _, a = self.double.post(LATER, {"hosts": ["nobody"]})
        self.assertEqual(a["hosts"][0]["trust_lvl"], "unknown")

    def test_hosts_is_always_an_array(self):
        _, a = self.double.post(LATER, {"count": 1, "hosts": ["node1"]})
        self.assertIsInstance(a["hosts"], list)

    def test_bare_string_of_folsom(self):
        _, a = self.double.post(V10, {"count": 1, "hosts": "node1"})
        self.assertEqual(a["hosts"][0]["host_name"], "node1")

    def test_count_is_the_array_size_in_10_only(self):
        self.assertEqual(self.double.post(V10, {"hosts": ["node1"]})[0].status, 500)
        self.assertEqual(self.double.post(LATER, {"hosts": ["node1"]})[0].status, 200)

    def test_pcr_values(self):
        _, a = self.double.post(V10, {"count": 1, "hosts": ["node1"], "PCRmask": "000003"})
        self.assertEqual([p["number"] for p in a["hosts"][0]["pcr_values"]], [0, 1])  # numbers in 1.0
        _, a = self.double.post(LATER, {"hosts": ["node1"], "PCRmask": "000001"})
        self.assertEqual(a["hosts"][0]["pcr_values"]["number"], "0")  # mapped notation: one is no list, scalars are strings
        _, a = self.double.post(LATER, {"hosts": ["node1"], "PCRmask": "000003"})
        self.assertIsInstance(a["hosts"][0]["pcr_values"], list)

    def test_analysis_of_17(self):
        _, a = self.double.post(LATER, {"hosts": ["node1"], "analysisType": "VALIDATE_PCR"})
        h = a["hosts"][0]
        self.assertIsInstance(h["analysis_details"], dict)
        self.assertEqual(set(h["analysis_details"]), {"name", "result", "status", "output"})
        self.assertEqual(h["report_is_valid"], "true")
        _, a = self.double.post(LATER, {"hosts": ["node1"], "analysisType": "VALIDATE_PCR;COMPARE_REPORT"})
        self.assertEqual(len(a["hosts"][0]["analysis_details"]), 2)
        _, a = self.double.post(LATER, {"hosts": ["node1"]})
        self.assertNotIn("analysis_details", a["hosts"][0])  # only when asked for

    def test_faults(self):
        r, a = self.double.post(V10, {"count": 0, "hosts": []})
        self.assertEqual(r.status, 500)  # bad input is mostly 500
        self.assertEqual(set(a), {"code", "name", "message", "detail"})
        self.assertEqual((a["code"], a["name"]), (500, "AttestationServersFault"))
        for bad in ("a:b", "a+b", "a&b", "x" * 51):
            self.assertEqual(self.double.post(LATER, {"hosts": [bad]})[0].status, 500)

    def test_error_page_of_the_container(self):
        self.double.set("@fault", "html")
        r, _ = self.double.post(LATER, {"hosts": ["node1"]})
        self.assertTrue(r.headers["Content-Type"].startswith("text/html"))


class Second(Facts):
    generation = "2.3"

    def test_answer_of_2x(self):
        r, a = self.double.post(LATER, {"count": 2, "hosts": ["node1", "node2"]})
        self.assertEqual(r.status, 200)
        self.assertEqual(list(a["hosts"][0]), ["host_name", "trust_lvl", "vtime"])
        for h in a["hosts"]:
            self.assertRegex(h["vtime"], V2_TIME)
        self.assertEqual(a["hosts"][0]["vtime"], a["hosts"][1]["vtime"])  # when the request arrived
        self.assertIsNone(r.headers["Location"])

    def test_three_levels_only(self):
        for level in ("timeout", "pending", "unknown"):
            self.double.set("node1", level)
            _, a = self.double.post(LATER, {"hosts": ["node1"]})
            self.assertEqual(a["hosts"][0]["trust_lvl"], "unknown")

    def test_no_pcr_values(self):
        _, a = self.double.post(LATER, {"hosts": ["node1"], "pcrmask": "FF"})
        self.assertNotIn("pcr_values", a["hosts"][0])

    def test_every_fault_is_400_with_a_name(self):
        for body in ({"hosts": []}, "no json"):
            r, a = self.double.post(LATER, body)
            self.assertEqual(r.status, 400)
            self.assertEqual(set(a), {"error_code", "error_message"})
            self.assertFalse(a["error_code"].isdigit())


if __name__ == "__main__":
    unittest.main()
