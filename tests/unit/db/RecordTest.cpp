//===- RecordTest.cpp - trials come back as they were recorded ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include <cmath>
#include <limits>
#include <sys/wait.h>
#include <unistd.h>

using namespace zorse;
using namespace zorse::test;

namespace {

class RecordTest : public testing::Test {
protected:
  TemporaryFolder folder;
  std::string path = folder.file("kernels.db");
  std::unique_ptr<Database> database = openForWriting(path);

  int64_t record(const KernelRecord &record) {
    Result<int64_t> id = database->record(record);
    EXPECT_TRUE(id.ok()) << (id.ok() ? "" : id.error().message);
    return id.ok() ? *id : 0;
  }
  std::vector<KernelRecord> all() { return database->list({}).take(); }
};

TEST_F(RecordTest, RoundTripsEveryField) {
  KernelRecord in = sampleRecord("block_m=16,waves=1", 12.5, 0.5);
  in.stale = "compiles to other code";
  in.measurement->environment = "{\"cache\":\"cold\",\"load\":0.1}";
  in.error = "it's \"quoted\"\n; DROP TABLE trial";
  int64_t id = record(in);
  ASSERT_EQ(all().size(), 1u);
  KernelRecord out = all().front();
  EXPECT_EQ(out.id, id);
  EXPECT_EQ(out.opKind, in.opKind);
  EXPECT_EQ(out.opJson, in.opJson);
  EXPECT_EQ(out.arch, in.arch);
  EXPECT_EQ(out.computeUnits, in.computeUnits);
  EXPECT_EQ(out.tuningPoint, in.tuningPoint);
  EXPECT_EQ(out.configText, in.configText);
  EXPECT_EQ(out.compilerRevision, in.compilerRevision);
  EXPECT_EQ(out.codeHash, in.codeHash);
  EXPECT_EQ(out.state, TrialState::Ok);
  EXPECT_EQ(out.error, in.error);
  ASSERT_TRUE(out.measurement.has_value());
  EXPECT_EQ(out.measurement->source, Source::Measured);
  EXPECT_EQ(out.measurement->device, in.measurement->device);
  EXPECT_EQ(out.measurement->method, in.measurement->method);
  EXPECT_EQ(out.measurement->medianUs, 12.5);
  EXPECT_EQ(out.measurement->lowUs, 12.0);
  EXPECT_EQ(out.measurement->highUs, 13.0);
  EXPECT_EQ(out.measurement->samples, 15);
  EXPECT_EQ(out.measurement->flops, 4096);
  EXPECT_EQ(out.measurement->bytes, 8192);
  EXPECT_EQ(out.measurement->environment, in.measurement->environment);
  EXPECT_EQ(out.stale, in.stale);
  ASSERT_TRUE(out.verification.has_value());
  EXPECT_TRUE(out.verification->passed);
  EXPECT_EQ(out.verification->maxError, 0.25);
  EXPECT_EQ(out.verification->cases, 3);
  EXPECT_EQ(out.verification->detail, "y[0, 3]");
  ASSERT_EQ(out.createdAt.size(), 20u);
  EXPECT_EQ(out.createdAt.back(), 'Z');
}

TEST_F(RecordTest, RoundTripsEveryState) {
  for (int i = 0; i < 8; ++i) {
    KernelRecord in = sampleRecord("waves=" + std::to_string(i), 10, 1);
    in.state = static_cast<TrialState>(i);
    in.codeHash.clear();
    in.measurement.reset();
    in.verification.reset();
    record(in);
  }
  ASSERT_EQ(all().size(), 8u);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(all()[i].state, static_cast<TrialState>(i));
    EXPECT_FALSE(all()[i].measurement.has_value());
    EXPECT_FALSE(all()[i].verification.has_value());
  }
  EXPECT_EQ(name(TrialState::TimedOut), "timed_out");
  EXPECT_EQ(name(Source::Simulated), "simulated");
}

