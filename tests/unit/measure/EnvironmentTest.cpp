//===- EnvironmentTest.cpp - what machines tell, and what they do not -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/Environment.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace zorse::tuner;

namespace {

class EnvironmentTest : public testing::Test {
protected:
  EnvironmentTest() {
    root = std::filesystem::path(testing::TempDir()) /
           ("environment-" +
            std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(root);
  }
  ~EnvironmentTest() override { std::filesystem::remove_all(root); }
  void write(const std::string &path, const std::string &text) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  std::filesystem::path root;
};

TEST_F(EnvironmentTest, WhatCannotBeReadIsAbsent) {
  Environment none = readEnvironment({}, root);
  EXPECT_FALSE(none.clockMhz || none.load || none.celsius || none.stealShare);
  EXPECT_EQ(readCpuTimes(root).total, 0);
  EXPECT_EQ(readLastLevelCacheBytes(root), 0);
}

TEST_F(EnvironmentTest, FilesOfLinux) {
  write("proc/cpuinfo",
        "processor\t: 0\ncpu MHz\t\t: 2000.0\n\nprocessor\t: 1\ncpu MHz\t\t: 3000\n");
  write("proc/loadavg", "0.25 0.50 0.75 1/100 4242\n");
  write("proc/stat", "cpu  100 0 50 800 0 0 0 50 7 7\ncpu0 1 2 3\n");
  write("sys/class/thermal/thermal_zone0/temp", "41000\n");
  write("sys/class/thermal/cooling_device0/temp", "99000\n");
  write("sys/class/hwmon/hwmon0/temp1_input", "52500\n");
  write("sys/class/hwmon/hwmon0/temp2_input", "-128000\n");
  write("sys/class/hwmon/hwmon0/temp1_max", "90000\n");
  Environment environment = readEnvironment({800, 40}, root);
  EXPECT_EQ(environment.clockMhz, 2500);
  EXPECT_EQ(environment.load, 0.25);
  EXPECT_EQ(environment.celsius, 52.5);
  EXPECT_EQ(environment.stealShare, 0.05); // 10 of 200 ticks
  write("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "3400000\n");
  EXPECT_EQ(readEnvironment({}, root).clockMhz, 3400);
}

TEST_F(EnvironmentTest, TheOutermostCache) {
  write("sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
  write("sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n");
  write("sys/devices/system/cpu/cpu0/cache/index1/level", "3\n");
  write("sys/devices/system/cpu/cpu0/cache/index1/size", "32M\n");
  write("sys/devices/system/cpu/cpu0/cache/index2/level", "2\n");
  write("sys/devices/system/cpu/cpu0/cache/index2/size", "1024K\n");
  EXPECT_EQ(readLastLevelCacheBytes(root), 32 << 20);
}

} // namespace
