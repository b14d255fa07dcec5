//===- ChatTemplateReader.cpp - which template a model has ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/ChatTemplate.h"

#include "JsonFile.h"
#include "Sha256.h"

#include <fmt/format.h>

#include <filesystem>

using nlohmann::json;

namespace zorse {

namespace {

constexpr size_t configBytes = 4u << 20, templateBytes = 1u << 20;

struct Known {
  const char *name; ///< empty: reached by its hash alone
  ChatTemplate::Format format;
  const char *sha256; ///< of the published text
};

/// The texts as they are published with the models; those of AMD stand in their training yaml.
constexpr Known known[] = {
    {"llama3", ChatTemplate::Format::Llama3, // AMD's Zebra-Llama and X-EcoMLA of Llama
     "ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122"},
    {"", ChatTemplate::Format::Llama3Always, // Meta-Llama-3-8B-Instruct
     "b48c47f6443892716176eb200bf4ef108f64e06ca26ed0fa8ebc0a4b3992fcb2"},
    {"llama3.1", ChatTemplate::Format::Llama31, // Llama-3.1-8B-Instruct
     "e10ca381b1ccc5cf9db52e371f3b6651576caee0a630b452e2816b2d404d4b65"},
    {"llama3.2", ChatTemplate::Format::Llama32, // Llama-3.2-1B-Instruct and 3B
     "5816fce10444e03c2e9ee1ef8a4a1ea61ae7e69e438613f3b17b69d0426223a4"},
    {"chatml", ChatTemplate::Format::ChatML, // AMD's X-EcoMLA of SmolLM
     "153280e3ff55d19da1398bdb3914ee2a51b80429bfaedde11d7d216c39db80f3"},
    {"smollm2", ChatTemplate::Format::SmolLM2, // SmolLM2-1.7B-Instruct
     "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788"},
};

constexpr const char *wayOut =
    "choose one by name with --chat-template (llama3, llama3.1, llama3.2, chatml or smollm2)";

bool exists(const std::string &path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

/// tokenizer_config.json, or an empty object where there is none.
Result<json> readConfig(const std::string &dir) {
  const std::string path = dir + "/tokenizer_config.json";
  return exists(path) ? readJsonObject(path, configBytes) : Result<json>(json::object());
}

/// A string, or the object of an added token with its "content".
std::string beginTokenOf(const json &config) {
  const json *value = config.contains("bos_token") ? &config["bos_token"] : nullptr;
  if (value && value->is_object() && value->contains("content"))
    value = &(*value)["content"];
  return value && value->is_string() ? value->get<std::string>() : "<|begin_of_text|>";
}

/// The text under "chat_template"; empty where there is none.
Result<std::string> templateOf(const json &config) {
  if (!config.contains("chat_template") || config["chat_template"].is_null())
    return std::string();
  const json &value = config["chat_template"];
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_array())
    for (const json &each : value)
      if (each.is_object() && each.contains("name") && each["name"] == "default" &&
          each.contains("template") && each["template"].is_string())
        return each["template"].get<std::string>();
  return usageError("tokenizer_config.json: $.chat_template: expected a text, or a list with one "
                    "named \"default\"");
}

} // namespace

std::optional<ChatTemplate::Format> ChatTemplate::formatOf(std::string_view sha256) {
  for (const Known &each : known)
    if (sha256 == each.sha256)
      return each.format;
  return std::nullopt;
}

std::string_view ChatTemplate::name() const {
  for (const Known &each : known)
    if (each.format == kind && *each.name)
      return each.name;
  return "llama3"; // Llama3Always
}

Result<ChatTemplate> ChatTemplate::forModel(const std::string &dir) {
  Result<json> config = readConfig(dir);
  if (!config)
    return config.takeError();
  const bool hasFile = exists(dir + "/chat_template.jinja");
  Result<std::string> text =
      hasFile ? readTextFile(dir + "/chat_template.jinja", templateBytes) : templateOf(*config);
  if (!text)
    return text.takeError();
  const std::string file = hasFile ? "chat_template.jinja" : "tokenizer_config.json";
  if (!hasFile && text->empty())
    return usageError(
        fmt::format("the model has no chat template: expected chat_template.jinja or "
                    "$.chat_template in tokenizer_config.json; it may be no chat model; {}",
                    wayOut));
  const std::string hash = sha256Hex(*text);
  std::optional<Format> format = formatOf(hash);
  if (!format)
    return usageError(fmt::format("{}: the chat template with SHA-256 {} is not among the known "
                                  "ones, and programs of a model are not run; {}",
                                  file, hash, wayOut));
  return ChatTemplate(*format, beginTokenOf(*config));
}

Result<ChatTemplate> ChatTemplate::named(std::string_view name, const std::string &dir) {
  for (const Known &each : known)
    if (*each.name && name == each.name) {
      Result<json> config = readConfig(dir);
      if (!config)
        return config.takeError();
      return ChatTemplate(each.format, beginTokenOf(*config));
    }
  return usageError(fmt::format("no chat template '{:.48}'; {}", name, wayOut));
}

} // namespace zorse
