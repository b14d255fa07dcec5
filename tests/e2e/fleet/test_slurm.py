# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model tuned by an array job on a real Slurm, with tasks killed on the way: no row is lost."""

import json
import os
import pathlib
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

import cli_case  # noqa: E402
import slurm_node  # noqa: E402

TASKS = 20
SEED = 20261121


def processes_of(word):
    """Ids of the tuners that have this word on their command line."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words and b"tune" in words:
            yield int(entry.name)


def parent_of(pid):
    return int((pathlib.Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[1])


class SlurmTest(cli_case.CliCase):
    @unittest.skipIf(slurm_node.missing(), slurm_node.missing())
    def test_killed_tasks_lose_nothing(self):
        model, fleet = self.model(), self.folder / "fleet"
        script = self.folder / "job.sbatch"
        self.ran("slurm", "--tasks", TASKS, "--folder", fleet, "--cpus", 1, "--grace", 5,
                 "--time", "00:20:00", "-o", script, "--", "--model", model, "--space", "quick",
                 "--threads", 1, "--batch", "1,4", "--prefill", "128")
        cluster = self.folder / "cluster"
        cluster.mkdir()
        with slurm_node.SlurmNode(cluster, cpus=2) as node:
            job = node.run("sbatch", "--parsable", script,
                           env={**self.env,
                                "PATH": f"{pathlib.Path(cli_case.ZORSE).parent}:{slurm_node.PATH}"}
                           ).strip()
            killed = self.kill_some(node, fleet)
            node.until(lambda: not node.run("squeue", "-h", "-j", job, check=False).strip(),
                       "the array did not end", seconds=900)
        self.assertEqual(len(killed), 4)
        self.check(fleet, killed)

    def kill_some(self, node, fleet):
        """Two of twenty tasks die by SIGKILL, two are told to stop, each once it has rows."""
        chance = random.Random(SEED)
        fates = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGTERM]
        shards = chance.sample(range(TASKS), TASKS)
        done = {}
        deadline = time.monotonic() + 600
        while fates and time.monotonic() < deadline:
            for shard in shards:
                log = fleet / "log" / f"shard-{shard}.jsonl"
                if shard in done or not log.exists() or \
                        log.read_text().count('"event":"trial"') < chance.randint(2, 6):
                    continue
                for pid in processes_of(f"{shard}/{TASKS}"):
                    # Ahead of the time limit Slurm signals the script, the tuner's parent.
                    os.kill(pid if fates[-1] == signal.SIGKILL else parent_of(pid), fates[-1])
                    done[shard] = fates.pop()
                    break
                if not fates:
                    break
            self.release(node)
            time.sleep(0.02)
        self.assertFalse(fates, f"seed {SEED}: only {done} could be stopped in time")
        return done

    @staticmethod
    def release(node):
        """Slurm holds back what was requeued for two minutes."""
        waiting = node.run("squeue", "-h", "-t", "PD", "-o", "%A %r", check=False)
        for line in waiting.splitlines():
            if "BeginTime" in line:
                node.run("scontrol", "update", f"JobId={line.split()[0]}", "StartTime=now",
                         check=False)

    def check(self, fleet, killed):
        acknowledged, starts = [], {}
        for log in sorted((fleet / "log").glob("shard-*.jsonl")):
            shard = int(log.stem.split("-")[1])
            for line in log.read_text().splitlines():
                try:
                    event = json.loads(line)
                except ValueError:  # the line that a kill cut
                    self.assertEqual(killed.get(shard), signal.SIGKILL, line)
                    continue
                starts[shard] = starts.get(shard, 0) + (event["event"] == "start")
                if event["event"] == "trial":
                    acknowledged.append(event)
        self.assertEqual(set(starts), set(range(TASKS)))
        # A signal may meet a task that is just done; most must have started again.
        again = [shard for shard in killed if starts[shard] > 1]
        for shard in set(killed) - set(again):
            said = (fleet / "log" / f"slurm-{shard}.out").read_text()
            self.assertIn("complete", said, f"shard {shard} after {killed[shard].name}")
        self.assertGreaterEqual(len(again), 2)

        merged = fleet / "tuned.db"
        self.ran("db", "merge", merged, *sorted(fleet.glob("shard-*.db")))
        records = self.ran("db", "ls", "--db", merged, "--format", "json").json()["records"]
        key = lambda op, point, config: json.dumps([op, point, config], sort_keys=True)
        rows = {key(r["op"], r["tuning_point"], r["config_text"]): r["state"] for r in records}
        lost = [event for event in acknowledged
                if key(event["op"], event["tuning_point"], event["config"]) not in rows]
        self.assertEqual(lost, [], f"{len(lost)} of {len(acknowledged)} acknowledged rows are lost")
        self.assertGreater(len(acknowledged), 5 * TASKS)
        print(f"{len(acknowledged)} acknowledged, {len(rows)} rows, {len(killed)} of {TASKS} tasks "
              f"stopped on the way, {len(again)} began again, 0 lost", file=sys.stderr)

        # The union of the shards is the whole: nothing is left to tune.
        left = self.ran("tune", "--model", self.model(), "--space", "quick", "--batch", "1,4",
                        "--prefill", "128", "--db", merged, "--status", "--format", "json").json()
        self.assertEqual(left.get("unfinished", 0), 0, left)


if __name__ == "__main__":
    cli_case.main()
