//===- LongContextsTest.cpp - long sequences, caches beyond 32 bits -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cache of more than 2^31 elements is made of memory that nobody touches but for
// the last slots or pages, which get what a small cache has; the kernel must then
// compute what the reference computes on the small one. Sequences of 131072 tokens
// are compared with the reference as they are.
//
//===----------------------------------------------------------------------===//
#include "zorse/compiler/Compile.h"
#include "zorse/device/BindLaunch.h"
#include "zorse/emulator/EmulatorDevice.h"
#include "zorse/reference/Reference.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fmt/format.h>

namespace zorse {
namespace {

constexpr uint64_t seed = 20261121;
constexpr int64_t longest = 131072;

template <typename T> T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(result.error().message);
  return result.take();
}
void must(Status status) {
  if (!status)
    throw std::runtime_error(status.error().message);
}

/// The host, or an emulated GPU without checks, which would touch all memory.
std::unique_ptr<Device> makeDevice(const std::string &name) {
  if (name == "host")
    return must(createHostDevice());
  return must(createEmulatorDevice(findTarget(name).take(), {.threads = 0, .checks = false}));
}

/// One operand on the device. A cache has its blocks (slots or pages) at the end of a larger one,
/// in the opposite order.
struct Placed {
  const OperandSpec *spec = nullptr;
  std::vector<int64_t> small, large; ///< shapes
  std::unique_ptr<Buffer> buffer;
  size_t elementBytes = 0;

