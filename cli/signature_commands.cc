// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/json_answer.h"
#include "cli/json_body.h"
#include "cli/output.h"
#include "cli/server_command.h"

namespace kw::cli {
namespace {

constexpr std::size_t kMaxMessage = 700u << 10;  // as base64 it still fits a body of 1 MiB
constexpr std::size_t kMaxSignature = 4096;

// Adds the key and the message (or its digest), which every command here begins with.
Result<void> add_message(JsonBody& body, const Arguments& arguments, const Io& io) {
  body.text("key", arguments.get("--key"));
  if (arguments.has("--version")) body.number("version", number_of(arguments, "--version"));
  if (arguments.has("--encoding")) body.text("encoding", arguments.get("--encoding"));
  if (arguments.has("--digest")) {
    const Bytes digest = TRY(decode_hex(arguments.get("--digest")));
    body.base64("digest", digest);
    return {};
  }
  const Secret message = TRY(read_input(arguments, io, kMaxMessage));
  body.base64("message", message.reveal());
  return {};
}

bool is_text(const Arguments& arguments) { return arguments.get("--encoding") == "jws"; }

// Asks for a signature or MAC and writes it; `field` is its name in the answer.
ClientRun produce(const std::string& target, const std::string& field) {
  return [target, field](Client& client, const Arguments& arguments, const Io& io) -> Result<int> {
    JsonBody body;
    TRY(add_message(body, arguments, io));
    const Answer answer = TRY(client.post(target, body.finish()));
    if (arguments.has("--json")) {
      TRY(write_line(arguments, io, answer.body.reveal()));
      return kExitOk;
    }
    JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
    if (is_text(arguments)) {
      const std::string text = TRY(json.text(field));
      TRY(write_line(arguments, io, as_bytes(text)));
      return kExitOk;
    }
    const Secret bytes = TRY(json.base64(field));
    TRY(write_binary(arguments, io, bytes.reveal()));
    return kExitOk;
  };
}

// Adds the signature or MAC that a file holds.
Result<void> add_proof(JsonBody& body, const Arguments& arguments, const Io& io,
                       const std::string& field) {
  Arguments file;
  file.add("--in", arguments.get("--" + field));
  const Secret proof = TRY(read_input(file, io, kMaxSignature));
  if (!is_text(arguments)) {
    body.base64(field, proof.reveal());
    return {};
  }
  std::string_view text = as_text(proof.reveal());
  if (text.ends_with('\n')) text.remove_suffix(1);
  body.text(field, text);
  return {};
}

// Checks what a file holds against the message; ends with 1 if it does not hold.
ClientRun check(const std::string& target, const std::string& field) {
  return [target, field](Client& client, const Arguments& arguments, const Io& io) -> Result<int> {
    JsonBody body;
    TRY(add_proof(body, arguments, io, field));
    TRY(add_message(body, arguments, io));
    const Answer answer = TRY(client.post(target, body.finish()));
    const JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
    const bool valid = TRY(json.truth("valid"));
    if (arguments.has("--json")) {
      TRY(print_answer(answer, arguments, io));
    } else {
      TRY(write_all(io.out, valid ? "valid\n" : "not valid\n"));
    }
    return valid ? kExitOk : kExitRefused;
  };
}

std::string check_hex(const std::string& text) {
  return decode_hex(text) && !text.empty() ? std::string() : "\"" + text + "\" is not hexadecimal";
}

Command make(std::string path, std::string summary, std::string details,
             std::vector<Option> options, ClientRun run) {
  return server_command({.path = std::move(path),
                         .summary = std::move(summary),
                         .details = std::move(details),
                         .options = std::move(options),
                         .run = {}},
                        std::move(run));
}

Option proof_option(std::string name, std::string help) {
  return {.name = std::move(name),
          .value = "FILE",
          .help = std::move(help),
          .need = Option::Need::Required,
          .completion = Option::Completion::File};
}

}  // namespace

std::vector<Command> signature_commands() {
  const Option key = key_option(Option::Need::Required);
  const Option digest{.name = "--digest",
                      .value = "HEX",
                      .help = "the message's digest, instead of the message itself",
                      .check = check_hex};
  const Option encoding{.name = "--encoding",
                        .value = "ENCODING",
                        .help = "der or raw for ECDSA (default: der); jws for text as in a JWS",
                        .choices = {"der", "raw", "jws"}};
  const Option in = file_options().front();
  const Option out = file_options().back();
  const std::string bytes =
      "Writes bytes, or base64 if that is a terminal; with jws a line of text.";
  const std::string verdict = "Prints valid or not valid, and ends with 0 or 1.";
  return {
      make("sign", "sign a message or a digest", bytes, {key, digest, encoding, in, out},
           produce("/v1/sign", "signature")),
      make("verify", "check a signature", verdict,
           {key, version_option(), digest, encoding, in,
            proof_option("--signature", "the signature, as `keyward sign` writes it")},
           check("/v1/verify", "signature")),
      make("mac", "compute a MAC of a message", "Writes bytes, or base64 if that is a terminal.",
           {key, in, out}, produce("/v1/mac", "mac")),
      make(
          "verify-mac", "check a MAC", verdict,
          {key, version_option(), in, proof_option("--mac", "the MAC, as `keyward mac` writes it")},
          check("/v1/verify-mac", "mac")),
  };
}

}  // namespace kw::cli
