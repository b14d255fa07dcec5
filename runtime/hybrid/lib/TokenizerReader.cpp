//===- TokenizerReader.cpp - tokenizer.json -------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "JsonFile.h"
#include "TokenizerData.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

using nlohmann::json;

namespace zorse {

namespace {

constexpr size_t tokenizerBytes = 64u << 20;
constexpr int64_t largestGap = 65'536; ///< unused ids that a vocabulary may have
constexpr size_t pieceBytes = 4'096;

/// What a Split without a pattern of its own uses (GPT-2).
constexpr const char *byteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Reads the parts one after another; stops at the first fault.
class TokenizerReader {
public:
  TokenizerReader(const json &root, std::string file)
      : root(root), file(std::move(file)), data(std::make_unique<Tokenizer::Data>()) {
    std::fill(std::begin(data->byteIds), std::end(data->byteIds), -1);
    for (const char *part : {"added_tokens", "model"})
      if (auto found = root.find(part); found != root.end()) {
        const bool holdsVocab = found->is_object() && found->contains("vocab");
        largestId += static_cast<int64_t>((holdsVocab ? (*found)["vocab"] : *found).size());
      }
  }

  Status read() {
    readAddedTokens();
    readModel();
    each("normalizer", "normalizers",
         [&](const json &part, const std::string &path) { readNormalizer(part, path); });
    each("pre_tokenizer", "pretokenizers",
         [&](const json &part, const std::string &path) { readPreTokenizer(part, path); });
    each("post_processor", "processors",
         [&](const json &part, const std::string &path) { readPostProcessor(part, path); });
    each("decoder", "decoders",
         [&](const json &part, const std::string &path) { readDecoder(part, path); });
    return fault ? Status(*fault) : Status::success();
  }

  std::unique_ptr<Tokenizer::Data> take() { return std::move(data); }

private:
  void fail(const std::string &path, const std::string &reason) {
    if (!fault)
      fault = usageError(fmt::format("{}: {}: {}", file, path, reason));
  }

  /// The string under a key, or the empty one with a fault.
  std::string text(const json &object, const char *key, const std::string &path) {
    if (object.is_object() && object.contains(key) && object[key].is_string())
      return object[key].get<std::string>();
    fail(path + "." + key, "expected a string");
    return {};
  }

  bool flag(const json &object, const char *key, bool fallback, const std::string &path) {
    if (!object.contains(key) || object[key].is_null())
      return fallback;
    if (!object[key].is_boolean())
      fail(path + "." + key, "expected true or false, found " + describeJson(object[key]));
    return object[key].is_boolean() && object[key].get<bool>();
  }

  int32_t id(const json &value, const std::string &path) {
    if (value.is_number_integer() && value >= 0 && value <= largestId)
      return value.get<int32_t>();
    fail(path, fmt::format("expected an id in [0, {}], found {}", largestId, describeJson(value)));
    return 0;
  }

  /// Calls `use` for a part, or for each of its members where it is a Sequence.
  template <typename Use> void each(const char *key, const char *members, const Use &use) {
    if (fault || !root.contains(key) || root[key].is_null())
      return;
    const json &part = root[key];
    std::string path = std::string("$.") + key;
    if (text(part, "type", path) != "Sequence")
      return use(part, path);
    if (!part.contains(members) || !part[members].is_array())
      return fail(path + "." + members, "expected a list");
    for (size_t i = 0; i < part[members].size() && !fault; ++i)
      use(part[members][i], fmt::format("{}.{}[{}]", path, members, i));
  }

  void unknown(const std::string &type, const std::string &path, const char *known) {
    fail(path + ".type", fmt::format("\"{:.48}\" is not supported; expected {}", type, known));
  }

