//===- SlurmVerb.cpp - zorse slurm ----------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fleet without a service: an array job whose tasks tune one shard each into a
// file of their own, and a merge at the end. A task may be stopped or killed at any
// time; started again, it goes on with what its file already has.
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace zorse::tool {

namespace {

struct SlurmArguments {
  int64_t tasks = 16, atOnce = 0, cpus = 2, graceSeconds = 300, restarts = 20;
  std::string folder = "zorse-fleet", script, time = "04:00:00", partition, resources;
  std::vector<std::string> tune;
};

} // namespace

/// What each task runs; $shard and $file are the shell's.
static std::string tuneCommand(const SlurmArguments &arguments) {
  std::string command = "zorse tune";
  for (const std::string &word : arguments.tune)
    command += " " + shellWord(word);
  return command +
         fmt::format(" --shard \"$shard/{}\" --db \"$file\" --format jsonl", arguments.tasks);
}

static std::string sbatchLines(const SlurmArguments &arguments, const std::string &folder) {
  std::string lines = fmt::format("#SBATCH --job-name=zorse-tune\n"
                                  "#SBATCH --array=0-{}{}\n"
                                  "#SBATCH --ntasks=1\n"
                                  "#SBATCH --cpus-per-task={}\n"
                                  "#SBATCH --time={}\n",
                                  arguments.tasks - 1,
                                  arguments.atOnce > 0 ? fmt::format("%{}", arguments.atOnce) : "",
                                  arguments.cpus, arguments.time);
  if (!arguments.partition.empty())
    lines += fmt::format("#SBATCH --partition={}\n", arguments.partition);
  if (!arguments.resources.empty())
    lines += fmt::format("#SBATCH --gres={}\n", arguments.resources);
  // B: only the script gets the signal, which passes it on.
  return lines + fmt::format("#SBATCH --signal=B:TERM@{}\n"
                             "#SBATCH --requeue\n"
                             "#SBATCH --open-mode=append\n"
                             "#SBATCH --output={}/log/slurm-%a.out\n",
                             arguments.graceSeconds, shellWord(folder));
}

static std::string scriptText(const SlurmArguments &arguments, const std::string &folder) {
  return fmt::format(
      R"sh(#!/bin/bash
# Written by zorse slurm. Submit:  sbatch {script}
# Merge when it has ended:         zorse db merge {folder}/tuned.db {folder}/shard-*.db
{lines}
# Each task tunes the problems of its shard into a file of its own, so no two write to one file. What
# a task has printed as an event is on disk. Started again, it goes on where it was.
set -u
folder={folder}
shard=$SLURM_ARRAY_TASK_ID
file="$folder/shard-$shard.db"
mkdir -p "$folder/log"

{command} >>"$folder/log/shard-$shard.jsonl" 2>>"$folder/log/shard-$shard.log" &
child=$!
stopped=
trap 'stopped=1; kill -TERM "$child" 2>/dev/null' TERM
wait "$child"
code=$?
while [ -n "$stopped" ] && kill -0 "$child" 2>/dev/null; do # the trap cut the wait short
  wait "$child"
  code=$?
done

case $code in
  0 | 3) echo "shard $shard of {tasks}: complete (exit code $code)"; exit 0 ;;
  75 | 12[89] | 1[3-9][0-9]) # stopped, or killed: back into the queue
    if [ "${{SLURM_RESTART_COUNT:-0}}" -lt {restarts} ]; then
      echo "shard $shard: exit code $code, goes on later"
      scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$shard" && sleep 60
    fi
    echo "shard $shard: exit code $code after {restarts} restarts, given up" >&2
    exit "$code" ;;
  *) echo "shard $shard: exit code $code, see $folder/log/shard-$shard.log" >&2; exit "$code" ;;
esac
)sh",
      fmt::arg("script", shellWord(arguments.script)), fmt::arg("folder", shellWord(folder)),
      fmt::arg("lines", sbatchLines(arguments, folder)),
      fmt::arg("command", tuneCommand(arguments)), fmt::arg("tasks", arguments.tasks),
      fmt::arg("restarts", arguments.restarts));
}

