//===- BadFile.h - one spoiled model folder ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ScratchFolder.h"

#include <ostream>
#include <string>
#include <vector>

namespace zorse {

struct BadFile {
  std::string name;
  std::string model; ///< the golden model that is spoiled
  std::function<void(const ScratchFolder &)> spoil;
  std::string message; ///< exact; DIR stands for the folder
};

/// How googletest shows one.
inline void PrintTo(const BadFile &file, std::ostream *out) { *out << file.name; }

std::vector<BadFile> badContainers(); ///< model.safetensors and its index
std::vector<BadFile> badConfigs();    ///< the configuration files
std::vector<BadFile> badTensors();    ///< sound files that do not fit the configuration
std::vector<BadFile> badTokenizers(); ///< tokenizer.json

} // namespace zorse
