//===- MatrixTest.cpp - matrix instructions against a matrix product ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "MatrixKernel.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <random>
#include <tuple>

namespace zorse::emulator::test {
namespace {

constexpr unsigned seed = 20;

/// Matrices of one instruction by coordinates; double holds every input exactly.
struct Matrices {
  using Key = std::tuple<int, int, int>; // block, row, column
  std::map<Key, double> a, b, c;
};

/// Numbers of a few powers of two around 1, one in eight a zero; integers of any value.
uint64_t randomElement(Type type, std::mt19937_64 &random) {
  auto make = [&](int exponentBits, int mantissaBits, int bias) -> uint64_t {
    uint64_t bits = random();
    if (bits >> 61 == 0)
      return 0;
    uint64_t exponent = static_cast<uint64_t>(bias - 3) + (bits >> 32) % 7;
    uint64_t sign = bits >> 40 & 1, mantissa = random() & ((uint64_t(1) << mantissaBits) - 1);
    return sign << (exponentBits + mantissaBits) | exponent << mantissaBits | mantissa;
  };
  switch (type) {
  case Type::F64:
    return make(11, 52, 1023);
  case Type::F32:
  case Type::Xf32:
    return make(8, 23, 127);
  case Type::F16:
    return make(5, 10, 15);
  case Type::Bf16:
    return make(8, 7, 127);
  case Type::Fp8Fnuz:
  case Type::Fp8:
    return make(4, 3, 7);
  case Type::Bf8Fnuz:
  case Type::Bf8:
    return make(5, 2, 15);
  case Type::I8:
    return random() & 0xff;
  }
  return 0;
}

Registers randomRegisters(int count, Type type, std::mt19937_64 &random) {
  Registers registers(static_cast<size_t>(count));
  int elements = count * 32 / bitsOf(type);
  for (int lane = 0; lane < 64; ++lane)
    for (int e = 0; e < elements; ++e)
      setElement(registers, lane, e, bitsOf(type), randomElement(type, random));
  return registers;
}

Registers randomSum(const Shape &shape, std::mt19937_64 &random) {
  if (!shape.isInteger())
    return randomRegisters(shape.registersC(), shape.isF64() ? Type::F64 : Type::F32, random);
  Registers registers(static_cast<size_t>(shape.registersC()));
  for (auto &lanes : registers)
    for (uint32_t &lane : lanes)
      lane = static_cast<uint32_t>(random());
  return registers;
}

double sumElement(const Shape &shape, const Registers &registers, int lane, int item) {
  if (shape.isF64())
    return decode(Type::F64, elementOf(registers, lane, item, 64));
  uint32_t bits = registers[static_cast<size_t>(item)][static_cast<size_t>(lane)];
  return shape.isInteger() ? static_cast<int32_t>(bits) : decode(Type::F32, bits);
}

Matrices unpack(const Shape &shape, const Registers &a, const Registers &b, const Registers &c) {
  Matrices matrices;
  for (int lane = 0; lane < 64; ++lane) {
    for (int e = 0; e < shape.perLaneA(); ++e) {
      auto [row, column, block] = placeOfA(shape, lane, e);
      matrices.a[{block, row, column}] = decode(shape.a, elementOf(a, lane, e, bitsOf(shape.a)));
    }
    for (int e = 0; e < shape.perLaneB(); ++e) {
      auto [row, column, block] = placeOfB(shape, lane, e);
      matrices.b[{block, row, column}] = decode(shape.b, elementOf(b, lane, e, bitsOf(shape.b)));
    }
    for (int item = 0; item < shape.registersC() / (shape.isF64() ? 2 : 1); ++item) {
      auto [row, column, block] = placeOfC(shape, lane, item);
      matrices.c[{block, row, column}] = sumElement(shape, c, lane, item);
    }
  }
  return matrices;
}

/// Of A, two of every four columns, put where the indices say.
void spread(const Shape &shape, Matrices &matrices, const Registers &indices, int set) {
  std::map<Matrices::Key, double> dense;
  for (const auto &[key, value] : matrices.a) {
    auto [block, row, column] = key;
    int lane = column / shape.perLaneA() * shape.m + row, element = column % shape.perLaneA();
    uint32_t word = indices[0][static_cast<size_t>(lane)];
    auto index = static_cast<int>(word >> (2 * (set * shape.perLaneA() + element)) & 3);
    dense[{block, row, column / 2 * 4 + index}] = value;
  }
  matrices.a = dense;
}

struct Expected {
  long double value = 0, magnitude = 0;
};

Expected product(const Shape &shape, const Matrices &matrices, int block, int row, int column) {
  Expected expected{matrices.c.at({block, row, column}), 0};
  expected.magnitude = std::abs(expected.value);
  for (int k = 0; k < shape.k; ++k) {
    auto a = matrices.a.find({block, row, k});
    if (a == matrices.a.end())
      continue;
    long double term = static_cast<long double>(a->second) * matrices.b.at({block, k, column});
    expected.value += term;
    expected.magnitude += std::abs(term);
  }
  return expected;
}

void expectProduct(const Shape &shape, const Matrices &matrices, const MatrixOutcome &outcome,
                   const std::string &what) {
  ASSERT_EQ(outcome.error, "") << what;
  int items = shape.registersC() / (shape.isF64() ? 2 : 1);
  uint64_t useful = 0;
  for (int lane = 0; lane < 64; ++lane)
    for (int item = 0; item < items; ++item) {
      auto [row, column, block] = placeOfC(shape, lane, item);
      Expected expected = product(shape, matrices, block, row, column);
      double got = sumElement(shape, outcome.d, lane, item);
      if (shape.isInteger()) {
        auto wrapped = static_cast<int32_t>(static_cast<int64_t>(expected.value));
        ASSERT_EQ(got, wrapped) << what << " block " << block << " row " << row << " column "
                                << column << ", seed " << seed;
      } else {
        // One rounding for each of k terms, none larger than the sum of magnitudes.
        double unit = std::ldexp(1.0, shape.isF64() ? -53 : -24);
        double tolerance = shape.k * unit * static_cast<double>(expected.magnitude);
        ASSERT_NEAR(got, static_cast<double>(expected.value), tolerance)
            << what << " block " << block << " row " << row << " column " << column << ", seed "
            << seed;
      }
      for (int k = 0; k < shape.k; ++k) {
        auto a = matrices.a.find({block, row, k});
        useful += a != matrices.a.end() && a->second != 0 && matrices.b.at({block, k, column}) != 0;
      }
    }
  uint64_t issued = uint64_t(2) * static_cast<uint64_t>(shape.m * shape.n * shape.k) *
                    static_cast<uint64_t>(shape.blocks) / (shape.sparse ? 2 : 1);
  EXPECT_EQ(outcome.counts.matrixFlopsIssued, issued) << what;
  EXPECT_EQ(outcome.counts.matrixFlopsUseful, 2 * useful) << what;
}

class MatrixTest : public testing::TestWithParam<std::string> {
protected:
  std::mt19937_64 random{seed};
};

TEST_P(MatrixTest, EveryShapeIsAMatrixProduct) {
  std::vector<MatrixRun> runs;
  for (const Shape &shape : shapesOf(GetParam()))
    for (Destination to : {Destination::Vgprs, Destination::Agprs, Destination::InPlace})
      runs.push_back({.shape = shape, .destination = to});
  MatrixKernels kernels(GetParam(), runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const Shape &shape = runs[i].shape;
    if (shape.sparse)
      continue;
    Registers a = randomRegisters(shape.registersA(), shape.a, random);
    Registers b = randomRegisters(shape.registersB(), shape.b, random);
    Registers c = randomSum(shape, random);
    expectProduct(shape, unpack(shape, a, b, c), kernels.run(i, a, b, c), shape.mnemonic);
  }
}

TEST_P(MatrixTest, SparseShapesTakeTwoOfFourColumns) {
  std::vector<MatrixRun> runs;
  for (const Shape &shape : shapesOf(GetParam()))
    if (shape.sparse)
      for (int set = 0; set < (bitsOf(shape.a) == 16 ? 4 : 2); ++set)
        runs.push_back({.shape = shape, .modifiers = set ? " abid:" + std::to_string(set) : ""});
  if (runs.empty())
    GTEST_SKIP() << "no sparse instructions";
  MatrixKernels kernels(GetParam(), runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const Shape &shape = runs[i].shape;
    Registers a = randomRegisters(shape.registersA(), shape.a, random);
    Registers b = randomRegisters(shape.registersB(), shape.b, random);
    Registers c = randomSum(shape, random), indices(1);
    constexpr uint32_t pairs[] = {0x4, 0x8, 0xc, 0x9, 0xd, 0xe}; // second index, first index
    for (uint32_t &lane : indices[0])
      for (int pair = 0; pair < 8; ++pair)
        lane |= pairs[random() % 6] << (4 * pair);
    Matrices matrices = unpack(shape, a, b, c);
    int set = runs[i].modifiers.empty() ? 0 : runs[i].modifiers.back() - '0';
    spread(shape, matrices, indices, set);
    expectProduct(shape, matrices, kernels.run(i, a, b, c, indices),
                  shape.mnemonic + runs[i].modifiers);
  }
}

TEST_P(MatrixTest, SumMayBeAConstant) {
  std::vector<MatrixRun> runs;
  for (const Shape &shape : shapesOf(GetParam()))
    if (!shape.sparse)
      runs.push_back({.shape = shape, .constantC = shape.isInteger() ? "-7" : "2.0"});
  MatrixKernels kernels(GetParam(), runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const Shape &shape = runs[i].shape;
    Registers a = randomRegisters(shape.registersA(), shape.a, random);
    Registers b = randomRegisters(shape.registersB(), shape.b, random);
    Registers c(static_cast<size_t>(shape.registersC()));
    Matrices matrices = unpack(shape, a, b, c);
    for (auto &[key, value] : matrices.c)
      value = shape.isInteger() ? -7 : 2;
    expectProduct(shape, matrices, kernels.run(i, a, b, c), shape.mnemonic);
  }
}

TEST_P(MatrixTest, ExecDoesNotMatter) {
  std::vector<MatrixRun> runs;
  for (const Shape &shape : shapesOf(GetParam()))
    if (!shape.sparse)
      runs.push_back({.shape = shape, .withoutExec = true});
  MatrixKernels kernels(GetParam(), runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const Shape &shape = runs[i].shape;
    Registers a = randomRegisters(shape.registersA(), shape.a, random);
    Registers b = randomRegisters(shape.registersB(), shape.b, random);
    Registers c = randomSum(shape, random);
    expectProduct(shape, unpack(shape, a, b, c), kernels.run(i, a, b, c), shape.mnemonic);
  }
}

TEST_P(MatrixTest, BlocksOfAAreBroadcast) {
  std::vector<MatrixRun> runs;
  for (const Shape &shape : shapesOf(GetParam()))
    for (int cbsz = 1; !shape.isF64() && 1 << cbsz <= shape.blocks; ++cbsz)
      for (int abid : {0, (1 << cbsz) - 1})
        runs.push_back({.shape = shape,
                        .modifiers = " cbsz:" + std::to_string(cbsz) +
                                     (abid ? " abid:" + std::to_string(abid) : "")});
  MatrixKernels kernels(GetParam(), runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const Shape &shape = runs[i].shape;
    Registers a = randomRegisters(shape.registersA(), shape.a, random);
    Registers b = randomRegisters(shape.registersB(), shape.b, random);
    Registers c = randomSum(shape, random);
    Matrices matrices = unpack(shape, a, b, c), original = matrices;
    int cbsz = runs[i].modifiers[6] - '0';
    bool last = runs[i].modifiers.size() > 7;
    for (auto &[key, value] : matrices.a) {
      auto [block, row, column] = key;
      int first = block / (1 << cbsz) * (1 << cbsz);
      value = original.a.at({first + (last ? (1 << cbsz) - 1 : 0), row, column});
    }
    expectProduct(shape, matrices, kernels.run(i, a, b, c), shape.mnemonic + runs[i].modifiers);
  }
}

TEST_P(MatrixTest, LanesOfBArePermuted) {
  // Which sixteen lanes stand in for lanes 0, 16, 32 and 48.
  constexpr int patterns[8][4] = {{0, 1, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}, {1, 2, 3, 0},
                                  {0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}};
  std::vector<MatrixRun> runs;
  for (const Shape &shape : shapesOf(GetParam()))
    if (!shape.isF64() && !shape.sparse && (shape.blocks > 1 || shape.a == Type::F32))
      for (int blgp = 1; blgp < 8; ++blgp)
        if (shape.m == 16 || blgp % 3 == 2) // every pattern on some shape, some on every shape
          runs.push_back({.shape = shape, .modifiers = " blgp:" + std::to_string(blgp)});
  MatrixKernels kernels(GetParam(), runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const Shape &shape = runs[i].shape;
    Registers a = randomRegisters(shape.registersA(), shape.a, random);
    Registers b = randomRegisters(shape.registersB(), shape.b, random), permuted = b;
    Registers c = randomSum(shape, random);
    const int *pattern = patterns[runs[i].modifiers.back() - '0'];
    for (size_t r = 0; r < b.size(); ++r)
      for (size_t lane = 0; lane < 64; ++lane)
        permuted[r][lane] = b[r][static_cast<size_t>(16 * pattern[lane / 16]) + lane % 16];
    expectProduct(shape, unpack(shape, a, permuted, c), kernels.run(i, a, b, c),
                  shape.mnemonic + runs[i].modifiers);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, MatrixTest, testing::Values("gfx90a", "gfx942", "gfx950"),
                         [](const auto &test) { return test.param; });

} // namespace
} // namespace zorse::emulator::test
