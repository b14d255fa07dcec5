//===- KeyVerb.cpp - zorse key --------------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"

#include "zorse/db/Database.h"
#include "zorse/db/Trust.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct KeyArguments {
  std::string keyFile, trustFile, publicKey, comment, database;
};

} // namespace

static void printKey(const Tool &tool, const SigningKey &key, const std::string &path) {
  if (tool.isJson())
    printJson({{"schema_version", 1}, {"public_key", key.publicKey}, {"file", path}});
  else
    fmt::print("{}\n", key.publicKey);
}

static VerbResult generateKey(const Tool &tool, const KeyArguments &arguments) {
  SigningKey key = SigningKey::generate();
  if (Status status = key.write(arguments.keyFile); !status)
    return status.takeError();
  spdlog::info("wrote the secret key to {}; who trusts the public key printed here launches what "
               "you sign",
               arguments.keyFile);
  printKey(tool, key, arguments.keyFile);
  return 0;
}

static VerbResult showKey(const Tool &tool, const KeyArguments &arguments) {
  Result<SigningKey> key = SigningKey::read(arguments.keyFile);
  if (!key)
    return key.takeError();
  printKey(tool, *key, arguments.keyFile);
  return 0;
}

static VerbResult trustKey(const Tool &tool, const KeyArguments &arguments) {
  if (!arguments.publicKey.empty())
    if (Status status =
            TrustStore::add(arguments.trustFile, arguments.publicKey, arguments.comment);
        !status)
      return status.takeError();
  Result<TrustStore> trust = TrustStore::read(arguments.trustFile);
  if (!trust)
    return trust.takeError();
  if (tool.isJson()) {
    printJson({{"schema_version", 1},
               {"trusted_keys", trust->publicKeys()},
               {"file", arguments.trustFile}});
    return 0;
  }
  for (const std::string &key : trust->publicKeys())
    fmt::print("{}\n", key);
  return 0;
}

static VerbResult signDatabase(const Tool &tool, const KeyArguments &arguments) {
  Result<SigningKey> key = SigningKey::read(arguments.keyFile);
  if (!key)
    return key.takeError();
  if (Result<std::unique_ptr<Database>> there =
          Database::open(arguments.database, Database::Mode::ReadOnly);
      !there)
    return there.takeError(); // signing makes no new database
  Result<std::unique_ptr<Database>> database =
      Database::open(arguments.database, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  Result<int64_t> count = (*database)->sign(*key);
  if (!count)
    return count.takeError();
  if (tool.isJson())
    printJson({{"schema_version", 1}, {"signed", *count}, {"public_key", key->publicKey}});
  else
    fmt::print("signed {} code objects of {} with {}\n", *count, arguments.database,
               key->publicKey);
  return 0;
}

void addKey(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<KeyArguments>();
  arguments->keyFile = tool.environment.keyFile;
  arguments->trustFile = tool.environment.trustFile;
  CLI::App *verb = addVerb(app, tool, "key", "Makes keys, signs code and says whose is launched.",
                           "  zorse key generate\n  zorse key sign kernels.db\n"
                           "  zorse key trust PUBLIC_KEY --comment \"the cluster's\"");
  verb->require_subcommand(1);
  using Action = VerbResult (*)(const Tool &, const KeyArguments &);
  auto add = [&](const char *name, const char *summary, const char *examples, Action action) {
    CLI::App *sub = addVerb(*verb, tool, name, summary, examples);
    sub->callback([&tool, arguments, action] {
      tool.action = [&tool, arguments, action] { return action(tool, *arguments); };
    });
    return sub;
  };
  auto addKeyFile = [&](CLI::App *sub) {
    sub->add_option("--key", arguments->keyFile,
                    "file of the secret key (default: " + tool.environment.keyFile + ")")
        ->option_text("PATH");
  };
  addKeyFile(add("generate", "Makes a pair of keys and prints the public one.",
                 "  zorse key generate\n  zorse key generate --key cluster.key", generateKey));
  addKeyFile(add("show", "Prints the public key.", "  zorse key show", showKey));
  CLI::App *sign = add("sign", "Signs all code of a database that was built by you.",
                       "  zorse key sign kernels.db", signDatabase);
  addKeyFile(sign);
  sign->add_option("database", arguments->database, "database of tuned kernels")
      ->required()
      ->option_text("PATH");
  CLI::App *trust = add("trust", "Believes a public key; without one lists those believed.",
                        "  zorse key trust\n  zorse key trust PUBLIC_KEY --comment NAME", trustKey);
  trust->add_option("key", arguments->publicKey, "public key, 64 hexadecimal digits")
      ->option_text("PUBLIC_KEY");
  trust->add_option("--comment", arguments->comment, "whose it is")->option_text("TEXT");
  trust
      ->add_option("--trust", arguments->trustFile,
                   "file of public keys (default: " + tool.environment.trustFile + ")")
      ->option_text("PATH");
}

} // namespace zorse::tool
