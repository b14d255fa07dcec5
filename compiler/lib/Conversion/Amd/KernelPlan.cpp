//===- KernelPlan.cpp - layouts of tiles, sources of operands -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles that meet in an elementwise op, or are carried by the same loop
// variable, form a class and share a layout. Products fix the layouts of some
// classes; the others take the layout that their loads, stores and reductions
// make cheapest. Vectors take a slice of the layout of the matrix they meet.
//
//===----------------------------------------------------------------------===//

#include "KernelPlan.h"

#include "Divisibility.h"
#include "LdsPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

static bool isTile(Value value) { return isa<RankedTensorType>(value.getType()); }
static ArrayRef<int64_t> shapeOf(Value tile) {
  return cast<RankedTensorType>(tile.getType()).getShape();
}
static int64_t elementBytes(Value tile) {
  return cast<RankedTensorType>(tile.getType()).getElementTypeBitWidth() / 8;
}

bool amd::isElementwise(Operation *op) {
  return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
         !isa<arith::ConstantOp>(op) && op->getNumResults() == 1;
}

const Layout &KernelPlan::layoutOf(Value tile) const {
  auto found = layouts.find(tile);
  assert(found != layouts.end() && "every tile has a layout");
  return found->second;
}

ArrayRef<std::unique_ptr<StagedForm>> KernelPlan::formsOf(Operation *stage) const {
  auto found = forms.find(stage);
  return found == forms.end() ? ArrayRef<std::unique_ptr<StagedForm>>() : found->second;
}

static std::optional<LdsRange> lookup(const std::map<Operation *, LdsRange> &map, Operation *op) {
  auto found = map.find(op);
  return found == map.end() ? std::nullopt : std::optional(found->second);
}
std::optional<LdsRange> KernelPlan::reduceScratch(Operation *op) const {
  return lookup(reduceRanges, op);
}
std::optional<LdsRange> KernelPlan::convertScratch(Operation *op) const {
  return lookup(convertRanges, op);
}

Layout amd::sliceOf(const KernelPlan &plan, Operation *op) {
  if (auto reduce = dyn_cast<tile::ReduceOp>(op))
    return plan.layoutOf(reduce.getValue()).slice(1 - reduce.getDim());
  auto broadcast = cast<tile::BroadcastOp>(op);
  return plan.layoutOf(broadcast.getResult()).slice(broadcast.getDim());
}

namespace {

/// Tiles that must share a layout.
struct TileClass {
  SmallVector<int64_t> shape;
  LayoutDemand demand;
  std::optional<Layout> layout;
};

} // namespace

namespace zorse::amd {

class PlanBuilder {
public:
  PlanBuilder(func::FuncOp kernel, KernelPlan &plan, const TargetDesc &target)
      : kernel(kernel), plan(plan), target(target) {}

  LogicalResult build() {
    separateUses();
    collectClasses();
    anchorAccumulators();
    if (failed(planDots()))
      return failure();
    collectDemands();
    layOutFreely(2);
    anchorVectors();
    layOutFreely(1);
    for (auto [value, index] : indexOf)
      plan.layouts[value] = *classes[find(index)].layout;
    planLds();
    if (plan.ldsBytes > target.ldsBytes && dropSecondForms())
      planLds();
    return success();
  }

private:
  /// Constants cost nothing to make again, and a load that a product reads directly has a layout of
  /// its own: each such use gets its own copy.
  void separateUses() {
    SmallVector<Operation *> makers;
    kernel.walk([&](Operation *op) {
      if (op->getNumResults() == 1 && isTile(op->getResult(0)) &&
          isa<arith::ConstantOp, tensor::SplatOp, tile::IotaOp, tile::LoadOp>(op))
        makers.push_back(op);
    });
    for (Operation *op : makers)
      for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
        bool wantsOwn = !isa<tile::LoadOp>(op) || isa<tile::DotOp>(use.getOwner());
        if (wantsOwn && !op->hasOneUse())
          use.set(OpBuilder(op).clone(*op)->getResult(0));
      }
  }

  unsigned indexFor(Value tile) {
    auto [it, inserted] = indexOf.try_emplace(tile, classes.size());
    if (inserted) {
      parent.push_back(classes.size());
      classes.push_back({SmallVector<int64_t>(shapeOf(tile)), {}, {}});
    }
    return it->second;
  }
  unsigned find(unsigned index) {
    while (parent[index] != index)
      index = parent[index] = parent[parent[index]];
    return index;
  }
  TileClass &classOf(Value tile) { return classes[find(indexFor(tile))]; }
  void unite(Value a, Value b) {
    if (isTile(a) && isTile(b)) {
      unsigned left = find(indexFor(a)), right = find(indexFor(b));
      parent[std::max(left, right)] = std::min(left, right);
    }
  }

