//===- ScalarBinary.cpp - SOP2, SOPC, SOPK --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What becomes of SCC differs from one instruction to the next and is part of
// each: carry, overflow, result not zero, which operand won, or untouched.
//
//===----------------------------------------------------------------------===//
#include "execute/ScalarFamilies.h"
#include "execute/Wave.h"

namespace zorse::emulator {
namespace {

uint32_t first(const Wave &wave, const Instruction &in) {
  return static_cast<uint32_t>(wave.scalar(in.src[0]));
}
uint32_t second(const Wave &wave, const Instruction &in) {
  return static_cast<uint32_t>(wave.scalar(in.src[1]));
}

void put(Wave &wave, const Instruction &in, uint32_t value) { wave.sgpr[in.dst.index] = value; }

/// A result that leaves SCC alone.
template <uint32_t (*Op)(uint32_t, uint32_t)> void plain32(Wave &wave, const Instruction &in) {
  put(wave, in, Op(first(wave, in), second(wave, in)));
}

/// SCC: the result is not 0.
template <uint32_t (*Op)(uint32_t, uint32_t)> void logic32(Wave &wave, const Instruction &in) {
  uint32_t result = Op(first(wave, in), second(wave, in));
  put(wave, in, result);
  wave.scc = result != 0;
}

template <uint64_t (*Op)(uint64_t, uint64_t)> void logic64(Wave &wave, const Instruction &in) {
  uint64_t result = Op(wave.scalar(in.src[0]), wave.scalar(in.src[1]));
  wave.setPair(in.dst.index, result);
  wave.scc = result != 0;
}

/// SCC: bit 32 of a sum computed in 64 bits, or the borrow of a difference.
template <uint64_t (*Op)(uint64_t, uint64_t, bool)>
void carry32(Wave &wave, const Instruction &in) {
  uint64_t result = Op(first(wave, in), second(wave, in), wave.scc);
  put(wave, in, static_cast<uint32_t>(result));
  wave.scc = result >> 32 != 0;
}

/// SCC: signed overflow.
template <int64_t (*Op)(int64_t, int64_t)> void overflow32(Wave &wave, const Instruction &in) {
  int64_t result =
      Op(static_cast<int32_t>(first(wave, in)), static_cast<int32_t>(second(wave, in)));
  put(wave, in, static_cast<uint32_t>(result));
  wave.scc = result != static_cast<int32_t>(result);
}

/// The first operand where the comparison holds, else the second; SCC: it held.
template <bool (*FirstWins)(uint32_t, uint32_t)> void choose32(Wave &wave, const Instruction &in) {
  uint32_t a = first(wave, in), b = second(wave, in);
  wave.scc = FirstWins(a, b);
  put(wave, in, wave.scc ? a : b);
}

template <bool (*Op)(uint32_t, uint32_t)> void compare32(Wave &wave, const Instruction &in) {
  wave.scc = Op(first(wave, in), second(wave, in));
}

template <bool (*Op)(uint64_t, uint64_t)> void compare64(Wave &wave, const Instruction &in) {
  wave.scc = Op(wave.scalar(in.src[0]), wave.scalar(in.src[1]));
}

/// SOPK: the register that an instruction reads, whether it also writes it or not.
uint32_t register16(const Wave &wave, const Instruction &in) {
  return static_cast<uint32_t>(wave.scalar(in.src[0] ? in.src[0] : in.dst));
}

template <bool (*Op)(uint32_t, uint32_t)> void compareSigned16(Wave &wave, const Instruction &in) {
  wave.scc = Op(register16(wave, in), static_cast<uint32_t>(static_cast<int16_t>(in.imm)));
}

template <bool (*Op)(uint32_t, uint32_t)>
void compareUnsigned16(Wave &wave, const Instruction &in) {
  wave.scc = Op(register16(wave, in), static_cast<uint16_t>(in.imm));
}

uint32_t andOf(uint32_t a, uint32_t b) { return a & b; }
uint32_t orOf(uint32_t a, uint32_t b) { return a | b; }
uint32_t xorOf(uint32_t a, uint32_t b) { return a ^ b; }
uint32_t andNot(uint32_t a, uint32_t b) { return a & ~b; }
uint32_t orNot(uint32_t a, uint32_t b) { return a | ~b; }
uint32_t nandOf(uint32_t a, uint32_t b) { return ~(a & b); }
uint32_t norOf(uint32_t a, uint32_t b) { return ~(a | b); }
uint32_t xnorOf(uint32_t a, uint32_t b) { return ~(a ^ b); }
uint32_t shiftLeft(uint32_t a, uint32_t b) { return a << (b & 31); }
uint32_t shiftRight(uint32_t a, uint32_t b) { return a >> (b & 31); }
uint32_t shiftSigned(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(static_cast<int32_t>(a) >> (b & 31));
}

uint64_t andOf64(uint64_t a, uint64_t b) { return a & b; }
uint64_t orOf64(uint64_t a, uint64_t b) { return a | b; }
uint64_t xorOf64(uint64_t a, uint64_t b) { return a ^ b; }
uint64_t andNot64(uint64_t a, uint64_t b) { return a & ~b; }
uint64_t orNot64(uint64_t a, uint64_t b) { return a | ~b; }
uint64_t nandOf64(uint64_t a, uint64_t b) { return ~(a & b); }
uint64_t norOf64(uint64_t a, uint64_t b) { return ~(a | b); }
uint64_t xnorOf64(uint64_t a, uint64_t b) { return ~(a ^ b); }
uint64_t shiftLeft64(uint64_t a, uint64_t b) { return a << (b & 63); }
uint64_t shiftRight64(uint64_t a, uint64_t b) { return a >> (b & 63); }
uint64_t shiftSigned64(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<int64_t>(a) >> (b & 63));
}

// Bit fields: offset in the low bits of the second operand, width in [22:16]. A field of width 0
// is 0; one that reaches beyond the top takes its sign, if any, from the top bit.
uint64_t fieldWidth(uint64_t b) { return b >> 16 & 0x7f; }
uint64_t unsignedField(uint64_t value, uint64_t width) {
  return width >= 64 ? value : value & ((uint64_t(1) << width) - 1);
}
int64_t signedField(int64_t value, uint64_t width) {
  if (width == 0)
    return 0;
  return width >= 64
             ? value
             : static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - width)) >> (64 - width);
}
uint32_t fieldU32(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(unsignedField(a >> (b & 31), fieldWidth(b)));
}
uint32_t fieldI32(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(signedField(static_cast<int32_t>(a) >> (b & 31), fieldWidth(b)));
}
uint64_t fieldU64(uint64_t a, uint64_t b) { return unsignedField(a >> (b & 63), fieldWidth(b)); }
uint64_t fieldI64(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(signedField(static_cast<int64_t>(a) >> (b & 63), fieldWidth(b)));
}

