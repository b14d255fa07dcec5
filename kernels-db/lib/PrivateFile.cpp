//===- PrivateFile.cpp - files that only their owner writes ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PrivateFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zorse::db {

namespace {

struct File {
  int handle = -1;
  explicit File(int handle) : handle(handle) {}
  File(const File &) = delete;
  ~File() {
    if (handle >= 0)
      ::close(handle);
  }
};

Error failed(std::string_view what, const std::string &path) {
  return runtimeError(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

} // namespace

Status createFolders(const std::string &folder) {
  std::filesystem::path made;
  for (const std::filesystem::path &part : std::filesystem::path(folder)) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) == 0 || errno == EEXIST)
      continue;
    int reason = errno;
    struct stat info;
    if (::stat(made.c_str(), &info) == 0)
      continue; // a folder above that we may not write, such as "/"
    return Error{ErrorCode::Database, fmt::format("cannot create the folder {}: {}", made.string(),
                                                  std::strerror(reason))};
  }
  return Status();
}

/// Reads the file if none of `forbidden` is among its permissions.
static Result<std::string> readChecked(const File &file, const std::string &path, mode_t forbidden,
                                       std::string_view danger, size_t mostBytes) {
  struct stat info;
  if (::fstat(file.handle, &info) != 0)
    return failed("look at", path);
  if (!S_ISREG(info.st_mode))
    return usageError(fmt::format("{} is not a file", path));
  if (info.st_mode & forbidden)
    return usageError(fmt::format("{0} has mode {1:04o}: others may {2} it; run `chmod {3} {0}`",
                                  path, info.st_mode & 07777, danger,
                                  forbidden & S_IRGRP ? "600" : "go-w"));
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return usageError(
        fmt::format("{} belongs to user {}, not to you; make your own", path, info.st_uid));
  if (info.st_size > static_cast<off_t>(mostBytes))
    return usageError(
        fmt::format("{} has {} bytes, at most {} are read", path, info.st_size, mostBytes));
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    ssize_t count = ::read(file.handle, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failed("read", path);
    if (count == 0)
      break;
    done += static_cast<size_t>(count);
  }
  text.resize(done);
  return text;
}

Result<std::string> readPrivateFile(const std::string &path, size_t mostBytes) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.handle < 0)
    return usageError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  return readChecked(file, path, S_IRWXG | S_IRWXO, "read", mostBytes);
}

Result<std::optional<std::string>> readOwnFile(const std::string &path, size_t mostBytes) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.handle < 0 && (errno == ENOENT || errno == ENOTDIR))
    return std::optional<std::string>();
  if (file.handle < 0)
    return usageError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  Result<std::string> text = readChecked(file, path, S_IWGRP | S_IWOTH, "write", mostBytes);
  if (!text)
    return text.takeError();
  return std::optional(text.take());
}

static Status createWith(const std::string &path, const std::string &content) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty())
    if (Status status = createFolders(folder); !status)
      return status;
  File file(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.handle < 0 && errno == EEXIST)
    return usageError(fmt::format("{} is there already and is not replaced; name another file or "
                                  "move it away",
                                  path));
  if (file.handle < 0)
    return failed("create", path);
  for (size_t done = 0; done < content.size();) {
    ssize_t count = ::write(file.handle, content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      Error error = failed("write", path);
      ::unlink(path.c_str());
      return error;
    }
    done += static_cast<size_t>(count);
  }
  return ::fsync(file.handle) == 0 ? Status() : Status(failed("write", path));
}

Status writePrivateFile(const std::string &path, const std::string &content) {
  return createWith(path, content);
}

Status replaceFile(const std::string &path, const std::string &content) {
  std::string fresh = fmt::format("{}.new-{}", path, ::getpid());
  if (Status status = createWith(fresh, content); !status)
    return status;
  if (::rename(fresh.c_str(), path.c_str()) == 0)
    return Status();
  Error error = failed("replace", path);
  ::unlink(fresh.c_str());
  return error;
}

} // namespace zorse::db
