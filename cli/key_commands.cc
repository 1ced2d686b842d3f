// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/json_answer.h"
#include "cli/json_body.h"
#include "cli/output.h"
#include "cli/server_command.h"

namespace kw::cli {
namespace {

std::string target_of(const Arguments& arguments, std::string_view verb = {}) {
  return "/v1/keys/" + arguments.get("NAME") + std::string(verb);
}

Result<int> create(Client& client, const Arguments& arguments, const Io& io) {
  JsonBody body;
  body.text("name", arguments.get("NAME")).text("algorithm", arguments.get("--algorithm"));
  if (arguments.has("--residency")) body.text("residency", arguments.get("--residency"));
  if (arguments.has("--tag")) body.pairs("tags", pairs_of(arguments, "--tag"));
  const Answer answer = TRY(client.post("/v1/keys", body.finish()));
  TRY(print_answer(answer, arguments, io));
  return kExitOk;
}

// A key that has no enabled version has no primary one.
std::string list_line(const JsonAnswer& key) {
  const std::string state = key.number_or_zero("primary") > 0 ? "enabled" : "disabled";
  return key.text_or_empty("name") + "\t" + key.text_or_empty("algorithm") + "\t" + state + "\n";
}

// Follows the pages to the end. With --json each page is one line.
Result<int> list(Client& client, const Arguments& arguments, const Io& io) {
  std::string after;
  do {
    const std::string target = "/v1/keys?limit=100&prefix=" + arguments.get("--prefix") +
                               (after.empty() ? "" : "&after=" + after);
    const Answer answer = TRY(client.get(target));
    const JsonAnswer page = TRY(JsonAnswer::parse(answer.body.reveal()));
    if (arguments.has("--json")) {
      TRY(print_answer(answer, arguments, io));
    } else {
      std::string lines;
      for (const JsonAnswer& key : page.items("keys")) lines += list_line(key);
      TRY(write_all(io.out, lines));
    }
    const std::string next = page.text_or_empty("next");
    if (!next.empty() && next <= after) {
      return Error(Code::Internal, "the server's pages do not move forward");
    }
    after = next;
  } while (!after.empty());
  return kExitOk;
}

Result<int> show(Client& client, const Arguments& arguments, const Io& io) {
  const Answer answer = TRY(client.get(target_of(arguments)));
  TRY(print_answer(answer, arguments, io));
  return kExitOk;
}

// The verbs that change a key: POST /v1/keys/NAME:VERB.
ClientRun change(const std::string& verb) {
  return [verb](Client& client, const Arguments& arguments, const Io& io) -> Result<int> {
    JsonBody body;
    if (arguments.has("--version")) body.number("version", number_of(arguments, "--version"));
    const Answer answer = TRY(client.post(target_of(arguments, ":" + verb), body.finish()));
    TRY(print_answer(answer, arguments, io));
    return kExitOk;
  };
}

Result<int> public_half(Client& client, const Arguments& arguments, const Io& io) {
  const std::string format = arguments.has("--format") ? arguments.get("--format") : "pem";
  std::string target = target_of(arguments, ":public?format=") + format;
  if (arguments.has("--version")) target += "&version=" + arguments.get("--version");
  const Answer answer = TRY(client.get(target));
  ByteView text = answer.body.reveal();
  if (!text.empty() && text.back() == '\n') text = text.first(text.size() - 1);
  TRY(write_line(arguments, io, text));
  return kExitOk;
}

// What a prefix can be made of: the letters of key names, so nothing in it needs escaping in a URL.
std::string check_prefix(const std::string& text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
  return text.find_first_not_of(kLetters) == std::string::npos ? std::string()
                                                               : "no key name begins like that";
}

Option out_option() { return file_options().back(); }

Command change_command(const std::string& verb, std::string summary, std::string details,
                       std::vector<Option> options) {
  options.insert(options.begin(), key_name_argument());
  return server_command({.path = "key " + verb,
                         .summary = std::move(summary),
                         .details = std::move(details),
                         .options = std::move(options),
                         .run = {}},
                        change(verb));
}

Option algorithm_option() {
  return {.name = "--algorithm",
          .value = "ALGORITHM",
          .help = "what the key is for; it never changes",
          .need = Option::Need::Required,
          .choices = {"xaes-256-gcm", "aes-256-gcm-counted", "aes-256-gcm-host", "hmac-sha256",
                      "hmac-sha512", "rsa-2048-pss-sha256", "rsa-3072-pss-sha256",
                      "rsa-4096-pss-sha256", "rsa-2048-pkcs1-sha256", "rsa-3072-pkcs1-sha256",
                      "rsa-4096-pkcs1-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384",
                      "ecdsa-p521-sha512", "ed25519"}};
}

}  // namespace

std::vector<Command> key_commands() {
  const Option tag{.name = "--tag",
                   .value = "NAME=VALUE",
                   .help = "a tag that policy can ask for; may be repeated",
                   .need = Option::Need::Repeated,
                   .check = check_pair};
  const Option prefix{.name = "--prefix",
                      .value = "TEXT",
                      .help = "only keys whose name begins so",
                      .check = check_prefix};
  const Option residency{.name = "--residency",
                         .value = "WHERE",
                         .help = "default: token",
                         .choices = {"token", "wrapped"}};
  const Option format{.name = "--format",
                      .value = "FORMAT",
                      .help = "default: pem",
                      .choices = {"pem", "jwk", "ssh"}};
  return {
      server_command(
          {.path = "key create",
           .summary = "make a key inside the token",
           .details = "A wrapped key is stored in the catalog, encrypted by a key of the "
                      "token, and lives in the token only while it is used.",
           .options = {key_name_argument(), algorithm_option(), residency, tag},
           .run = {}},
          create),
      server_command({.path = "key list",
                      .summary = "list the keys that you may see",
                      .details = "One key a line: name, algorithm, state.",
                      .options = {prefix},
                      .run = {}},
                     list),
      server_command({.path = "key show",
                      .summary = "show a key with its versions",
                      .details = {},
                      .options = {key_name_argument()},
                      .run = {}},
                     show),
      change_command("rotate", "add a version, which is used from now on",
                     "Older versions go on opening what they made.", {}),
      change_command("disable", "stop a key or one version of it",
                     "Nothing is lost: `keyward key enable` undoes it.", {version_option()}),
      change_command("enable", "let a disabled key or version work again", {}, {version_option()}),
      server_command({.path = "key public",
                      .summary = "print the public half of a signing key",
                      .details = {},
                      .options = {key_name_argument(), version_option(), format, out_option()},
                      .run = {}},
                     public_half),
  };
}

}  // namespace kw::cli
