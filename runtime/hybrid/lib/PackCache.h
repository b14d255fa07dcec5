//===- PackCache.h - packed weights kept in a file --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file holds all tensors of one model as they lie in memory, so that the next start
// maps it instead of packing. Which file belongs to a checkpoint must be told without
// reading gigabytes: its name is a hash of the layout, of the headers of the checkpoint
// and of the first bytes of every tensor. Inside it has the sizes and times of change
// of the checkpoint's files, and a hash of all their bytes. Equal sizes and times are
// believed; otherwise (a copy, a touched file, a fine-tune that differs late) the bytes
// are hashed and decide. A file that is damaged or of something else is not taken, with
// a note, and is replaced by renaming, so that readers of the old one keep it.
//
//   magic, bytes of the file, number of tensors, stamp, content, check   (72 bytes)
//   offset and bytes of each tensor
//   the tensors, each at a multiple of 4096
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Hash.h"
#include "zorse/device/Device.h"
#include "zorse/hybrid/Safetensors.h"

#include <memory>
#include <string>
#include <vector>

namespace zorse {

/// A mapped file of packed weights, read-only.
class PackedFile {
public:
  PackedFile(const void *mapping, size_t length) : mapping(mapping), length(length) {}
  ~PackedFile();
  PackedFile(const PackedFile &) = delete;

  size_t entries() const { return spans.size(); }
  /// Tensor `index` as a buffer that keeps the file mapped. Error: there is none of `bytes` bytes.
  Result<std::unique_ptr<Buffer>> tensor(const std::shared_ptr<const PackedFile> &self,
                                         size_t index, size_t bytes) const;

private:
  friend class PackCache;
  const void *mapping;
  size_t length;
  std::vector<std::span<const uint8_t>> spans;
};

class PackCache {
public:
  /// `layout` names everything besides the checkpoint that the bytes depend on.
  PackCache(const std::string &folder, const Checkpoint &checkpoint, std::string_view layout);

  const std::string &path() const { return file; }
  /// The file of this checkpoint, or nullptr. `note` says why a file that is there is not taken.
  std::shared_ptr<const PackedFile> open(std::string &note) const;
  /// Writes the file under a temporary name, then renames it. Errors: the folder cannot be made or
  /// written, no room.
  Status write(const std::vector<const Buffer *> &tensors) const;

private:
  const Checkpoint &checkpoint;
  std::string folder, file;
};

} // namespace zorse
