//===- Layers.cpp - the user's database over the site's and the shipped one ===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeRows.h"
#include "Foreign.h"
#include "Schema.h"
#include "SqliteDatabase.h"

#include "zorse/db/Trust.h"

#include <filesystem>
#include <fmt/format.h>
#include <set>
#include <tuple>

namespace zorse {

using db::SqliteDatabase;

namespace {

struct Layer {
  std::string name;
  std::unique_ptr<SqliteDatabase> database;
};

class LayeredDatabase final : public Database {
public:
  /// Layers in order of precedence; the first is written if it is the user's.
  LayeredDatabase(std::vector<Layer> layers, std::string userPath, TrustStore trust)
      : layers(std::move(layers)), userPath(std::move(userPath)), trust(std::move(trust)) {}

  Result<int64_t> record(const KernelRecord &record) override {
    return write<int64_t>([&](Database &user) { return user.record(record); });
  }
  Status storeCode(const CodeObject &object) override {
    return change([&](Database &user) { return user.storeCode(object); });
  }
  Status recordAll(const std::vector<KernelRecord> &records,
                   const std::vector<CodeObject> &objects) override {
    return change([&](Database &user) { return user.recordAll(records, objects); });
  }
  Result<int64_t> markStaleRunning() override {
    return write<int64_t>([](Database &user) { return user.markStaleRunning(); });
  }
  Status setStale(int64_t id, std::string_view reason) override {
    return change([&](Database &user) { return user.setStale(id, reason); });
  }
  Result<MergeReport> merge(const std::vector<std::string> &paths,
                            const TrustStore *trust) override {
    return write<MergeReport>([&](Database &user) { return user.merge(paths, trust); });
  }
  Result<GarbageReport> collectGarbage(const GarbageOptions &options) override {
    return write<GarbageReport>([&](Database &user) { return user.collectGarbage(options); });
  }
  Result<MergeReport> importText(std::istream &from, std::string_view name) override {
    return write<MergeReport>([&](Database &user) { return user.importText(from, name); });
  }
  Status setManifest(const std::map<std::string, std::string> &facts) override {
    return change([&](Database &user) { return user.setManifest(facts); });
  }
  Result<int64_t> sign(const SigningKey &key) override {
    return write<int64_t>([&](Database &user) { return user.sign(key); });
  }

  Result<Hash128> contentHash() override {
    return write<Hash128>([](Database &user) { return user.contentHash(); });
  }
  Status exportText(const RecordFilter &filter, std::ostream &to) override {
    return change([&](Database &user) { return user.exportText(filter, to); });
  }
  Result<std::map<std::string, std::string>> manifest() override {
    return write<std::map<std::string, std::string>>(
        [](Database &user) { return user.manifest(); });
  }
  std::string path() const override { return userPath; }

  Result<std::optional<CodeObject>> loadCode(const KernelRecord &record) override;
  Result<std::optional<StoredCode>> inspectCode(const KernelRecord &record) override;
  Result<std::optional<CodeObject>> loadCode(const std::string &codeHash) override;
  Result<std::optional<KernelRecord>> best(const OpDesc &op, const TargetDesc &target,
                                           const std::string &tuningPoint,
                                           std::string_view device) override;
  Result<std::vector<KernelRecord>> winners(const OpDesc &op, const TargetDesc &target,
                                            std::string_view device) override;
  Result<std::vector<KernelRecord>> list(const RecordFilter &filter) override;
  Result<std::vector<std::string>> verify() override { return ofEach(&Database::verify); }
  Result<std::vector<std::string>> remarks() override { return ofEach(&Database::remarks); }

private:
  using Look = Result<std::vector<std::string>> (Database::*)();
  Result<std::vector<std::string>> ofEach(Look look);
  Database *user() {
    return !layers.empty() && layers.front().name == "user" ? layers.front().database.get()
                                                            : nullptr;
  }
  Error noUser() const {
    return db::databaseError(fmt::format(
        "no database at {}; `zorse tune` makes one, or name an existing one with --db", userPath));
  }
  template <typename T, typename Action> Result<T> write(Action action) {
    Database *database = user();
    return database ? action(*database) : Result<T>(noUser());
  }
  template <typename Action> Status change(Action action) {
    Database *database = user();
    return database ? action(*database) : Status(noUser());
  }

