# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse db merge, diff, export, import: rows travel between databases."""

import itertools
import json

import cli_case
from cli_case import DATABASE, USAGE
from db_case import DbCase, trial


class DbExchangeTest(DbCase):
    def test_merge_in_any_order(self):
        shards = [self.make("a.db", [trial("waves=1", 5.0), trial("waves=2", 9.0)]),
                  self.make("b.db", [trial("waves=1", 6.0, samples=30), trial("waves=4", 4.0)]),
                  self.make("c.db", [trial("waves=1", 7.0, device="MI325X"),
                                     trial("waves=8", state="crashed", error="fault")])]
        contents = set()
        for i, order in enumerate(itertools.permutations(shards)):
            out = self.folder / f"merged-{i}.db"
            report = self.ran("db", "merge", out, *order, "--format", "json").json()
            self.assertEqual(report["read"], 6)
            self.assertEqual(report["refused"], [])
            contents.add(report["content_hash"])
        self.assertEqual(len(contents), 1)
        rows = {(r["config_text"], (r["measurement"] or {}).get("device")): r
                for r in self.rows(out)}
        self.assertEqual(len(rows), 5)
        self.assertEqual(rows["waves=1", "MI300X"]["measurement"]["samples"], 30)
        self.assertEqual({key for key, row in rows.items() if row["winner"]},
                         {("waves=4", "MI300X"), ("waves=1", "MI325X")})
        again = self.ran("db", "merge", out, *shards, out, "--format", "json").json()
        self.assertEqual((again["added"], again["improved"]), (0, 0))
        self.assertEqual(again["content_hash"], contents.pop())

    def test_merge_refuses_a_file_and_takes_the_others(self):
        good = self.make("good.db", [trial("waves=1", 5.0)])
        bad = self.write("bad.db", "nonsense " * 1000)
        run = self.zorse("db", "merge", "out.db", bad, good)
        self.assertEqual(run.code, DATABASE)
        self.assertIn("bad.db", run.err)
        self.assertRegex(run.out, "^out.db: 1 rows read, 1 added, 0 improved, 0 unchanged, "
                                  "0 code objects added, content [0-9a-f]{32}\n$")
        self.assertEqual(len(self.rows("out.db")), 1)

    def test_merge_into_another_kind_of_file(self):
        good = self.make("good.db", [trial("waves=1", 5.0)])
        self.write("out.db", "nonsense " * 1000)
        run = self.zorse("db", "merge", "out.db", good)
        self.assertEqual(run.code, DATABASE)
        self.assertEqual((self.folder / "out.db").read_text(), "nonsense " * 1000)

    def test_diff(self):
        a = self.make("a.db", [trial("waves=1", 5.0), trial("waves=1", 5.0, tokens=8),
                               trial("waves=1", 5.0, tokens=16)])
        b = self.make("b.db", [trial("waves=2", 4.0), trial("waves=1", 5.0, tokens=8),
                               trial("waves=1", 5.0, tokens=32)])
        out = self.ran("db", "diff", a, b, "--format", "json").json()
        self.assertEqual((out["changed"], out["gained"], out["lost"]), (1, 1, 1))
        changed = next(d for d in out["differences"] if d["kind"] == "changed")
        self.assertEqual((changed["a"]["config"], changed["b"]["config"]), ("waves=1", "waves=2"))
        run = self.ran("db", "diff", a, b)
        self.assertIn('changed rmsnorm on gfx942 with 304 compute units at {"tokens":1}: '
                      'waves=1 (5 us) -> waves=2 (4 us)\n', run.out)
        self.assertEqual(self.ran("db", "diff", a, a).out, "")
        self.assertEqual(self.zorse("db", "diff", a, "absent.db").code, DATABASE)

    def test_text_there_and_back(self):
        a = self.make("a.db", [trial("waves=1", 5.0), trial("waves=2", state="wrong",
                                                            verified=[False, None, 1, "y[0]"])])
        text = self.ran("db", "export", "--db", a).out
        self.write("rows.jsonl", text)
        self.ran("db", "import", "rows.jsonl", "--db", "b.db")
        self.assertEqual(self.ran("db", "export", "--db", "b.db").out, text)
        self.ran("db", "export", "--db", a, "--winners", "-o", "winners.jsonl")
        lines = [json.loads(l) for l in (self.folder / "winners.jsonl").read_text().splitlines()]
        self.assertEqual([l["config"] for l in lines if "row" in l], ["waves=1"])

    def test_import_names_the_line_and_takes_nothing(self):
        text = self.text([trial("waves=1", 5.0), trial("waves=2", -5.0)])
        run = self.zorse("db", "import", self.write("rows.jsonl", text))
        self.assertEqual(run.code, USAGE)
        self.assertEqual(run.err, "zorse: error: " + str(self.folder / "rows.jsonl") +
                         " line 7: the median of a measurement is a time above 0 us, found -5\n")
        self.assertEqual(self.rows(self.db), [])
        self.refused(USAGE, "cannot read absent.jsonl", "db", "import", "absent.jsonl")


if __name__ == "__main__":
    cli_case.main()
