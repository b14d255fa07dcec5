//===- RecordTextTest.cpp - rows as text, there and back ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"
#include "Shards.h"

#include <cmath>
#include <fmt/format.h>
#include <random>
#include <sstream>

using namespace zorse;
using namespace zorse::test;

namespace {

class RecordTextTest : public testing::Test {
protected:
  TemporaryFolder folder;
  int files = 0;

  std::unique_ptr<Database> fresh() {
    return openForWriting(folder.file(fmt::format("{}.db", files++)));
  }
  static std::string textOf(Database &database, const RecordFilter &filter = {}) {
    std::ostringstream out;
    EXPECT_TRUE(database.exportText(filter, out).ok());
    return out.str();
  }
  static Result<MergeReport> import(Database &database, const std::string &text) {
    std::istringstream in(text);
    return database.importText(in, "rows.jsonl");
  }
  std::string refusal(const std::string &text) {
    std::unique_ptr<Database> database = fresh();
    Error error = errorOf(import(*database, text));
    EXPECT_EQ(error.code, ErrorCode::Usage);
    EXPECT_TRUE(database->list({})->empty());
    return error.message;
  }
};

const std::string header = "{\"format\":\"zorse trials\",\"version\":1}\n";
const std::string tables = header + "{\"op\":{\"op\":\"rmsnorm\"}}\n"
                                    "{\"target\":[\"gfx942\",304]}\n"
                                    "{\"revision\":\"test\"}\n"
                                    "{\"meter\":[\"measured\",\"a device\",\"median\"]}\n";
const std::string row =
    "{\"row\":[0,0,0],\"at\":{\"tokens\":1},\"config\":\"waves=1\",\"code\":"
    "\"00000000000000000000000000000001\",\"meter\":0,\"us\":[5,4,6],\"samples\":9,\"work\":[1,2],"
    "\"verified\":[true,0.5,3,\"\"],\"date\":\"2026-01-31T12:00:00Z\"}\n";

TEST_F(RecordTextTest, ThereAndBackIsTheSame) {
  std::vector<std::string> shards = makeShards(folder, 1, 300, 7);
  std::unique_ptr<Database> from = openForWriting(shards[0]);
  KernelRecord odd = sampleRecord("waves=odd", 1.0 / 3, 0.1);
  odd.error = "it's \"quoted\"\n\x01 and \xc3\xa4";
  odd.verification->maxError = HUGE_VAL;
  odd.measurement->environment = "{\"cache\":\"cold\"}";
  ASSERT_TRUE(from->record(odd).ok());
  GarbageOptions withoutCode;
  ASSERT_TRUE(from->collectGarbage(withoutCode).ok()); // no winner of these has its code
  std::string text = textOf(*from);
  std::unique_ptr<Database> to = fresh();
  Result<MergeReport> report = import(*to, text);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->added, static_cast<int64_t>(from->list({})->size()));
  EXPECT_EQ(*to->contentHash(), *from->contentHash());
  EXPECT_EQ(textOf(*to), text);
  EXPECT_EQ(import(*to, text)->unchanged, report->added);
}

TEST_F(RecordTextTest, LinesAreWhatTheyWere) {
  std::unique_ptr<Database> database = fresh();
  ASSERT_TRUE(import(*database, tables + row).ok());
  EXPECT_EQ(textOf(*database), tables + "{\"row\":[0,0,0],\"at\":{\"tokens\":1},\"config\":"
                                        "\"waves=1\",\"code\":\"00000000000000000000000000000001\","
                                        "\"meter\":0,\"us\":[5.0,4.0,6.0],\"samples\":9,\"work\":"
                                        "[1.0,2.0],\"verified\":[true,0.5,3,\"\"],\"date\":"
                                        "\"2026-01-31T12:00:00Z\"}\n");
  EXPECT_EQ(textOf(*database, {.opKind = "linear"}), header);
  KernelRecord mark = sampleRecord("waves=2", 1, 0);
  mark.state = TrialState::Running;
  ASSERT_TRUE(database->record(mark).ok());
  EXPECT_EQ(textOf(*database, {.configText = "waves=2"}), header);
}

