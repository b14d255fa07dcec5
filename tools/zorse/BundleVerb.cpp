//===- BundleVerb.cpp - zorse bundle --------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BundleWriter.h"
#include "DatabaseChoice.h"
#include "Verbs.h"

#include "zorse/device/Device.h"

#ifdef ZORSE_HAS_COMPILER
#include "Interrupt.h"
#include "KernelMaker.h"

#include "zorse/compiler/Compile.h"
#endif

#include <filesystem>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct BundleArguments {
  PlanArguments plan;
  std::string arch = "host", output, key, trust;
  std::string listed;
};

} // namespace

static Json recordLine(const Bundle &bundle, const KernelRecord &row) {
  Json json = {{"op", row.opKind},
               {"tuning_point", Json::parse(row.tuningPoint)},
               {"config", row.configText},
               {"code_hash", row.codeHash}};
  json["median_us"] = row.measurement ? Json(row.measurement->medianUs) : Json();
  // The time is one of other code than is launched.
  if (const KernelRecord *launched = bundle.replacementOf(row))
    json["launched_code_hash"] = launched->codeHash;
  return json;
}

static VerbResult listBundle(const Tool &tool, const BundleArguments &arguments) {
  Result<TrustStore> trust = trustForBundles(tool, arguments.trust);
  if (!trust)
    return trust.takeError();
  Result<Bundle> bundle = Bundle::open(arguments.listed, *trust, false);
  if (!bundle)
    return bundle.takeError();
  Result<std::map<std::string, int64_t>> origins = bundle->origins();
  if (!origins)
    return origins.takeError();
  if (tool.isJson()) {
    Json json = {{"schema_version", 1}, {"bundle", arguments.listed}, {"manifest", Json::object()}};
    for (const auto &[name, value] : bundle->facts())
      json["manifest"][name] = value;
    json["code"] = Json::object();
    for (const auto &[origin, count] : *origins)
      json["code"][origin] = count;
    json["kernels"] = Json::array();
    for (const KernelRecord &row : bundle->records())
      json["kernels"].push_back(recordLine(*bundle, row));
    printJson(json);
    return 0;
  }
  for (const auto &[name, value] : bundle->facts())
    fmt::print("{:<20} {}\n", name, value);
  for (const KernelRecord &row : bundle->records())
    fmt::print("  {:<22} {:<60} {} {}{}\n", row.opKind, row.tuningPoint, row.configText,
               row.measurement ? formatSeconds(row.measurement->medianUs * 1e-6) : "not measured",
               bundle->replacementOf(row) ? " of other code than is launched" : "");
  for (const auto &[origin, count] : *origins)
    spdlog::info("{} code objects are {}", count, origin);
  return 0;
}

#ifdef ZORSE_HAS_COMPILER
namespace {

/// Compiles for a bundle, and remembers in the user's database.
class MakerForBundle final : public BundleCompiler {
public:
  MakerForBundle(const Tool &tool, const TargetDesc &target, Database &database)
      : tool(tool), maker(target, database) {}

  Status prepare(const std::vector<LackedKernel> &kernels) override {
    std::vector<KernelMaker::Wanted> wanted;
    for (const LackedKernel &kernel : kernels)
      wanted.push_back({kernel.op, kernel.winner});
    Progress progress(tool);
    Status status = maker.prepare(wanted, tool.environment.threads, progress);
    return stopRequested ? Status(stopped()) : status;
  }
  Result<CodeObject> make(const OpDesc &op) override {
    if (stopRequested)
      return stopped();
    return maker.make(op, op.tuningPoint());
  }
  Result<CodeObject> makeAgain(const OpDesc &op, const KernelRecord &winner) override {
    if (stopRequested)
      return stopped();
    return maker.makeAgain(op, winner);
  }

private:
  static Error stopped() { return {ErrorCode::Interrupted, "stopped; nothing was written"}; }

  const Tool &tool;
  KernelMaker maker;
};

} // namespace
#endif

/// What stands between the file and its being run: nothing, or a word of the user.
static void sayHowToRun(const BundleArguments &arguments, const SigningKey *key, bool isOwn) {
  const std::string run =
      fmt::format("zorse run {} --bundle {}", arguments.plan.modelDir, arguments.output);
  if (!key)
    spdlog::warn(
        "the code is not signed, for there is no key: `zorse key generate` makes one, then "
        "bundle again; or vouch for the code: `{} --trust-unsigned --prompt TEXT`",
        run);
  else if (isOwn)
    spdlog::info("signed with your key: `{} --prompt TEXT` launches it; others first say `zorse "
                 "key trust {}`",
                 run, key->publicKey);
  else
    spdlog::info("signed with {}: who says `zorse key trust {}` can launch it with `{} --prompt "
                 "TEXT`",
                 arguments.key, key->publicKey, run);
}

