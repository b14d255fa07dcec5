//===- ScratchFolder.h - a model folder to spoil ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace zorse {

/// A folder of its own in the temporary directory, removed at the end.
class ScratchFolder {
public:
  /// An empty one, or a copy of the files of a golden model.
  explicit ScratchFolder(const std::string &goldenModel = {});
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder &) = delete;

  std::string path() const { return root.string(); }
  std::string path(const std::string &file) const { return (root / file).string(); }
  void write(const std::string &file, std::string_view bytes) const;
  std::string read(const std::string &file) const;
  void remove(const std::string &file) const;
  /// Parses a file, lets `edit` change it, writes it back.
  void editJson(const std::string &file, const std::function<void(nlohmann::json &)> &edit) const;
  /// A safetensors file of a header and so many zero bytes of data.
  void writeTensors(const std::string &file, const std::string &header, size_t dataBytes) const;
  /// Lets `edit` change the header of model.safetensors; the data stay.
  void editHeader(const std::function<void(nlohmann::json &)> &edit) const;

private:
  std::filesystem::path root;
};

/// Eight bytes, little endian.
std::string littleEndian(uint64_t value);

} // namespace zorse
