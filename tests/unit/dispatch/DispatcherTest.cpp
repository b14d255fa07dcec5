//===- DispatcherTest.cpp - look up, load, launch -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeDevice.h"

#include "zorse/db/Database.h"
#include "zorse/db/Trust.h"
#include "zorse/dispatch/Dispatcher.h"

#include <filesystem>

using namespace zorse;
using namespace zorse::test;

namespace {

OpDesc linear(int64_t outFeatures = 64) {
  Result<OpDesc> op =
      OpDesc::create("linear", {{"in_features", int64_t(32)}, {"out_features", outFeatures}});
  EXPECT_TRUE(op.ok());
  return op.take();
}

OpDesc norm(int64_t width) {
  Result<OpDesc> op = OpDesc::create("rmsnorm", {{"hidden_size", width}});
  EXPECT_TRUE(op.ok());
  return op.take();
}

/// Code for an op: operands and sizes of the spec, and these workspaces.
CodeObject codeFor(const OpDesc &op, const std::string &configText,
                   const std::vector<std::string> &workspaceBytes = {}) {
  CodeObject object;
  object.arch = "fake";
  object.bytes.assign(configText.begin(), configText.end());
  KernelInfo kernel;
  kernel.symbol = op.kind();
  kernel.grid = {Expr::constant(1), Expr::constant(1), Expr::constant(1)};
  object.kernels = {kernel};
  for (const OperandSpec *operand : op.operands())
    object.arguments.push_back({KernelArgument::Kind::Operand, operand->name, "bf16"});
  for (size_t i = 0; i < workspaceBytes.size(); ++i) {
    std::string name = "w" + std::to_string(i);
    object.arguments.push_back({KernelArgument::Kind::Workspace, name, "f32"});
    object.workspaces.push_back({name, *Expr::parse(workspaceBytes[i])});
  }
  for (const SizeSpec *size : op.sizes())
    object.arguments.push_back({KernelArgument::Kind::Size, size->name, "i64"});
  object.opJson = op.canonicalJson();
  object.configText = configText;
  object.compilerRevision = "test";
  return object;
}

class DispatcherTest : public testing::Test {
protected:
  DispatcherTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "zorse-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    database = Database::open(folder + "/kernels.db", Database::Mode::ReadWrite).take();
  }
  ~DispatcherTest() override { std::filesystem::remove_all(folder); }

  void addWinner(const OpDesc &op, int64_t tokens, const std::string &configText,
                 int64_t computeUnits = 2, bool withCode = true) {
    CodeObject code = codeFor(op, configText);
    if (withCode) {
      ASSERT_TRUE(database->storeCode(code).ok());
    }
    KernelRecord record;
    record.opKind = op.kind();
    record.opJson = op.canonicalJson();
    record.arch = "fake";
    record.computeUnits = computeUnits;
    record.tuningPoint = op.withTuningPoint({{"tokens", tokens}}).tuningPointJson();
    record.configText = configText;
    record.compilerRevision = "test";
    record.codeHash = code.codeHash().hex();
    record.state = TrialState::Ok;
    record.measurement.emplace().medianUs = 10;
    record.verification = Verification{true, 0.5, 1, ""};
    Result<int64_t> id = database->record(record);
    ASSERT_TRUE(id.ok()) << id.error().message;
  }

  Status launch(Dispatcher &dispatcher, const OpDesc &op, int64_t tokens) {
    Result<Dispatcher::Kernel *> kernel = dispatcher.prepare(op);
    if (!kernel)
      return kernel.takeError();
    std::vector<uint64_t> operands(op.operands().size(), 0x42);
    return dispatcher.launch(**kernel, operands, {{"tokens", tokens}});
  }
  /// The configuration that ran for this many tokens.
  std::string chosen(Dispatcher &dispatcher, const OpDesc &op, int64_t tokens) {
    Status status = launch(dispatcher, op, tokens);
    return status.ok() ? device.launches.back().configText : status.error().message;
  }

