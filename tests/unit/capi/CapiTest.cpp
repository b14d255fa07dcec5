//===- CapiTest.cpp - the C API where nothing can be launched -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model without kernels: everything around a launch works, and a launch is an
// error that says what to do. What is generated is tested by tests/e2e/install.
//
//===----------------------------------------------------------------------===//
#include "zorse.h"

#include "zorse/db/Database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

namespace {

using testing::HasSubstr;

const std::string folder = ZORSE_SOURCE_DIR "/tests/golden/zebra-stories-260k";

/// A model on an empty database.
class CapiTest : public testing::Test {
protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "zorse-capi-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    scratch = name;
    database = scratch + "/kernels.db";
    ASSERT_TRUE(zorse::Database::open(database, zorse::Database::Mode::ReadWrite).ok());
  }
  void TearDown() override {
    zorse_session_release(session);
    zorse_model_release(model);
    std::filesystem::remove_all(scratch);
  }

  zorse_model_options options() const {
    zorse_model_options options = {};
    options.struct_size = sizeof options;
    options.threads = 1;
    options.dtype = "f32";
    options.database = database.c_str();
    return options;
  }
  void open() {
    const zorse_model_options given = options();
    ASSERT_EQ(zorse_model_open(folder.c_str(), &given, &model), ZORSE_OK) << zorse_last_error();
    ASSERT_EQ(zorse_session_create(model, nullptr, &session), ZORSE_OK) << zorse_last_error();
  }

  std::string scratch, database;
  zorse_model *model = nullptr;
  zorse_session *session = nullptr;
};

