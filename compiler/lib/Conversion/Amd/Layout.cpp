//===- Layout.cpp - which lane holds what ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layout.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <limits>

using namespace zorse::amd;
using llvm::divideCeil;

bool DimLayout::padded() const { return padded(reps - 1); }

int64_t Layout::vec() const {
  int64_t product = 1;
  for (const DimLayout &dim : dims)
    product *= dim.vec;
  return product;
}

unsigned Layout::vecDim() const {
  for (auto [index, dim] : llvm::enumerate(dims))
    if (dim.vec > 1)
      return index;
  return dims.size() - 1;
}

int64_t Layout::registers() const {
  int64_t product = 1;
  for (const DimLayout &dim : dims)
    product *= dim.reps;
  return product;
}

llvm::SmallVector<int64_t, 2> Layout::repsOf(int64_t reg) const {
  if (dims.size() == 1)
    return {reg};
  return {reg / dims[1].reps, reg % dims[1].reps};
}

int64_t Layout::registerOf(llvm::ArrayRef<int64_t> reps) const {
  return dims.size() == 1 ? reps[0] : reps[0] * dims[1].reps + reps[1];
}

Layout Layout::slice(unsigned dim) const { return {{dims[dim]}}; }

bool Layout::padded() const {
  return llvm::any_of(dims, [](const DimLayout &dim) { return dim.padded(); });
}

int64_t Layout::freeLaneBits() const {
  int64_t used = 0;
  for (const DimLayout &dim : dims)
    used |= dim.laneBits();
  return (waveSize - 1) & ~used;
}

int64_t Layout::freeWaveBits(int64_t waves) const {
  int64_t used = 0;
  for (const DimLayout &dim : dims)
    used |= dim.waveBits();
  return (waves - 1) & ~used;
}

std::string Layout::text() const {
  std::string out;
  llvm::raw_string_ostream os(out);
  for (auto [index, dim] : llvm::enumerate(dims)) {
    os << (index ? ", " : "") << dim.extent << " =";
    if (dim.waves > 1)
      os << " wave/" << dim.waveDiv << "%" << dim.waves << "*" << dim.waveStride << " +";
    if (dim.lanes > 1)
      os << " lane/" << dim.laneDiv << "%" << dim.lanes << "*" << dim.laneStride << " +";
    os << " reg:" << dim.reps << "*" << dim.repStride << " + vec:" << dim.vec;
  }
  return out;
}

/// Fields that select nothing are set alike, so that equal layouts compare equal.
static DimLayout normalized(DimLayout dim) {
  if (dim.lanes == 1)
    dim.laneDiv = 1, dim.laneStride = 0;
  if (dim.waves == 1)
    dim.waveDiv = 1, dim.waveStride = 0;
  if (dim.reps == 1)
    dim.repStride = 0;
  return dim;
}

static Layout normalized(const Layout &layout) {
  Layout out;
  for (const DimLayout &dim : layout.dims)
    out.dims.push_back(normalized(dim));
  return out;
}

WaveGrid WaveGrid::of(int64_t rows, int64_t waves) {
  int64_t blocks = divideCeil(rows, 16), m = 1;
  while (m * 2 <= waves && blocks % (m * 2) == 0)
    m *= 2;
  return {m, waves / m};
}

Layout zorse::amd::accumulatorLayout(int64_t m, int64_t n, int64_t waves) {
  WaveGrid grid = WaveGrid::of(m, waves);
  DimLayout rows{.extent = m,
                 .lanes = 16,
                 .laneDiv = 1,
                 .laneStride = 1,
                 .waves = grid.m,
                 .waveDiv = 1,
                 .waveStride = 16,
                 .reps = int64_t(divideCeil(m, 16 * grid.m)),
                 .repStride = 16 * grid.m};
  DimLayout columns{.extent = n,
                    .vec = 4,
                    .lanes = 4,
                    .laneDiv = 16,
                    .laneStride = 4,
                    .waves = grid.n,
                    .waveDiv = grid.m,
                    .waveStride = 16,
                    .reps = int64_t(divideCeil(n, 16 * grid.n)),
                    .repStride = 16 * grid.n};
  return normalized(Layout{{rows, columns}});
}

Layout zorse::amd::operandLayout(int64_t rows, int64_t k, int64_t chunk, bool rowsAreN,
                                 unsigned kDim, WaveGrid grid) {
  int64_t waves = rowsAreN ? grid.n : grid.m;
  DimLayout rowDim{.extent = rows,
                   .lanes = 16,
                   .laneDiv = 1,
                   .laneStride = 1,
                   .waves = waves,
                   .waveDiv = rowsAreN ? grid.m : 1,
                   .waveStride = 16,
                   .reps = int64_t(divideCeil(rows, 16 * waves)),
                   .repStride = 16 * waves};
  DimLayout kLayout{.extent = k,
                    .vec = chunk,
                    .lanes = 4,
                    .laneDiv = 16,
                    .laneStride = chunk,
                    .reps = int64_t(divideCeil(k, 4 * chunk)),
                    .repStride = 4 * chunk};
  return normalized(kDim == 1 ? Layout{{rowDim, kLayout}} : Layout{{kLayout, rowDim}});
}

