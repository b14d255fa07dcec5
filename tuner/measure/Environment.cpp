//===- Environment.cpp - under which conditions a time was taken -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/Environment.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace zorse::tuner {

namespace {
namespace fs = std::filesystem;

std::optional<double> readNumber(const fs::path &path) {
  std::ifstream file(path);
  double value;
  if (file >> value)
    return value;
  return std::nullopt;
}

template <typename Body> void forEachEntry(const fs::path &folder, Body body) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    body(entry->path());
}

std::optional<double> readClockMhz(const std::string &root) {
  double sum = 0;
  int count = 0;
  forEachEntry(root + "/sys/devices/system/cpu/cpufreq", [&](const fs::path &policy) {
    if (std::optional<double> kilohertz = readNumber(policy / "scaling_cur_freq"))
      sum += *kilohertz / 1000, ++count;
  });
  if (count == 0) {
    std::ifstream file(root + "/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
      if (size_t colon = line.find(':'); line.starts_with("cpu MHz") && colon != line.npos) {
        std::istringstream text(line.substr(colon + 1));
        if (double value; text >> value)
          sum += value, ++count;
      }
  }
  return count ? std::optional(sum / count) : std::nullopt;
}

std::optional<double> readCelsius(const std::string &root) {
  std::optional<double> hottest;
  auto take = [&](const fs::path &path) {
    // Sensors that are not connected tell nonsense.
    if (std::optional<double> value = readNumber(path); value && *value > 0 && *value < 150000)
      hottest = std::max(hottest.value_or(0), *value / 1000);
  };
  forEachEntry(root + "/sys/class/thermal", [&](const fs::path &zone) {
    if (zone.filename().string().starts_with("thermal_zone"))
      take(zone / "temp");
  });
  forEachEntry(root + "/sys/class/hwmon", [&](const fs::path &chip) {
    forEachEntry(chip, [&](const fs::path &sensor) {
      std::string name = sensor.filename();
      if (name.starts_with("temp") && name.ends_with("_input"))
        take(sensor);
    });
  });
  return hottest;
}

} // namespace

CpuTimes readCpuTimes(const std::string &root) {
  std::ifstream file(root + "/proc/stat");
  std::string name;
  CpuTimes times;
  if (!(file >> name) || name != "cpu")
    return times;
  // user nice system idle iowait irq softirq steal; guest time is part of user time already
  int64_t ticks;
  for (int column = 0; column < 8 && file >> ticks; ++column) {
    times.total += ticks;
    if (column == 7)
      times.steal = ticks;
  }
  return times;
}

Environment readEnvironment(const CpuTimes &since, const std::string &root) {
  Environment environment;
  environment.clockMhz = readClockMhz(root);
  environment.load = readNumber(root + "/proc/loadavg");
  environment.celsius = readCelsius(root);
  CpuTimes now = readCpuTimes(root);
  if (since.total > 0 && now.total > since.total && now.steal >= since.steal)
    environment.stealShare = double(now.steal - since.steal) / double(now.total - since.total);
  return environment;
}

int64_t readLastLevelCacheBytes(const std::string &root) {
  int64_t outermost = 0, bytes = 0;
  forEachEntry(root + "/sys/devices/system/cpu/cpu0/cache", [&](const fs::path &index) {
    std::optional<double> level = readNumber(index / "level");
    std::ifstream file(index / "size");
    int64_t size = 0;
    char unit = 0;
    if (!level || !(file >> size))
      return;
    file >> unit;
    size *= unit == 'K' ? 1 << 10 : unit == 'M' ? 1 << 20 : 1;
    if (int64_t(*level) > outermost)
      outermost = int64_t(*level), bytes = size;
  });
  if (bytes == 0 && root.empty())
    for (int name : {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE})
      if (long size = sysconf(name); bytes == 0 && size > 0)
        bytes = size;
  return bytes;
}

} // namespace zorse::tuner
