//===- PackCache.cpp - packed weights kept in a file ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PackCache.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zorse {

namespace {

struct Header {
  char magic[8];
  uint64_t fileBytes, tensors;
  Hash128 stamp;   ///< sizes and times of the checkpoint's files
  Hash128 content; ///< their bytes
  Hash128 check;   ///< of header (with zeros here) and table
};
static_assert(sizeof(Header) == 72);

struct Place {
  uint64_t offset, bytes;
};

constexpr char magic[8] = {'Z', 'R', 'S', 'P', 'A', 'C', 'K', '\n'};
constexpr uint64_t alignment = 4096, mostTensors = 1u << 20;

uint64_t aligned(uint64_t at) { return (at + alignment - 1) / alignment * alignment; }

Hash128 checkOf(Header header, std::span<const Place> places) {
  header.check = {};
  std::string all(reinterpret_cast<const char *>(&header), sizeof(header));
  all.append(reinterpret_cast<const char *>(places.data()), places.size_bytes());
  return hashText(all);
}

class MappedTensor final : public Buffer {
public:
  MappedTensor(std::shared_ptr<const PackedFile> file, std::span<const uint8_t> bytes)
      : file(std::move(file)), bytes(bytes) {}
  uint64_t address() const override { return reinterpret_cast<uint64_t>(bytes.data()); }
  size_t size() const override { return bytes.size(); }

private:
  std::shared_ptr<const PackedFile> file;
  std::span<const uint8_t> bytes;
};

/// A file descriptor that is closed in the end.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

Error systemError(const std::string &path, const char *what) {
  return runtimeError(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

Status writeAll(int fd, const std::string &path, const void *data, size_t bytes) {
  const char *from = static_cast<const char *>(data);
  while (bytes > 0) {
    const ssize_t done = ::write(fd, from, bytes);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return systemError(path, "cannot write");
    from += done;
    bytes -= static_cast<size_t>(done);
  }
  return Status::success();
}

} // namespace

PackedFile::~PackedFile() { ::munmap(const_cast<void *>(mapping), length); }

Result<std::unique_ptr<Buffer>> PackedFile::tensor(const std::shared_ptr<const PackedFile> &self,
                                                   size_t index, size_t bytes) const {
  if (index >= spans.size())
    return runtimeError(fmt::format("expected more than {} tensors", spans.size()));
  if (spans[index].size() != bytes)
    return runtimeError(
        fmt::format("tensor {}: expected {} bytes, found {}", index, bytes, spans[index].size()));
  return std::unique_ptr<Buffer>(new MappedTensor(self, spans[index]));
}

PackCache::PackCache(const std::string &folder, const Checkpoint &checkpoint,
                     std::string_view layout)
    : checkpoint(checkpoint), folder(folder) {
  const std::string all = checkpoint.outline().hex() + std::string(layout);
  file = fmt::format("{}/{}.zorse-pack", folder, hashText(all).hex());
}

std::shared_ptr<const PackedFile> PackCache::open(std::string &note) const {
  const Descriptor opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (opened.fd < 0)
    return nullptr;
  const auto refuse = [&](const std::string &why) {
    note = fmt::format("{}: {}; packed again", file, why);
    return nullptr;
  };
  struct stat info{};
  if (::fstat(opened.fd, &info) != 0 || !S_ISREG(info.st_mode))
    return refuse("expected a regular file");
  const uint64_t length = static_cast<uint64_t>(info.st_size);
  Header header;
  if (length < sizeof(header))
    return refuse(fmt::format("{} bytes are too few for packed weights", length));
  void *mapping = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, opened.fd, 0);
  if (mapping == MAP_FAILED)
    return refuse(fmt::format("cannot map: {}", std::strerror(errno)));
  auto packed = std::make_shared<PackedFile>(mapping, length);
  const auto *bytes = static_cast<const uint8_t *>(mapping);
  std::memcpy(&header, bytes, sizeof(header));
  if (std::memcmp(header.magic, magic, sizeof(magic)) != 0)
    return refuse("these are not packed weights");
  if (header.fileBytes != length)
    return refuse(fmt::format("expected {} bytes, found {}: it is truncated or damaged",
                              header.fileBytes, length));
  if (header.tensors > mostTensors || header.tensors * sizeof(Place) > length - sizeof(header))
    return refuse("the table of tensors is damaged");
  std::vector<Place> places(header.tensors);
  std::memcpy(places.data(), bytes + sizeof(header), places.size() * sizeof(Place));
  if (checkOf(header, places) != header.check)
    return refuse("the header is damaged");
  for (const Place &place : places) {
    if (place.offset > length || place.bytes > length - place.offset || place.offset % alignment)
      return refuse("the table of tensors is damaged");
    packed->spans.emplace_back(bytes + place.offset, place.bytes);
  }
  if (header.stamp != checkpoint.stamp() && header.content != checkpoint.contentHash())
    return refuse("it was packed from other weights");
  ::madvise(mapping, length, MADV_WILLNEED);
  return packed;
}

Status PackCache::write(const std::vector<const Buffer *> &tensors) const {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  std::string temporary = file + ".XXXXXX";
  const Descriptor made{::mkostemp(temporary.data(), O_CLOEXEC)};
  if (made.fd < 0)
    return systemError(folder, "cannot make a file");

  std::vector<Place> places;
  uint64_t at = aligned(sizeof(Header) + tensors.size() * sizeof(Place));
  for (const Buffer *tensor : tensors) {
    places.push_back({at, tensor->size()});
    at = aligned(at + tensor->size());
  }
  Header header{{}, at, places.size(), checkpoint.stamp(), checkpoint.contentHash(), {}};
  std::memcpy(header.magic, magic, sizeof(magic));
  header.check = checkOf(header, places);

  const std::vector<uint8_t> zeros(alignment);
  uint64_t written = 0;
  Status status;
  const auto put = [&](const void *data, size_t bytes) {
    if (status)
      status = writeAll(made.fd, temporary, data, bytes);
    written += bytes;
  };
  put(&header, sizeof(header));
  put(places.data(), places.size() * sizeof(Place));
  for (const Buffer *tensor : tensors) {
    put(zeros.data(), aligned(written) - written);
    put(reinterpret_cast<const void *>(tensor->address()), tensor->size());
  }
  put(zeros.data(), aligned(written) - written);
  if (status && ::fsync(made.fd) != 0)
    status = systemError(temporary, "cannot write");
  if (status && ::rename(temporary.c_str(), file.c_str()) != 0)
    status = systemError(file, "cannot rename to it");
  if (!status)
    ::unlink(temporary.c_str());
  return status;
}

} // namespace zorse