TEST_F(CapiTest, EveryCallRefusesNull) {
  int32_t number = 0;
  int64_t length = 0;
  size_t count = 0;
  EXPECT_EQ(zorse_model_open(nullptr, nullptr, &model), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_model_open(folder.c_str(), nullptr, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_model_open(folder.c_str(), nullptr, &model), ZORSE_ERROR_USAGE);
  EXPECT_THAT(zorse_last_error(), HasSubstr("zorse tune --model " + folder));
  EXPECT_THAT(zorse_last_error(), HasSubstr("zorse bundle --model " + folder));
  EXPECT_EQ(zorse_model_get_info(nullptr, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_model_end_ids(nullptr, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_tokenize(nullptr, "a", 1, 0, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_detokenize(nullptr, &number, 1, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_session_create(nullptr, nullptr, &session), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_session_get_info(nullptr, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_generate(nullptr, &number, 1, nullptr, nullptr, nullptr, nullptr),
            ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_generation_get_info(nullptr, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_slot_open(nullptr, &number), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_slot_close(nullptr, 0), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_slot_length(nullptr, 0, &length), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_prefill(nullptr, 0, &number, 1), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_decode(nullptr, &number, &number, 1), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_logits(nullptr, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_argmax(nullptr, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  zorse_model_release(nullptr);
  zorse_session_release(nullptr);
  zorse_generation_release(nullptr);

  open();
  EXPECT_EQ(zorse_model_get_info(model, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_model_end_ids(model, nullptr, 0, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_tokenize(model, nullptr, 1, 0, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_tokenize(model, "a", 1, 0, nullptr, 4, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_detokenize(model, nullptr, 1, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_session_create(model, nullptr, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_session_get_info(session, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_generate(session, nullptr, 1, nullptr, nullptr, nullptr, nullptr),
            ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_slot_open(session, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_slot_length(session, 0, nullptr), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_prefill(session, 0, nullptr, 1), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_decode(session, nullptr, nullptr, 1), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_logits(session, nullptr, 0, nullptr), ZORSE_ERROR_USAGE);
}

TEST_F(CapiTest, StructsOfOtherVersions) {
  zorse_model_options given = options();
  for (size_t size : {size_t(0), size_t(8), sizeof given - 1, size_t(1) << 40, ~size_t(0)}) {
    given.struct_size = size;
    EXPECT_EQ(zorse_model_open(folder.c_str(), &given, &model), ZORSE_ERROR_USAGE) << size;
    EXPECT_THAT(zorse_last_error(), HasSubstr("zorse_model_options.struct_size: expected"));
  }
  struct Later {
    zorse_model_options known;
    int64_t more;
  } later = {options(), 0};
  later.known.struct_size = sizeof later;
  later.more = 7;
  EXPECT_EQ(zorse_model_open(folder.c_str(), &later.known, &model), ZORSE_ERROR_USAGE);
  EXPECT_THAT(zorse_last_error(), HasSubstr("does not know"));
  later.more = 0;
  ASSERT_EQ(zorse_model_open(folder.c_str(), &later.known, &model), ZORSE_OK);

  struct LaterInfo {
    zorse_model_info known;
    int64_t more;
  } info = {};
  info.known.struct_size = sizeof info;
  info.more = 7;
  ASSERT_EQ(zorse_model_get_info(model, &info.known), ZORSE_OK);
  EXPECT_EQ(info.known.struct_size, sizeof info);
  EXPECT_EQ(info.more, 0);
  info.known.struct_size = 8;
  EXPECT_EQ(zorse_model_get_info(model, &info.known), ZORSE_ERROR_USAGE);
}

TEST_F(CapiTest, OptionsAreChecked) {
  auto refused = [&](zorse_model_options given, zorse_status expected, const char *words) {
    EXPECT_EQ(zorse_model_open(folder.c_str(), &given, &model), expected);
    EXPECT_THAT(zorse_last_error(), HasSubstr(words));
    EXPECT_EQ(model, nullptr);
  };
  zorse_model_options given = options();
  given.device = "abacus";
  refused(given, ZORSE_ERROR_USAGE, "device: expected host or hip, found 'abacus'");
  given = options();
  given.dtype = "i32";
  refused(given, ZORSE_ERROR_USAGE, "dtype: expected f32, f16 or bf16, found 'i32'");
  given = options();
  given.threads = -1;
  refused(given, ZORSE_ERROR_USAGE, "threads: expected 0 to 4096, found -1");
  given = options();
  const std::string none = scratch + "/none.db";
  given.database = none.c_str();
  refused(given, ZORSE_ERROR_DATABASE, none.c_str());
  given = options();
  given.bundle = database.c_str();
  refused(given, ZORSE_ERROR_DATABASE, "it is an ordinary database");
  given = options();
  EXPECT_EQ(zorse_model_open(none.c_str(), &given, &model), ZORSE_ERROR_USAGE);
  EXPECT_EQ(model, nullptr);
}

TEST_F(CapiTest, FactsAndTokens) {
  open();
  zorse_model_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(zorse_model_get_info(model, &info), ZORSE_OK);
  EXPECT_EQ(info.vocab_size, 512);
  EXPECT_STREQ(info.dtype, "f32");
  EXPECT_GT(info.weight_bytes, 4 * info.parameters / 2);
  EXPECT_NE(info.device[0], 0);

  size_t count = 0;
  const std::string text = "Once upon a time";
  ASSERT_EQ(zorse_tokenize(model, text.data(), text.size(), 1, nullptr, 0, &count), ZORSE_OK);
  ASSERT_EQ(count, 5u);
  std::vector<int32_t> ids(count);
  EXPECT_EQ(zorse_tokenize(model, text.data(), text.size(), 1, ids.data(), 4, &count),
            ZORSE_ERROR_CAPACITY);
  EXPECT_EQ(count, 5u);
  EXPECT_STREQ(zorse_last_error(), "the buffer has room for 4 values, 5 are needed");
  ASSERT_EQ(zorse_tokenize(model, text.data(), text.size(), 1, ids.data(), ids.size(), &count),
            ZORSE_OK);
  EXPECT_EQ(ids, (std::vector<int32_t>{1, 403, 407, 261, 378}));
  EXPECT_EQ(zorse_tokenize(model, "\xff", 1, 1, nullptr, 0, &count), ZORSE_ERROR_USAGE);

  std::vector<char> back(64, 'x');
  ASSERT_EQ(zorse_detokenize(model, ids.data(), ids.size(), back.data(), back.size(), &count),
            ZORSE_OK);
  EXPECT_STREQ(back.data(), text.c_str());
  EXPECT_EQ(count, text.size());
  EXPECT_EQ(zorse_detokenize(model, ids.data(), ids.size(), back.data(), text.size(), &count),
            ZORSE_ERROR_CAPACITY);
}

TEST_F(CapiTest, Conversations) {
  open();
  const zorse_chat_message messages[] = {{"user", "Hello"}, {"assistant", nullptr}};
  size_t count = 0;
  EXPECT_EQ(zorse_chat_tokenize(nullptr, nullptr, messages, 1, 1, nullptr, 0, &count),
            ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_chat_tokenize(model, nullptr, messages, 0, 1, nullptr, 0, &count),
            ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_chat_tokenize(model, "chatml", messages, 2, 1, nullptr, 0, &count),
            ZORSE_ERROR_USAGE);
  EXPECT_STREQ(zorse_last_error(), "role or content of message 1 is NULL");
  // A model for stories has no template, and no tokens of one.
  EXPECT_EQ(zorse_chat_tokenize(model, nullptr, messages, 1, 1, nullptr, 0, &count),
            ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_chat_tokenize(model, "chatml", messages, 1, 1, nullptr, 0, &count),
            ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_chat_tokenize(model, "morse", messages, 1, 1, nullptr, 0, &count),
            ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_chat_end_ids(model, nullptr, nullptr, 0, &count), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_chat_end_ids(model, "chatml", nullptr, 0, &count), ZORSE_OK);
  EXPECT_EQ(count, 0u);
}

TEST_F(CapiTest, AMissingKernelSaysWhatToDoAndTheSessionStaysUsable) {
  open();
  const int32_t ids[] = {1, 403};
  for (int attempt = 0; attempt < 3; ++attempt) {
    ASSERT_EQ(zorse_generate(session, ids, 2, nullptr, nullptr, nullptr, nullptr),
              ZORSE_ERROR_RUNTIME);
    EXPECT_THAT(zorse_last_error(), HasSubstr("has no kernel for"));
    EXPECT_THAT(zorse_last_error(), HasSubstr("`zorse tune --model " + folder + "`"));
    EXPECT_THAT(zorse_last_error(), HasSubstr("`zorse bundle`"));
  }
  size_t rows = 9;
  EXPECT_EQ(zorse_logits(session, nullptr, 0, &rows), ZORSE_ERROR_USAGE);
  int32_t slot = -1, other = -1;
  ASSERT_EQ(zorse_slot_open(session, &slot), ZORSE_OK) << zorse_last_error();
  EXPECT_EQ(zorse_slot_open(session, &other), ZORSE_ERROR_USAGE) << "one slot is the default";
  EXPECT_EQ(other, -1);
  const int32_t wrong = 512;
  EXPECT_EQ(zorse_prefill(session, slot, &wrong, 1), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_prefill(session, slot, ids, 0), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_prefill(session, slot + 1, ids, 2), ZORSE_ERROR_USAGE);
  EXPECT_EQ(zorse_prefill(session, slot, ids, 2), ZORSE_ERROR_RUNTIME);
  EXPECT_EQ(zorse_slot_close(session, slot), ZORSE_OK);
  EXPECT_EQ(zorse_slot_close(session, slot), ZORSE_ERROR_USAGE);
  zorse_session_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(zorse_session_get_info(session, &info), ZORSE_OK);
  EXPECT_EQ(info.slots, 1);
  EXPECT_GT(info.cache_bytes, 0);
}

TEST_F(CapiTest, AModelMayBeReleasedBeforeItsSessions) {
  open();
  zorse_model_release(model);
  model = nullptr;
  int32_t slot = -1;
  EXPECT_EQ(zorse_slot_open(session, &slot), ZORSE_OK);
}

TEST_F(CapiTest, EveryThreadHasItsOwnError) {
  open();
  EXPECT_EQ(zorse_slot_close(session, 77), ZORSE_ERROR_USAGE);
  std::string seen = "unset";
  std::thread([&] {
    seen = zorse_last_error();
    EXPECT_EQ(zorse_slot_close(session, 78), ZORSE_ERROR_USAGE);
  }).join();
  EXPECT_EQ(seen, "");
  EXPECT_STREQ(zorse_last_error(), "slot 77 is not open");
}

TEST_F(CapiTest, RandomCallsEndWithAStatus) {
  open();
  constexpr unsigned seed = 5;
  std::mt19937 draw(seed);
  auto number = [&](int64_t most) { return static_cast<int64_t>(draw() % (most + 1)); };
  const int32_t strange[] = {0, 1, -1, 511, 512, INT32_MAX, INT32_MIN};
  int32_t ids[8], slots[8];
  float logits[8];
  for (int i = 0; i < 3000; ++i) {
    for (int k = 0; k < 8; ++k) {
      ids[k] = strange[number(6)];
      slots[k] = strange[number(6)];
    }
    auto maybe = [&](auto *pointer) { return number(4) ? pointer : nullptr; };
    size_t count = 0;
    int64_t length = 0;
    zorse_generate_options options = {};
    options.struct_size = number(9) ? sizeof options : static_cast<size_t>(number(5000));
    options.max_new_tokens = number(3) - 1;
    options.temperature = static_cast<double>(number(3)) - 1;
    options.top_p = static_cast<double>(number(3)) - 1;
    options.min_p = static_cast<double>(number(3)) - 1;
    options.top_k = number(3) - 1;
    // Without a kernel nothing is generated, so these may succeed only where nothing is launched.
    zorse_status status = ZORSE_OK;
    const auto size = static_cast<size_t>(number(8));
    switch (number(8)) {
    case 0:
      status =
          zorse_generate(session, maybe(ids), size, maybe(&options), nullptr, nullptr, nullptr);
      EXPECT_NE(status, ZORSE_OK) << "seed " << seed << ", call " << i;
      break;
    case 1:
      status = zorse_prefill(session, slots[0], maybe(ids), size);
      EXPECT_NE(status, ZORSE_OK) << "seed " << seed << ", call " << i;
      break;
    case 2:
      status = zorse_decode(session, maybe(slots), maybe(ids), size);
      EXPECT_NE(status, ZORSE_OK) << "seed " << seed << ", call " << i;
      break;
    case 3:
      status = zorse_logits(session, maybe(logits), size, maybe(&count));
      break;
    case 4:
      status = zorse_argmax(session, maybe(ids), size, maybe(&count));
      break;
    case 5:
      status = zorse_slot_open(session, maybe(slots));
      break;
    case 6:
      status = zorse_slot_close(session, slots[0]);
      break;
    case 7:
      status = zorse_slot_length(session, slots[0], maybe(&length));
      break;
    default:
      status = zorse_detokenize(model, maybe(ids), size, maybe(reinterpret_cast<char *>(logits)),
                                size, maybe(&count));
    }
    if (status != ZORSE_OK)
      EXPECT_NE(zorse_last_error()[0], 0) << "seed " << seed << ", call " << i;
  }
}

} // namespace
