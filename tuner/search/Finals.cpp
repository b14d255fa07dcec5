//===- Finals.cpp - the fastest once more, side by side -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "search/Search.h"

#include <algorithm>

namespace zorse::tuner {

/// The candidate that the database takes for this problem, or null if it takes a row of another
/// search.
Result<Candidate *> Search::winnerOfDatabase() {
  if (source == Source::Model)
    return nullptr;
  Result<std::optional<KernelRecord>> winner =
      database.best(problem.op, problem.target, problem.op.tuningPointJson(), device);
  if (!winner)
    return winner.takeError();
  if (*winner)
    for (auto &[index, candidate] : candidates)
      if (candidate.timed() && candidate.record.configText == (*winner)->configText &&
          candidate.record.codeHash == (*winner)->codeHash &&
          (*winner)->measurement->device == device)
        return &candidate;
  return nullptr;
}

/// Who plays next; nobody if the fastest and the winner have played already.
Result<std::vector<Candidate *>> Search::finalists() {
  std::vector<Candidate *> field;
  for (auto &[index, candidate] : candidates)
    if (candidate.timed())
      field.push_back(&candidate);
  // Ties by place in the space, so that the same times give the same field.
  std::sort(field.begin(), field.end(), [](const Candidate *a, const Candidate *b) {
    return std::pair(a->us(), a->index) < std::pair(b->us(), b->index);
  });
  Result<Candidate *> winner = winnerOfDatabase();
  if (!winner)
    return winner.takeError();
  bool hasPlayed =
      field.empty() || (field[0]->measuredInRounds && (!*winner || (*winner)->measuredInRounds));
  if (hasPlayed)
    return std::vector<Candidate *>();

  // The best of those that have played plays again beside the new ones, and so do the defaults:
  // times of different minutes are not compared.
  std::vector<Candidate *> more;
  if (*winner)
    more.push_back(*winner);
  auto veteran = std::find_if(field.begin(), field.end(),
                              [](const Candidate *c) { return c->measuredInRounds; });
  if (veteran != field.end())
    more.push_back(*veteran);
  for (Candidate *candidate : field)
    if (candidate->index == 0)
      more.push_back(candidate);
  field.resize(std::min(field.size(), size_t(std::max<int64_t>(options.finalists, 1))));
  for (Candidate *candidate : more)
    if (std::find(field.begin(), field.end(), candidate) == field.end())
      field.push_back(candidate);
  return field;
}

/// False if its code is not to be had as it was (another compiler measured it).
Result<bool> Search::makeReady(Candidate &candidate) {
  if (candidate.code)
    return true;
  Result<std::optional<CodeObject>> stored = database.loadCode(candidate.record);
  if (!stored)
    return stored.takeError();
  candidate.code = std::move(*stored);
  if (candidate.code)
    return true;
  Compiled again;
  again.state = TrialState::Interrupted;
  Status status = laboratory.compileAll(
      problem, std::span(&candidate.config, 1), [](size_t) { return Status(); },
      [&](size_t, Compiled compiled) {
        again = std::move(compiled);
        return Status();
      },
      options.stop);
  if (!status && status.error().code != ErrorCode::Interrupted)
    return status.takeError();
  if (again.state != TrialState::Ok || again.codeHash != candidate.record.codeHash)
    return false;
  candidate.code = std::move(again.code);
  return true;
}

Status Search::endRounds(const std::vector<Candidate *> &players, std::vector<Tried> results) {
  std::vector<KernelRecord> records;
  std::vector<CodeObject> objects;
  for (size_t i = 0; i < players.size(); ++i) {
    Candidate &player = *players[i];
    player.measuredInRounds = true;
    if (results[i].state == TrialState::Ok && results[i].measurement) {
      double screened = answerOf(player.record);
      player.record.measurement = std::move(results[i].measurement);
      keepScreenedTime(*player.record.measurement, screened);
      noteSpeed(player);
      records.push_back(player.record);
      if (player.code)
        objects.push_back(*player.code);
      continue;
    }
    // It worked when it was screened, and does not now: what it is worth then.
    player.record.state = results[i].state;
    player.record.error = "in the finals: " + results[i].error;
    player.record.measurement.reset();
    if (!player.reused)
      --ok;
    else
      --reused;
    ++failed;
    player.reused = false;
    wrong += player.record.state == TrialState::Wrong;
    if (Status status = refute(player.record); !status)
      return status;
    records.push_back(player.record);
  }
  return database.recordAll(records, objects);
}

Status Search::playFinals() {
  // A screening that was lucky must not win: as long as the fastest was only screened, it and the
  // next ones play. Each time at least one more has played, so this ends.
  while (!stopped()) {
    Result<std::vector<Candidate *>> field = finalists();
    if (!field)
      return field.takeError();
    if (field->empty())
      break;
    report("finals", nullptr);
    std::vector<Candidate *> players;
    std::vector<Specimen> specimens;
    for (Candidate *candidate : *field) {
      Result<bool> isReady = makeReady(*candidate);
      if (!isReady)
        return isReady.takeError();
      if (stopped())
        return Status();
      if (*isReady) {
        players.push_back(candidate);
        specimens.push_back({candidate->config, candidate->code});
      } else {
        candidate->measuredInRounds = true; // as good as it will get: its time stands
      }
    }
    if (players.empty())
      continue;
    Result<std::vector<Tried>> results = laboratory.rounds(problem, specimens, options.stop);
    // Cut short, the rounds say less than the screening did.
    if (stopped() || (!results && results.error().code == ErrorCode::Interrupted))
      return Status();
    if (!results)
      return results.takeError();
    if (Status status = endRounds(players, results.take()); !status)
      return status;
  }
  return Status();
}

} // namespace zorse::tuner