namespace {

/// Lanes and waves along dimension `vecDim` (the other dimension gets the rest), vec elements along
/// it. `consecutive` gives a lane neighbouring coordinates of the other dimension.
Layout makeBlocked(llvm::ArrayRef<int64_t> shape, int64_t waves, unsigned vecDim, int64_t vec,
                   int64_t lanes, int64_t wavesAlong, bool consecutive) {
  DimLayout along{.extent = shape[vecDim],
                  .vec = vec,
                  .lanes = lanes,
                  .laneDiv = 1,
                  .laneStride = vec,
                  .waves = wavesAlong,
                  .waveDiv = 1,
                  .waveStride = lanes * vec};
  along.repStride = along.waveStride * wavesAlong;
  along.reps = divideCeil(along.extent, along.repStride);
  if (shape.size() == 1)
    return normalized(Layout{{along}});
  DimLayout across{.extent = shape[1 - vecDim],
                   .lanes = waveSize / lanes,
                   .laneDiv = lanes,
                   .waves = waves / wavesAlong,
                   .waveDiv = wavesAlong};
  int64_t places = across.lanes * across.waves;
  across.reps = divideCeil(across.extent, places);
  across.laneStride = consecutive ? across.reps : 1;
  across.waveStride = across.lanes * across.laneStride;
  across.repStride = consecutive ? 1 : places;
  return normalized(vecDim == 1 ? Layout{{across, along}} : Layout{{along, across}});
}

/// Rough instruction count of a lane, in quarters.
int64_t costOf(const Layout &layout, const LayoutDemand &demand) {
  int64_t elements = layout.registers() * layout.vec();
  unsigned vecDim = layout.vecDim();
  const DimLayout &along = layout.dims[vecDim];
  int64_t cost = elements * 4;
  for (const LayoutDemand::Access &access : demand.accesses) {
    bool fits = access.contiguousDim == int(vecDim);
    int64_t instructions = elements / (fits ? std::min(along.vec, access.vec) : 1);
    cost += instructions * 8;
    // Short runs waste parts of the 64-byte sectors that memory delivers.
    int64_t run = fits ? along.lanes * along.vec * access.elementBytes : access.elementBytes;
    cost += instructions * 4 * (std::min<int64_t>(64 / std::min<int64_t>(run, 64), 16) - 1);
  }
  for (unsigned dim : demand.reducedDims) {
    const DimLayout &reduced = layout.dims[dim];
    int64_t results = elements / (reduced.reps * reduced.vec);
    cost += results * 6 * llvm::Log2_64(reduced.lanes) + (reduced.waves > 1 ? 120 : 0);
  }
  for (unsigned dim : demand.stagedKDims) {
    const DimLayout &k = layout.dims[dim];
    int64_t together = dim == vecDim ? along.vec : k.repStride == 1 && k.reps % 4 == 0 ? 4 : 1;
    cost += elements / together * 6;
  }
  return cost;
}

} // namespace

Layout zorse::amd::blockedLayout(llvm::ArrayRef<int64_t> shape, int64_t waves,
                                 const LayoutDemand &demand) {
  Layout best;
  int64_t bestCost = std::numeric_limits<int64_t>::max();
  for (int vecDim = int(shape.size()) - 1; vecDim >= 0; --vecDim)
    for (int64_t vec : {8, 4, 2, 1})
      for (int64_t lanes = waveSize; lanes >= 1; lanes /= 2)
        for (int64_t wavesAlong = 1; wavesAlong <= waves; wavesAlong *= 2)
          for (bool consecutive : {false, true}) {
            // A dimension is not split further than it has elements.
            if (vec > 1 && vec >= 2 * shape[vecDim])
              continue;
            // A vector that has fewer elements than the workgroup lanes is replicated.
            if (shape.size() == 1 && (consecutive || (lanes * wavesAlong > 1 &&
                                                      lanes * vec * wavesAlong >= 2 * shape[0])))
              continue;
            Layout layout = makeBlocked(shape, waves, vecDim, vec, lanes, wavesAlong, consecutive);
            int64_t cost = costOf(layout, demand);
            if (cost < bestCost) {
              bestCost = cost;
              best = layout;
            }
          }
  return best;
}
