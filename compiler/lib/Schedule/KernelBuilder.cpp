//===- KernelBuilder.cpp - writing tile programs --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace zorse::schedule {

//===----------------------------------------------------------------------===//
// What a schedule starts from
//===----------------------------------------------------------------------===//

int64_t ScheduleInput::knobOr(StringRef name, int64_t otherwise) const {
  return config.has(std::string_view(name)) ? knob(name) : otherwise;
}

int64_t ScheduleInput::dotExtent(int64_t block, int64_t whole) const {
  int64_t extent = std::min(block, whole);
  return target.isHost() ? extent : int64_t(llvm::alignTo(extent, 16));
}

int64_t ScheduleInput::dotDepth(int64_t block, int64_t whole, DType type) const {
  int64_t extent = std::min(block, whole);
  if (target.isHost())
    return extent;
  const MatrixShape *shape = target.matrixShape(type, 16);
  return llvm::alignTo(extent, std::max(16, shape ? shape->k : 16));
}

std::string ScheduleInput::formula(StringRef text) const {
  ExprScope scope = op.scope();
  for (const auto &[name, value] : config.values())
    scope.insert_or_assign(name, value);
  Result<Expr> expr = Expr::parse(std::string_view(text));
  if (expr)
    expr = expr->substitute(scope);
  if (!expr)
    llvm::report_fatal_error(StringRef("a schedule wrote a bad formula: " + expr.error().message));
  return expr->text();
}