uint32_t fieldMask(uint32_t a, uint32_t b) { return ((uint32_t(1) << (a & 31)) - 1) << (b & 31); }
void fieldMask64(Wave &wave, const Instruction &in) {
  uint32_t a = first(wave, in) & 63, b = second(wave, in) & 63;
  wave.setPair(in.dst.index, ((uint64_t(1) << a) - 1) << b);
}

uint64_t add(uint64_t a, uint64_t b, bool) { return a + b; }
uint64_t addCarry(uint64_t a, uint64_t b, bool carry) { return a + b + carry; }
uint64_t subtract(uint64_t a, uint64_t b, bool) { return a - b; }
uint64_t subtractBorrow(uint64_t a, uint64_t b, bool borrow) { return a - b - borrow; }
template <int Shift> uint64_t shiftAdd(uint64_t a, uint64_t b, bool) { return (a << Shift) + b; }
int64_t addSigned(int64_t a, int64_t b) { return a + b; }
int64_t subtractSigned(int64_t a, int64_t b) { return a - b; }

uint32_t multiply(uint32_t a, uint32_t b) { return a * b; }
uint32_t multiplyHigh(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t(a) * uint64_t(b) >> 32);
}
uint32_t multiplyHighSigned(uint32_t a, uint32_t b) {
  int64_t product = int64_t(static_cast<int32_t>(a)) * int64_t(static_cast<int32_t>(b));
  return static_cast<uint32_t>(product >> 32);
}
uint32_t packLowLow(uint32_t a, uint32_t b) { return (a & 0xffff) | b << 16; }
uint32_t packLowHigh(uint32_t a, uint32_t b) { return (a & 0xffff) | (b & 0xffff0000u); }
uint32_t packHighHigh(uint32_t a, uint32_t b) { return a >> 16 | (b & 0xffff0000u); }
uint32_t absoluteDifference(uint32_t a, uint32_t b) {
  int32_t difference = static_cast<int32_t>(a - b); // wraps as the unit does
  return difference < 0 ? 0u - static_cast<uint32_t>(difference) : uint32_t(difference);
}

