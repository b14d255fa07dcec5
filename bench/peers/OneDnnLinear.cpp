//===- OneDnnLinear.cpp - oneDNN's side of the linear suite -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Started by zorse-bench as a child and asked by lines of JSON, like torch_ops.py. Computes
// y = x · weightᵀ in three ways: bf16 with the weight where it lies (rows of out_features), bf16
// and f32 with the weight reordered once into the layout that the library likes best, which is
// not part of the time. `--isa NAME` caps the instruction set (avx512_core_bf16: without AMX).
//
//===----------------------------------------------------------------------===//

#include <nlohmann/json.hpp>
#include <oneapi/dnnl/dnnl.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

/// Values in [-1, 1), the same on every run, cheap enough for gigabytes.
void fill(memory &target, const memory::desc &plain, const dnnl::engine &engine) {
  const memory::desc f32(plain.dims(), memory::data_type::f32, memory::format_tag::ab);
  memory source(f32, engine);
  auto *values = static_cast<float *>(source.get_data_handle());
  uint32_t state = 1;
  for (size_t i = 0, count = f32.get_size() / sizeof(float); i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    values[i] = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
  }
  dnnl::stream stream(engine);
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
}

/// One way of doing the product, with as many copies of its operands as the rotation needs.
class Variant {
public:
  Variant(const dnnl::engine &engine, memory::dim m, memory::dim n, memory::dim k,
          memory::data_type type, bool packed, size_t rotateBytes)
      : stream(engine) {
    using Tag = memory::format_tag;
    const memory::desc x({m, k}, type, Tag::ab), y({m, n}, type, Tag::ab);
    // As oneDNN sees it the weight is K x N; rows of out_features are its columns.
    const memory::desc weight({k, n}, type, packed ? Tag::any : Tag::ba);
    const dnnl::matmul::primitive_desc plan({x, weight, y}, engine);
    primitive = dnnl::matmul(plan);
    const memory::desc chosen = plan.weights_desc();
    const size_t size = x.get_size() + chosen.get_size() + y.get_size();
    const size_t count = rotateBytes == 0 ? 1 : (rotateBytes + size - 1) / size;
    for (size_t i = 0; i < count; ++i) {
      memory xs(x, engine), weights(chosen, engine), ys(y, engine);
      fill(xs, x, engine);
      fill(weights, chosen, engine);
      fill(ys, y, engine);
      copies.push_back({{DNNL_ARG_SRC, xs}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, ys}});
    }
    launch();
  }

  void launch() {
    primitive.execute(stream, copies[next]);
    stream.wait();
    next = (next + 1) % copies.size();
  }

  /// Mean microseconds of one launch, and how many there were in about `targetUs`.
  std::pair<double, int> round(double targetUs) {
    const auto start = Clock::now();
    for (int launches = 1;; ++launches) {
      launch();
      const double passed = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
      if (passed >= targetUs)
        return {passed / launches, launches};
    }
  }

private:
  dnnl::stream stream;
  dnnl::matmul primitive;
  std::vector<std::unordered_map<int, memory>> copies;
  size_t next = 0;
};

class Server {
public:
  explicit Server(std::string isa) : isa(std::move(isa)) {}

  json answer(const json &request) {
    if (request.contains("prepare"))
      return prepare(request["prepare"]);
    const auto [us, launches] =
        variants.at(request.at("round").get<size_t>()).round(request.at("target_us"));
    return {{"us", us}, {"launches", launches}};
  }

private:
  json prepare(const json &request) {
    const json &op = request.at("op");
    if (op.at("op") != "linear")
      return {{"error", "oneDNN is the peer of linear only, found " + op.at("op").dump()}};
    const memory::dim m = request.at("sizes").at("tokens");
    const memory::dim n = op.at("out_features"), k = op.at("in_features");
    const size_t rotate = request.at("rotate_bytes");
    const std::string suffix = isa.empty() ? "" : ", " + isa;
    using Type = memory::data_type;
    variants.clear();
    json names = json::array();
    const auto add = [&](const char *name, Type type, bool packed) {
      variants.emplace_back(engine, m, n, k, type, packed, rotate);
      names.push_back(name + suffix);
    };
    add("oneDNN bf16 packed", Type::bf16, true);
    // The other two forms are told once; the cap is about the best one.
    if (isa.empty()) {
      add("oneDNN bf16 in place", Type::bf16, false);
      add("oneDNN f32 packed", Type::f32, true);
    }
    const dnnl_version_t *version = dnnl_version();
    return {{"variants", names},
            {"version", "oneDNN " + std::to_string(version->major) + "." +
                            std::to_string(version->minor) + "." + std::to_string(version->patch)}};
  }

  std::string isa;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::vector<Variant> variants;
};

} // namespace

int main(int argc, char **argv) {
  std::string isa;
  if (argc == 3 && std::string(argv[1]) == "--isa")
    isa = argv[2];
  if (isa == "avx512_core_bf16") {
    dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_bf16);
  } else if (!isa.empty() || argc == 2) {
    std::cerr << "usage: zorse-bench-onednn [--isa avx512_core_bf16]\n";
    return 2;
  }
  Server server(isa.empty() ? "" : "no AMX");
  for (std::string line; std::getline(std::cin, line);) {
    json reply;
    // The library and the JSON reader report by exceptions; none leaves this loop.
    try {
      reply = server.answer(json::parse(line));
    } catch (const std::exception &error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << std::endl;
  }
  return 0;
}
