//===- loops.s - loops of one kind of instruction -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops of one kind of instruction each, for the speed of the emulator. Every kernel runs its body
// 400 times; the counts of the launch tell how many instructions that were.

.amdgcn_target "amdgcn-amd-amdhsa--gfx942"

.macro loop name, lines:vararg
.text
.globl \name
.p2align 8
.type \name,@function
\name:
  s_movk_i32 s10, 400
  v_cvt_f32_u32 v10, v0
  v_mov_b32 v11, 1.0
  v_mov_b32 v12, 0.5
  v_mov_b32 v13, v0
  v_lshlrev_b32 v14, 4, v0
  v_mov_b32 v20, 0
  v_mov_b32 v21, 0x3ff00000
  v_mov_b32 v22, 0
  v_mov_b32 v23, 0x3fe00000
  s_mov_b64 vcc, 0x55
.L\name\()_again:
  \lines
  s_sub_u32 s10, s10, 1
  s_cmp_lg_u32 s10, 0
  s_cbranch_scc1 .L\name\()_again
  s_endpgm
.rodata
.p2align 6
.amdhsa_kernel \name
  .amdhsa_group_segment_fixed_size 8192
  .amdhsa_next_free_vgpr 256
  .amdhsa_next_free_sgpr 32
  .amdhsa_accum_offset 128
  .amdhsa_float_denorm_mode_32 3
.end_amdhsa_kernel
.endm

.macro fma_lines
.rept 16
  v_fma_f32 v10, v10, v11, v12
  v_mul_f32 v15, v10, v12
  v_add_f32 v16, v10, v15
  v_max_f32 v17, v16, v15
.endr
.endm
.macro integer_lines
.rept 16
  v_add_u32 v13, v13, v14
  v_lshlrev_b32 v15, 3, v13
  v_and_b32 v16, 0xff0, v15
  v_mul_lo_u32 v17, v16, v13
.endr
.endm
.macro select_lines
.rept 16
  v_cmp_lt_u32 vcc, v13, v14
  v_cndmask_b32 v15, v13, v14, vcc
  v_add_co_u32 v13, vcc, 7, v15
  v_addc_co_u32 v16, vcc, 0, v16, vcc
.endr
.endm
.macro masked_lines
  s_mov_b64 exec, 0x5555
.rept 16
  v_fma_f32 v10, v10, v11, v12
  v_mul_f32 v15, v10, v12
  v_add_u32 v16, v10, v15
  v_max_f32 v17, v16, v15
.endr
.endm
.macro exp_lines
.rept 16
  v_exp_f32 v15, v12
  v_log_f32 v16, v15
.endr
.endm
.macro double_lines
.rept 16
  v_fma_f64 v[20:21], v[20:21], v[22:23], v[22:23]
  v_add_f64 v[24:25], v[20:21], v[22:23]
.endr
.endm
.macro half_lines
.rept 16
  v_cvt_f16_f32 v15, v10
  v_fma_f16 v16, v15, v15, v15
  v_pk_fma_f16 v17, v15, v16, v15
  v_cvt_f32_f16 v18, v16
.endr
.endm
.macro dpp_lines
.rept 16
  v_add_f32_dpp v15, v10, v10 row_shr:1 row_mask:0xf bank_mask:0xf
  v_add_f32_dpp v16, v15, v10 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf
.endr
.endm
.macro scalar_lines
.rept 16
  s_add_u32 s11, s11, 3
  s_lshl_b32 s12, s11, 2
  s_and_b32 s13, s12, 0xff
  s_cmp_eq_u32 s13, s11
.endr
.endm
.macro lds_lines
.rept 16
  ds_write_b128 v14, v[20:23]
  ds_read_b128 v[24:27], v14
.endr
  s_waitcnt lgkmcnt(0)
.endm
.macro mfma_f16_lines
.rept 16
  v_mfma_f32_32x32x8f16 a[0:15], v[20:21], v[22:23], a[0:15]
.endr
.endm
.macro mfma_bf16_lines
.rept 16
  v_mfma_f32_16x16x16bf16_1k a[0:3], v[20:21], v[22:23], a[0:3]
.endr
.endm
.macro mfma_f32_lines
.rept 16
  v_mfma_f32_16x16x4f32 a[0:3], v20, v22, a[0:3]
.endr
.endm
.macro mfma_i8_lines
.rept 16
  v_mfma_i32_32x32x16_i8 a[0:15], v[20:21], v[22:23], a[0:15]
.endr
.endm

loop f32, fma_lines
loop f32_masked, masked_lines
loop u32, integer_lines
loop compare_carry, select_lines
loop f64, double_lines
loop f16, half_lines
loop exp_log, exp_lines
loop dpp, dpp_lines
loop scalar, scalar_lines
loop lds_128, lds_lines
loop mfma_f16_32x32x8, mfma_f16_lines
loop mfma_bf16_16x16x16, mfma_bf16_lines
loop mfma_f32_16x16x4, mfma_f32_lines
loop mfma_i8_32x32x16, mfma_i8_lines