std::string blocksOf(StringRef whole, int64_t extent) {
  return ("ceildiv(" + whole + ", " + Twine(extent) + ")").str();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

ArrayRef<int64_t> Val::shape() const {
  auto tensor = dyn_cast<RankedTensorType>(type());
  return tensor ? tensor.getShape() : ArrayRef<int64_t>();
}

/// The type in which two sides meet: the tile's, else index before i32.
static Type meet(const Operand &a, const Operand &b) {
  Value left = a.val.value, right = b.val.value;
  if (!left || !right)
    return left ? left.getType() : right.getType();
  if (isa<RankedTensorType>(left.getType()) || isa<IndexType>(left.getType()))
    return isa<RankedTensorType>(right.getType()) ? right.getType() : left.getType();
  return right.getType();
}

/// A binary operation, float or integer by the type in which the sides meet.
template <typename FloatOp, typename IntOp> static Val binary(Operand a, Operand b) {
  KernelBuilder *k = a.val.builder ? a.val.builder : b.val.builder;
  Type type = meet(a, b);
  Value left = k->materialize(a, type), right = k->materialize(b, type);
  if (isa<FloatType>(getElementTypeOrSelf(type)))
    return k->wrap(k->b.createOrFold<FloatOp>(left, right));
  return k->wrap(k->b.createOrFold<IntOp>(left, right));
}

static Val compare(Val a, Operand b, arith::CmpFPredicate onFloat, arith::CmpIPredicate onInt) {
  KernelBuilder *k = a.builder;
  Type type = meet(a, b);
  Value left = k->materialize(a, type), right = k->materialize(b, type);
  if (isa<FloatType>(getElementTypeOrSelf(type)))
    return k->wrap(k->b.createOrFold<arith::CmpFOp>(onFloat, left, right));
  return k->wrap(k->b.createOrFold<arith::CmpIOp>(onInt, left, right));
}

template <typename Op> static Val unary(Val a) {
  return a.builder->wrap(a.builder->b.createOrFold<Op>(a.value));
}

Val operator+(Val a, Operand b) { return binary<arith::AddFOp, arith::AddIOp>(a, b); }
Val operator-(Val a, Operand b) { return binary<arith::SubFOp, arith::SubIOp>(a, b); }
Val operator*(Val a, Operand b) { return binary<arith::MulFOp, arith::MulIOp>(a, b); }
Val operator/(Val a, Operand b) { return binary<arith::DivFOp, arith::DivUIOp>(a, b); }
Val operator%(Val a, Operand b) { return binary<arith::RemFOp, arith::RemUIOp>(a, b); }
Val operator+(double a, Val b) { return binary<arith::AddFOp, arith::AddIOp>(a, b); }
Val operator-(double a, Val b) { return binary<arith::SubFOp, arith::SubIOp>(a, b); }
Val operator*(double a, Val b) { return binary<arith::MulFOp, arith::MulIOp>(a, b); }
Val operator/(double a, Val b) { return binary<arith::DivFOp, arith::DivUIOp>(a, b); }
Val operator-(Val a) {
  return isa<FloatType>(getElementTypeOrSelf(a.type())) ? unary<arith::NegFOp>(a) : 0.0 - a;
}

Val operator<(Val a, Operand b) {
  return compare(a, b, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt);
}
Val operator<=(Val a, Operand b) {
  return compare(a, b, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle);
}
Val operator>=(Val a, Operand b) {
  return compare(a, b, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge);
}
Val equal(Val a, Operand b) {
  return compare(a, b, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
}
Val operator&(Val a, Val b) {
  return a.builder->wrap(a.builder->b.createOrFold<arith::AndIOp>(a.value, b.value));
}
Val min(Val a, Operand b) { return binary<arith::MinNumFOp, arith::MinSIOp>(a, b); }
Val max(Val a, Operand b) { return binary<arith::MaxNumFOp, arith::MaxSIOp>(a, b); }
Val ceilDiv(Val a, int64_t b) { return b == 1 ? a : (a + (b - 1)) / b; }

Val select(Val condition, Operand a, Operand b) {
  KernelBuilder *k = condition.builder;
  Type type = a.val.value || b.val.value ? meet(a, b) : Type(k->b.getF32Type());
  if (condition.isTile())
    type = RankedTensorType::get(condition.shape(), getElementTypeOrSelf(type));
  return k->wrap(k->b.createOrFold<arith::SelectOp>(condition.value, k->materialize(a, type),
                                                    k->materialize(b, type)));
}

Val exp(Val a) { return unary<math::ExpOp>(a); }
Val log(Val a) { return unary<math::LogOp>(a); }
Val rsqrt(Val a) { return unary<math::RsqrtOp>(a); }
Val silu(Val a) { return a / (1.0 + exp(-a)); }
Val softplus(Val a) { return select(a <= 20.0, log(1.0 + exp(a)), a); }

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

KernelBuilder::KernelBuilder(const ScheduleInput &input, TileProgram &program, StringRef symbol,
                             std::array<std::string, 3> grid)
    : input(input), b(UnknownLoc::get(program.module->getContext()), program.module->getContext()),
      program(program) {
  SmallVector<Type> arguments;
  auto buffer = [&](DType type) {
    return MemRefType::get({ShapedType::kDynamic}, elementType(type));
  };
  for (const OperandSpec *operand : input.op.operands())
    arguments.push_back(buffer(input.op.operandDType(*operand)));
  arguments.append(program.workspaces.size(), buffer(DType::F32));
  arguments.append(input.op.sizes().size(), b.getIndexType());

  b.setInsertionPointToEnd(program.module->getBody());
  function = func::FuncOp::create(b, symbol, b.getFunctionType(arguments, {}));
  for (std::string &extent : grid)
    extent = input.formula(extent);
  function->setAttr("tile.grid", b.getStrArrayAttr({grid[0], grid[1], grid[2]}));
  function->setAttr("tile.waves", b.getI64IntegerAttr(input.knobOr("waves", 1)));
  b.setInsertionPointToStart(function.addEntryBlock());
  program.kernels.push_back({symbol.str(), grid});
}

KernelBuilder::~KernelBuilder() { func::ReturnOp::create(b); }

[[noreturn]] static void unknownName(const char *what, StringRef name) {
  llvm::report_fatal_error(Twine("a schedule asked for the unknown ") + what + " " + name);
}

bool KernelBuilder::hasOperand(StringRef name) const {
  return llvm::any_of(input.op.operands(), [&](const OperandSpec *o) { return o->name == name; });
}

Val KernelBuilder::operand(StringRef name) {
  for (auto [i, operand] : llvm::enumerate(input.op.operands()))
    if (operand->name == name)
      return wrap(function.getArgument(i));
  unknownName("operand", name);
}

Val KernelBuilder::workspace(StringRef name) {
  for (auto [i, workspace] : llvm::enumerate(program.workspaces))
    if (workspace.name == name)
      return wrap(function.getArgument(input.op.operands().size() + i));
  unknownName("workspace", name);
}

Val KernelBuilder::size(StringRef name) {
  size_t first = input.op.operands().size() + program.workspaces.size();
  for (auto [i, size] : llvm::enumerate(input.op.sizes()))
    if (size->name == name)
      return wrap(function.getArgument(first + i));
  unknownName("size", name);
}

Val KernelBuilder::programId(int dim) {
  return wrap(tile::ProgramIdOp::create(b, b.getIndexType(), dim));
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Type KernelBuilder::elementType(DType type) {
  switch (type) {
  case DType::F32:
    return b.getF32Type();
  case DType::F16:
    return b.getF16Type();
  case DType::BF16:
    return b.getBF16Type();
  case DType::I32:
    return b.getI32Type();
  }
  llvm_unreachable("all types are named above");
}

Value KernelBuilder::materialize(const Operand &operand, Type like) {
  Value value = operand.val.value;
  if (value && value.getType() == like)
    return value;
  Type element = getElementTypeOrSelf(like);
  if (!value) {
    if (auto type = dyn_cast<FloatType>(element))
      value = arith::ConstantOp::create(b, b.getFloatAttr(type, operand.number));
    else
      value = arith::ConstantOp::create(b, b.getIntegerAttr(element, int64_t(operand.number)));
  } else if (isa<RankedTensorType>(value.getType())) {
    return value; // two tiles of different types: the verifier of the op says so
  } else if (value.getType() != element && value.getType().isIntOrIndex()) {
    value = b.createOrFold<arith::IndexCastOp>(element, value);
  }
  if (auto tile = dyn_cast<RankedTensorType>(like))
    value = tensor::SplatOp::create(b, value, tile);
  return value;
}

Val KernelBuilder::index(int64_t number) { return wrap(materialize(number, b.getIndexType())); }
Val KernelBuilder::f32(double number) { return wrap(materialize(number, b.getF32Type())); }
Val KernelBuilder::full(ArrayRef<int64_t> shape, double number) {
  return wrap(materialize(number, RankedTensorType::get(shape, b.getF32Type())));
}
Val KernelBuilder::fullIndex(ArrayRef<int64_t> shape, int64_t number) {
  return wrap(materialize(number, RankedTensorType::get(shape, b.getI32Type())));
}
Val KernelBuilder::iota(ArrayRef<int64_t> shape, int dim) {
  return wrap(tile::IotaOp::create(b, RankedTensorType::get(shape, b.getI32Type()), dim));
}

Operand KernelBuilder::inside(Val start, int64_t extent, int64_t whole) {
  if (whole % extent == 0)
    return extent;
  if (whole < extent)
    return whole;
  return whole - start;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Val KernelBuilder::loadIndex(Val buffer, Val offset) {
  Value number = memref::LoadOp::create(b, buffer.value, ValueRange(offset.value));
  return wrap(b.createOrFold<arith::IndexCastOp>(b.getIndexType(), number));
}

Val KernelBuilder::loadScalar(Val buffer, Val offset) {
  return convert(wrap(memref::LoadOp::create(b, buffer.value, ValueRange(offset.value))),
                 DType::F32);
}

static SmallVector<Value> indices(KernelBuilder &k, ArrayRef<Operand> operands) {
  SmallVector<Value> values;
  for (const Operand &operand : operands)
    values.push_back(k.materialize(operand, k.b.getIndexType()));
  return values;
}

/// Bounds that all are the extents say nothing.
static ArrayRef<Operand> neededBounds(ArrayRef<Operand> valid, ArrayRef<int64_t> shape) {
  for (auto [bound, extent] : llvm::zip_equal(valid, shape.take_front(valid.size())))
    if (bound.val.value || int64_t(bound.number) != extent)
      return valid;
  return {};
}

Val KernelBuilder::loadRaw(Val buffer, Val offset, ArrayRef<Operand> strides,
                           ArrayRef<Operand> valid, ArrayRef<int64_t> shape) {
  Type element = cast<MemRefType>(buffer.type()).getElementType();
  return wrap(tile::LoadOp::create(b, RankedTensorType::get(shape, element), buffer.value,
                                   offset.value, indices(*this, strides),
                                   indices(*this, neededBounds(valid, shape)),
                                   /*prefetch=*/IntegerAttr()));
}

Val KernelBuilder::load(Val buffer, Val offset, ArrayRef<Operand> strides, ArrayRef<Operand> valid,
                        ArrayRef<int64_t> shape) {
  Val tile = loadRaw(buffer, offset, strides, valid, shape);
  return isa<FloatType>(getElementTypeOrSelf(tile.type())) ? convert(tile, DType::F32) : tile;
}

void KernelBuilder::store(Val tile, Val buffer, Val offset, ArrayRef<Operand> strides,
                          ArrayRef<Operand> valid) {
  Type element = cast<MemRefType>(buffer.type()).getElementType();
  for (DType type : {DType::F32, DType::F16, DType::BF16})
    if (elementType(type) == element)
      tile = convert(tile, type);
  tile::StoreOp::create(b, tile.value, buffer.value, offset.value, indices(*this, strides),
                        indices(*this, neededBounds(valid, tile.shape())));
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Val KernelBuilder::convert(Val tile, DType type) {
  Type from = getElementTypeOrSelf(tile.type()), to = elementType(type);
  if (from == to)
    return tile;
  auto resized = [&](Type element) -> Type {
    return tile.isTile() ? Type(RankedTensorType::get(tile.shape(), element)) : element;
  };
  if (!from.isF32())
    tile = wrap(b.createOrFold<arith::ExtFOp>(resized(b.getF32Type()), tile.value));
  if (type == DType::F32)
    return tile;
  return wrap(b.createOrFold<arith::TruncFOp>(resized(to), tile.value));
}

Val KernelBuilder::rounded(Val tile, DType type) {
  return convert(convert(tile, type), DType::F32);
}

Val KernelBuilder::forDot(Val tile, DType amdType) {
  DType hostType = input.knobOr("bf16_dot", 0) ? DType::BF16 : DType::F32;
  return convert(tile, input.target.isHost() ? hostType : amdType);
}

Val KernelBuilder::stage(Val tile, bool transpose) {
  SmallVector<int64_t> shape(tile.shape());
  if (transpose)
    std::swap(shape[0], shape[1]);
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(tile.type()));
  return wrap(tile::StageOp::create(b, type, tile.value, transpose));
}

Val KernelBuilder::dot(Val a, Val b, Val accumulator, bool transposeB) {
  return wrap(tile::DotOp::create(this->b, accumulator.type(), a.value, b.value, accumulator.value,
                                  transposeB));
}

Val KernelBuilder::reduce(tile::ReduceKind kind, Val tile, int dim) {
  auto type = RankedTensorType::get({tile.shape()[1 - dim]}, getElementTypeOrSelf(tile.type()));
  return wrap(tile::ReduceOp::create(b, type, kind, tile.value, dim));
}

Val KernelBuilder::broadcast(Val vector, ArrayRef<int64_t> shape, int dim) {
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(vector.type()));
  return wrap(tile::BroadcastOp::create(b, type, vector.value, dim));
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

std::vector<Val> KernelBuilder::loop(Val from, Val to, int64_t step, std::vector<Val> initial,
                                     const LoopBody &body) {
  auto unwrap = [](const std::vector<Val> &vals) {
    return llvm::map_to_vector(vals, [](const Val &val) { return val.value; });
  };
  auto wrapAll = [&](ValueRange values) {
    std::vector<Val> vals;
    for (Value value : values)
      vals.push_back(wrap(value));
    return vals;
  };
  SmallVector<Value> carried = unwrap(initial);
  auto loop = scf::ForOp::create(b, from.value, to.value, index(step).value, carried);
  // The builder of the loop adds a yield only if nothing is carried.
  if (carried.empty())
    loop.getBody()->getTerminator()->erase();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  std::vector<Val> next = body(wrap(loop.getInductionVar()), wrapAll(loop.getRegionIterArgs()));
  scf::YieldOp::create(b, unwrap(next));
  return wrapAll(loop.getResults());
}

Val KernelBuilder::sumInSteps(int64_t whole, int64_t step, Val acc,
                              const std::function<Val(Val, int64_t, Val)> &add) {
  int64_t full = whole / step * step;
  if (full > step)
    acc = loop(index(0), index(full), step, {acc}, [&](Val from, std::vector<Val> carried) {
      return std::vector<Val>{add(from, step, carried[0])};
    })[0];
  else
    acc = add(index(0), step, acc);
  return full < whole ? add(index(full), whole - full, acc) : acc;
}

void KernelBuilder::ifThen(Val condition, const std::function<void()> &body) {
  auto branch = scf::IfOp::create(b, condition.value, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

} // namespace zorse::schedule
