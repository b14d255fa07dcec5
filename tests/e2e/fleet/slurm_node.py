# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A real Slurm of one node: munged, slurmctld and slurmd with everything in one folder."""

import os
import shutil
import socket
import subprocess
import time

DAEMONS = ("munged", "slurmctld", "slurmd")
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

CONFIGURATION = """\
ClusterName=zorse
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
ReturnToService=2
MpiDefault=none
JobRequeue=1
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why there can be no Slurm here, or an empty string."""
    absent = [name for name in (*DAEMONS, "sbatch") if not shutil.which(name, path=PATH)]
    if absent:
        return f"{', '.join(absent)} not found; install slurm-wlm and munge"
    if os.geteuid() != 0:
        return "slurmd starts jobs of other users and so must be root"
    return ""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SlurmNode:
    """With it as a context, `run` calls Slurm's commands."""

    def __init__(self, folder, cpus):
        self.folder, self.cpus, self.daemons = folder, cpus, []
        self.host = socket.gethostname().split(".")[0]
        self.env = {**os.environ, "PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self):
        munge = self.folder / "munge"
        for path in (munge, self.folder / "state", self.folder / "spool"):
            path.mkdir(mode=0o700)
        key = munge / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=self.host, folder=self.folder, cpus=self.cpus, controller=free_port(),
            node=free_port()))
        try:
            self.start("munged", "--force", "--foreground", f"--key-file={key}",
                       f"--socket={munge}/socket", f"--pid-file={munge}/pid",
                       f"--log-file={munge}/log", f"--seed-file={munge}/seed")
            self.until(lambda: (munge / "socket").exists(), "munged made no socket")
            self.start("slurmctld", "-D")
            self.start("slurmd", "-D", "-N", self.host)
            self.until(lambda: "idle" in self.run("sinfo", "-h", "-o", "%t", check=False),
                       "the node did not become idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def start(self, *command):
        with open(self.folder / f"{command[0]}.out", "wb") as out:
            self.daemons.append(subprocess.Popen(command, env=self.env, stdout=out,
                                                 stderr=subprocess.STDOUT))

    def run(self, *command, check=True, env=None):
        return subprocess.run(command, env={**self.env, **(env or {})}, check=check, text=True,
                              capture_output=True, timeout=60).stdout

    def until(self, condition, complaint, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "".join(f"--- {path.name}\n{path.read_text()[-2000:]}"
                               for path in sorted(self.folder.glob("*.out")))
                raise AssertionError(f"{complaint} in {seconds} s\n{logs}")
            time.sleep(0.1)
