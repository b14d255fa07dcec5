//===- LaunchArguments.cpp - arguments of a kernel from words -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "LaunchArguments.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <set>

namespace zorse::tool {

const char *const argumentForms =
    "i8:N, i16:N, i32:N, i64:N, f32:X, f64:X, hex:BYTES, in:FILE, inout:FILE, out:BYTES:FILE";

namespace {

constexpr size_t maxFileBytes = size_t(8) << 30;
constexpr uint8_t unwritten = 0xa5;

template <typename T> std::vector<uint8_t> bytesOf(T value) {
  std::vector<uint8_t> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// Decimal or 0x…, signed or unsigned, in `bits`.
Result<std::vector<uint8_t>> integerBytes(const std::string &text, std::string_view digits,
                                          int bits) {
  bool negative = digits.starts_with('-');
  if (negative)
    digits.remove_prefix(1);
  bool isHex = digits.starts_with("0x");
  if (isHex)
    digits.remove_prefix(2);
  uint64_t magnitude = 0;
  auto [end, failure] =
      std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, isHex ? 16 : 10);
  uint64_t most = bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  uint64_t least = uint64_t(1) << (bits - 1); // below zero
  if (failure != std::errc() || end != digits.data() + digits.size() ||
      magnitude > (negative ? least : most))
    return usageError(fmt::format("--arg {}: expected an integer from -{} to {}, found '{}'", text,
                                  least, most, text.substr(text.find(':') + 1)));
  std::vector<uint8_t> bytes = bytesOf(negative ? uint64_t(0) - magnitude : magnitude);
  bytes.resize(static_cast<size_t>(bits / 8));
  return bytes;
}

Result<double> realOf(const std::string &text, const std::string &digits) {
  char *end = nullptr;
  double value = std::strtod(digits.c_str(), &end);
  if (digits.empty() || *end != '\0' || std::isspace(static_cast<unsigned char>(digits[0])))
    return usageError(fmt::format("--arg {}: expected a number, found '{}'", text, digits));
  return value;
}

Result<std::vector<uint8_t>> hexBytes(const std::string &text, std::string_view digits) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    uint8_t byte = 0;
    auto [end, failure] = std::from_chars(digits.data() + i,
                                          digits.data() + std::min(i + 2, digits.size()), byte, 16);
    if (failure != std::errc() || end != digits.data() + i + 2)
      return usageError(fmt::format("--arg {}: expected two hexadecimal digits a byte", text));
    bytes.push_back(byte);
  }
  if (bytes.empty())
    return usageError(fmt::format("--arg {}: expected two hexadecimal digits a byte", text));
  return bytes;
}

Status readBuffer(LaunchArgument &argument, const std::string &kind, const std::string &rest) {
  argument.isBuffer = true;
  argument.isInput = kind != "out";
  argument.isOutput = kind != "in";
  argument.file = rest;
  if (kind == "out") {
    size_t colon = rest.find(':'), count = 0;
    auto [end, failure] =
        std::from_chars(rest.data(), rest.data() + std::min(colon, rest.size()), count);
    if (colon == rest.npos || failure != std::errc() || end != rest.data() + colon ||
        count > maxFileBytes)
      return usageError(fmt::format("--arg {}: expected out:BYTES:FILE with at most {} bytes",
                                    argument.text, maxFileBytes));
    argument.bytes.assign(count, unwritten);
    argument.file = rest.substr(colon + 1);
  }
  if (argument.file.empty() || argument.file == "-")
    return usageError(fmt::format("--arg {}: expected the name of a file", argument.text));
  if (!argument.isInput)
    return Status();
  Result<std::string> contents = readText(argument.file, maxFileBytes);
  if (!contents)
    return contents.takeError();
  argument.bytes.assign(contents->begin(), contents->end());
  return Status();
}

Result<LaunchArgument> readArgument(const std::string &word) {
  LaunchArgument argument;
  argument.text = word;
  size_t colon = word.find(':');
  std::string kind = word.substr(0, colon), rest = colon == word.npos ? "" : word.substr(colon + 1);
  auto setBytes = [&](Result<std::vector<uint8_t>> bytes) -> Result<LaunchArgument> {
    if (!bytes)
      return bytes.takeError();
    argument.bytes = bytes.take();
    return argument;
  };
  for (int bits : {8, 16, 32, 64})
    if (kind == fmt::format("i{}", bits))
      return setBytes(integerBytes(word, rest, bits));
  if (kind == "f32" || kind == "f64") {
    Result<double> value = realOf(word, rest);
    if (!value)
      return value.takeError();
    if (kind == "f32" && std::isinf(static_cast<float>(*value)) && !std::isinf(*value))
      return usageError(fmt::format("--arg {}: {} is beyond the range of f32", word, rest));
    return setBytes(kind == "f32" ? bytesOf(static_cast<float>(*value)) : bytesOf(*value));
  }
  if (kind == "hex")
    return setBytes(hexBytes(word, rest));
  if (colon != word.npos && (kind == "in" || kind == "inout" || kind == "out")) {
    if (Status status = readBuffer(argument, kind, rest); !status)
      return status.takeError();
    return argument;
  }
  return usageError(fmt::format("--arg {}: expected one of {}", word, argumentForms));
}

