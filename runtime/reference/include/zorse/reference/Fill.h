//===- Fill.h - operands for tests and tuning -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

#include <memory>
#include <span>
#include <vector>

namespace zorse {

/// How sequences share out the tokens and contexts of a launch.
enum class Lengths {
  Ragged, ///< every sequence another length, one of them as short as can be, one the longest
  Sparse, ///< like Ragged, but some sequences of a prefill bring no token at all
  Full,   ///< equal shares, every context at its longest: what a tuning point means
};

/// Host memory for the operands of one launch: zeroed, each 64-byte aligned.
class OperandSet {
public:
  static Result<OperandSet> create(const OpDesc &op, const Sizes &sizes);

  /// Addresses in the order of OpDesc::operands().
  std::span<void *const> pointers() const { return addresses; }
  size_t count() const { return addresses.size(); }
  size_t bytes(size_t operand) const { return lengths[operand]; }
  OperandSet clone() const;

private:
  struct Free {
    void operator()(void *p) const;
  };
  std::vector<std::unique_ptr<void, Free>> storage;
  std::vector<void *> addresses;
  std::vector<size_t> lengths;
};

/// `sizes` completed with the tuning point of `op` and made consistent by raising what is too
/// small: `tokens` to `batch`, `num_slots` to the number of sequences, `max_len` to the longest
/// context, `max_positions` to `max_len`, the joint context of a prefill to `tokens`, `num_pages`
/// to one more than all sequences at their longest fill.
Sizes consistentSizes(const OpDesc &op, const Sizes &sizes);

/// Sizes at which edges show: lengths that no block size divides, a single token, several
/// sequences. Small enough for the reference, at most `maxFlops` useful operations each.
std::vector<Sizes> raggedSizes(const OpDesc &op, double maxFlops = 2e9);

/// Writes every operand as its `fill` says, the same for the same seed on every machine:
///   normal        ~N(0,1)
///   weight        ~N(0, 1/sqrt(reduction length)); one-dimensional (a norm): 1 + N(0,1)/4
///   slots         a random permutation, no repeats (repeats only where tokens of one sequence
///                 are legal and the slots do not suffice)
///   page_table    random pages, none twice but where sequences share a prefix that is only read
///   positions, lengths, offsets, context_offsets   one plan for all of them, see Lengths
///   ids           uniform in [0, vocab_size)
///   a_log         log U(1,16)
///   dt_bias       inverse softplus of a log-uniform time step in [1e-3, 1e-1]
///   angles_cos/sin   cos and sin of position * 10000^(-2i/d)
///   zero          0
/// Rows of a read-only cache that no sequence has filled hold values 64 times as large as the
/// others, so that reading one shows; a page that nobody has holds NaN. Out operands are poisoned
/// (poisonByte). Errors (Usage): sizes that contradict one another, with the two numbers.
Status fillOperands(const OpDesc &op, const Sizes &sizes, uint64_t seed,
                    std::span<void *const> operands, Lengths lengths = Lengths::Ragged);

/// Each byte of an output before a run: NaN in every float dtype, -1 in i32.
inline constexpr uint8_t poisonByte = 0xff;

} // namespace zorse
