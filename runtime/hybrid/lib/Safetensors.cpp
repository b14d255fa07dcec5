//===- Safetensors.cpp - one mapped file ----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Safetensors.h"

#include "JsonFile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using nlohmann::json;

namespace zorse {

namespace {

constexpr uint64_t formatHeaderLimit = 100'000'000;

Error fault(const std::string &path, const std::string &reason) {
  return usageError(fmt::format("{}: {}", path, reason));
}

/// Names the usual impostors, so that the message says what to do about them.
std::string_view impostor(std::span<const uint8_t> bytes) {
  std::string_view head(reinterpret_cast<const char *>(bytes.data()),
                        std::min<size_t>(bytes.size(), 64));
  if (head.starts_with("PK\x03\x04") || head.starts_with("\x80\x02") ||
      head.starts_with("\x80\x04"))
    return "this is a pickle, which can run code when it is read; convert it to safetensors";
  if (head.starts_with("version https://git-lfs"))
    return "this is a Git LFS pointer; fetch the file itself with git lfs pull";
  return {};
}

struct Entry {
  const std::string *name;
  uint64_t begin, end;
};

Status readTensor(const std::string &path, const std::string &name, const json &value,
                  const SafetensorsLimits &limits, std::span<const uint8_t> data, TensorView &view,
                  Entry &entry) {
  auto bad = [&](const std::string &reason) {
    return fault(path, fmt::format("tensor \"{:.128}\": {}", name, reason));
  };
  if (name.size() > limits.nameBytes)
    return fault(path, fmt::format("a tensor name of {} bytes exceeds the limit of {}", name.size(),
                                   limits.nameBytes));
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets") || value.size() != 3)
    return bad("expected exactly the fields dtype, shape and data_offsets");
  const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];

  if (!dtype.is_string())
    return bad("expected dtype to be a string");
  if (dtype == "F32")
    view.dtype = DType::F32;
  else if (dtype == "BF16")
    view.dtype = DType::BF16;
  else if (dtype == "F16")
    view.dtype = DType::F16;
  else
    return bad(fmt::format("dtype {:.32} is not supported; expected F32, BF16 or F16",
                           dtype.get_ref<const std::string &>()));

  if (!shape.is_array() || shape.size() > limits.rank)
    return bad(fmt::format("expected shape to be a list of at most {} sizes", limits.rank));
  uint64_t bytes = byteWidth(view.dtype);
  for (const json &size : shape) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > uint64_t(INT64_MAX))
      return bad("expected every size of shape to be an integer in [0, 2^63)");
    if (__builtin_mul_overflow(bytes, size.get<uint64_t>(), &bytes))
      return bad("the size of the shape in bytes overflows 64 bits");
    view.shape.push_back(size.get<int64_t>());
  }

  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned())
    return bad("expected data_offsets to be two integers [begin, end]");
  entry = {&name, offsets[0].get<uint64_t>(), offsets[1].get<uint64_t>()};
  if (entry.begin > entry.end)
    return bad(fmt::format("data_offsets [{}, {}] are reversed", entry.begin, entry.end));
  if (entry.end > data.size())
    return bad(fmt::format("data_offsets end at {}, but the file has {} bytes of data", entry.end,
                           data.size()));
  if (entry.end - entry.begin != bytes)
    return bad(fmt::format("data_offsets span {} bytes, but dtype and shape need {}",
                           entry.end - entry.begin, bytes));
  view.bytes = data.subspan(entry.begin, bytes);
  return Status::success();
}

/// Tensors must tile the data: a gap could hide another file, an overlap is a lie.
Status checkCoverage(const std::string &path, std::vector<Entry> &entries, uint64_t dataBytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t at = 0;
  for (const Entry &entry : entries) {
    if (entry.begin != at)
      return fault(path, fmt::format("tensor \"{:.128}\" begins at {}, {} {}: {}", *entry.name,
                                     entry.begin, "but the one before it ends at", at,
                                     entry.begin > at ? "a hole" : "an overlap"));
    at = entry.end;
  }
  if (at != dataBytes)
    return fault(path,
                 fmt::format("{} bytes after the last tensor belong to none", dataBytes - at));
  return Status::success();
}

} // namespace

