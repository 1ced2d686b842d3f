// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "base/names.h"
#include "cli/commands.h"
#include "cli/json_answer.h"
#include "cli/json_body.h"
#include "cli/problem_text.h"
#include "cli/server_command.h"
#include "policy/diff.h"
#include "policy/policy.h"

namespace kw::cli {
namespace {

using policy::Operation;
using policy::Policy;

using PolicyView = std::shared_ptr<const Policy>;
using PolicyRun = std::function<Result<int>(const Arguments&, const Io&, Client* server)>;

Result<PolicyView> load_file(const std::string& path) {
  const std::string text = TRY(read_file(path));
  auto parsed = Policy::parse(text);
  if (!parsed) return Error(parsed.error().code(), path + ": " + parsed.error().detail());
  return parsed;
}

// The file of the policy that a command is about; empty: it is about a server's.
std::string source_of(const Arguments& arguments) {
  return arguments.get(arguments.has("--from") ? "--from" : "FILE");
}

// The policy that is active on a server, where there is one; else that of the file.
Result<PolicyView> load(const Arguments& arguments, Client* server) {
  if (server == nullptr) return load_file(source_of(arguments));
  const Answer answer = TRY(server->get("/v1/policy"));
  const JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  return Policy::parse(TRY(json.text("policy")));
}

Result<int> check(const Arguments& arguments, const Io& io, Client* server) {
  const auto policy = TRY(load(arguments, server));
  TRY(write_all(io.out, "good\n"));
  return kExitOk;
}

Result<int> test(const Arguments& arguments, const Io& io, Client* server) {
  const auto policy = TRY(load(arguments, server));
  const auto passed = policy->run_tests();
  if (!passed) {
    const std::string where = server != nullptr ? "the server's policy" : source_of(arguments);
    return Error(passed.error().code(), where + ": " + passed.error().detail());
  }
  TRY(write_all(io.out, "good: every test of the policy passes\n"));
  return kExitOk;
}

// Asked is a question together with what its views point into.
struct Asked {
  std::vector<std::string> spiffe;
  std::vector<std::string> dns;
  std::string spki, subject, source, key, algorithm, state;
  Context context;
  std::map<std::string, std::string> tags;
  policy::Question question;

