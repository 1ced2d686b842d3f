// SPDX-License-Identifier: Apache-2.0
// The report as programs read it: all of it.
#include <nlohmann/json.hpp>

#include "service/doctor/parallel.h"
#include "service/doctor/report.h"

namespace kw::doctor {
namespace {

using Json = nlohmann::ordered_json;

const char* word_of(Fact fact) {
  switch (fact) {
    case Fact::Yes:
      return "yes";
    case Fact::No:
      return "no";
    case Fact::Untried:
      return "untried";
  }
  return "";
}

const char* word_of(Fate fate) {
  switch (fate) {
    case Fate::Refused:
      return "refused";
    case Fate::Succeeds:
      return "succeeds";
    case Fate::Untried:
      return "untried";
  }
  return "";
}

Json json_of(const token_profile::Identity& identity) {
  return {{"label", identity.label},
          {"manufacturer", identity.manufacturer},
          {"model", identity.model},
          {"serial", identity.serial}};
}

Json library_of(const token_profile::Identity& identity) {
  return {{"manufacturer", identity.library_manufacturer},
          {"description", identity.library_description},
          {"version", identity.library_version}};
}

Json json_of(const Trial& trial) {
  return {{"fate", word_of(trial.fate)}, {"detail", trial.detail}};
}

Json offers_of(const std::vector<AlgorithmResult>& results) {
  Json offers = Json::object();
  for (const AlgorithmResult& each : results) {
    Json offer = {{"offered", each.offer.offered()}};
    if (!each.offer.offered()) offer["reason"] = *each.offer.refused;
    offers[each.name] = std::move(offer);
  }
  return offers;
}

Json features_of(const Report& report) {
  Json list = Json::array();
  for (const Feature& each : report.features) {
    list.push_back({{"id", each.id},
                    {"title", each.title},
                    {"works", word_of(each.works)},
                    {"detail", each.detail}});
  }
  return list;
}

Json attacks_of(const Report& report) {
  Json list = Json::array();
  for (const AttackResult& each : report.attacks) {
    list.push_back({{"id", each.id},
                    {"title", each.title},
                    {"defence", each.defence == Defence::Token ? "token" : "keyward"},
                    {"careless", json_of(each.careless)},
                    {"ours", json_of(each.ours)}});
  }
  return list;
}

Json quirks_of(const Report& report) {
  Json list = Json::array();
  for (const Quirk& each : report.quirks) {
    list.push_back({{"id", each.id}, {"title", each.title}, {"finding", each.finding}});
  }
  return list;
}

Json parallels_of(const Report& report) {
  Json list = Json::array();
  for (const Parallel& each : report.parallels) {
    Json figures = Json::array();
    for (std::size_t i = 0; i < kThreadCounts.size(); ++i) {
      figures.push_back({{"threads", kThreadCounts[i]}, {"per_second", each.per_second[i]}});
    }
    list.push_back({{"call", each.call},
                    {"kind", each.symmetric ? "symmetric" : "asymmetric"},
                    {"throughput", std::move(figures)},
                    {"best", each.best}});
  }
  return list;
}

}  // namespace

std::string to_json(const Report& report) {
  const Json json = {
      {"token", json_of(report.identity)},
      {"library", library_of(report.identity)},
      {"verdict", std::string(token_profile::name_of(report.verdict))},
      {"reasons", report.reasons},
      {"algorithms", offers_of(report.algorithms)},
      {"suites", offers_of(report.suites)},
      {"features", features_of(report)},
      {"attacks", attacks_of(report)},
      {"quirks", quirks_of(report)},
      {"parallel",
       {{"symmetric", best_of(report, true)},
        {"asymmetric", best_of(report, false)},
        {"measured", parallels_of(report)},
        {"doubt", report.business}}},
      {"keys_in_memory",
       {{"found", word_of(report.keys_in_memory)}, {"detail", report.memory_detail}}},
      {"own_keys", report.own_keys},
      {"swept", report.swept}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kw::doctor