TEST_F(RecordTextTest, RefusalsNameTheLine) {
  EXPECT_EQ(refusal(""), "rows.jsonl is empty; `zorse db export` writes such files");
  EXPECT_EQ(refusal("{}\n"), "rows.jsonl line 1: expected the header {\"format\":\"zorse trials\","
                             "\"version\":1}; `zorse db export` writes such files");
  EXPECT_EQ(refusal("{\"format\":\"zorse trials\",\"version\":2}\n"),
            "rows.jsonl line 1: the version of the format is 2, this zorse reads 1");
  EXPECT_EQ(refusal(header + "[]\n"), "rows.jsonl line 2: expected an object, found an array");
  EXPECT_EQ(refusal(header + row), "rows.jsonl line 2: $.row: no line before this one defines what "
                                   "it refers to");
  auto changed = [&](const std::string &from, const std::string &to) {
    std::string text = row;
    text.replace(text.find(from), from.size(), to);
    return refusal(tables + row + text);
  };
  EXPECT_EQ(changed("[0,0,0]", "[0,1,0]"),
            "rows.jsonl line 7: $.row: expected an integer from 0 to 0, found 1");
  EXPECT_EQ(changed("\"meter\":0", "\"state\":\"fine\",\"meter\":0"),
            "rows.jsonl line 7: $.state: expected ok, failed, timed_out, crashed or wrong, found "
            "'fine'");
  EXPECT_EQ(changed("\"meter\":0", "\"state\":\"running\",\"meter\":0"),
            "rows.jsonl line 7: $.state: expected ok, failed, timed_out, crashed or wrong, found "
            "'running'");
  EXPECT_EQ(changed("[5,4,6]", "[5,6,6]"), "rows.jsonl line 7: the interval of a measurement holds "
                                           "its median, found [6, 6] around 5");
  EXPECT_EQ(changed("[5,4,6]", "[5,4]"),
            "rows.jsonl line 7: $.us: expected an array of 3 values, found an array");
  EXPECT_EQ(changed("\"samples\":9", "\"samples\":-9"),
            "rows.jsonl line 7: $.samples: expected an integer from 0 to 9223372036854775807, "
            "found -9");
  EXPECT_EQ(changed("2026-01-31", "yesterday!"),
            "rows.jsonl line 7: $.date: expected a date such as 2026-01-31T12:00:00Z, found "
            "'yesterday!T12:00:00Z'");
  EXPECT_EQ(changed("\"work\"", "\"works\""),
            "rows.jsonl line 7: $.work: expected an array of 2 values, found none");
  EXPECT_EQ(changed("\"date\"", "\"extra\":1,\"date\""), "rows.jsonl line 7: unknown key 'extra'");
  EXPECT_NE(changed("\"waves=1\"", "\"" + std::string(70000, 'w') + "\"")
                .find("line 7: the configuration may have 65536 bytes"),
            std::string::npos);
  EXPECT_NE(changed("\"waves=1\"", "\"" + std::string(2 << 20, 'w') + "\"")
                .find("line 7: a line may have 1048576 bytes"),
            std::string::npos);
}

TEST_F(RecordTextTest, DamagedTextNeverCrashes) {
  std::vector<std::string> shards = makeShards(folder, 1, 20, 11);
  std::string text = textOf(*openForWriting(shards[0]));
  std::mt19937 random(5);
  std::unique_ptr<Database> database = fresh();
  int refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = text;
    if (round % 4 == 0)
      damaged.resize(random() % damaged.size());
    for (unsigned flips = random() % 4; flips > 0 && !damaged.empty(); --flips)
      damaged[random() % damaged.size()] ^= static_cast<char>(1u << (random() % 8));
    Result<MergeReport> report = import(*database, damaged);
    if (!report) {
      ++refused;
      EXPECT_EQ(report.error().code, ErrorCode::Usage) << report.error().message;
    }
  }
  EXPECT_GT(refused, 300);
  EXPECT_EQ(database->verify().take(), std::vector<std::string>());
  EXPECT_EQ(database->remarks()->size(), 1u);
}

} // namespace
