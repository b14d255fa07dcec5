//===- X86Math.cpp - elementary functions for x86 -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "X86Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace zorse {

namespace {

/// Writes arithmetic on f32 and i32 of one shape.
struct Lanes {
  ImplicitLocOpBuilder b;
  Type type; ///< f32 or a vector of it

  Type like(Type element) const {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value constant(double number) {
    return arith::ConstantOp::create(b, spread(b.getF32FloatAttr(float(number))));
  }
  Value constant(int32_t number) {
    return arith::ConstantOp::create(b, spread(b.getI32IntegerAttr(number)));
  }
  Value fma(Value a, Value c, Value add) { return math::FmaOp::create(b, a, c, add); }

private:
  TypedAttr spread(TypedAttr number) {
    if (!isa<VectorType>(type))
      return number;
    return SplatElementsAttr::get(cast<ShapedType>(like(number.getType())), number);
  }
};

/// exp(x) = 2^n * exp(r), where n is the integer next to x / ln 2 and r what is left of x, at most
/// ln 2 / 2, in which a polynomial of degree 7 is good for f32. The coefficients are those of
/// Cephes' expf.
struct ExpByPowersOfTwo : OpRewritePattern<math::ExpOp> {
  ExpByPowersOfTwo(MLIRContext *context, bool hasScale)
      : OpRewritePattern(context, /*benefit=*/10), hasScale(hasScale) {}

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    Lanes l{ImplicitLocOpBuilder(op.getLoc(), rewriter), op.getType()};
    ImplicitLocOpBuilder &b = l.b;
    // Beyond these the result is 0 or infinity, and n stays in the range of the scaling. A NaN
    // stays, since no comparison with it holds.
    Value x = op.getOperand(), low = l.constant(-104.0), high = l.constant(89.5);
    auto below = arith::CmpFPredicate::OLT, above = arith::CmpFPredicate::OGT;
    x = arith::SelectOp::create(b, arith::CmpFOp::create(b, below, x, low), low, x);
    x = arith::SelectOp::create(b, arith::CmpFOp::create(b, above, x, high), high, x);

    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum.
    Value magic = l.constant(12582912.0);
    Value rounded = l.fma(x, l.constant(1.44269504088896341), magic);
    Value n = arith::SubFOp::create(b, rounded, magic);
    // ln 2 in two parts, the first so short that its product with n is exact.
    Value r = l.fma(n, l.constant(-0.693359375), x);
    r = l.fma(n, l.constant(2.12194440e-4), r);
    Value p = l.constant(1.9875691500e-4);
    for (double coefficient : {1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
                               5.0000001201e-1, 1.0, 1.0})
      p = l.fma(p, r, l.constant(coefficient));
    rewriter.replaceOp(op, scaled(l, p, n, rounded));
    return success();
  }

private:
  /// p * 2^n, with n also in the low bits of `rounded`.
  Value scaled(Lanes &l, Value p, Value n, Value rounded) const {
    ImplicitLocOpBuilder &b = l.b;
    auto vector = dyn_cast<VectorType>(l.type);
    if (int64_t width = vector ? vector.getNumElements() : 0;
        hasScale && (width == 4 || width == 8 || width == 16)) {
      std::string name = "llvm.x86.avx512.mask.scalef.ps." + std::to_string(32 * width);
      Type mask = b.getIntegerType(width == 16 ? 16 : 8);
      SmallVector<Value> arguments{p, n, p,
                                   arith::ConstantOp::create(b, b.getIntegerAttr(mask, -1))};
      if (width == 16) // rounding as the control register says
        arguments.push_back(arith::ConstantOp::create(b, b.getI32IntegerAttr(4)));
      return LLVM::CallIntrinsicOp::create(b, l.type, b.getStringAttr(name), arguments)
          .getResult(0);
    }
    // In two steps, since 2^n itself may be too large or too small for a number.
    Type i32 = l.like(b.getI32Type());
    Value whole = arith::SubIOp::create(b, arith::BitcastOp::create(b, i32, rounded),
                                        l.constant(int32_t(0x4B400000)));
    Value half = arith::ShRSIOp::create(b, whole, l.constant(int32_t(1)));
    for (Value part : {half, arith::SubIOp::create(b, whole, half).getResult()}) {
      Value exponent = arith::AddIOp::create(b, part, l.constant(int32_t(127)));
      Value bits = arith::ShLIOp::create(b, exponent, l.constant(int32_t(23)));
      p = arith::MulFOp::create(b, p, arith::BitcastOp::create(b, l.type, bits));
    }
    return p;
  }

  bool hasScale;
};

/// The instruction gives its second operand if one of them is a NaN; IEEE's maxNum costs two more.
template <typename Op, arith::CmpFPredicate predicate>
struct OneInstruction : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Value first = arith::CmpFOp::create(rewriter, op.getLoc(), predicate, op.getLhs(), op.getRhs());
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, first, op.getLhs(), op.getRhs());
    return success();
  }
};

/// The same between the lanes of a vector.
struct MaximumOfLanes : OpRewritePattern<vector::ReductionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::ReductionOp op, PatternRewriter &rewriter) const override {
    auto kind = op.getKind();
    bool isExtremum =
        kind == vector::CombiningKind::MAXNUMF || kind == vector::CombiningKind::MINNUMF;
    if (!isExtremum || bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::nnan))
      return failure();
    rewriter.modifyOpInPlace(
        op, [&] { op.setFastmath(op.getFastmath() | arith::FastMathFlags::nnan); });
    return success();
  }
};

} // namespace

void populateX86MathPatterns(RewritePatternSet &patterns, const TargetDesc &target) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ExpByPowersOfTwo>(context, /*hasScale=*/target.vectorBits == 512);
  patterns.add<OneInstruction<arith::MaxNumFOp, arith::CmpFPredicate::OGT>,
               OneInstruction<arith::MinNumFOp, arith::CmpFPredicate::OLT>, MaximumOfLanes>(
      context);
}

} // namespace zorse