  std::string folder;
  FakeDevice device;
  std::unique_ptr<Database> database;
};

TEST_F(DispatcherTest, TakesTheBucketThenTheNearest) {
  addWinner(linear(), 1, "one");
  addWinner(linear(), 16, "sixteen");
  addWinner(linear(), 512, "many");
  Dispatcher dispatcher(device, database.get());
  EXPECT_EQ(chosen(dispatcher, linear(), 1), "one");
  EXPECT_EQ(chosen(dispatcher, linear(), 2), "one");
  EXPECT_EQ(chosen(dispatcher, linear(), 8), "sixteen");
  EXPECT_EQ(chosen(dispatcher, linear(), 12), "sixteen");
  EXPECT_EQ(chosen(dispatcher, linear(), 64), "sixteen");
  EXPECT_EQ(chosen(dispatcher, linear(), 128), "many");
  EXPECT_EQ(chosen(dispatcher, linear(), 100000), "many");
  // Each was loaded once, whatever the number of buckets.
  EXPECT_EQ(device.loads, (std::vector<std::string>{"one", "sixteen", "many"}));
  EXPECT_TRUE(dispatcher.notes().empty());
}

TEST_F(DispatcherTest, PrefersTheSameNumberOfComputeUnits) {
  addWinner(linear(), 1, "large", 300);
  addWinner(linear(), 1, "small", 3);
  Dispatcher dispatcher(device, database.get());
  EXPECT_EQ(chosen(dispatcher, linear(), 1), "small");
}

TEST_F(DispatcherTest, FillsTheArgumentRow) {
  Dispatcher dispatcher(device, nullptr, [](const OpDesc &op, const Sizes &) {
    return Result<CodeObject>(codeFor(op, "code", {"tokens * 100", "out_features"}));
  });
  Result<Dispatcher::Kernel *> kernel = dispatcher.prepare(linear());
  ASSERT_TRUE(kernel.ok());
  std::vector<uint64_t> operands = {11, 22, 33};
  ASSERT_TRUE(dispatcher.launch(**kernel, operands, {{"tokens", 3}}).ok());
  ASSERT_EQ(device.launches.size(), 1u);
  const FakeDevice::Launch &launch = device.launches[0];
  ASSERT_EQ(launch.slots.size(), 6u);
  EXPECT_EQ(std::vector(launch.slots.begin(), launch.slots.begin() + 3), operands);
  EXPECT_EQ(launch.slots[3], 0x2000u);
  EXPECT_EQ(launch.slots[4], 0x3000u);
  EXPECT_EQ(launch.slots[5], 3u); // the exact size, not its bucket
  EXPECT_EQ(launch.sizes, (Sizes{{"tokens", 3}}));
  EXPECT_EQ(device.allocations, (std::vector<size_t>{512, 64}));
}

TEST_F(DispatcherTest, WorkspacesGrowAndAreShared) {
  auto make = [](const OpDesc &op, const Sizes &) {
    return Result<CodeObject>(codeFor(op, "code of " + op.kind(), {"tokens * 64"}));
  };
  Dispatcher dispatcher(device, nullptr, make);
  EXPECT_TRUE(launch(dispatcher, linear(), 1).ok());
  EXPECT_TRUE(launch(dispatcher, norm(64), 1).ok());
  EXPECT_EQ(device.allocations.size(), 1u);
  EXPECT_TRUE(launch(dispatcher, linear(), 100).ok());
  EXPECT_TRUE(launch(dispatcher, linear(), 3).ok());
  EXPECT_EQ(device.allocations, (std::vector<size_t>{64, 8192}));
  EXPECT_EQ(device.peakBytes, 8192u); // the small one was given back first
}