void expectRead(std::span<const uint8_t> mapped) {
#ifdef MADV_POPULATE_READ
  const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped.data()) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(mapped.data()) + mapped.size();
  ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_POPULATE_READ);
#endif
}

void doneReading(std::span<const uint8_t> mapped) {
  // Only whole pages inside; what lies beside them may still be read.
  const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped.data());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + mapped.size()) / page * page;
  if (first < last)
    ::madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
}

std::string shapeText(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::vector<float> TensorView::toFloats() const {
  std::vector<float> values(static_cast<size_t>(elements()));
  if (dtype == DType::F32) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes.data() + 2 * i, 2);
    values[i] = dtype == DType::BF16 ? fromBF16(bits) : fromF16(bits);
  }
  return values;
}

Result<std::unique_ptr<SafetensorsFile>> SafetensorsFile::open(const std::string &path,
                                                               const SafetensorsLimits &limits) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return fault(path, fmt::format("cannot open: {}", std::strerror(errno)));
  struct stat info{};
  bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  size_t length = static_cast<size_t>(info.st_size);
  if (!regular || length < 8) {
    ::close(fd);
    return fault(path, regular ? fmt::format("{} bytes are too few for a safetensors file", length)
                               : "expected a regular file");
  }
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile);
  void *mapping = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (mapping == MAP_FAILED)
    return runtimeError(fmt::format("{}: cannot map: {}", path, std::strerror(errno)));
  file->mapping = mapping;
  file->length = length;
  file->changed = info.st_mtim.tv_sec * int64_t(1'000'000'000) + info.st_mtim.tv_nsec;
  std::span<const uint8_t> bytes(static_cast<const uint8_t *>(mapping), length);

  if (std::string_view what = impostor(bytes); !what.empty())
    return fault(path, std::string(what));
  uint64_t headerBytes = 0;
  for (int i = 7; i >= 0; --i)
    headerBytes = headerBytes << 8 | bytes[static_cast<size_t>(i)];
  if (headerBytes > std::min(limits.headerBytes, formatHeaderLimit))
    return fault(path, fmt::format("a header of {} bytes exceeds the limit of {}", headerBytes,
                                   std::min(limits.headerBytes, formatHeaderLimit)));
  if (headerBytes > length - 8)
    return fault(path, fmt::format("the header claims {} bytes, but only {} follow; the file is "
                                   "truncated or no safetensors file",
                                   headerBytes, length - 8));
  std::string_view header(reinterpret_cast<const char *>(bytes.data()) + 8, headerBytes);
  if (!header.starts_with('{'))
    return fault(path, "expected the header to begin with '{'");

  // Each tensor is one object; counting braces keeps a bomb of them from being built.
  if (static_cast<size_t>(std::count(header.begin(), header.end(), '{')) > limits.tensors + 2)
    return fault(path, fmt::format("more than {} tensors", limits.tensors));
  Result<json> parsed = parseStrictJson(header, {.maxBytes = header.size(), .maxDepth = 4});
  if (!parsed)
    return fault(path, "header: " + parsed.error().message);
  if (auto metadata = parsed->find("__metadata__"); metadata != parsed->end()) {
    bool plain =
        metadata->is_object() && std::all_of(metadata->begin(), metadata->end(),
                                             [](const json &value) { return value.is_string(); });
    if (!plain)
      return fault(path, "expected __metadata__ to map strings to strings");
  }

  if (parsed->size() - parsed->count("__metadata__") > limits.tensors)
    return fault(path, fmt::format("more than {} tensors", limits.tensors));

  std::span<const uint8_t> data = bytes.subspan(8 + headerBytes);
  std::vector<Entry> entries;
  for (const auto &[name, value] : parsed->items()) {
    if (name == "__metadata__")
      continue;
    auto [at, isNew] = file->views.try_emplace(name);
    if (Status status =
            readTensor(path, at->first, value, limits, data, at->second, entries.emplace_back());
        !status)
      return status.takeError();
  }
  if (Status status = checkCoverage(path, entries, data.size()); !status)
    return status.takeError();
  return file;
}

SafetensorsFile::~SafetensorsFile() {
  if (mapping)
    ::munmap(mapping, length);
}

} // namespace zorse
