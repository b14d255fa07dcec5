//===- Safetensors.h - tensors of a checkpoint ------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/DType.h"
#include "zorse/desc/Hash.h"
#include "zorse/desc/Status.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zorse {

/// What a safetensors file may be before it is refused.
struct SafetensorsLimits {
  uint64_t headerBytes = 16u << 20; ///< the format allows 100,000,000
  size_t tensors = 65'536;
  size_t rank = 8;
  size_t nameBytes = 1'024;
};

/// One stored tensor; the bytes lie in the mapped file, unaligned.
struct TensorView {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes;

  int64_t elements() const { return static_cast<int64_t>(bytes.size() / byteWidth(dtype)); }
  /// Converts all elements, rounding to nearest even.
  std::vector<float> toFloats() const;
};

/// Brings mapped bytes into memory at once, instead of a fault for each page; a hint.
void expectRead(std::span<const uint8_t> mapped);
/// Tells the system that mapped bytes are not needed any more; a hint.
void doneReading(std::span<const uint8_t> mapped);

/// "[512, 64]".
std::string shapeText(std::span<const int64_t> shape);

/// A memory-mapped .safetensors file. Everything in its header is checked when it is opened: the
/// length, the JSON, known element types (F32, BF16, F16), no overflow in a shape, and tensors
/// that cover the data exactly: from 0, no holes, no overlap, up to the end of the file.
class SafetensorsFile {
public:
  static Result<std::unique_ptr<SafetensorsFile>> open(const std::string &path,
                                                       const SafetensorsLimits &limits = {});
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile &) = delete;

  const std::map<std::string, TensorView, std::less<>> &tensors() const { return views; }
  size_t bytes() const { return length; }
  /// When the file was changed last, as it was opened: nanoseconds since 1970.
  int64_t changedNanos() const { return changed; }

private:
  SafetensorsFile() = default;
  void *mapping = nullptr;
  size_t length = 0;
  int64_t changed = 0;
  std::map<std::string, TensorView, std::less<>> views;
};

/// The weights of a model folder: model.safetensors, or the shards that
/// model.safetensors.index.json names. Pickles are refused with the way out.
class Checkpoint {
public:
  static Result<Checkpoint> open(const std::string &dir, const SafetensorsLimits &limits = {});

  /// The tensor or nullptr.
  const TensorView *find(std::string_view name) const;
  /// Every tensor name, sorted.
  std::vector<std::string> names() const;

  /// Tells models apart at the cost of a page of each tensor: a hash of names, types, shapes and
  /// the first bytes of all tensors.
  Hash128 outline() const;
  /// A hash of the sizes and times of change of the files.
  Hash128 stamp() const;
  /// A hash of names, types, shapes and all bytes, which are read for it.
  Hash128 contentHash() const;

private:
  Hash128 hashTensors(size_t bytesOfEach) const;
  Status add(std::unique_ptr<SafetensorsFile> file, const std::string &fileName);
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  std::map<std::string, const TensorView *, std::less<>> places;
};

/// The element type that most elements of the checkpoint have.
DType storedDType(const Checkpoint &checkpoint);

} // namespace zorse