  policy::Facts facts() const {
    return {.spki = spki, .spiffe = spiffe, .dns = dns, .subject = subject, .source = source};
  }
};

// `asked` must not move afterwards: its question points into it.
Result<void> ask(const Arguments& arguments, Asked& asked) {
  asked.spiffe = arguments.all("--spiffe");
  asked.dns = arguments.all("--dns");
  asked.spki = arguments.get("--spki");
  asked.subject = arguments.get("--subject");
  asked.source = arguments.get("--source");
  asked.key = arguments.get("--key");
  asked.algorithm = arguments.get("--algorithm");
  asked.state = arguments.get("--state");
  asked.context = TRY(Context::from_pairs(pairs_of(arguments, "--context")));
  for (const auto& [name, value] : pairs_of(arguments, "--tag")) asked.tags[name] = value;
  asked.question.operation = *policy::parse_operation(arguments.get("--do"));
  asked.question.key = asked.key;
  asked.question.context = &asked.context;
  asked.question.algorithm = asked.algorithm;
  asked.question.state = asked.state;
  asked.question.tags = &asked.tags;
  asked.question.now = wall_now();
  if (arguments.has("--bytes")) asked.question.bytes = number_of(arguments, "--bytes");
  return {};
}

bool key_is_missing(const Arguments& arguments) {
  return policy::names_a_key(*policy::parse_operation(arguments.get("--do"))) &&
         !arguments.has("--key");
}

std::string to_text(const policy::Explanation& explanation) {
  std::string text = explanation.allowed ? "allowed" : "denied";
  text += explanation.rule.empty() ? " by default: no rule matches\n"
                                   : " by rule " + explanation.rule + "\n";
  text += "caller matches:";
  for (const std::string& name : explanation.principals) text += " " + name;
  text += explanation.principals.empty() ? " no principal of this policy\n" : "\n";
  for (const policy::NearMiss& miss : explanation.near_misses) {
    text += "  rule " + miss.rule + ": " + printable(miss.condition) + " wants " +
            printable(miss.wanted) + ", found " + printable(miss.found) + "\n";
  }
  return text;
}

// The server answers by what it knows of the key, as for a real call.
Result<int> explain_there(const Arguments& arguments, const Io& io, Client& server) {
  for (const std::string_view option : {"--algorithm", "--state", "--tag", "--bytes"}) {
    if (!arguments.has(option)) continue;
    return usage_fault(io, std::string(option) + " is for a FILE: a server knows its keys");
  }
  JsonBody subject;
  subject.texts("spiffe", arguments.all("--spiffe")).texts("dns", arguments.all("--dns"));
  subject.text("spki", arguments.get("--spki")).text("subject", arguments.get("--subject"));
  JsonBody body;
  body.object("as", subject).text("do", arguments.get("--do"));
  body.text("key", arguments.get("--key")).text("source", arguments.get("--source"));
  if (arguments.has("--context")) body.pairs("context", pairs_of(arguments, "--context"));
  const Answer answer = TRY(server.post("/v1/policy:explain", body.finish()));
  const JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  TRY(print_answer(answer, arguments, io));
  return TRY(json.truth("allowed")) ? kExitOk : kExitRefused;
}

Result<int> explain(const Arguments& arguments, const Io& io, Client* server) {
  if (key_is_missing(arguments))
    return usage_fault(io, "this operation is about a key: give --key");
  if (server != nullptr) return explain_there(arguments, io, *server);
  const auto policy = TRY(load_file(source_of(arguments)));
  Asked asked;
  TRY(ask(arguments, asked));
  const auto explanation = policy->explain(asked.facts(), asked.question);
  if (arguments.has("--json")) {
    JsonBody body;
    body.truth("allowed", explanation.allowed).text("rule", explanation.rule);
    const Secret line = body.finish();
    TRY(write_all(io.out, std::string(as_text(line.reveal())) + "\n"));
  } else {
    TRY(write_all(io.out, to_text(explanation)));
  }
  return explanation.allowed ? kExitOk : kExitRefused;
}

Result<int> who_can(const Arguments& arguments, const Io& io, Client* server) {
  if (key_is_missing(arguments))
    return usage_fault(io, "this operation is about a key: give --key");
  const auto policy = TRY(load(arguments, server));
  const Operation operation = *policy::parse_operation(arguments.get("--do"));
  for (const policy::Grant& grant : policy->who_can(operation, arguments.get("--key"))) {
    if (arguments.has("--json")) {
      JsonBody body;
      body.text("principal", grant.principal).text("rule", grant.rule);
      body.texts("conditions", grant.conditions);
      const Secret line = body.finish();
      TRY(write_all(io.out, std::string(as_text(line.reveal())) + "\n"));
      continue;
    }
    std::string line = grant.principal + "\trule " + grant.rule;
    for (const std::string& condition : grant.conditions) {
      line += "\tif " + printable(condition);
    }
    TRY(write_all(io.out, line + "\n"));
  }
  return kExitOk;
}

std::string_view word_of(policy::Change::Kind kind) noexcept {
  switch (kind) {
    case policy::Change::Kind::Added:
      return "added";
    case policy::Change::Kind::Removed:
      return "removed";
    case policy::Change::Kind::Changed:
      return "changed";
  }
  return "";
}

std::string to_text(const policy::Change& change) {
  std::string text = printable(change.subject) + " " + std::string(word_of(change.kind)) + "\n";
  for (const std::string& claim : change.removed) text += "  - " + printable(claim) + "\n";
  for (const std::string& claim : change.added) text += "  + " + printable(claim) + "\n";
  return text;
}

std::string to_json(const policy::Change& change) {
  JsonBody body;
  body.text("subject", change.subject).text("change", word_of(change.kind));
  body.texts("removed", change.removed).texts("added", change.added);
  const Secret line = body.finish();
  return std::string(as_text(line.reveal())) + "\n";
}

Result<int> diff(const Arguments& arguments, const Io& io, Client* server) {
  const auto after = TRY(load_file(arguments.get("NEW")));
  const auto before = TRY(load(arguments, server));
  const auto changes = TRY(policy::diff(before->text(), after->text()));
  for (const policy::Change& change : changes) {
    TRY(write_all(io.out, arguments.has("--json") ? to_json(change) : to_text(change)));
  }
  return changes.empty() ? kExitOk : kExitRefused;
}

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < policy::kOperationCount; ++i) {
    names.emplace_back(policy::name_of(static_cast<Operation>(i)));
  }
  return names;
}

