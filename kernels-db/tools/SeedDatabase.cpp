//===- SeedDatabase.cpp - makes the database that is shipped --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// zorse-seed-db OUTPUT [SEED...]
//
// Runs while the project is built: reads winners as text (kernels-db/seeds) into a fresh database,
// which takes the place of the earlier one whole or not at all. Equal text gives equal bytes.
//
//===----------------------------------------------------------------------===//
#include "zorse/db/Database.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace zorse;

static Error systemError(const std::string &action, const std::string &path) {
  return runtimeError("cannot " + action + " " + path + ": " + std::strerror(errno));
}

/// Every row of a seed has to win: what does not would be shipped for nothing.
static Status checkWinners(Database &database) {
  Result<std::vector<KernelRecord>> rows = database.list({});
  if (!rows)
    return rows.takeError();
  RecordFilter filter;
  filter.winnersOnly = true;
  Result<std::vector<KernelRecord>> winners = database.list(filter);
  if (!winners)
    return winners.takeError();
  if (rows->size() == winners->size())
    return Status();
  for (const KernelRecord &row : *rows) {
    bool wins = false;
    for (const KernelRecord &winner : *winners)
      wins = wins || winner.id == row.id;
    if (!wins)
      return usageError("the row " + row.opKind + " " + row.opJson + " at " + row.tuningPoint +
                        " with " + row.configText + " on " + row.arch +
                        " wins nothing; seeds are written by `zorse db export --winners`");
  }
  return Status();
}

static Status fill(const std::string &path, const std::vector<std::string> &seeds) {
  Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  for (const std::string &seed : seeds) {
    std::ifstream text(seed);
    if (!text)
      return systemError("read", seed);
    std::string name = std::filesystem::path(seed).filename().string();
    Result<MergeReport> report = (*database)->importText(text, name);
    if (!report)
      return report.takeError();
    if (!report->refused.empty())
      return usageError(report->refused.front());
  }
  return checkWinners(**database);
}

/// The file for everybody to read, in the place of the earlier one, on the disk.
static Status publish(const std::string &from, const std::string &to) {
  int file = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  bool ready = file >= 0 && ::fchmod(file, 0644) == 0 && ::fsync(file) == 0;
  if (file >= 0)
    ::close(file);
  if (!ready)
    return systemError("write", from);
  return ::rename(from.c_str(), to.c_str()) == 0 ? Status() : systemError("write", to);
}

static Status makeDatabase(const std::string &output, const std::vector<std::string> &seeds) {
  std::error_code failed;
  std::filesystem::path folder = std::filesystem::absolute(output, failed).parent_path();
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return runtimeError("cannot make the folder " + folder.string() + ": " + failed.message());
  std::string work = output + ".XXXXXX";
  if (!::mkdtemp(work.data()))
    return systemError("write", output);
  std::string fresh = work + "/kernels.db";
  Status status = fill(fresh, seeds);
  if (status)
    status = publish(fresh, output);
  std::filesystem::remove_all(work, failed);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fputs("zorse-seed-db: error: expected OUTPUT [SEED...], found no argument\n", stderr);
    return static_cast<int>(ErrorCode::Usage);
  }
  Status status = makeDatabase(argv[1], std::vector<std::string>(argv + 2, argv + argc));
  if (status)
    return 0;
  std::fprintf(stderr, "zorse-seed-db: error: %s\n", status.error().message.c_str());
  return static_cast<int>(status.error().code);
}
