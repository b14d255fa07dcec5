//===- VectorSources.cpp - lane exchange and sub-dword selects ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorSources.h"

#include <fmt/format.h>

#include <array>
#include <memory>

namespace zorse::emulator {

namespace {
/// Where each lane reads for one DPP control.
struct LaneSources {
  std::array<uint8_t, waveSize> lane = {};
  uint64_t valid = 0; ///< lanes that have a source
  bool known = false;
};

constexpr int numControls = 0x160;

/// The source of lane `l`, or -1.
int dppSource(int control, int l) {
  const int row = l & ~15, inRow = l & 15;
  auto within = [&](int lane) { return lane >= 0 && lane < 16 ? row + lane : -1; };
  if (control <= 0xff)
    return (l & ~3) + (control >> (2 * (l & 3)) & 3);
  const int amount = control & 15;
  if (control >= 0x101 && control <= 0x10f)
    return within(inRow + amount);
  if (control >= 0x111 && control <= 0x11f)
    return within(inRow - amount);
  if (control >= 0x121 && control <= 0x12f)
    return row + ((inRow - amount) & 15);
  if (control >= 0x150 && control <= 0x15f)
    return row + amount;
  switch (control) {
  case 0x130: // wave_shl:1
    return l < 63 ? l + 1 : -1;
  case 0x134: // wave_rol:1
    return (l + 1) & 63;
  case 0x138: // wave_shr:1
    return l - 1;
  case 0x13c: // wave_ror:1
    return (l - 1) & 63;
  case 0x140:
    return row + 15 - inRow;
  case 0x141:
    return (l & ~7) + 7 - (l & 7);
  case 0x142: // row_bcast:15, the last lane of the row before
    return row - 1;
  case 0x143: // row_bcast:31
    return l > 31 ? 31 : -1;
  default:
    return -2;
  }
}

const LaneSources &laneSources(const DppControl &dpp) {
  static const auto table = [] {
    auto all = std::make_unique<std::array<LaneSources, numControls>>();
    for (int control = 0; control < numControls; ++control)
      for (int l = 0; l < waveSize; ++l) {
        LaneSources &sources = (*all)[control];
        int from = dppSource(control, l);
        sources.known = from != -2;
        sources.lane[l] = uint8_t(from >= 0 ? from : 0);
        sources.valid |= uint64_t(from >= 0) << l;
      }
    return all;
  }();
  return (*table)[dpp.control < numControls ? dpp.control : 0x100];
}

struct Field {
  int shift;
  uint32_t mask;
};
Field fieldOf(SubDwordSelect select) {
  switch (select) {
  case SubDwordSelect::Byte0:
  case SubDwordSelect::Byte1:
  case SubDwordSelect::Byte2:
  case SubDwordSelect::Byte3:
    return {8 * int(select), 0xff};
  case SubDwordSelect::Word0:
    return {0, 0xffff};
  case SubDwordSelect::Word1:
    return {16, 0xffff};
  case SubDwordSelect::Dword:
    break;
  }
  return {0, ~0u};
}
} // namespace

uint64_t dppWriteMask(Wave &wave, const DppControl &dpp) {
  const LaneSources &sources = laneSources(dpp);
  if (!sources.known) {
    wave.stop(fmt::format("DPP control {:#x} does not exist on this target", dpp.control));
    return 0;
  }
  uint64_t row = 0;
  for (int bank = 0; bank < 4; ++bank)
    row |= uint64_t(dpp.bankMask >> bank & 1 ? 0xf : 0) << (4 * bank);
  uint64_t mask = 0;
  for (int r = 0; r < 4; ++r)
    mask |= (dpp.rowMask >> r & 1 ? row : 0) << (16 * r);
  return dpp.boundControl ? mask : mask & sources.valid;
}

void dppGather(const DppControl &dpp, const uint32_t *from, uint32_t *to) {
  const LaneSources &sources = laneSources(dpp);
  for (int l = 0; l < waveSize; l += 8) {
    const auto *bytes = reinterpret_cast<const __m128i *>(sources.lane.data() + l);
    const __m256i lanes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + l),
                        _mm256_i32gather_epi32(reinterpret_cast<const int *>(from), lanes, 4));
  }
  if (~sources.valid && dpp.boundControl) { // otherwise such lanes are not written
    const LaneDwords zeros = {};
    blendLanes(to, zeros.lane, ~sources.valid);
  }
}

void sdwaSelect(SubDwordSelect select, bool sext, const uint32_t *from, uint32_t *to) {
  const auto [shift, mask] = fieldOf(select);
  const uint32_t sign = sext ? (mask >> 1) + 1 : 0;
  for (int l = 0; l < waveSize; ++l)
    to[l] = ((from[l] >> shift & mask) ^ sign) - sign;
}

void sdwaMerge(const SdwaControl &sdwa, const uint32_t *old, uint32_t *result) {
  if (sdwa.dst == SubDwordSelect::Dword)
    return;
  const auto [shift, mask] = fieldOf(sdwa.dst);
  const uint32_t placed = mask << shift;
  const uint32_t sign = sdwa.unused == SdwaControl::Unused::Sext ? (mask >> 1) + 1 : 0;
  const uint32_t kept = sdwa.unused == SdwaControl::Unused::Preserve ? ~placed : 0;
  for (int l = 0; l < waveSize; ++l)
    result[l] = (((((result[l] & mask) ^ sign) - sign) << shift) & (placed | (sign ? ~0u : 0))) |
                (old[l] & kept);
}

} // namespace zorse::emulator
