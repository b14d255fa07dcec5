//===- Samples.h - records and files for the tests --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace zorse::test {

/// A fresh folder, removed at the end; in memory where the system has such a place, so that tests
/// that do not ask about durability do not wait for the disk.
class TemporaryFolder {
public:
  enum class Place { Memory, Disk };
  explicit TemporaryFolder(Place place = Place::Memory);
  ~TemporaryFolder();
  std::string file(std::string_view name) const { return (root / name).string(); }

private:
  std::filesystem::path root;
};

/// Opens for writing; fails the test if it cannot.
std::unique_ptr<Database> openForWriting(const std::string &path);

OpDesc sampleOp(int64_t outFeatures = 64);
TargetDesc sampleTarget(int computeUnits = 2);

/// Code whose bytes and resources follow from the numbers.
CodeObject sampleCode(int seed, int64_t ldsBytes = 0, int64_t vgprs = 0);

/// A verified, measured, finished trial of sampleOp() on sampleTarget() with [median - spread,
/// median + spread] microseconds.
KernelRecord sampleRecord(const std::string &configText, double medianUs, double spreadUs,
                          Source source = Source::Measured);

/// The error of a result that must have failed.
template <typename T> Error errorOf(Result<T> result) {
  if (!result)
    return result.takeError();
  ADD_FAILURE() << "expected an error";
  return {};
}

inline Error errorOf(Status status) {
  EXPECT_FALSE(status.ok());
  return status.takeError();
}

std::vector<uint8_t> readFile(const std::string &path);
void writeFile(const std::string &path, const std::vector<uint8_t> &bytes);
/// Runs SQL on a file behind the library's back.
void tamper(const std::string &path, const std::string &sql);

} // namespace zorse::test