bool equal(uint32_t a, uint32_t b) { return a == b; }
bool notEqual(uint32_t a, uint32_t b) { return a != b; }
bool above(uint32_t a, uint32_t b) { return a > b; }
bool aboveEqual(uint32_t a, uint32_t b) { return a >= b; }
bool below(uint32_t a, uint32_t b) { return a < b; }
bool belowEqual(uint32_t a, uint32_t b) { return a <= b; }
bool greater(uint32_t a, uint32_t b) { return int32_t(a) > int32_t(b); }
bool greaterEqual(uint32_t a, uint32_t b) { return int32_t(a) >= int32_t(b); }
bool less(uint32_t a, uint32_t b) { return int32_t(a) < int32_t(b); }
bool lessEqual(uint32_t a, uint32_t b) { return int32_t(a) <= int32_t(b); }
bool bitClear(uint32_t a, uint32_t b) { return !(a >> (b & 31) & 1); }
bool bitSet(uint32_t a, uint32_t b) { return a >> (b & 31) & 1; }
bool equal64(uint64_t a, uint64_t b) { return a == b; }
bool notEqual64(uint64_t a, uint64_t b) { return a != b; }
bool bitClear64(uint64_t a, uint64_t b) { return !(a >> (b & 63) & 1); }
bool bitSet64(uint64_t a, uint64_t b) { return a >> (b & 63) & 1; }

void select32(Wave &wave, const Instruction &in) {
  put(wave, in, wave.scc ? first(wave, in) : second(wave, in));
}
void select64(Wave &wave, const Instruction &in) {
  wave.setPair(in.dst.index, wave.scalar(in.src[wave.scc ? 0 : 1]));
}

void moveConstant(Wave &wave, const Instruction &in) {
  put(wave, in, static_cast<uint32_t>(static_cast<int16_t>(in.imm)));
}
void moveConstantIf(Wave &wave, const Instruction &in) {
  if (wave.scc)
    moveConstant(wave, in);
}
void addConstant(Wave &wave, const Instruction &in) {
  int64_t sum = int64_t(static_cast<int32_t>(wave.sgpr[in.dst.index])) + int16_t(in.imm);
  put(wave, in, static_cast<uint32_t>(sum));
  wave.scc = sum != static_cast<int32_t>(sum);
}
void multiplyConstant(Wave &wave, const Instruction &in) {
  put(wave, in, wave.sgpr[in.dst.index] * static_cast<uint32_t>(static_cast<int16_t>(in.imm)));
}