TEST_F(DispatcherTest, AsksTheMissHandlerOnceForABucket) {
  std::vector<int64_t> asked;
  Dispatcher dispatcher(device, database.get(), [&](const OpDesc &op, const Sizes &sizes) {
    asked.push_back(sizes.at("tokens"));
    return Result<CodeObject>(codeFor(op, "made for " + std::to_string(sizes.at("tokens"))));
  });
  EXPECT_EQ(chosen(dispatcher, linear(), 5), "made for 8");
  EXPECT_EQ(chosen(dispatcher, linear(), 7), "made for 8");
  EXPECT_EQ(chosen(dispatcher, linear(), 9), "made for 16");
  EXPECT_EQ(chosen(dispatcher, linear(), 5), "made for 8");
  EXPECT_EQ(asked, (std::vector<int64_t>{8, 16}));
}

TEST_F(DispatcherTest, PassesOnTheErrorOfTheMissHandler) {
  Dispatcher dispatcher(device, nullptr, [](const OpDesc &, const Sizes &) {
    return Result<CodeObject>(Error{ErrorCode::Device, "no way"});
  });
  Status status = launch(dispatcher, linear(), 1);
  EXPECT_EQ(status.error().code, ErrorCode::Device);
  EXPECT_EQ(status.error().message, "no way");
}

TEST_F(DispatcherTest, AMissNamesTheNearestOp) {
  addWinner(linear(128), 1, "one");
  addWinner(linear(4096), 1, "two");
  Dispatcher dispatcher(device, database.get());
  Status status = launch(dispatcher, linear(64), 3);
  EXPECT_EQ(status.error().code, ErrorCode::Runtime);
  EXPECT_EQ(status.error().message,
            "no kernel for " + linear(64).canonicalJson() +
                " on fake with 2 compute units at {\"tokens\":4}; in " + database->path() +
                " the nearest is " + linear(128).canonicalJson() +
                ", which differs in out_features (128 there); make one with `zorse tune`");
}

TEST_F(DispatcherTest, AMissSaysThatNothingIsNear) {
  Dispatcher empty(device, database.get());
  EXPECT_EQ(launch(empty, norm(64), 1).error().message,
            "no kernel for " + norm(64).canonicalJson() +
                " on fake with 2 compute units at {\"tokens\":1}; in " + database->path() +
                " there is no rmsnorm for fake; make one with `zorse tune`");
  Dispatcher without(device, nullptr);
  EXPECT_EQ(launch(without, norm(64), 1).error().message,
            "no kernel for " + norm(64).canonicalJson() +
                " on fake with 2 compute units at {\"tokens\":1}; no database was given; make one "
                "with `zorse tune`");
}

TEST_F(DispatcherTest, AWinnerWithoutCodeIsPassedOver) {
  addWinner(linear(), 1, "absent", 2, false);
  Dispatcher dispatcher(device, database.get());
  std::string hash = codeFor(linear(), "absent").codeHash().hex();
  std::string reason =
      "the winner absent at {\"tokens\":1} was passed over: its code " + hash + " is not stored";
  EXPECT_EQ(launch(dispatcher, linear(), 1).error().message,
            "no kernel for " + linear().canonicalJson() +
                " on fake with 2 compute units at {\"tokens\":1}; " + reason + "; in " +
                database->path() +
                " the op has winners, but none with usable code; make one with `zorse tune`");
  EXPECT_EQ(dispatcher.notes(), std::vector<std::string>{"linear: " + reason});

  addWinner(linear(), 64, "present");
  Dispatcher second(device, database.get());
  EXPECT_EQ(chosen(second, linear(), 1), "present");
  EXPECT_EQ(second.notes(), std::vector<std::string>{"linear: " + reason});
}