TEST_F(RecordTest, TheSameKeyReplaces) {
  int64_t first = record(sampleRecord("waves=1", 12, 1));
  int64_t second = record(sampleRecord("waves=1", 11, 1));
  EXPECT_EQ(first, second);
  ASSERT_EQ(all().size(), 1u);
  EXPECT_EQ(all().front().measurement->medianUs, 11);
}

TEST_F(RecordTest, ANewRevisionWithTheSameCodeKeepsTheRow) {
  KernelRecord in = sampleRecord("waves=1", 12, 1);
  int64_t first = record(in);
  in.compilerRevision = "LLVM 23";
  EXPECT_EQ(record(in), first);
  ASSERT_EQ(all().size(), 1u);
  EXPECT_EQ(all().front().compilerRevision, "LLVM 23");
}

TEST_F(RecordTest, ANewRevisionWithOtherCodeAddsARow) {
  KernelRecord in = sampleRecord("waves=1", 12, 1);
  record(in);
  in.compilerRevision = "LLVM 23";
  in.codeHash = hashText("other").hex();
  record(in);
  EXPECT_EQ(all().size(), 2u);
}

TEST_F(RecordTest, SourcesDoNotReplaceEachOther) {
  record(sampleRecord("waves=1", 12, 1, Source::Measured));
  record(sampleRecord("waves=1", 3, 0, Source::Model));
  ASSERT_EQ(all().size(), 2u);
  EXPECT_EQ(all()[0].measurement->medianUs, 12);
}

TEST_F(RecordTest, DevicesDoNotReplaceEachOther) {
  KernelRecord in = sampleRecord("waves=1", 12, 1);
  record(in);
  in.measurement->device = "another device";
  in.measurement->medianUs = 12.5;
  record(in);
  ASSERT_EQ(all().size(), 2u);
  // A crash does not say where; times of several devices are not thrown away for it.
  KernelRecord failed = in;
  failed.measurement.reset();
  failed.verification.reset();
  failed.state = TrialState::Crashed;
  record(failed);
  EXPECT_EQ(all().size(), 3u);
  // That the code is wrong is true of all of them.
  failed.state = TrialState::Wrong;
  record(failed);
  ASSERT_EQ(all().size(), 1u);
  EXPECT_EQ(all().front().state, TrialState::Wrong);
  // And that it compiles is no news.
  failed.state = TrialState::Ok;
  record(failed);
  EXPECT_EQ(all().front().state, TrialState::Wrong);
}

TEST_F(RecordTest, AResultReplacesTheMarkOfItsRun) {
  KernelRecord mark = sampleRecord("waves=1", 12, 1);
  mark.state = TrialState::Running;
  mark.codeHash.clear();
  mark.measurement.reset();
  mark.verification.reset();
  int64_t id = record(mark);
  EXPECT_EQ(record(sampleRecord("waves=1", 12, 1)), id);
  ASSERT_EQ(all().size(), 1u);
  EXPECT_EQ(all().front().state, TrialState::Ok);
  // Trying again does not lose the result while it runs.
  EXPECT_EQ(record(mark), id);
  EXPECT_EQ(all().front().state, TrialState::Ok);
}

TEST_F(RecordTest, ABareCompilationDoesNotReplaceAMeasurement) {
  KernelRecord in = sampleRecord("waves=1", 12, 1);
  int64_t id = record(in);
  in.measurement.reset();
  in.verification.reset();
  EXPECT_EQ(record(in), id);
  EXPECT_TRUE(all().front().measurement.has_value());
}