  void place(const std::string &piece, int32_t at, const std::string &path) {
    if (piece.size() > pieceBytes)
      return fail(path, fmt::format("a token of {} bytes exceeds the limit of {}", piece.size(),
                                    pieceBytes));
    const size_t index = static_cast<size_t>(at);
    if (index >= data->pieces.size()) {
      data->pieces.resize(index + 1);
      data->special.resize(index + 1, false);
    }
    if (!data->pieces[index].empty() && data->pieces[index] != piece)
      return fail(path, fmt::format("id {} belongs to \"{:.48}\" and to \"{:.48}\"", at,
                                    data->pieces[index], piece));
    data->pieces[index] = piece;
  }

  /// Added tokens come from templates only: text never becomes one of them.
  void readAddedTokens() {
    if (!root.contains("added_tokens") || root["added_tokens"].is_null())
      return;
    const json &tokens = root["added_tokens"];
    if (!tokens.is_array())
      return fail("$.added_tokens", "expected a list");
    for (size_t i = 0; i < tokens.size() && !fault; ++i) {
      std::string path = fmt::format("$.added_tokens[{}]", i);
      std::string content = text(tokens[i], "content", path);
      if (fault)
        return;
      int32_t at = id(tokens[i].contains("id") ? tokens[i]["id"] : json(), path + ".id");
      if (fault)
        return;
      place(content, at, path);
      if (fault)
        return;
      // Text may become a token that is not special; then its flags would matter as well.
      if (!flag(tokens[i], "special", false, path))
        return fail(path + ".special",
                    fmt::format("\"{:.48}\" is found in plain text; expected true: only special "
                                "tokens are supported",
                                content));
      data->special[static_cast<size_t>(at)] = true;
      data->specialIds[content] = at;
    }
  }

  void readModel() {
    if (fault)
      return;
    if (!root.contains("model") || !root["model"].is_object())
      return fail("$.model", "expected an object");
    const json &model = root["model"];
    std::string type = model.contains("type") ? text(model, "type", "$.model") : "BPE";
    if (type != "BPE")
      return unknown(type, "$.model", "BPE");
    for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (model.contains(key) && !model[key].is_null() && model[key] != "")
        return fail(std::string("$.model.") + key, "expected null");
    if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0)
      return fail("$.model.dropout", "expected null");
    data->byteFallback = flag(model, "byte_fallback", false, "$.model");
    data->ignoreMerges = flag(model, "ignore_merges", false, "$.model");
    data->fuseUnknown = flag(model, "fuse_unk", false, "$.model");
    if (!model.contains("vocab") || !model["vocab"].is_object() || model["vocab"].empty())
      return fail("$.model.vocab", "expected an object of tokens to ids");
    for (const auto &[piece, value] : model["vocab"].items()) {
      int32_t at = id(value, "$.model.vocab");
      if (!fault)
        place(piece, at, "$.model.vocab");
      if (fault)
        return;
      if (!data->special[static_cast<size_t>(at)])
        data->ids.emplace(piece, at);
    }
    if (model.contains("unk_token") && !model["unk_token"].is_null()) {
      std::string unknownToken = text(model, "unk_token", "$.model");
      if (auto found = model["vocab"].find(unknownToken); found != model["vocab"].end())
        data->unknownId = found->get<int32_t>();
      else
        return fail("$.model.unk_token", "expected a token of the vocabulary");
    }
    if (data->byteFallback)
      for (int byte = 0; byte < 256; ++byte) {
        auto found = data->ids.find(fmt::format("<0x{:02X}>", byte));
        if (found == data->ids.end())
          return fail("$.model.vocab",
                      fmt::format("byte_fallback needs the token <0x{:02X}>", byte));
        data->byteIds[byte] = found->second;
      }
    readMerges(model);
  }