TEST_F(DispatcherTest, AWinnerWithoutCodeIsBuiltAgain) {
  addWinner(linear(), 8, "absent", 2, false);
  addWinner(linear(), 64, "present");
  std::vector<std::string> asked;
  Dispatcher dispatcher(device, database.get());
  dispatcher.onRebuild([&](const OpDesc &op, const KernelRecord &record) {
    asked.push_back(record.configText + " " + op.tuningPointJson());
    return Result<CodeObject>(codeFor(op, record.configText));
  });
  EXPECT_EQ(chosen(dispatcher, linear(), 1), "absent");
  EXPECT_EQ(chosen(dispatcher, linear(), 7), "absent");
  EXPECT_EQ(chosen(dispatcher, linear(), 64), "present");
  // Once for all buckets, at the sizes that it was tuned at.
  EXPECT_EQ(asked, std::vector<std::string>{"absent {\"tokens\":8}"});
  EXPECT_EQ(dispatcher.notes(),
            std::vector<std::string>{"linear: the winner absent at {\"tokens\":8} was built again: "
                                     "its code " +
                                     codeFor(linear(), "absent").codeHash().hex() +
                                     " is not stored"});
}

TEST_F(DispatcherTest, TellsWhatALaunchWouldBuild) {
  addWinner(linear(), 8, "absent", 2, false);
  addWinner(linear(), 64, "present");
  addWinner(linear(), 512, "not tried");
  Dispatcher dispatcher(device, database.get());
  std::vector<Dispatcher::Winner> winners = dispatcher.winners(linear(), {{"tokens", 7}}).take();
  ASSERT_EQ(winners.size(), 2u);
  EXPECT_EQ(winners[0].record.configText, "absent");
  EXPECT_EQ(winners[0].op.tuningPointJson(), "{\"tokens\":8}");
  EXPECT_EQ(winners[0].obstacle,
            "its code " + codeFor(linear(), "absent").codeHash().hex() + " is not stored");
  EXPECT_FALSE(winners[0].cameWithoutCode);
  EXPECT_EQ(winners[1].record.configText, "present");
  EXPECT_EQ(winners[1].obstacle, "");
  EXPECT_TRUE(dispatcher.winners(linear(32), {{"tokens", 7}}).take().empty());
  EXPECT_TRUE(dispatcher.notes().empty());
  // Of a layer that ships without code it is nothing to tell, whether the same code comes of it.
  database.reset();
  std::unique_ptr<Database> layers = openLayers({folder + "/user.db", "", folder + "/kernels.db"},
                                                TrustStore(), Database::Mode::ReadWrite)
                                         .take();
  for (bool isSame : {true, false}) {
    Dispatcher second(device, layers.get());
    EXPECT_TRUE(second.winners(linear(), {{"tokens", 8}}).take().at(0).cameWithoutCode);
    second.onRebuild([&](const OpDesc &op, const KernelRecord &record) {
      CodeObject object = codeFor(op, record.configText);
      if (!isSame)
        object.bytes.push_back(7);
      return Result<CodeObject>(object);
    });
    EXPECT_EQ(chosen(second, linear(), 8), "absent");
    EXPECT_TRUE(second.notes().empty());
  }
}

TEST_F(DispatcherTest, OtherCodeThanWasMeasuredIsTold) {
  addWinner(linear(), 8, "absent", 2, false);
  Dispatcher dispatcher(device, database.get());
  dispatcher.onRebuild([&](const OpDesc &op, const KernelRecord &record) {
    CodeObject object = codeFor(op, record.configText);
    object.bytes.push_back(7);
    return Result<CodeObject>(object);
  });
  EXPECT_EQ(chosen(dispatcher, linear(), 8), "absent");
  ASSERT_EQ(dispatcher.notes().size(), 1u);
  EXPECT_NE(dispatcher.notes()[0].find("is other code"), std::string::npos)
      << dispatcher.notes()[0];
}

TEST_F(DispatcherTest, WhatCannotBeBuiltAgainGivesWayToTheNextBest) {
  addWinner(linear(), 8, "absent", 2, false);
  addWinner(linear(), 64, "present");
  int asked = 0;
  Dispatcher dispatcher(device, database.get());
  dispatcher.onRebuild([&](const OpDesc &, const KernelRecord &) {
    ++asked;
    return Result<CodeObject>(runtimeError("no way"));
  });
  EXPECT_EQ(chosen(dispatcher, linear(), 1), "present");
  EXPECT_EQ(chosen(dispatcher, linear(), 8), "present");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(dispatcher.notes(),
            std::vector<std::string>{"linear: the winner absent at {\"tokens\":8} was passed over: "
                                     "its code " +
                                     codeFor(linear(), "absent").codeHash().hex() +
                                     " is not stored; building it again failed: no way"});
}