static VerbResult makeBundle(const Tool &tool, const BundleArguments &arguments) {
  if (arguments.plan.modelDir.empty() || arguments.output.empty())
    return usageError("bundle needs --model DIR and -o FILE, or --list FILE");
  Result<TargetDesc> target = findTarget(arguments.arch);
  if (!target)
    return target.takeError();
  std::string device; // whose times come first; a GPU need not be here
  if (arguments.arch == "host") {
    Result<std::unique_ptr<Device>> host = createHostDevice({tool.environment.threads, false});
    if (!host)
      return host.takeError();
    target = (*host)->target();
    device = (*host)->description();
  }
  std::optional<SigningKey> key;
  std::string keyFile = arguments.key;
  if (std::error_code failed;
      keyFile.empty() && std::filesystem::exists(tool.environment.keyFile, failed))
    keyFile = tool.environment.keyFile;
  if (!keyFile.empty()) {
    Result<SigningKey> read = SigningKey::read(keyFile);
    if (!read)
      return read.takeError();
    key = read.take();
  }
  Result<ModelPlan> plan = makeModelPlan(arguments.plan, *target);
  if (!plan)
    return plan.takeError();
  for (const std::string &note : plan->notes)
    spdlog::warn("{}", note);
  std::vector<std::string> leftOut;
#ifdef ZORSE_HAS_COMPILER
  Result<std::unique_ptr<Database>> database =
      openLayeredDatabase(tool, Database::Mode::ReadWrite, &leftOut);
  if (!database)
    return database.takeError();
  watchSignals();
  MakerForBundle maker(tool, *target, **database);
  BundleCompiler *compiler = &maker;
  const std::string revision = compilerRevision();
#else
  Result<std::unique_ptr<Database>> database =
      openLayeredDatabase(tool, Database::Mode::ReadOnly, &leftOut);
  if (!database)
    return database.takeError();
  BundleCompiler *compiler = nullptr;
  const std::string revision = "none";
#endif
  Result<BundleCounts> counts = writeBundle(arguments.output, *plan, *target, **database, device,
                                            compiler, revision, key ? &*key : nullptr);
  if (!counts)
    return counts.takeError();
  for (const std::string &note : counts->notes)
    spdlog::warn("{}", note);
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(arguments.output));
  if (tool.isJson())
    printJson({{"schema_version", 1},
               {"bundle", arguments.output},
               {"bytes", bytes},
               {"kernels", counts->kernels},
               {"buckets_tuned", counts->tuned},
               {"buckets_nearest", counts->nearest},
               {"buckets_default", counts->defaults},
               {"winners_rebuilt", counts->rebuilt},
               {"winners_differing", counts->differing},
               {"notes", counts->notes},
               {"layers_left_out", leftOut},
               {"signed", counts->signedCode},
               {"content_hash", counts->contentHash}});
  else
    fmt::print("{}: {} kernels in {}; of {} buckets {} are tuned, {} take the nearest tuned one, "
               "{} the defaults\n",
               arguments.output, counts->kernels, formatBytes(static_cast<double>(bytes)),
               counts->tuned + counts->nearest + counts->defaults, counts->tuned, counts->nearest,
               counts->defaults);
  if (counts->rebuilt > 0)
    spdlog::info("built the code of {} winners again; {} of them are other code than was measured",
                 counts->rebuilt, counts->differing);
  sayHowToRun(arguments, key ? &*key : nullptr, keyFile == tool.environment.keyFile);
  return 0;
}

void addBundle(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<BundleArguments>();
  CLI::App *verb =
      addVerb(app, tool, "bundle", "Puts all kernels of a model into one file.",
              "  zorse bundle --model MODEL_DIR --batch 1..8 --context 512..8K -o model.zorse\n"
              "  zorse bundle --list model.zorse\n"
              "  zorse run MODEL_DIR --bundle model.zorse --prompt \"Once upon a time\"");
  addPlanOptions(*verb, arguments->plan);
  addTargetOption(*verb, arguments->arch);
  verb->add_option("-o,--output", arguments->output, "the file to write")->option_text("FILE");
  verb->add_option("--key", arguments->key,
                   "sign the code with this key (default: " + tool.environment.keyFile +
                       ", if it exists)")
      ->option_text("FILE");
  verb->add_option("--trust", arguments->trust, "with --list: public keys to believe")
      ->option_text("FILE");
  verb->add_option("--list", arguments->listed, "show what a bundle has, and make none")
      ->option_text("FILE");
  addDatabaseOption(*verb, tool);
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] {
      return arguments->listed.empty() ? makeBundle(tool, *arguments)
                                       : listBundle(tool, *arguments);
    };
  });
}

} // namespace zorse::tool
