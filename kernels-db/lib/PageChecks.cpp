//===- PageChecks.cpp - a checksum on every page of the file --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PageChecks.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <new>
#include <sqlite3.h>

namespace zorse::db {

namespace {

constexpr int askOpcode = 0x5A01; ///< of file control: are there checksums?
constexpr sqlite3_int64 flagOffset = 20;

/// What SQLite allocates for a main database file: this, then the file of the system's layer.
struct CheckedFile {
  sqlite3_file base;
  bool checks; ///< pages carry checksums

  sqlite3_file *real() { return reinterpret_cast<sqlite3_file *>(this + 1); }
};

CheckedFile &checkedFile(sqlite3_file *file) { return *reinterpret_cast<CheckedFile *>(file); }
sqlite3_file *realFile(sqlite3_file *file) { return checkedFile(file).real(); }

sqlite3_vfs *systemLayer() {
  static sqlite3_vfs *const layer = sqlite3_vfs_find(nullptr);
  return layer;
}

} // namespace

/// The sums of SQLite's own cksumvfs extension, so that it can check these files too.
static std::array<uint8_t, pageCheckBytes> checksum(const void *page, int size) {
  const auto *data = static_cast<const uint8_t *>(page);
  auto word = [&](int at) {
    return uint32_t(data[at]) | uint32_t(data[at + 1]) << 8 | uint32_t(data[at + 2]) << 16 |
           uint32_t(data[at + 3]) << 24;
  };
  uint32_t first = 0, second = 0;
  for (int at = 0; at < size - pageCheckBytes; at += 8) {
    first += word(at) + second;
    second += word(at + 4) + first;
  }
  std::array<uint8_t, pageCheckBytes> bytes;
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<uint8_t>(first >> (8 * i));
    bytes[4 + i] = static_cast<uint8_t>(second >> (8 * i));
  }
  return bytes;
}

static bool isPage(int size, sqlite3_int64 offset) {
  return size >= 512 && (size & (size - 1)) == 0 && offset % size == 0;
}

/// The first page says whether the file has checksums.
static void readFlag(CheckedFile &file, const void *data, int size, sqlite3_int64 offset) {
  if (offset == 0 && size >= 100 && std::memcmp(data, "SQLite format 3", 16) == 0)
    file.checks = static_cast<const uint8_t *>(data)[flagOffset] == pageCheckBytes;
}

static int readChecked(sqlite3_file *base, void *data, int size, sqlite3_int64 offset) {
  CheckedFile &file = checkedFile(base);
  int code = file.real()->pMethods->xRead(file.real(), data, size, offset);
  if (code == SQLITE_IOERR_SHORT_READ && file.checks && isPage(size, offset)) {
    // SQLite takes the missing end of a page for zeros; only behind the end there may be nothing.
    sqlite3_int64 end = 0;
    int asked = file.real()->pMethods->xFileSize(file.real(), &end);
    return asked == SQLITE_OK && end <= offset ? code : SQLITE_IOERR_DATA;
  }
  if (code != SQLITE_OK)
    return code;
  readFlag(file, data, size, offset);
  if (!file.checks || !isPage(size, offset))
    return SQLITE_OK;
  auto expected = checksum(data, size);
  const uint8_t *found = static_cast<const uint8_t *>(data) + size - pageCheckBytes;
  return std::memcmp(found, expected.data(), pageCheckBytes) == 0 ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int writeChecked(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset) {
  CheckedFile &file = checkedFile(base);
  readFlag(file, data, size, offset);
  if (file.checks && isPage(size, offset)) {
    // The page is SQLite's own buffer, whose reserved bytes are for layers like this one.
    auto bytes = checksum(data, size);
    uint8_t *end = static_cast<uint8_t *>(const_cast<void *>(data)) + size - pageCheckBytes;
    std::memcpy(end, bytes.data(), pageCheckBytes);
  }
  return file.real()->pMethods->xWrite(file.real(), data, size, offset);
}

static int control(sqlite3_file *base, int opcode, void *argument) {
  if (opcode == askOpcode) {
    *static_cast<bool *>(argument) = checkedFile(base).checks;
    return SQLITE_OK;
  }
  return realFile(base)->pMethods->xFileControl(realFile(base), opcode, argument);
}

// Version 1 of the methods: no shared memory, so that no write-ahead log is used, and no mapping.
static const sqlite3_io_methods checkedMethods = {
    .iVersion = 1,
    .xClose = [](sqlite3_file *file) { return realFile(file)->pMethods->xClose(realFile(file)); },
    .xRead = readChecked,
    .xWrite = writeChecked,
    .xTruncate =
        [](sqlite3_file *file, sqlite3_int64 size) {
          return realFile(file)->pMethods->xTruncate(realFile(file), size);
        },
    .xSync = [](sqlite3_file *file,
                int flags) { return realFile(file)->pMethods->xSync(realFile(file), flags); },
    .xFileSize =
        [](sqlite3_file *file, sqlite3_int64 *size) {
          return realFile(file)->pMethods->xFileSize(realFile(file), size);
        },
    .xLock = [](sqlite3_file *file,
                int level) { return realFile(file)->pMethods->xLock(realFile(file), level); },
    .xUnlock = [](sqlite3_file *file,
                  int level) { return realFile(file)->pMethods->xUnlock(realFile(file), level); },
    .xCheckReservedLock =
        [](sqlite3_file *file, int *result) {
          return realFile(file)->pMethods->xCheckReservedLock(realFile(file), result);
        },
    .xFileControl = control,
    .xSectorSize =
        [](sqlite3_file *file) { return realFile(file)->pMethods->xSectorSize(realFile(file)); },
    .xDeviceCharacteristics =
        [](sqlite3_file *file) {
          constexpr int partsOfPages = 0x8000; // SQLITE_IOCAP_SUBPAGE_READ of newer versions
          return realFile(file)->pMethods->xDeviceCharacteristics(realFile(file)) & ~partsOfPages;
        },
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

static int openFile(sqlite3_vfs *, const char *name, sqlite3_file *base, int flags, int *outFlags) {
  sqlite3_vfs *system = systemLayer();
  if (!(flags & SQLITE_OPEN_MAIN_DB)) // journals and temporary files are as ever
    return system->xOpen(system, name, base, flags, outFlags);
  CheckedFile *file = new (base) CheckedFile{{nullptr}, false};
  std::memset(file->real(), 0, static_cast<size_t>(system->szOsFile));
  int code = system->xOpen(system, name, file->real(), flags, outFlags);
  if (file->real()->pMethods) // also after a failure: SQLite closes what has methods
    file->base.pMethods = &checkedMethods;
  return code;
}

const char *pageChecksLayer() {
  static const char *const name = [] {
    static sqlite3_vfs layer = *systemLayer();
    layer.zName = "zorse-page-checks";
    layer.pNext = nullptr;
    layer.szOsFile += static_cast<int>(sizeof(CheckedFile));
    layer.xOpen = openFile;
    sqlite3_vfs_register(&layer, /*makeDflt=*/0);
    return layer.zName;
  }();
  return name;
}

void requestPageChecks(sqlite3 *handle) {
  int bytes = pageCheckBytes;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
}

bool hasPageChecks(sqlite3 *handle) {
  bool checks = false;
  return sqlite3_file_control(handle, "main", askOpcode, &checks) == SQLITE_OK && checks;
}

} // namespace zorse::db
