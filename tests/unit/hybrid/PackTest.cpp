//===- PackTest.cpp - packed weights and the file that keeps them ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PackCache.h"
#include "PanelPack.h"
#include "ReferenceDevice.h"
#include "ScratchFolder.h"
#include "Weights.h"

#include "zorse/hybrid/Engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <numeric>
#include <random>

namespace zorse {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uint64_t seed = 42;

std::string golden(const std::string &model) {
  return std::string(ZORSE_SOURCE_DIR) + "/tests/golden/" + model;
}

/// A matrix as a checkpoint holds it.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, DType dtype)
      : storage(static_cast<size_t>(rows * columns) * byteWidth(dtype)) {
    view.dtype = dtype;
    view.shape = {rows, columns};
    std::mt19937_64 random(seed);
    for (int64_t i = 0; i < rows * columns; ++i)
      storeElement(dtype, storage.data(), static_cast<size_t>(i),
                   static_cast<double>(random() % 256) / 32 - 4); // exact in every type
    view.bytes = storage;
  }
  double at(int64_t i) const { return loadElement(view.dtype, storage.data(), size_t(i)); }
  std::vector<uint8_t> storage;
  TensorView view;
};

TEST(PanelPack, PutsEveryElementWhereLinearReadsIt) {
  for (DType stored : {DType::F32, DType::F16, DType::BF16})
    for (DType dtype : {DType::F32, DType::F16, DType::BF16})
      for (auto [firstRows, secondRows, columns, panel] :
           {std::array<int64_t, 4>{20, 29, 37, 16}, {64, 0, 64, 32}, {5, 3, 1, 48}}) {
        SCOPED_TRACE(testing::Message() << name(stored) << " to " << name(dtype) << ", panel "
                                        << panel << ", seed " << seed);
        const Matrix first(firstRows, columns, stored), second(secondRows, columns, stored);
        const StackedRows rows({&first.view, &second.view});
        const int64_t group = dtype == DType::BF16 ? 2 : 1, lines = (columns + group - 1) / group;
        const int64_t panels = (firstRows + secondRows + panel - 1) / panel;
        std::vector<uint8_t> packed(static_cast<size_t>(panels) * panelBytes(panel, columns, dtype),
                                    0xff);
        // In two pieces, as threads do it.
        packPanels(rows, 0, panels / 2, panel, dtype, packed.data());
        packPanels(rows, panels / 2, panels, panel, dtype,
                   packed.data() +
                       static_cast<size_t>(panels / 2) * panelBytes(panel, columns, dtype));
        for (int64_t n = 0; n < panels * panel; ++n)
          for (int64_t k = 0; k < lines * group; ++k) {
            const int64_t at =
                ((n / panel * lines + k / group) * panel + n % panel) * group + k % group;
            double want = 0;
            if (n < firstRows + secondRows && k < columns)
              want = n < firstRows ? first.at(n * columns + k)
                                   : second.at((n - firstRows) * columns + k);
            ASSERT_EQ(loadElement(dtype, packed.data(), static_cast<size_t>(at)), want)
                << n << ", " << k;
          }
      }
}

class PackCacheTest : public testing::Test {
protected:
  /// Loads the model with the cache, and returns its note.
  std::string load() {
    auto model = Model::load(folder.path(), *device, {.packCache = cache.path()});
    EXPECT_TRUE(model) << (model ? "" : model.error().message);
    if (!model)
      return "";
    std::vector<uint8_t> now;
    for (const DeviceTensor *tensor : {&(*model)->weights().embed, &(*model)->weights().finalNorm,
                                       &(*model)->weights().layers.back().down}) {
      std::vector<uint8_t> bytes((*tensor)->size());
      EXPECT_TRUE(device->download(**tensor, 0, bytes));
      now.insert(now.end(), bytes.begin(), bytes.end());
    }
    if (first.empty())
      first = now;
    same = now == first;
    return (*model)->packCacheNote();
  }

  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto &entry : fs::directory_iterator(cache.path()))
      found.push_back(entry.path().string());
    return found;
  }

  /// Changes `bytes` of the only file from `offset` on.
  void damage(size_t offset, std::string_view bytes) {
    const std::string name = fs::path(files().at(0)).filename().string();
    std::string all = cache.read(name);
    all.replace(offset, bytes.size(), bytes);
    cache.write(name, all);
  }

  std::unique_ptr<Device> device = createReferenceDevice();
  ScratchFolder folder{golden("zebra-stories-260k")}, cache;
  std::vector<uint8_t> first;
  bool same = false;
};

TEST_F(PackCacheTest, ASecondStartMapsWhatTheFirstPacked) {
  EXPECT_EQ(load(), "");
  ASSERT_EQ(files().size(), 1u);
  const auto written = fs::last_write_time(files()[0]);
  EXPECT_EQ(load(), "");
  EXPECT_TRUE(same);
  EXPECT_EQ(files().size(), 1u);
  EXPECT_EQ(fs::last_write_time(files()[0]), written);
}

TEST_F(PackCacheTest, DamagedFilesAreRefusedAndMadeAgain) {
  load();
  const std::string name = fs::path(files().at(0)).filename().string();
  damage(0, "X");
  EXPECT_THAT(load(), HasSubstr("these are not packed weights; packed again"));
  EXPECT_TRUE(same);
  EXPECT_EQ(load(), "");
  damage(80, "\x55");
  EXPECT_THAT(load(), HasSubstr("the header is damaged"));
  EXPECT_TRUE(same);
  fs::resize_file(cache.path(name), 5000);
  EXPECT_THAT(load(), HasSubstr("found 5000: it is truncated or damaged"));
  EXPECT_TRUE(same);
  cache.write(name, "short");
  EXPECT_THAT(load(), HasSubstr("5 bytes are too few"));
  EXPECT_EQ(load(), "");
  EXPECT_TRUE(same);
}

TEST_F(PackCacheTest, OtherTimesAreForgivenOtherWeightsAreNot) {
  load();
  const std::string weights = folder.path("model.safetensors");
  fs::last_write_time(weights, fs::last_write_time(weights) + std::chrono::hours(1));
  EXPECT_EQ(load(), "") << "the same bytes at another time";
  EXPECT_TRUE(same);
  // The last element of a large tensor: beyond what the name of the file looks at.
  std::string all = folder.read("model.safetensors");
  uint64_t headerBytes = 0;
  std::memcpy(&headerBytes, all.data(), sizeof(headerBytes));
  const auto header = nlohmann::json::parse(all.substr(8, headerBytes));
  const auto &offsets = header["model.embed_tokens.weight"]["data_offsets"];
  ASSERT_GT(offsets[1].get<size_t>() - offsets[0].get<size_t>(), 4096u);
  const size_t last = 8 + headerBytes + offsets[1].get<size_t>() - 1;
  all[last] = static_cast<char>(all[last] ^ 1);
  folder.write("model.safetensors", all);
  fs::last_write_time(weights, fs::last_write_time(weights) + std::chrono::hours(2));
  EXPECT_THAT(load(), HasSubstr("it was packed from other weights; packed again"));
  EXPECT_EQ(load(), "");
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(PackCacheTest, AFolderThatCannotBeWrittenIsANote) {
  cache.write("file", "x");
  auto model = Model::load(folder.path(), *device, {.packCache = cache.path("file") + "/below"});
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT((*model)->packCacheNote(), HasSubstr("packed weights were not kept"));
}

} // namespace
} // namespace zorse