TEST_F(DispatcherTest, UnsignedCodeOfOthersIsNeverLoaded) {
  addWinner(linear(), 8, "theirs");
  SigningKey key = SigningKey::generate();
  for (bool isSigned : {false, true}) {
    if (isSigned) {
      ASSERT_EQ(*database->sign(key), 1);
    }
    for (bool isTrusted : {false, true}) {
      TrustStore trust(isTrusted ? std::vector{key.publicKey} : std::vector<std::string>());
      std::unique_ptr<Database> layers =
          openLayers({folder + "/user.db", "", folder + "/kernels.db"}, trust,
                     Database::Mode::ReadWrite)
              .take();
      Dispatcher dispatcher(device, layers.get());
      bool loads = isSigned && isTrusted;
      EXPECT_EQ(chosen(dispatcher, linear(), 8) == "theirs", loads);
      EXPECT_EQ(dispatcher.notes().empty(), loads);
      if (!loads) {
        EXPECT_NE(dispatcher.notes().at(0).find("of the shipped database"), std::string::npos);
      }
      // What is built here takes its place, and stays.
      Dispatcher rebuilding(device, layers.get());
      rebuilding.onRebuild([&](const OpDesc &op, const KernelRecord &record) {
        EXPECT_EQ(record.layer, "shipped");
        CodeObject object = codeFor(op, record.configText);
        EXPECT_TRUE(layers->storeCode(object).ok());
        return Result<CodeObject>(object);
      });
      EXPECT_EQ(chosen(rebuilding, linear(), 8), "theirs");
      EXPECT_EQ(rebuilding.notes().empty(), loads);
      Dispatcher later(device, layers.get());
      EXPECT_EQ(chosen(later, linear(), 8), "theirs");
      EXPECT_TRUE(later.notes().empty());
      layers.reset();
      std::filesystem::remove(folder + "/user.db");
    }
  }
}

TEST_F(DispatcherTest, CodeWithOtherArgumentsIsRefused) {
  Dispatcher dispatcher(device, nullptr, [](const OpDesc &op, const Sizes &) {
    CodeObject code = codeFor(op, "code");
    std::swap(code.arguments[0], code.arguments[1]);
    return Result<CodeObject>(code);
  });
  EXPECT_EQ(launch(dispatcher, linear(), 1).error().message,
            "the code " + codeFor(linear(), "code").codeHash().hex() +
                " of linear does not take the arguments of the op: operand 0 is 'weight' there, "
                "expected 'x'; compile it again");
  EXPECT_TRUE(device.loads.empty());
}

TEST_F(DispatcherTest, ChecksOperandsAndSizes) {
  addWinner(linear(), 1, "one");
  Dispatcher dispatcher(device, database.get());
  Dispatcher::Kernel *kernel = *dispatcher.prepare(linear());
  std::vector<uint64_t> two(2), three(3);
  EXPECT_EQ(dispatcher.launch(*kernel, two, {{"tokens", 1}}).error().message,
            "linear takes 3 operands, found 2");
  Status status = dispatcher.launch(*kernel, three, {{"batch", 1}});
  EXPECT_EQ(status.error().code, ErrorCode::Usage);
  EXPECT_EQ(status.error().message, "linear needs the size tokens, found batch = 1");
  EXPECT_EQ(dispatcher.launch(*kernel, three, {{"tokens", 0}}).error().message,
            "the size tokens of linear is from 1 to 2147483648, found 0");
  EXPECT_TRUE(device.launches.empty());
}