TEST_F(RecordTest, RecordsSeveralAtOnceOrNone) {
  std::vector<KernelRecord> records = {sampleRecord("waves=1", 12, 1),
                                       sampleRecord("waves=2", 11, 1)};
  CodeObject code = sampleCode(1), tooLarge = sampleCode(2);
  tooLarge.bytes.resize((64 << 20) + 1);
  EXPECT_EQ(errorOf(database->recordAll(records, {code, tooLarge})).code, ErrorCode::Usage);
  EXPECT_TRUE(all().empty());
  EXPECT_FALSE(database->loadCode(code.codeHash().hex())->has_value());
  EXPECT_FALSE(database->recordAll({sampleRecord("", 1, 0)}, {code}).ok());
  EXPECT_FALSE(database->loadCode(code.codeHash().hex())->has_value());
  ASSERT_TRUE(database->recordAll(records, {code, sampleCode(2)}).ok());
  EXPECT_EQ(all().size(), 2u);
  EXPECT_TRUE(database->loadCode(code.codeHash().hex())->has_value());
}

TEST_F(RecordTest, FilterMatchesEveryField) {
  record(sampleRecord("waves=1", 12, 1));
  KernelRecord other = sampleRecord("waves=2", 9, 1);
  other.arch = "gfx90a";
  other.tuningPoint = "{\"tokens\":8}";
  record(other);
  auto count = [&](RecordFilter filter) { return database->list(filter)->size(); };
  EXPECT_EQ(count({}), 2u);
  EXPECT_EQ(count({.opKind = "linear"}), 2u);
  EXPECT_EQ(count({.opKind = "rmsnorm"}), 0u);
  EXPECT_EQ(count({.opJson = other.opJson}), 2u);
  EXPECT_EQ(count({.arch = "gfx90a"}), 1u);
  EXPECT_EQ(count({.tuningPoint = "{\"tokens\":8}"}), 1u);
  EXPECT_EQ(count({.configText = "waves=2"}), 1u);
  EXPECT_EQ(count({.configText = "waves=1", .winnersOnly = true}), 1u);
}

TEST_F(RecordTest, RefusesWhatCannotBeATrial) {
  KernelRecord in = sampleRecord("", 12, 1);
  Error error = errorOf(database->record(in));
  EXPECT_EQ(error.code, ErrorCode::Usage);
  EXPECT_EQ(error.message, "a trial needs a value for configText, found none");
  in = sampleRecord("waves=1", 12, 1);
  in.codeHash = "ABC";
  EXPECT_EQ(errorOf(database->record(in)).message,
            "the code hash of a trial is 32 lower-case hexadecimal digits or empty, found 'ABC'");
  in = sampleRecord("waves=1", -1, 0);
  EXPECT_EQ(errorOf(database->record(in)).message,
            "the median of a measurement is a time above 0 us, found -1");
  in = sampleRecord("waves=1", std::numeric_limits<double>::quiet_NaN(), 0);
  EXPECT_FALSE(database->record(in).ok());
  in = sampleRecord("waves=1", 12, 1);
  in.measurement->highUs = 11;
  EXPECT_EQ(errorOf(database->record(in)).message,
            "the interval of a measurement holds its median, found [11, 11] around 12");
  EXPECT_TRUE(all().empty());
}

TEST_F(RecordTest, RunningTrialsOfADeadProcessAreMarked) {
  KernelRecord mark = sampleRecord("waves=1", 12, 1);
  mark.state = TrialState::Running;
  mark.measurement.reset();
  mark.verification.reset();
  pid_t child = ::fork();
  if (child == 0) {
    std::unique_ptr<Database> own = openForWriting(path);
    ::_exit(own->record(mark).ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  // One of this living process stays.
  mark.configText = "waves=2";
  mark.codeHash = hashText("waves=2").hex();
  record(mark);

  Result<int64_t> marked = database->markStaleRunning();
  ASSERT_TRUE(marked.ok());
  EXPECT_EQ(*marked, 1);
  std::vector<KernelRecord> records = all();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].state, TrialState::Crashed);
  EXPECT_EQ(records[0].error, "the process that ran it ended without a result");
  EXPECT_EQ(records[1].state, TrialState::Running);
  EXPECT_EQ(*database->markStaleRunning(), 0);
}

} // namespace
