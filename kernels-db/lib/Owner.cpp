//===- Owner.cpp - which process runs a trial -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Owner.h"

#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace zorse::db {

static std::string firstLine(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

static std::string hostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 && name[0] ? name : "localhost";
}

// Field 22 of /proc/<pid>/stat, in clock ticks since boot; empty if there is no such process or it
// is a zombie. The name in parentheses may hold blanks, so the fields are counted after it.
static std::string startTime(const std::string &process) {
  std::string line = firstLine("/proc/" + process + "/stat");
  size_t end = line.rfind(')');
  if (end == std::string::npos)
    return {};
  std::istringstream fields(line.substr(end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) {
    fields >> field;
    if (number == 3 && (field == "Z" || field == "X"))
      return {};
  }
  return field;
}

std::string currentOwner() {
  std::string process = std::to_string(::getpid());
  return fmt::format("{} {} {} {}", hostName(), firstLine("/proc/sys/kernel/random/boot_id"),
                     process, startTime(process));
}

bool isGone(std::string_view owner) {
  std::istringstream fields{std::string(owner)};
  std::string host, boot, process, start;
  fields >> host >> boot >> process >> start;
  if (host != hostName() || process.empty())
    return false;
  if (boot != firstLine("/proc/sys/kernel/random/boot_id"))
    return true;
  return startTime(process) != start;
}

} // namespace zorse::db
