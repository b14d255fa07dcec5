//===- ScratchFolder.cpp - a model folder to spoil ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ScratchFolder.h"

#include <fstream>
#include <iterator>
#include <stdlib.h>

namespace fs = std::filesystem;
using nlohmann::json;

namespace zorse {

std::string littleEndian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i, value >>= 8)
    bytes += static_cast<char>(value & 0xFF);
  return bytes;
}

ScratchFolder::ScratchFolder(const std::string &goldenModel) {
  std::string pattern = (fs::temp_directory_path() / "zorse-hybrid-XXXXXX").string();
  root = ::mkdtemp(pattern.data());
  if (goldenModel.empty())
    return;
  const fs::path from = fs::path(ZORSE_SOURCE_DIR) / "tests/golden" / goldenModel;
  for (const auto &entry : fs::directory_iterator(from))
    if (entry.is_regular_file())
      fs::copy_file(entry.path(), root / entry.path().filename());
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(root, ignored);
}

void ScratchFolder::write(const std::string &file, std::string_view bytes) const {
  std::ofstream out(root / file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string ScratchFolder::read(const std::string &file) const {
  std::ifstream in(root / file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void ScratchFolder::remove(const std::string &file) const { fs::remove(root / file); }

void ScratchFolder::editJson(const std::string &file,
                             const std::function<void(json &)> &edit) const {
  json document = json::parse(read(file));
  edit(document);
  write(file, document.dump());
}

void ScratchFolder::writeTensors(const std::string &file, const std::string &header,
                                 size_t dataBytes) const {
  write(file, littleEndian(header.size()) + header + std::string(dataBytes, '\0'));
}

void ScratchFolder::editHeader(const std::function<void(json &)> &edit) const {
  const std::string bytes = read("model.safetensors");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  json header = json::parse(bytes.substr(8, length));
  edit(header);
  const std::string text = header.dump();
  write("model.safetensors", littleEndian(text.size()) + text + bytes.substr(8 + length));
}

} // namespace zorse