// An option about the caller or the key that `explain` asks for.
Option fact(std::string name, std::string value, std::string help) {
  return {.name = std::move(name), .value = std::move(value), .help = std::move(help)};
}

std::vector<Option> question_options() {
  Option spiffe = fact("--spiffe", "URI", "a SPIFFE id that the caller proved; may be repeated");
  Option dns = fact("--dns", "NAME", "a DNS name that the caller proved; may be repeated");
  Option tag = fact("--tag", "NAME=VALUE", "a tag of the key; may be repeated");
  Option bytes = fact("--bytes", "N", "size of the plaintext");
  spiffe.need = dns.need = tag.need = Option::Need::Repeated;
  tag.check = check_pair;
  bytes.check = check_number(0, ~std::uint64_t{0});
  Option context = context_option();
  context.help = "a pair of the request's context; may be repeated";
  return {spiffe,
          dns,
          fact("--spki", "sha256:HEX", "SHA-256 of the caller's public key"),
          fact("--subject", "DN", "the caller's subject"),
          fact("--source", "ADDRESS", "the address that the caller comes from"),
          fact("--algorithm", "ALGORITHM", "the key's algorithm"),
          fact("--state", "STATE", "the key's state"),
          context,
          tag,
          bytes};
}

// A command on the policy that the option `source` names, or without it on that of a server.
Command policy_command(Command command, PolicyRun run, const Option& source) {
  command.options.insert(command.options.begin(), source);
  for (Option& option : client_options()) command.options.push_back(std::move(option));
  command.run = [run = std::move(run)](const Arguments& arguments, const Io& io) -> Result<int> {
    if (!source_of(arguments).empty()) {
      if (arguments.has("--addr")) return usage_fault(io, "give a file or --addr, not both");
      return run(arguments, io, nullptr);
    }
    const auto server = Client::open(client_settings(arguments));
    if (!server) return usage_fault(io, "no file given, and " + server.error().detail());
    return run(arguments, io, server->get());
  };
  return command;
}

// A policy's file, as an option or a positional word.
Option policy_option(std::string name, std::string help, Option::Need need) {
  Option option = file_option(std::move(name), std::move(help));
  if (option.is_positional()) option.value = option.name;
  option.need = need;
  return option;
}

Option operation_option() {
  return {.name = "--do",
          .value = "OPERATION",
          .help = "what the caller wants to do",
          .need = Option::Need::Required,
          .choices = operation_names()};
}

}  // namespace

std::vector<Command> policy_commands() {
  const Option file =
      policy_option("FILE", "the policy, YAML; without it, the one that a server has active",
                    Option::Need::Optional);
  const Option from = policy_option(
      "--from", "the policy that NEW would replace; without it, the one that a server has active",
      Option::Need::Optional);
  const Option successor = policy_option("NEW", "a policy, YAML", Option::Need::Required);
  const Option operation = operation_option();
  const Option key = key_option(Option::Need::Optional);
  const Option json{.name = "--json", .value = "", .help = "one JSON object a line"};
  std::vector<Option> explained = {operation, key, json};
  for (Option& option : question_options()) explained.push_back(std::move(option));
  return {
      policy_command({.path = "policy check",
                      .summary = "read a policy and name its first fault with line and column",
                      .details = {},
                      .options = {},
                      .run = {}},
                     check, file),
      policy_command({.path = "policy test",
                      .summary = "run the tests that the policy holds",
                      .details = {},
                      .options = {},
                      .run = {}},
                     test, file),
      policy_command(
          {.path = "policy explain",
           .summary = "say what a policy answers, and why",
           .details =
               "Ends with 0 if it is allowed, 1 if it is denied. A fact that is not given is\n"
               "missing: no allow that asks for it matches, and every deny does. A server\n"
               "knows its keys' algorithm, state and tags itself.",
           .options = std::move(explained),
           .run = {}},
          explain, file),
      policy_command({.path = "policy who-can",
                      .summary = "list who may do something, and under which conditions",
                      .details = {},
                      .options = {operation, key, json},
                      .run = {}},
                     who_can, file),
      policy_command(
          {.path = "policy diff",
           .summary = "list what a new policy changes, rule by rule",
           .details =
               "Ends with 0 if it changes nothing, 1 if it does. Order, comments, groups of\n"
               "operations and the policies' own tests make no difference.",
           .options = {successor, json},
           .run = {}},
          diff, from),
  };
}

}  // namespace kw::cli
