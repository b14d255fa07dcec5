//===- BadFilesTest.cpp - every spoiled folder is refused -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BadFile.h"
#include "ReferenceDevice.h"

#include "zorse/hybrid/Engine.h"
#include "zorse/hybrid/Safetensors.h"

#include <gtest/gtest.h>

#include <random>
#include <time.h>

namespace zorse {
namespace {

#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
constexpr double secondsAllowed = 1.0;
#else
constexpr double secondsAllowed = 0.1;
#endif

/// CPU time of this thread, which a busy machine does not stretch.
double threadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<BadFile> allBadFiles() {
  std::vector<BadFile> all;
  for (auto part : {badContainers, badConfigs, badTensors, badTokenizers})
    for (BadFile &each : part())
      all.push_back(std::move(each));
  return all;
}

class BadFiles : public testing::TestWithParam<BadFile> {};

TEST_P(BadFiles, IsRefusedQuicklyAndClearly) {
  ScratchFolder dir(GetParam().model);
  GetParam().spoil(dir);
  std::unique_ptr<Device> device = createReferenceDevice();
  const double begin = threadSeconds();
  auto model = Model::load(dir.path(), *device);
  const double seconds = threadSeconds() - begin;
  ASSERT_FALSE(model);
  std::string message = model.error().message;
  for (size_t at; (at = message.find(dir.path())) != std::string::npos;)
    message.replace(at, dir.path().size(), "DIR");
  EXPECT_EQ(message, GetParam().message);
  EXPECT_EQ(model.error().code, ErrorCode::Usage);
  EXPECT_LT(seconds, secondsAllowed);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, BadFiles, testing::ValuesIn(allBadFiles()),
                         [](const auto &info) { return info.param.name; });

TEST(BadFiles, UnspoiledFoldersLoad) {
  for (const char *model : {"zebra-stories-260k", "llama-stories-260k", "x-ecomla-stories-260k",
                            "mambainllama-stories-260k"}) {
    ScratchFolder dir(model);
    std::unique_ptr<Device> device = createReferenceDevice();
    auto loaded = Model::load(dir.path(), *device);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  }
}

TEST(BadFiles, NoFolderAtAll) {
  std::unique_ptr<Device> device = createReferenceDevice();
  auto loaded = Model::load("/nowhere/at/all", *device);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message, "/nowhere/at/all: expected a model folder");
}

TEST(BadFiles, UnknownKeysAreIgnored) {
  ScratchFolder dir("zebra-stories-260k");
  for (const char *file : {"config.json", "hybrid_config.json"})
    dir.editJson(file, [](nlohmann::json &d) { d["a_key_of_next_year"] = {1, 2}; });
  EXPECT_TRUE(ModelConfig::read(dir.path()));
}

TEST(BadFiles, DerivedTensorsOfSavedInferenceModelsAreIgnored) {
  ScratchFolder dir("zebra-stories-260k");
  dir.editHeader([](nlohmann::json &header) {
    for (const char *name :
         {"model.layers.0.mla.wk_b", "model.layers.0.mla.wv_b", "model.rotary_emb.inv_freq"})
      header[name] = {{"dtype", "F32"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
  });
  std::unique_ptr<Device> device = createReferenceDevice();
  EXPECT_TRUE(Model::load(dir.path(), *device));
}

TEST(BadFiles, ShardsGiveTheSameModel) {
  // Splits the file in two along its tensors.
  ScratchFolder dir("zebra-stories-260k");
  auto whole = SafetensorsFile::open(dir.path("model.safetensors"));
  ASSERT_TRUE(whole);
  nlohmann::json headers[2], map;
  std::string data[2];
  size_t count = 0;
  for (const auto &[name, view] : (*whole)->tensors()) {
    const size_t shard = count++ % 2;
    headers[shard][name] = {
        {"dtype", "F32"},
        {"shape", view.shape},
        {"data_offsets", {data[shard].size(), data[shard].size() + view.bytes.size()}}};
    data[shard].append(reinterpret_cast<const char *>(view.bytes.data()), view.bytes.size());
    map[name] = shard == 0 ? "a.safetensors" : "b.safetensors";
  }
  dir.remove("model.safetensors");
  for (size_t shard : {0, 1}) {
    const std::string header = headers[shard].dump();
    dir.write(shard == 0 ? "a.safetensors" : "b.safetensors",
              littleEndian(header.size()) + header + data[shard]);
  }
  dir.write("model.safetensors.index.json", nlohmann::json({{"weight_map", map}}).dump());
  auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  for (const auto &[name, view] : (*whole)->tensors()) {
    const TensorView *found = checkpoint->find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_TRUE(std::equal(view.bytes.begin(), view.bytes.end(), found->bytes.begin()));
  }
}

/// Flips, drops and repeats bytes; the readers must answer, and answer an error with a reason.
TEST(BadFiles, RandomDamageIsSurvived) {
  std::mt19937_64 random(31);
  size_t refused = 0, total = 0;
  const ScratchFolder dir("zebra-stories-260k");
  for (const std::string file :
       {"config.json", "hybrid_config.json", "tokenizer.json", "model.safetensors"}) {
    const std::string sound = dir.read(file);
    // In the weights only the header can do harm.
    const size_t reach = std::min<size_t>(sound.size(), 6'000);
    for (int round = 0; round < 400; ++round, ++total) {
      std::string damaged = sound;
      for (uint64_t i = 0; i <= random() % 3; ++i) {
        const size_t at = random() % reach, length = random() % 8;
        switch (random() % 4) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, length);
          break;
        case 2:
          damaged.insert(at, damaged.substr(random() % reach, length));
          break;
        default:
          damaged[at] = "{}[]\",:-0129e"[random() % 14];
        }
      }
      dir.write(file, damaged);
      std::string reason;
      bool ok = true;
      auto check = [&](const auto &result) {
        ok = result.ok();
        reason = ok ? "" : result.error().message;
      };
      if (file == "tokenizer.json")
        check(Tokenizer::load(dir.path()));
      else if (file == "model.safetensors")
        check(Checkpoint::open(dir.path()));
      else
        check(ModelConfig::read(dir.path()));
      refused += !ok;
      EXPECT_EQ(ok, reason.empty());
    }
    dir.write(file, sound);
  }
  EXPECT_GT(refused, total / 2);
}

} // namespace
} // namespace zorse