  void readMerges(const json &model) {
    if (!model.contains("merges") || !model["merges"].is_array())
      return fail("$.model.merges", "expected a list");
    const json &merges = model["merges"];
    data->merges.reserve(merges.size());
    int32_t rank = 0;
    for (const json &merge : merges) {
      std::string path = fmt::format("$.model.merges[{}]", rank);
      std::string left, right;
      if (merge.is_string()) {
        const std::string &pair = merge.get_ref<const std::string &>();
        size_t space = pair.find(' ');
        if (space == std::string::npos || pair.find(' ', space + 1) != std::string::npos)
          return fail(path, "expected two tokens with one space between them");
        left = pair.substr(0, space);
        right = pair.substr(space + 1);
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        left = merge[0].get<std::string>();
        right = merge[1].get<std::string>();
      } else {
        return fail(path, "expected two tokens, found " + describeJson(merge));
      }
      auto leftId = data->ids.find(left), rightId = data->ids.find(right);
      auto merged = data->ids.find(left + right);
      // A merge that makes a special token can only come from text that spells it: left out.
      if (data->specialIds.contains(left + right)) {
        ++rank;
        continue;
      }
      if (leftId == data->ids.end() || rightId == data->ids.end() || merged == data->ids.end())
        return fail(path, fmt::format("\"{:.48}\" + \"{:.48}\" uses or makes a token that is not "
                                      "in the vocabulary",
                                      left, right));
      data->merges.try_emplace(uint64_t(uint32_t(leftId->second)) << 32 | uint32_t(rightId->second),
                               Merge{rank++, merged->second});
    }
  }

  /// A {"String": …} pattern; regular expressions are for splitting only.
  std::string pattern(const json &part, const char *form, const std::string &path) {
    if (part.contains("pattern") && part["pattern"].is_object() && part["pattern"].contains(form) &&
        part["pattern"][form].is_string())
      return part["pattern"][form].get<std::string>();
    fail(path + ".pattern", fmt::format("expected {{\"{}\": …}}", form));
    return {};
  }

  void readNormalizer(const json &part, const std::string &path) {
    std::string type = text(part, "type", path);
    if (type == "Prepend") {
      data->prepend = text(part, "prepend", path);
    } else if (type == "Replace") {
      std::string from = pattern(part, "String", path);
      if (from.empty())
        return fail(path + ".pattern", "expected a text to replace");
      data->replacements.emplace_back(from, text(part, "content", path));
    } else {
      unknown(type, path, "Prepend, Replace or a Sequence of them");
    }
  }

  void addSplit(const std::string &expression, const std::string &path) {
    if (data->byteLevel || !data->mark.empty())
      return fail(path, "expected no pre_tokenizer after ByteLevel or Metaspace");
    Result<SplitPattern> compiled = SplitPattern::compile(expression);
    if (!compiled)
      return fail(path, compiled.error().message);
    data->splits.push_back(compiled.take());
  }

  PrependMark prependScheme(const json &part, const std::string &path) {
    if (!part.contains("prepend_scheme")) // older files
      return flag(part, "add_prefix_space", true, path) ? PrependMark::Always : PrependMark::Never;
    const std::string scheme = text(part, "prepend_scheme", path);
    if (scheme == "first")
      return PrependMark::First;
    if (scheme != "always" && scheme != "never")
      fail(path + ".prepend_scheme",
           fmt::format("expected first, always or never, found \"{:.48}\"", scheme));
    return scheme == "always" ? PrependMark::Always : PrependMark::Never;
  }

  void readPreTokenizer(const json &part, const std::string &path) {
    std::string type = text(part, "type", path);
    if (type == "Split") {
      if (text(part, "behavior", path) != "Isolated" || flag(part, "invert", false, path))
        return fail(path, "expected behavior Isolated without invert");
      addSplit(pattern(part, "Regex", path), path + ".pattern");
    } else if (type == "Digits") {
      addSplit(flag(part, "individual_digits", false, path) ? "\\p{N}" : "\\p{N}+", path);
    } else if (type == "ByteLevel") {
      data->addPrefixSpace = flag(part, "add_prefix_space", true, path);
      if (data->addPrefixSpace && !data->splits.empty()) // each piece would begin with a space
        return fail(path + ".add_prefix_space", "expected false after another pre_tokenizer");
      if (flag(part, "use_regex", true, path))
        addSplit(byteLevelPattern, path);
      data->byteLevel = true;
    } else if (type == "Metaspace") {
      if (!data->splits.empty() || data->byteLevel || !data->mark.empty())
        return fail(path, "expected Metaspace alone");
      data->mark = text(part, "replacement", path);
      data->prependMark = prependScheme(part, path);
      data->splitAtMarks = flag(part, "split", true, path);
      if (data->mark.empty())
        fail(path + ".replacement", "expected a character");
    } else {
      unknown(type, path, "Split, Digits, ByteLevel, Metaspace or a Sequence of them");
    }
  }

