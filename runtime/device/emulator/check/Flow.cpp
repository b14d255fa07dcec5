//===- Flow.cpp - from which registers a result comes ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "check/Flow.h"

#include <algorithm>
#include <string_view>

namespace zorse::emulator {

namespace {

struct Entry {
  std::string_view mnemonic;
  Flow flow;
};

// Sorted by mnemonic.
constexpr Entry exceptions[] = {
    {"ds_bpermute_b32", Flow::BackwardPermute},
    {"ds_permute_b32", Flow::ForwardPermute},
    {"ds_swizzle_b32", Flow::Swizzle},
    {"s_and_b32", Flow::ScalarAnd},
    {"s_and_b64", Flow::ScalarAnd},
    {"s_and_saveexec_b64", Flow::SaveExecAnd},
    {"s_andn1_saveexec_b64", Flow::SaveExecNotAnd},
    {"s_andn1_wrexec_b64", Flow::WriteExecNotAnd},
    {"s_andn2_b32", Flow::ScalarAndNot},
    {"s_andn2_b64", Flow::ScalarAndNot},
    {"s_andn2_saveexec_b64", Flow::SaveExecAndNot},
    {"s_andn2_wrexec_b64", Flow::WriteExecAndNot},
    {"s_ashr_i32", Flow::ScalarShiftRight},
    {"s_ashr_i64", Flow::ScalarShiftRight},
    {"s_cmov_b32", Flow::ScalarMoveIf},
    {"s_cmov_b64", Flow::ScalarMoveIf},
    {"s_cmovk_i32", Flow::ScalarMoveIf},
    {"s_cselect_b32", Flow::ScalarSelect},
    {"s_cselect_b64", Flow::ScalarSelect},
    {"s_lshl_b32", Flow::ScalarShiftLeft},
    {"s_lshl_b64", Flow::ScalarShiftLeft},
    {"s_lshr_b32", Flow::ScalarShiftRight},
    {"s_lshr_b64", Flow::ScalarShiftRight},
    {"s_mov_b32", Flow::ScalarCopy},
    {"s_mov_b64", Flow::ScalarCopy},
    {"s_nand_b32", Flow::ScalarAnd},
    {"s_nand_b64", Flow::ScalarAnd},
    {"s_nand_saveexec_b64", Flow::SaveExecAnd},
    {"s_nor_b32", Flow::ScalarOr},
    {"s_nor_b64", Flow::ScalarOr},
    {"s_nor_saveexec_b64", Flow::SaveExecOr},
    {"s_not_b32", Flow::ScalarCopy},
    {"s_not_b64", Flow::ScalarCopy},
    {"s_or_b32", Flow::ScalarOr},
    {"s_or_b64", Flow::ScalarOr},
    {"s_or_saveexec_b64", Flow::SaveExecOr},
    {"s_orn1_saveexec_b64", Flow::SaveExecNotOr},
    {"s_orn2_b32", Flow::ScalarOrNot},
    {"s_orn2_b64", Flow::ScalarOrNot},
    {"s_orn2_saveexec_b64", Flow::SaveExecOrNot},
    {"s_setpc_b64", Flow::ScalarDecide},
    {"s_setreg_b32", Flow::ScalarDecide},
    {"s_swappc_b64", Flow::ScalarDecide},
    {"s_waitcnt", Flow::WaitCount},
    {"s_xnor_b32", Flow::ScalarXor},
    {"s_xnor_b64", Flow::ScalarXor},
    {"s_xnor_saveexec_b64", Flow::SaveExecXor},
    {"s_xor_b32", Flow::ScalarXor},
    {"s_xor_b64", Flow::ScalarXor},
    {"s_xor_saveexec_b64", Flow::SaveExecXor},
    {"v_and_or_b32", Flow::Combine},
    {"v_ashrrev_i64", Flow::CarryDown},
    {"v_bfi_b32", Flow::Insert},
    {"v_cndmask_b32", Flow::Select},
    {"v_lshl_add_u64", Flow::CarryUp},
    {"v_lshl_or_b32", Flow::Combine},
    {"v_lshlrev_b64", Flow::CarryUp},
    {"v_lshrrev_b64", Flow::CarryDown},
    {"v_mad_i64_i32", Flow::CarryUp},
    {"v_mad_u64_u32", Flow::CarryUp},
    {"v_mov_b64", Flow::Dwords},
    {"v_nop", Flow::Nothing},
    {"v_pack_b32_f16", Flow::Pack},
    {"v_perm_b32", Flow::Permute},
    {"v_pk_add_f32", Flow::Halves},
    {"v_pk_fma_f32", Flow::Halves},
    {"v_pk_mov_b32", Flow::Crossed},
    {"v_pk_mul_f32", Flow::Halves},
    {"v_readfirstlane_b32", Flow::ReadFirstLane},
    {"v_readlane_b32", Flow::ReadLane},
    {"v_swap_b32", Flow::Swap},
    {"v_writelane_b32", Flow::WriteLane},
};
static_assert(std::ranges::is_sorted(exceptions, {}, &Entry::mnemonic));

Flow memoryFlow(const Instruction &in) {
  std::string_view name = in.mnemonic;
  if (name.find("atomic") != name.npos)
    return Flow::Atomic;
  if (name.find("load") != name.npos)
    return Flow::Load;
  return name.find("store") != name.npos ? Flow::Store : Flow::Nothing;
}

Flow localFlow(const Instruction &in) {
  std::string_view name = in.mnemonic;
  if (name.starts_with("ds_read"))
    return Flow::Load;
  if (name.starts_with("ds_write"))
    return Flow::Store;
  // ds_nop, ds_gws_…, ds_consume, ds_append: no register of ours, or none before they end.
  return in.address || in.data ? Flow::Atomic : Flow::Nothing;
}

} // namespace

Flow flowOf(const Instruction &in) {
  std::string_view name = in.mnemonic;
  const Entry *entry = std::ranges::lower_bound(exceptions, name, {}, &Entry::mnemonic);
  if (entry != std::end(exceptions) && entry->mnemonic == name)
    return entry->flow;
  if (name.starts_with("v_cmpx_"))
    return Flow::CompareExec;
  if (name.starts_with("v_cmp_"))
    return Flow::Compare;
  if (name.starts_with("v_mfma_") || name.starts_with("v_smfmac_"))
    return Flow::Matrix;
  if (name.starts_with("s_cmp") || name.starts_with("s_bitcmp"))
    return Flow::ScalarDecide;
  if (name.starts_with("s_cbranch_vcc"))
    return Flow::BranchOnVcc;
  if (name.starts_with("v_"))
    return Flow::All;
  switch (in.cls) {
  case InstructionClass::Smem:
    return in.dst && in.base ? Flow::ScalarLoad : Flow::ScalarAll;
  case InstructionClass::Vmem:
  case InstructionClass::Scratch:
    return memoryFlow(in);
  case InstructionClass::Lds:
    return localFlow(in);
  case InstructionClass::Salu:
    return Flow::ScalarAll;
  default:
    return Flow::Nothing;
  }
}

} // namespace zorse::emulator
