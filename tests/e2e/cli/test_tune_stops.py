# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse tune, stopped at random points: it ends as if nobody had stopped it.

STOPS and SEED in the environment set how many stops there are and where.
"""

import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import cli_case
from cli_case import CliCase

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 75, signal.SIGKILL: -signal.SIGKILL}
SWEEPS = ["mla_decode_h24_r128_b1", "mla_decode_h32_r128_b8", "mla_decode_h32_r160_b1"]


class TuneStopsTest(CliCase):
    def setUp(self):
        super().setUp()
        # A commit for each trial: in memory where the machine has a folder for that.
        if os.access("/dev/shm", os.W_OK):
            self.memory = pathlib.Path(tempfile.mkdtemp(prefix="zorse-stops-", dir="/dev/shm"))
            self.addCleanup(shutil.rmtree, self.memory, ignore_errors=True)
        else:
            self.memory = self.folder

    def sweep(self, name):
        """A recorded sweep as a database, and its op as a file."""
        text = cli_case.SOURCE / "tests" / "data" / "sweeps" / f"{name}.jsonl"
        database = self.memory / f"{name}.db"
        if not database.exists():
            self.ran("db", "import", text, "--db", database)
        row = self.ran("db", "ls", "--db", database, "--format", "json").json()["records"][0]
        return database, self.write(f"{name}.json",
                                    json.dumps({**row["op"], "tuning": row["tuning_point"]}))

    def rows(self, database):
        """What was found, without ids and dates."""
        records = self.ran("db", "ls", "--db", database, "--format", "json").json()["records"]
        return sorted((r["config_text"], r["state"], r["code_hash"],
                       json.dumps(r["measurement"], sort_keys=True), r["winner"]) for r in records)

    def command(self, sweep, op, database):
        return [cli_case.ZORSE, "tune", str(op), "--simulate", str(sweep), "--strategy",
                "exhaustive", "--space", "exhaustive", "--format", "jsonl", "--db", str(database)]

    def events(self, out):
        """Complete lines: the last may be cut off by a kill."""
        return [json.loads(line) for line in out.split("\n")[:-1]]

    def test_stopped_anywhere_it_ends_as_if_it_had_not_been(self):
        stops = int(os.environ.get("STOPS", "30"))
        seed = int(os.environ.get("SEED", "7"))
        print(f"{stops} stops, SEED={seed}", flush=True)
        dice = random.Random(seed)
        done, codes, repeated = 0, collections.Counter(), 0
        while done < stops:
            name = SWEEPS[codes.total() % len(SWEEPS)]
            sweep, op = self.sweep(name)
            whole, stopped = self.memory / f"{name}-whole.db", self.memory / f"{done}.db"
            if not whole.exists():
                begin = time.monotonic()
                subprocess.run(self.command(sweep, op, whole), env=self.env, check=True,
                               capture_output=True)
                self.assertEqual(sum(row[4] for row in self.rows(whole)), 1)
                self.seconds = time.monotonic() - begin
            begun = collections.Counter()
            here = 0
            while True:
                process = subprocess.Popen(self.command(sweep, op, stopped), env=self.env,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           text=True)
                kind = SIGNALS[done % 3]
                with self.subTest(sweep=name, stop=done, signal=kind.name, seed=seed):
                    time.sleep(dice.uniform(0, self.seconds))
                    hit = done < stops and process.poll() is None
                    if hit:
                        process.send_signal(kind)
                    out, err = process.communicate(timeout=60)
                    for event in self.events(out):
                        if event["event"] == "begin":
                            begun[event["config"]] += 1
                    if process.returncode == 0:
                        break  # also when the signal came too late
                    codes[kind] += 1
                    done += 1
                    here += 1
                    before_main = -kind if "zorse:" not in err else EXIT_CODES[kind]
                    self.assertIn(process.returncode, {EXIT_CODES[kind], before_main}, err)
                    if process.returncode in (75, 130):
                        self.assertIn("go on with: zorse tune ", err)
            self.assertEqual(self.rows(stopped), self.rows(whole), f"{name}, SEED={seed}")
            extra = begun.total() - len(begun)
            self.assertLessEqual(extra, here, f"{name}, SEED={seed}")
            repeated += extra
            stopped.unlink()
        print(f"{done} stops: {dict((k.name, v) for k, v in codes.items())}, "
              f"{repeated} trials begun twice", flush=True)


if __name__ == "__main__":
    cli_case.main()
