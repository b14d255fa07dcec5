//===- Hazards.cpp - where a database lies badly --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schema.h"

#include "zorse/db/Database.h"

#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace zorse {

/// File systems that several machines see, by the number that statfs(2) gives.
static constexpr std::array<std::pair<uint32_t, std::string_view>, 10> networkFileSystems = {{
    {0x00006969, "NFS"},
    {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x0000517B, "SMB"},
    {0xFE534D42, "SMB"},
    {0xFF534D42, "CIFS"},
    {0x00C36400, "Ceph"},
    {0x19830326, "BeeGFS"},
    {0x5346414F, "AFS"},
    {0x01021997, "9p"},
}};

std::vector<std::string> databaseHazards(const std::string &path) {
  std::vector<std::string> hazards;
  std::error_code ignored;
  std::filesystem::path folder = std::filesystem::absolute(path, ignored).parent_path();
  struct stat info;
  while (::stat(folder.c_str(), &info) != 0 && folder != folder.parent_path())
    folder = folder.parent_path();
  struct statfs system;
  if (::statfs(folder.c_str(), &system) == 0)
    for (auto [number, name] : networkFileSystems)
      if (static_cast<uint32_t>(system.f_type) == number)
        hazards.push_back(fmt::format(
            "{} lies on a network file system ({}), whose locks may not hold between machines; "
            "let each machine write a file of its own and join them with `zorse db merge`",
            path, name));
  bool othersWrite = ::stat(folder.c_str(), &info) == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) &&
                     !(info.st_mode & S_ISVTX);
  if (othersWrite)
    hazards.push_back(fmt::format("others can replace {}, whose code runs with your rights: the "
                                  "folder {} has mode {:04o}; run `chmod go-w {}`",
                                  path, folder.string(), info.st_mode & 07777, folder.string()));
  return hazards;
}

Result<std::string> journalMode(const std::string &path) {
  Result<std::unique_ptr<db::Connection>> connection =
      db::openChecked(path, Database::Mode::ReadOnly, std::chrono::seconds(60));
  if (!connection)
    return connection.takeError();
  Result<db::Statement> mode = (*connection)->query("PRAGMA journal_mode");
  if (!mode)
    return mode.takeError();
  if (Result<bool> row = mode->step(); !row)
    return row.takeError();
  return mode->text(0);
}

} // namespace zorse