TEST_F(DispatcherTest, RecordedLaunchesRunWhenReplayed) {
  auto make = [](const OpDesc &op, const Sizes &) {
    return Result<CodeObject>(codeFor(op, "code of " + op.kind(), {"tokens * 64"}));
  };
  Dispatcher dispatcher(device, nullptr, make);
  auto both = [&] {
    Status status = launch(dispatcher, linear(), 3);
    return status.ok() ? launch(dispatcher, norm(64), 3) : status;
  };
  ASSERT_TRUE(both().ok());
  const std::vector<FakeDevice::Launch> plain = device.launches;
  auto recording = dispatcher.record(both);
  ASSERT_TRUE(recording.ok()) << recording.error().message;
  EXPECT_EQ((*recording)->kernels(), 2u);
  EXPECT_EQ(device.launches.size(), 2u);
  EXPECT_EQ(dispatcher.times()["linear"].launches, 1);
  // The workspace grows meanwhile; the recording keeps the one that it knows.
  ASSERT_TRUE(launch(dispatcher, linear(), 1000).ok());
  const size_t live = device.liveBytes;
  device.launches.clear();
  ASSERT_TRUE(dispatcher.replay(**recording).ok());
  ASSERT_EQ(device.launches.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(device.launches[i].configText, plain[i].configText);
    EXPECT_EQ(device.launches[i].slots, plain[i].slots);
    EXPECT_EQ(device.launches[i].sizes, plain[i].sizes);
  }
  EXPECT_EQ(dispatcher.times()["linear"].launches, 3);
  EXPECT_EQ(dispatcher.times()["rmsnorm"].launches, 2);
  recording->reset();
  EXPECT_EQ(device.liveBytes, live - 256);
}

TEST_F(DispatcherTest, ARecordingNeedsItsCodeAndWorkspaceBefore) {
  Dispatcher dispatcher(device, nullptr, [](const OpDesc &op, const Sizes &) {
    return Result<CodeObject>(codeFor(op, "code of " + op.kind(), {"tokens * 64"}));
  });
  auto record = [&](int64_t tokens) {
    return dispatcher.record([&] { return launch(dispatcher, linear(), tokens); });
  };
  EXPECT_EQ(record(3).error().message,
            "load inside of a capture; only launches can be recorded, do it before");
  ASSERT_TRUE(launch(dispatcher, linear(), 3).ok());
  EXPECT_TRUE(record(3).ok());
  EXPECT_EQ(record(100).error().message,
            "the workspace w0 of linear would have to grow to 6400 bytes while launches are "
            "recorded; make the same launches once before");
  auto nested = dispatcher.record([&] {
    auto inner = record(3);
    return inner.ok() ? Status() : Status(inner.error());
  });
  EXPECT_EQ(nested.error().message, "launches are being recorded already");
  EXPECT_EQ(device.launches.size(), 1u);
  EXPECT_TRUE(record(3).ok());
}

TEST_F(DispatcherTest, PreparingAgainGivesTheSameHandle) {
  Dispatcher dispatcher(device, database.get());
  EXPECT_EQ(*dispatcher.prepare(linear(64)), *dispatcher.prepare(linear(64)));
  EXPECT_NE(*dispatcher.prepare(linear(64)), *dispatcher.prepare(linear(65)));
}

TEST_F(DispatcherTest, CountsTimeByKind) {
  addWinner(linear(64), 1, "one");
  addWinner(linear(65), 1, "two");
  addWinner(norm(64), 1, "three");
  Dispatcher dispatcher(device, database.get());
  for (const OpDesc &op : {linear(64), linear(65), norm(64), norm(64), norm(64)})
    EXPECT_TRUE(launch(dispatcher, op, 1).ok());
  auto times = dispatcher.times();
  ASSERT_EQ(times.size(), 2u);
  EXPECT_EQ(times["linear"].launches, 2);
  EXPECT_EQ(times["rmsnorm"].launches, 3);
  EXPECT_GT(times["rmsnorm"].seconds, 0);
}

} // namespace