  void collectClasses() {
    kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
      for (Value result : op->getResults())
        if (isTile(result))
          indexFor(result);
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        for (auto [init, argument, yielded, result] :
             llvm::zip_equal(loop.getInitArgs(), loop.getRegionIterArgs(), loop.getYieldedValues(),
                             loop.getResults())) {
          unite(result, argument);
          unite(result, init);
          unite(result, yielded);
        }
      } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
        for (Region *region : branch.getRegions())
          if (!region->empty())
            for (auto [result, yielded] : llvm::zip_equal(
                     branch.getResults(), region->front().getTerminator()->getOperands()))
              unite(result, yielded);
      } else if (auto dot = dyn_cast<tile::DotOp>(op)) {
        unite(dot.getResult(), dot.getAccumulator());
      } else if (isElementwise(op)) {
        for (Value operand : op->getOperands())
          if (isTile(operand))
            unite(op->getResult(0), operand);
      }
    });
  }

  void anchorAccumulators() {
    kernel.walk([&](tile::DotOp dot) {
      TileClass &tiles = classOf(dot.getResult());
      tiles.layout = accumulatorLayout(tiles.shape[0], tiles.shape[1], plan.waves);
    });
  }

  /// The form of a staged tile whose line is the dimension K of an operand.
  StagedForm *stagedForm(tile::StageOp stage, unsigned resultKDim) {
    unsigned kDim = stage.getTranspose() ? 1 - resultKDim : resultKDim;
    auto &forms = plan.forms[stage];
    for (auto &form : forms)
      if (form->kDim == kDim)
        return form.get();
    ArrayRef<int64_t> shape = shapeOf(stage.getValue());
    forms.push_back(std::make_unique<StagedForm>(
        StagedForm{kDim, shape[1 - kDim], shape[kDim], elementBytes(stage.getValue()), {}}));
    return forms.back().get();
  }

  LogicalResult planDots() {
    WalkResult result = kernel.walk([&](tile::DotOp dot) {
      if (dot.getPaired()) {
        dot.emitOpError("expected b as rows of k, got pairs, which only the host takes");
        return WalkResult::interrupt();
      }
      int64_t m = shapeOf(dot.getA())[0], k = shapeOf(dot.getA())[1];
      int64_t n = shapeOf(dot.getResult())[1];
      unsigned bKDim = dot.getTransposeB() ? 1 : 0;
      DotPlan &product = plan.dots[dot];
      product.grid = WaveGrid::of(m, plan.waves);
      auto aStage = dot.getA().getDefiningOp<tile::StageOp>();
      auto bStage = dot.getB().getDefiningOp<tile::StageOp>();

      // The result of one product has the lanes of an operand of the next: no LDS between them.
      Layout wanted = operandLayout(m, k, 4, false, 1, product.grid);
      bool forwards = aStage && !aStage.getTranspose() && k % 16 == 0 &&
                      classOf(aStage.getValue()).layout == wanted;
      if (forwards || !aStage || !bStage)
        product.chunk = forwards || k % 32 != 0 || elementBytes(dot.getA()) == 4 ? 4 : 8;

      if (forwards)
        product.a.inRegisters = aStage.getValue();
      else if (aStage)
        product.a.staged = stagedForm(aStage, 1);
      else if (failed(anchorOperand(dot, dot.getA(), product.a, 1,
                                    operandLayout(m, k, product.chunk, false, 1, product.grid))))
        return WalkResult::interrupt();
      if (bStage)
        product.b.staged = stagedForm(bStage, bKDim);
      else if (failed(anchorOperand(dot, dot.getB(), product.b, bKDim,
                                    operandLayout(n, k, product.chunk, true, bKDim, product.grid))))
        return WalkResult::interrupt();
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult anchorOperand(tile::DotOp dot, Value tile, DotOperand &operand, unsigned kDim,
                              const Layout &layout) {
    TileClass &tiles = classOf(tile);
    if (tiles.layout && *tiles.layout != layout)
      return dot.emitOpError("expected an operand that is staged, or loaded for this product "
                             "alone, got one that other ops tie to another layout; stage it");
    // What lies beyond K must be zero, as loads make it, and conversions leave it.
    Value source = tile;
    while (source.getDefiningOp<arith::ExtFOp>() || source.getDefiningOp<arith::TruncFOp>())
      source = source.getDefiningOp()->getOperand(0);
    if (layout.dims[kDim].padded() && !source.getDefiningOp<tile::LoadOp>())
      return dot.emitOpError("expected an operand that is staged or loaded where the inner extent "
                             "is no multiple of 16, got one that was computed; stage it");
    tiles.layout = layout;
    operand.inRegisters = tile;
    return success();
  }

  void collectDemands() {
    kernel.walk([&](Operation *op) {
      if (auto load = dyn_cast<tile::LoadOp>(op)) {
        classOf(load.getResult()).demand.accesses.push_back(TileAccess::of(op)->demand());
      } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
        classOf(store.getValue()).demand.accesses.push_back(TileAccess::of(op)->demand());
      } else if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
        classOf(reduce.getValue()).demand.reducedDims.push_back(reduce.getDim());
      } else if (auto stage = dyn_cast<tile::StageOp>(op)) {
        for (const auto &form : plan.formsOf(stage))
          classOf(stage.getValue()).demand.stagedKDims.push_back(form->kDim);
      }
    });
  }

  /// Reductions come first: they make a slice, the others only read one.
  void anchorVectors() {
    auto anchor = [&](Value vector, Value matrix, unsigned dim) {
      TileClass &tiles = classOf(vector);
      if (!tiles.layout)
        tiles.layout = classOf(matrix).layout->slice(dim);
    };
    kernel.walk([&](tile::ReduceOp op) { anchor(op.getResult(), op.getValue(), 1 - op.getDim()); });
    kernel.walk([&](tile::BroadcastOp op) { anchor(op.getValue(), op.getResult(), op.getDim()); });
  }

  /// The cheapest layout for every class of this rank that nothing ties down.
  void layOutFreely(size_t rank) {
    for (auto [index, tiles] : llvm::enumerate(classes))
      if (parent[index] == index && tiles.shape.size() == rank && !tiles.layout)
        tiles.layout = blockedLayout(tiles.shape, plan.waves, tiles.demand);
  }

  void planLds() {
    LdsPlan lds(kernel);
    for (auto &[stage, forms] : plan.forms)
      for (auto &form : forms) {
        SmallVector<Operation *> users;
        form->readInHalves = true;
        for (auto &[op, product] : plan.dots)
          for (const DotOperand *operand : {&product.a, &product.b})
            if (operand->staged == form.get()) {
              users.push_back(op);
              form->readInHalves &= !operand->gathered && product.chunk * form->elementBytes == 8;
            }
        lds.add(form->bytes(), stage, users, form->range);
      }
    kernel.walk([&](Operation *op) {
      if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
        const DimLayout &reduced = plan.layoutOf(reduce.getValue()).dims[reduce.getDim()];
        if (reduced.waves > 1)
          lds.add(reduced.waves * shapeOf(reduce.getResult())[0] * 4, op, {},
                  plan.reduceRanges[op]);
        if (plan.layoutOf(reduce.getResult()) != sliceOf(plan, op))
          lds.add(shapeOf(reduce.getResult())[0] * 4, op, {}, plan.convertRanges[op]);
      } else if (auto broadcast = dyn_cast<tile::BroadcastOp>(op)) {
        if (plan.layoutOf(broadcast.getValue()) != sliceOf(plan, op))
          lds.add(shapeOf(broadcast.getValue())[0] * 4, op, {}, plan.convertRanges[op]);
      }
    });
    plan.ldsBytes = lds.place();
  }

  /// Where a tile is staged in both forms, keeps the one that is written in wide pieces.
  bool dropSecondForms() {
    bool dropped = false;
    for (auto &[stage, forms] : plan.forms) {
      if (forms.size() < 2)
        continue;
      unsigned vecDim = plan.layoutOf(cast<tile::StageOp>(stage).getValue()).vecDim();
      auto *keep = llvm::find_if(forms, [&](auto &form) { return form->kDim == vecDim; });
      for (auto &[op, product] : plan.dots)
        for (DotOperand *operand : {&product.a, &product.b})
          for (auto &form : forms)
            if (operand->staged == form.get() && form != *keep) {
              operand->staged = keep->get();
              operand->gathered = true;
            }
      std::unique_ptr<StagedForm> kept = std::move(*keep);
      forms.clear();
      forms.push_back(std::move(kept));
      dropped = true;
    }
    return dropped;
  }

  func::FuncOp kernel;
  KernelPlan &plan;
  const TargetDesc &target;
  llvm::MapVector<Value, unsigned> indexOf;
  std::vector<unsigned> parent;
  std::vector<TileClass> classes;
};

} // namespace zorse::amd

FailureOr<KernelPlan> KernelPlan::make(func::FuncOp kernel, const TargetDesc &target) {
  KernelPlan plan;
  if (auto waves = kernel->getAttrOfType<IntegerAttr>("tile.waves"))
    plan.waves = waves.getInt();
  if (plan.waves < 1 || plan.waves * waveSize > target.maxWorkgroupThreads ||
      !llvm::isPowerOf2_64(plan.waves))
    return kernel.emitOpError("expected tile.waves to be a power of two in [1, ")
           << target.maxWorkgroupThreads / waveSize << "], got " << plan.waves;
  if (failed(PlanBuilder(kernel, plan, target).build()))
    return failure();
  return plan;
}