static Status checkArguments(const SlurmArguments &arguments) {
  if (arguments.tune.empty())
    return usageError("nothing to tune: expected the arguments of `zorse tune` behind --, such as "
                      "`-- --model DIR --budget 2h`");
  for (const std::string &word : arguments.tune)
    for (std::string_view own : {"--db", "--shard", "--format"})
      if (word == own || word.starts_with(std::string(own) + "="))
        return usageError(fmt::format("{} is set by the script for each task; leave it out", own));
  // A line of the script is a line of the shell.
  for (const std::string &word : {arguments.time, arguments.partition, arguments.resources})
    if (word.find_first_of("\n\r") != std::string::npos)
      return usageError("--time, --partition and --gres take one line");
  return Status();
}

static VerbResult runSlurm(const Tool &tool, SlurmArguments &arguments) {
  if (Status status = checkArguments(arguments); !status)
    return status.takeError();
  // Tasks start wherever Slurm likes.
  std::string folder = std::filesystem::absolute(arguments.folder).string();
  std::string text = scriptText(arguments, folder);
  if (arguments.script == "-") {
    fmt::print("{}", text);
    return 0;
  }
  // Slurm drops a task whose output has no folder.
  std::error_code failure;
  std::filesystem::create_directories(folder + "/log", failure);
  if (failure)
    return runtimeError(
        fmt::format("cannot make the folder {}/log: {}", folder, failure.message()));
  std::span bytes(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  if (Status status = writeFile(arguments.script, bytes); !status)
    return status.takeError();
  ::chmod(arguments.script.c_str(), 0755);
  if (tool.isJson())
    printJson({{"schema_version", 1},
               {"script", arguments.script},
               {"tasks", arguments.tasks},
               {"folder", folder}});
  spdlog::info("{} tasks; submit with: sbatch {}", arguments.tasks, shellWord(arguments.script));
  spdlog::info("and merge at the end with: zorse db merge {0}/tuned.db {0}/shard-*.db",
               shellWord(folder));
  return 0;
}

void addSlurm(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<SlurmArguments>();
  arguments->script = "zorse-tune.sbatch";
  CLI::App *verb = addVerb(
      app, tool, "slurm", "Writes an sbatch array script that tunes in shards.",
      "  zorse slurm --tasks 64 --folder /shared/tuning -- --model MODEL_DIR --space full\n"
      "  zorse slurm --tasks 8 --gres gpu:1 --time 01:00:00 -o - -- op.json --space exhaustive");
  verb->add_option("--tasks", arguments->tasks, "tasks of the array, one shard each")
      ->check(CLI::Range(1, 100000))
      ->option_text("N");
  verb->add_option("--at-once", arguments->atOnce, "tasks that may run at a time, 0 for no limit")
      ->check(CLI::NonNegativeNumber)
      ->option_text("N");
  verb->add_option("--folder", arguments->folder, "folder that all nodes see, for shards and logs")
      ->option_text("DIR");
  verb->add_option("-o,--output", arguments->script, "the script; - is stdout")
      ->option_text("FILE");
  verb->add_option("--time", arguments->time, "limit of a task, as Slurm takes it")
      ->option_text("HH:MM:SS");
  verb->add_option("--partition", arguments->partition, "as Slurm takes it")->option_text("NAME");
  verb->add_option("--gres", arguments->resources, "as Slurm takes it, such as gpu:1")
      ->option_text("LIST");
  verb->add_option("--cpus", arguments->cpus, "of a task")
      ->check(CLI::Range(1, 4096))
      ->option_text("N");
  verb->add_option("--grace", arguments->graceSeconds, "seconds between SIGTERM and the limit")
      ->check(CLI::Range(1, 3600))
      ->option_text("N");
  verb->add_option("--restarts", arguments->restarts, "times that a killed task starts again")
      ->check(CLI::NonNegativeNumber)
      ->option_text("N");
  verb->add_option("tune", arguments->tune, "arguments of `zorse tune`, behind --")
      ->option_text("-- TUNE ARGUMENTS");
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runSlurm(tool, *arguments); };
  });
}

} // namespace zorse::tool