std::string sizesOf(const std::vector<const emulator::ArgumentInfo *> &arguments) {
  std::string text;
  for (const emulator::ArgumentInfo *argument : arguments)
    text += fmt::format("{}{}{} of {} bytes", text.empty() ? "" : ", ", argument->name,
                        argument->name.empty() ? argument->kind : " (" + argument->kind + ")",
                        argument->size);
  return text;
}

Result<std::vector<uint8_t>> layOutInOrder(const emulator::KernelDescription &kernel,
                                           const std::vector<LaunchArgument> &arguments) {
  std::vector<uint8_t> kernarg;
  for (const LaunchArgument &argument : arguments) {
    std::vector<uint8_t> bytes = argument.isBuffer ? bytesOf(argument.address) : argument.bytes;
    size_t alignment = 1; // the largest power of two in the size, at most that of a pointer
    while (alignment < 8 && bytes.size() % (2 * alignment) == 0)
      alignment *= 2;
    kernarg.resize((kernarg.size() + alignment - 1) / alignment * alignment);
    kernarg.insert(kernarg.end(), bytes.begin(), bytes.end());
  }
  // Old tools leave the size out of the descriptor.
  if (kernel.kernargBytes != 0 && kernarg.size() > kernel.kernargBytes)
    return usageError(fmt::format("the arguments take {} bytes; kernel '{}', which says nothing "
                                  "else about them, takes {}",
                                  kernarg.size(), kernel.name, kernel.kernargBytes));
  return kernarg;
}

} // namespace

Result<std::vector<LaunchArgument>> readArguments(const std::vector<std::string> &words) {
  std::vector<LaunchArgument> arguments;
  std::set<std::string> outputs;
  for (const std::string &word : words) {
    Result<LaunchArgument> argument = readArgument(word);
    if (!argument)
      return argument.takeError();
    if (argument->isOutput && !outputs.insert(argument->file).second)
      return usageError(
          fmt::format("--arg {}: another argument writes {}, too", word, argument->file));
    arguments.push_back(argument.take());
  }
  return arguments;
}

Result<std::vector<uint8_t>> layOutArguments(const emulator::KernelDescription &kernel,
                                             const std::vector<LaunchArgument> &arguments) {
  if (!kernel.hasMetadata)
    return layOutInOrder(kernel, arguments);
  std::vector<const emulator::ArgumentInfo *> wanted;
  for (const emulator::ArgumentInfo &argument : kernel.arguments)
    if (!argument.kind.starts_with("hidden_"))
      wanted.push_back(&argument);
  if (wanted.size() != arguments.size())
    return usageError(fmt::format("kernel '{}' has {} arguments, found {} --arg; it has {}",
                                  kernel.name, wanted.size(), arguments.size(),
                                  wanted.empty() ? "none" : sizesOf(wanted)));
  std::vector<uint8_t> kernarg;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const emulator::ArgumentInfo &info = *wanted[i];
    bool isPointer = info.kind.ends_with("_buffer") || info.kind == "image";
    if (isPointer && !arguments[i].isBuffer && arguments[i].bytes.size() != 8)
      return usageError(
          fmt::format("argument {} of kernel '{}' is a buffer: expected in:FILE, "
                      "inout:FILE, out:BYTES:FILE or the 8 bytes of an address, found {}",
                      i, kernel.name, arguments[i].text));
    std::vector<uint8_t> bytes =
        arguments[i].isBuffer ? bytesOf(arguments[i].address) : arguments[i].bytes;
    if (bytes.size() != info.size)
      return usageError(fmt::format("argument {} of kernel '{}' has {} bytes ({}), found {} of {} "
                                    "bytes",
                                    i, kernel.name, info.size, info.kind, arguments[i].text,
                                    bytes.size()));
    kernarg.resize(std::max<size_t>(kernarg.size(), size_t(info.offset) + info.size));
    std::memcpy(kernarg.data() + info.offset, bytes.data(), bytes.size());
  }
  return kernarg;
}

} // namespace zorse::tool
