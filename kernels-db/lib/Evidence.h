//===- Evidence.h - which of two rows says more -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows with one key (what was tried: op, target, tuning point, configuration, code or
// else revision, source, device) are ordered by what they prove. The order is total
// and looks at every column, so keeping the strongest row of each key gives the same
// set of rows in whatever order, grouping or repetition files are merged.
//
// Unfinished rows are marks for the processes that share a file. They are no evidence:
// a merge does not take them and the content hash does not count them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "RecordRows.h"

#include <unordered_map>
#include <unordered_set>

namespace zorse::db {

struct Evidence {
  int rank = 0; ///< passed > refuted > measured only > failed > merely compiled
  bool stale = false;
  int64_t samples = 0;
  double width = 0, medianUs = 0; ///< of the interval, relative; smaller is stronger
  std::string createdAt;          ///< later is stronger
  Hash128 row;                    ///< of all columns: the last word between equals
};

Evidence evidenceOf(const KernelRecord &record);
bool isStronger(const Evidence &a, const Evidence &b);

/// Brings a record into the form in which rows are stored, so that it hashes as its row does.
void normalize(KernelRecord &record);

struct HashOfHash {
  size_t operator()(const Hash128 &hash) const { return static_cast<size_t>(hash.low); }
};

/// The strongest row of each key. One more rule spans keys: a row that merely says that code
/// compiled gives way to any other row about the same code.
class EvidenceIndex {
public:
  struct Verdict {
    bool taken = false, added = false; ///< added: its key was new
    int64_t id = 0;                    ///< of the row of this key, if taken
    std::vector<int64_t> displaced;    ///< rows that gave way; `id` may be among them
  };
  /// Offers a finished row. If its key is new it gets `newId`, else the id of the row it replaces.
  Verdict offer(const KernelRecord &record, int64_t newId);
  void clear();
  void reserve(size_t rows);
  /// The hashes of the rows that stand, sorted.
  std::vector<Hash128> rowHashes() const;

private:
  struct Entry {
    int64_t id = 0;
    Evidence evidence;
  };
  std::unordered_map<Hash128, Entry, HashOfHash> rows;
  std::unordered_map<Hash128, Hash128, HashOfHash> bare; ///< what compiled -> key of its bare row
  std::unordered_set<Hash128, HashOfHash> spoken;        ///< code that other rows are about
};

} // namespace zorse::db