  bool isCache() const { return spec->name.ends_with("cache"); }
  size_t smallBytes() const { return bytesOf(small); }
  size_t largeBytes() const { return bytesOf(large); }
  size_t rowBytes() const { return bytesOf({small.begin() + 2, small.end()}); }
  size_t blockBytes() const { return rowBytes() * size_t(small[1]); }
  size_t offsetOf(int64_t block) const {
    return size_t(large[0] - 1 - block) * size_t(large[1]) * rowBytes();
  }

private:
  size_t bytesOf(const std::vector<int64_t> &shape) const {
    size_t bytes = elementBytes;
    for (int64_t extent : shape)
      bytes *= size_t(extent);
    return bytes;
  }
};

std::span<const uint8_t> bytesAt(const void *from, size_t count) {
  return {static_cast<const uint8_t *>(from), count};
}

/// The indices of a launch in terms of the large caches.
std::vector<int32_t> movedIndices(const Placed &to, const void *from, const Sizes &large) {
  const auto *values = static_cast<const int32_t *>(from);
  const size_t count = to.smallBytes() / sizeof(int32_t);
  if (to.spec->name == "slots") {
    std::vector<int32_t> moved(values, values + count);
    for (int32_t &slot : moved)
      slot = int32_t(large.at("num_slots")) - 1 - slot;
    return moved;
  }
  std::vector<int32_t> moved(size_t(to.large[0] * to.large[1]), 0);
  for (int64_t slot = 0; slot < to.small[0]; ++slot)
    for (int64_t i = 0; i < to.small[1]; ++i)
      moved[size_t((to.large[0] - 1 - slot) * to.large[1] + i)] =
          int32_t(large.at("num_pages")) - 1 - values[slot * to.small[1] + i];
  return moved;
}

/// Runs `object` at the large sizes on what fills the small ones, and compares with the reference
/// at the small ones. False if there is no memory for the caches.
Result<bool> agrees(Device &device, const CodeObject &object, const OpDesc &op, const Sizes &small,
                    const Sizes &large) {
  OperandSet inputs = must(OperandSet::create(op, small));
  must(fillOperands(op, small, seed, inputs.pointers()));
  std::vector<Placed> operands;
  std::vector<uint64_t> operandsAt, workspacesAt;
  for (const OperandSpec *spec : op.operands()) {
    Placed placed{spec, must(op.operandShape(*spec, small)), must(op.operandShape(*spec, large)),
                  nullptr, byteWidth(op.operandDType(*spec))};
    const void *from = inputs.pointers()[operands.size()];
    Result<std::unique_ptr<Buffer>> buffer = device.allocate(placed.largeBytes());
    if (!buffer)
      return false;
    placed.buffer = buffer.take();
    if (placed.isCache()) {
      for (int64_t block = 0; block < placed.small[0]; ++block)
        must(device.upload(
            *placed.buffer, placed.offsetOf(block),
            bytesAt(static_cast<const uint8_t *>(from) + size_t(block) * placed.blockBytes(),
                    placed.blockBytes())));
    } else if (spec->name == "slots" || spec->name == "page_table") {
      std::vector<int32_t> moved = movedIndices(placed, from, large);
      must(device.upload(*placed.buffer, 0, bytesAt(moved.data(), moved.size() * 4)));
    } else {
      must(device.upload(*placed.buffer, 0, bytesAt(from, placed.smallBytes())));
    }
    operandsAt.push_back(placed.buffer->address());
    operands.push_back(std::move(placed));
  }
  std::vector<std::unique_ptr<Buffer>> workspaces;
  for (size_t bytes : must(workspaceBytes(object, large))) {
    workspaces.push_back(must(device.allocate(bytes)));
    workspacesAt.push_back(workspaces.back()->address());
  }
  std::unique_ptr<Module> module = must(device.load(object));
  must(device.launch(
      *module,
      must(bindLaunch(object, large, addressesInOrder(op, object, operandsAt, workspacesAt))),
      large));

  OperandSet got = must(OperandSet::create(op, small));
  for (size_t i = 0; i < operands.size(); ++i) {
    const Placed &from = operands[i];
    auto *to = static_cast<uint8_t *>(got.pointers()[i]);
    if (from.spec->role == OperandSpec::Role::In)
      std::memcpy(to, inputs.pointers()[i], got.bytes(i));
    else if (!from.isCache())
      must(device.download(*from.buffer, 0, {to, got.bytes(i)}));
    else
      for (int64_t block = 0; block < from.small[0]; ++block)
        must(device.download(*from.buffer, from.offsetOf(block),
                             {to + size_t(block) * from.blockBytes(), from.blockBytes()}));
  }
  must(runReference(op, inputs.pointers(), small));
  Comparison comparison = must(compareOperands(op, small, got.pointers(), inputs.pointers(),
                                               device.target().matrixFlushesSubnormals));
  EXPECT_TRUE(comparison.passed) << comparison.wrong << " of " << comparison.elements
                                 << " elements are wrong, worst " << comparison.detail;
  return true;
}

class LongContexts : public testing::TestWithParam<std::tuple<std::string, std::string, int64_t>> {
protected:
  OpDesc op() const {
    const auto &[device, kind, pageSize] = GetParam();
    std::map<std::string, OpDesc::FieldValue> fields = {
        {"num_heads", int64_t(4)},         {"num_kv_heads", int64_t(2)},
        {"head_dim", int64_t(64)},         {"qk_nope_head_dim", int64_t(32)},
        {"qk_rope_head_dim", int64_t(32)}, {"v_head_dim", int64_t(32)},
        {"kv_lora_rank", int64_t(128)},    {"page_size", pageSize}};
    std::erase_if(fields, [&](const auto &field) { return !findOpSpec(kind)->field(field.first); });
    return must(OpDesc::create(kind, fields));
  }
  static CodeObject compiled(const OpDesc &op, const Device &device) {
    return must(compile(op, device.target(), must(KernelConfig::defaults(op, device.target()))))
        .object;
  }
};

/// The sizes of `op` among these, and as many pages as all slots can fill.
Sizes sizesOf(const OpDesc &op, int64_t tokens, int64_t batch, int64_t context, int64_t slots,
              int64_t maxLen) {
  Sizes sizes = {{"tokens", tokens},   {"batch", batch},    {"context", context},
                 {"num_slots", slots}, {"max_len", maxLen}, {"max_positions", maxLen},
                 {"num_pages", 0}};
  std::erase_if(sizes, [&](const auto &size) { return !op.tuningPoint().contains(size.first); });
  if (sizes.contains("num_pages"))
    sizes["num_pages"] = slots * ((maxLen + op.get("page_size") - 1) / op.get("page_size")) + 1;
  return sizes;
}

TEST_P(LongContexts, CachesBeyond32BitsAreAddressedRight) {
  std::unique_ptr<Device> device = makeDevice(std::get<0>(GetParam()));
  OpDesc described = op();
  Sizes small = sizesOf(described, 5, 3, 150, 6, 170);
  Sizes large = sizesOf(described, 5, 3, 150, 140, longest);
  if (large.contains("max_positions"))
    large["max_positions"] = small["max_positions"];
  OpDesc tuned = described.withTuningPoint(large);
  for (const OperandSpec *operand : tuned.operands())
    if (operand->name.ends_with("cache")) {
      int64_t elements = 1;
      for (int64_t extent : must(tuned.operandShape(*operand, large)))
        elements *= extent;
      ASSERT_GT(elements, int64_t(1) << 31);
    }
  if (!must(agrees(*device, compiled(tuned, *device), tuned, small, large)))
    GTEST_SKIP() << "this machine cannot even reserve the memory of such a cache";
}

TEST_P(LongContexts, SequencesOf131072TokensAreRight) {
  std::unique_ptr<Device> device = makeDevice(std::get<0>(GetParam()));
  Sizes sizes = sizesOf(op(), 2, 1, longest, 2, longest);
  OpDesc tuned = op().withTuningPoint(sizes);
  EXPECT_TRUE(must(agrees(*device, compiled(tuned, *device), tuned, sizes, sizes)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, LongContexts,
                         testing::Combine(testing::Values("host", "gfx90a", "gfx942"),
                                          testing::Values("gqa_decode", "gqa_prefill",
                                                          "gqa_rope_append", "mla_decode",
                                                          "mla_prefill", "mla_rope_append"),
                                          testing::Values(0, 64)),
                         [](const auto &info) {
                           return fmt::format("{}_{}{}", std::get<0>(info.param),
                                              std::get<1>(info.param),
                                              std::get<2>(info.param) ? "_paged" : "");
                         });

} // namespace
} // namespace zorse