constexpr HandlerEntry entries[] = {
    {"s_absdiff_i32", logic32<absoluteDifference>},
    {"s_add_i32", overflow32<addSigned>},
    {"s_add_u32", carry32<add>},
    {"s_addc_u32", carry32<addCarry>},
    {"s_addk_i32", addConstant},
    {"s_and_b32", logic32<andOf>},
    {"s_and_b64", logic64<andOf64>},
    {"s_andn2_b32", logic32<andNot>},
    {"s_andn2_b64", logic64<andNot64>},
    {"s_ashr_i32", logic32<shiftSigned>},
    {"s_ashr_i64", logic64<shiftSigned64>},
    {"s_bfe_i32", logic32<fieldI32>},
    {"s_bfe_i64", logic64<fieldI64>},
    {"s_bfe_u32", logic32<fieldU32>},
    {"s_bfe_u64", logic64<fieldU64>},
    {"s_bfm_b32", plain32<fieldMask>},
    {"s_bfm_b64", fieldMask64},
    {"s_bitcmp0_b32", compare32<bitClear>},
    {"s_bitcmp0_b64", compare64<bitClear64>},
    {"s_bitcmp1_b32", compare32<bitSet>},
    {"s_bitcmp1_b64", compare64<bitSet64>},
    {"s_cmovk_i32", moveConstantIf},
    {"s_cmp_eq_i32", compare32<equal>},
    {"s_cmp_eq_u32", compare32<equal>},
    {"s_cmp_eq_u64", compare64<equal64>},
    {"s_cmp_ge_i32", compare32<greaterEqual>},
    {"s_cmp_ge_u32", compare32<aboveEqual>},
    {"s_cmp_gt_i32", compare32<greater>},
    {"s_cmp_gt_u32", compare32<above>},
    {"s_cmp_le_i32", compare32<lessEqual>},
    {"s_cmp_le_u32", compare32<belowEqual>},
    {"s_cmp_lg_i32", compare32<notEqual>},
    {"s_cmp_lg_u32", compare32<notEqual>},
    {"s_cmp_lg_u64", compare64<notEqual64>},
    {"s_cmp_lt_i32", compare32<less>},
    {"s_cmp_lt_u32", compare32<below>},
    {"s_cmpk_eq_i32", compareSigned16<equal>},
    {"s_cmpk_eq_u32", compareUnsigned16<equal>},
    {"s_cmpk_ge_i32", compareSigned16<greaterEqual>},
    {"s_cmpk_ge_u32", compareUnsigned16<aboveEqual>},
    {"s_cmpk_gt_i32", compareSigned16<greater>},
    {"s_cmpk_gt_u32", compareUnsigned16<above>},
    {"s_cmpk_le_i32", compareSigned16<lessEqual>},
    {"s_cmpk_le_u32", compareUnsigned16<belowEqual>},
    {"s_cmpk_lg_i32", compareSigned16<notEqual>},
    {"s_cmpk_lg_u32", compareUnsigned16<notEqual>},
    {"s_cmpk_lt_i32", compareSigned16<less>},
    {"s_cmpk_lt_u32", compareUnsigned16<below>},
    {"s_cselect_b32", select32},
    {"s_cselect_b64", select64},
    {"s_lshl1_add_u32", carry32<shiftAdd<1>>},
    {"s_lshl2_add_u32", carry32<shiftAdd<2>>},
    {"s_lshl3_add_u32", carry32<shiftAdd<3>>},
    {"s_lshl4_add_u32", carry32<shiftAdd<4>>},
    {"s_lshl_b32", logic32<shiftLeft>},
    {"s_lshl_b64", logic64<shiftLeft64>},
    {"s_lshr_b32", logic32<shiftRight>},
    {"s_lshr_b64", logic64<shiftRight64>},
    {"s_max_i32", choose32<greaterEqual>},
    {"s_max_u32", choose32<aboveEqual>},
    {"s_min_i32", choose32<less>},
    {"s_min_u32", choose32<below>},
    {"s_movk_i32", moveConstant},
    {"s_mul_hi_i32", plain32<multiplyHighSigned>},
    {"s_mul_hi_u32", plain32<multiplyHigh>},
    {"s_mul_i32", plain32<multiply>},
    {"s_mulk_i32", multiplyConstant},
    {"s_nand_b32", logic32<nandOf>},
    {"s_nand_b64", logic64<nandOf64>},
    {"s_nor_b32", logic32<norOf>},
    {"s_nor_b64", logic64<norOf64>},
    {"s_or_b32", logic32<orOf>},
    {"s_or_b64", logic64<orOf64>},
    {"s_orn2_b32", logic32<orNot>},
    {"s_orn2_b64", logic64<orNot64>},
    {"s_pack_hh_b32_b16", plain32<packHighHigh>},
    {"s_pack_lh_b32_b16", plain32<packLowHigh>},
    {"s_pack_ll_b32_b16", plain32<packLowLow>},
    {"s_sub_i32", overflow32<subtractSigned>},
    {"s_sub_u32", carry32<subtract>},
    {"s_subb_u32", carry32<subtractBorrow>},
    {"s_xnor_b32", logic32<xnorOf>},
    {"s_xnor_b64", logic64<xnorOf64>},
    {"s_xor_b32", logic32<xorOf>},
    {"s_xor_b64", logic64<xorOf64>},
};

} // namespace

std::span<const HandlerEntry> scalarBinary() { return entries; }

} // namespace zorse::emulator
