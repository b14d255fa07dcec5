# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse-seed-db: text to the shipped database, equal bytes for equal text, whole or not at all."""

import os
import subprocess
import time

import cli_case
from cli_case import OK, USAGE
from db_case import DbCase, trial


class SeedsTest(DbCase):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "share" / "zorse" / "kernels.db"

    def seed(self, *seeds):
        process = subprocess.run([os.environ["SEED_DB"], self.out, *seeds], text=True,
                                 capture_output=True, cwd=self.folder, check=False)
        self.assertEqual(process.stdout, "")
        # Nothing is left beside it.
        self.assertLessEqual({p.name for p in self.out.parent.iterdir()}, {"kernels.db"})
        return process

    def winners(self, name, *trials, **more):
        return self.write(name, self.text(trials, **more))

    def test_winners_are_shipped(self):
        first = self.winners("a.jsonl", trial("waves=1", 5.0), trial("waves=2", 9.0, tokens=8))
        second = self.winners("b.jsonl", trial("waves=1", 5.0, device="MI355X"))
        made = self.seed(first, second)
        self.assertEqual((made.returncode, made.stderr), (OK, ""))
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o644)
        self.assertEqual(sorted((r["config"]["waves"], r["measurement"]["device"])
                                for r in self.rows(self.out)),
                         [(1, "MI300X"), (1, "MI355X"), (2, "MI300X")])
        # Again, at another time: the same bytes.
        before = self.out.read_bytes()
        time.sleep(1.1)
        self.out.unlink()
        self.seed(first, second)
        self.assertEqual(self.out.read_bytes(), before)

    def test_no_seeds_give_an_empty_database(self):
        self.assertEqual(self.seed().returncode, OK)
        self.assertEqual(self.rows(self.out), [])

    def test_a_bad_seed_changes_nothing(self):
        self.seed(self.winners("a.jsonl", trial("waves=1", 5.0)))
        before = self.out.read_bytes()
        loser = self.winners("loser.jsonl", trial("waves=1", 5.0), trial("waves=2", 9.0))
        broken = self.write("broken.jsonl", "{}\n")
        empty = self.write("empty.jsonl", "")
        for seed, message in ((loser, "with waves=2 on gfx942 wins nothing"),
                              (broken, "broken.jsonl line 1: expected the header"),
                              (empty, "empty.jsonl is empty"),
                              (self.folder / "none.jsonl", "cannot read")):
            process = self.seed(seed)
            self.assertNotEqual(process.returncode, OK)
            self.assertTrue(process.stderr.startswith("zorse-seed-db: error: "), process.stderr)
            self.assertIn(message, process.stderr)
            self.assertEqual(self.out.read_bytes(), before)

    def test_arguments(self):
        process = subprocess.run([os.environ["SEED_DB"]], capture_output=True, check=False)
        self.assertEqual(process.returncode, USAGE)

    def test_what_is_in_the_tree_is_shipped(self):
        seeds = sorted((cli_case.SOURCE / "kernels-db" / "seeds").glob("*.jsonl"))
        self.assertEqual(self.seed(*seeds).stderr, "")
        for row in self.rows(self.out):
            self.assertTrue(row["winner"])
            self.assertIn(row["measurement"]["source"], ("measured", "simulated"))
            self.assertEqual(row["verification"]["passed"], True)


if __name__ == "__main__":
    cli_case.main()