  void readPostProcessor(const json &part, const std::string &path) {
    std::string type = text(part, "type", path);
    if (type == "ByteLevel")
      return; // only moves offsets
    if (type != "TemplateProcessing")
      return unknown(type, path, "TemplateProcessing, ByteLevel or a Sequence of them");
    if (!part.contains("single") || !part["single"].is_array())
      return fail(path + ".single", "expected a list");
    bool seenText = false;
    for (const json &item : part["single"]) {
      if (item.is_object() && item.contains("Sequence")) {
        seenText = true;
        continue;
      }
      if (!item.is_object() || !item.contains("SpecialToken"))
        return fail(path + ".single", "expected members SpecialToken and Sequence");
      std::string token = text(item["SpecialToken"], "id", path + ".single");
      auto found = data->specialIds.find(token);
      if (found == data->specialIds.end())
        return fail(path + ".single",
                    fmt::format("\"{:.48}\" is not among the added tokens", token));
      (seenText ? data->suffixIds : data->prefixIds).push_back(found->second);
    }
    if (!seenText)
      fail(path + ".single", "expected a Sequence for the text");
  }

  void readDecoder(const json &part, const std::string &path) {
    std::string type = text(part, "type", path);
    if (type == "ByteLevel") {
      if (!data->byteLevel)
        fail(path, "a ByteLevel decoder needs a ByteLevel pre_tokenizer");
    } else if (type == "Replace") {
      std::string from = pattern(part, "String", path);
      if (from.empty())
        return fail(path + ".pattern", "expected a text to replace");
      data->decodeReplacements.emplace_back(from, text(part, "content", path));
    } else if (type == "Metaspace") {
      const std::string mark = text(part, "replacement", path);
      if (mark.empty())
        return fail(path + ".replacement", "expected a character");
      if (prependScheme(part, path) != PrependMark::Never)
        data->dropFromFirst = mark;
      data->decodeReplacements.emplace_back(mark, " ");
    } else if (type == "ByteFallback") {
      data->decodeBytes = true;
    } else if (type == "Fuse") {
      return; // pieces are joined in any case
    } else if (type == "Strip") {
      data->stripContent = text(part, "content", path);
      if (!part.contains("start") || !part["start"].is_number_unsigned() || part["start"] > 16 ||
          (part.contains("stop") && part["stop"] != 0) || data->stripContent.empty())
        return fail(path, "expected a content, start in [0, 16] and stop 0");
      data->stripStart = part["start"].get<int64_t>();
    } else {
      unknown(type, path,
              "Replace, Metaspace, ByteFallback, Fuse, Strip, ByteLevel or a Sequence of them");
    }
  }

  const json &root;
  int64_t largestId = largestGap;
  std::string file;
  std::unique_ptr<Tokenizer::Data> data;
  std::optional<Error> fault;
};

} // namespace

Result<Tokenizer> Tokenizer::load(const std::string &dir) {
  Result<std::string> text = readTextFile(dir + "/tokenizer.json", tokenizerBytes);
  if (!text)
    return text.takeError();
  return parse(*text);
}

Result<Tokenizer> Tokenizer::parse(std::string_view text, const std::string &file) {
  Result<json> root = parseStrictJson(text, {.maxBytes = tokenizerBytes});
  if (!root)
    return usageError(fmt::format("{}: {}", file, root.error().message));
  if (!root->is_object())
    return usageError(
        fmt::format("{}: $: expected an object, found {}", file, describeJson(*root)));
  TokenizerReader reader(*root, file);
  if (Status status = reader.read(); !status)
    return status.takeError();
  return Tokenizer(reader.take());
}

} // namespace zorse