  std::vector<Layer> layers;
  std::string userPath;
  TrustStore trust;
};

} // namespace

/// The code as the layer judges it; code that was merged into the user's layer counts as signed
/// from the moment on that its key is believed.
static Result<std::optional<StoredCode>> inspect(const Layer &layer, const TrustStore &trust,
                                                 const KernelRecord &record) {
  Result<std::optional<StoredCode>> code = layer.database->inspectCode(record);
  if (!code || !*code || (*code)->trust != Trust::Foreign || layer.name != "user")
    return code;
  Result<std::optional<db::CodeRow>> row = db::findCode(layer.database->sqlite(), record);
  if (!row)
    return row.takeError();
  if (*row && trust.accepts((*row)->code.object, (*row)->code.signer, (*row)->signature))
    (*code)->trust = Trust::Signed;
  return code;
}

// The user's layer is asked first, whatever layer the record is of: what was built again here for a
// record of another layer lies there.
Result<std::optional<StoredCode>> LayeredDatabase::inspectCode(const KernelRecord &record) {
  std::optional<StoredCode> foreign;
  for (const Layer &layer : layers) {
    if (layer.name != "user" && layer.name != record.layer)
      continue;
    Result<std::optional<StoredCode>> code = inspect(layer, trust, record);
    if (!code)
      return code;
    if (*code && (*code)->trust != Trust::Foreign)
      return code;
    if (*code && !foreign)
      foreign = std::move(*code);
  }
  return foreign;
}

Result<std::optional<CodeObject>> LayeredDatabase::loadCode(const KernelRecord &record) {
  Result<std::optional<StoredCode>> code = inspectCode(record);
  if (!code)
    return code.takeError();
  if (!*code || (*code)->trust == Trust::Foreign)
    return std::optional<CodeObject>();
  return std::optional<CodeObject>(std::move((*code)->object));
}

Result<std::optional<CodeObject>> LayeredDatabase::loadCode(const std::string &codeHash) {
  for (const Layer &layer : layers) {
    Result<std::optional<CodeObject>> code = layer.database->loadCode(codeHash);
    if (!code || *code)
      return code;
  }
  return std::optional<CodeObject>();
}

static bool isOf(const KernelRecord &record, std::string_view device) {
  return record.measurement && record.measurement->device == device;
}

Result<std::optional<KernelRecord>> LayeredDatabase::best(const OpDesc &op,
                                                          const TargetDesc &target,
                                                          const std::string &tuningPoint,
                                                          std::string_view device) {
  std::optional<KernelRecord> first;
  for (const Layer &layer : layers) {
    Result<std::optional<KernelRecord>> record =
        layer.database->best(op, target, tuningPoint, device);
    if (!record)
      return record;
    if (!*record)
      continue;
    (*record)->layer = layer.name;
    if (device.empty() || isOf(**record, device))
      return record;
    if (!first)
      first = std::move(*record);
  }
  return first;
}

Result<std::vector<KernelRecord>>
LayeredDatabase::winners(const OpDesc &op, const TargetDesc &target, std::string_view device) {
  std::map<std::pair<std::string, int64_t>, KernelRecord> chosen;
  for (const Layer &layer : layers) {
    Result<std::vector<KernelRecord>> records = layer.database->winners(op, target, device);
    if (!records)
      return records;
    for (KernelRecord &record : *records) {
      record.layer = layer.name;
      std::pair key(record.tuningPoint, record.computeUnits);
      auto known = chosen.find(key);
      if (known == chosen.end())
        chosen.emplace(std::move(key), std::move(record));
      else if (!device.empty() && isOf(record, device) && !isOf(known->second, device))
        known->second = std::move(record);
    }
  }
  std::vector<KernelRecord> records;
  for (auto &[key, record] : chosen)
    records.push_back(std::move(record));
  return records;
}

Result<std::vector<KernelRecord>> LayeredDatabase::list(const RecordFilter &filter) {
  std::vector<KernelRecord> all;
  std::set<std::tuple<std::string, std::string, int64_t, std::string, std::string>> won;
  for (const Layer &layer : layers) {
    Result<std::vector<KernelRecord>> records = layer.database->list(filter);
    if (!records)
      return records;
    for (KernelRecord &record : *records) {
      record.layer = layer.name;
      std::tuple key(record.opJson, record.arch, record.computeUnits, record.tuningPoint,
                     record.measurement ? record.measurement->device : std::string());
      // A winner of a lower layer is none where a higher one has its own.
      if (!filter.winnersOnly || won.insert(std::move(key)).second)
        all.push_back(std::move(record));
    }
  }
  return all;
}

Result<std::vector<std::string>> LayeredDatabase::ofEach(Look look) {
  std::vector<std::string> all;
  for (const Layer &layer : layers) {
    Result<std::vector<std::string>> found = (layer.database.get()->*look)();
    if (!found)
      return found;
    for (std::string &sentence : *found)
      all.push_back(layer.name == "user" ? std::move(sentence)
                                         : fmt::format("{} layer: {}", layer.name, sentence));
  }
  return all;
}

static Result<std::unique_ptr<SqliteDatabase>> openForeignDatabase(const std::string &path,
                                                                   const TrustStore &trust) {
  Result<std::unique_ptr<db::Connection>> connection = db::openForeignFile(path);
  if (!connection)
    return connection.takeError();
  return std::make_unique<SqliteDatabase>(
      connection.take(),
      [trust](const CodeObject &object, const std::string &signer, const std::string &signature) {
        return trust.accepts(object, signer, signature);
      });
}

Result<std::unique_ptr<Database>> Database::openForeign(const std::string &path,
                                                        const TrustStore &trust) {
  Result<std::unique_ptr<SqliteDatabase>> database = openForeignDatabase(path, trust);
  if (!database)
    return database.takeError();
  return std::unique_ptr<Database>(database.take());
}

static std::string sayLeftOut(const std::string &name, const std::string &path,
                              const Error &error) {
  bool isSite = name == "site";
  return fmt::format("the {} database {} cannot be read and is left out, so none of its kernels "
                     "are used: {}; {}, or {}",
                     name, path, error.message,
                     isSite ? "restore a sound copy" : "install zorse again",
                     isSite ? "unset ZORSE_SITE_DB" : "name a sound copy with ZORSE_SHIPPED_DB");
}

Result<std::unique_ptr<Database>> openLayers(const LayerPaths &paths, const TrustStore &trust,
                                             Database::Mode mode,
                                             std::vector<std::string> *leftOut) {
  auto isThere = [](const std::string &path) {
    std::error_code ignored;
    return !path.empty() && std::filesystem::exists(path, ignored);
  };
  std::vector<Layer> layers;
  if (mode == Database::Mode::ReadWrite || isThere(paths.user)) {
    Result<std::unique_ptr<db::Connection>> connection =
        db::openChecked(paths.user, mode, std::chrono::seconds(60));
    if (!connection)
      return connection.takeError();
    layers.push_back({"user", std::make_unique<SqliteDatabase>(connection.take())});
  }
  for (const auto &[name, path] :
       {std::pair{"site", &paths.site}, std::pair{"shipped", &paths.shipped}}) {
    if (!isThere(*path))
      continue;
    Result<std::unique_ptr<SqliteDatabase>> database = openForeignDatabase(*path, trust);
    if (!database && leftOut) {
      leftOut->push_back(sayLeftOut(name, *path, database.error()));
      continue;
    }
    if (!database)
      return database.takeError();
    layers.push_back({name, database.take()});
  }
  return std::unique_ptr<Database>(
      std::make_unique<LayeredDatabase>(std::move(layers), paths.user, trust));
}

} // namespace zorse
