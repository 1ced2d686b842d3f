// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/json_answer.h"
#include "cli/json_body.h"
#include "cli/output.h"
#include "cli/server_command.h"

namespace kw::cli {
namespace {

constexpr std::size_t kMaxPlaintext = 64u << 10;
constexpr std::size_t kMaxBody = 1u << 20;

void add_context(JsonBody& body, const Arguments& arguments, std::string_view option,
                 std::string_view field) {
  if (arguments.has(option)) body.pairs(field, pairs_of(arguments, option));
}

void add_key(JsonBody& body, const Arguments& arguments) {
  if (arguments.has("--key")) body.text("key", arguments.get("--key"));
}

// A blob as text, without the newline that printing it added.
Result<std::string> read_blob(const Arguments& arguments, const Io& io) {
  const Secret input = TRY(read_input(arguments, io, kMaxBody));
  std::string_view text = as_text(input.reveal());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (!decode_base64url(text)) {
    return Error(Code::InvalidArgument, "the input is no blob: a blob is one line of base64url");
  }
  return std::string(text);
}

// Prints one text field of an answer; with --json all of it.
Result<int> print_field(const Answer& answer, std::string_view field, const Arguments& arguments,
                        const Io& io) {
  if (arguments.has("--json")) {
    TRY(write_line(arguments, io, answer.body.reveal()));
    return kExitOk;
  }
  const JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  const std::string text = TRY(json.text(field));
  TRY(write_line(arguments, io, as_bytes(text)));
  return kExitOk;
}

Result<int> print_bytes(const Answer& answer, std::string_view field, const Arguments& arguments,
                        const Io& io) {
  if (arguments.has("--json")) {
    TRY(write_line(arguments, io, answer.body.reveal()));
    return kExitOk;
  }
  JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  const Secret bytes = TRY(json.base64(field));
  TRY(write_binary(arguments, io, bytes.reveal()));
  return kExitOk;
}

Result<int> wrap(Client& client, const Arguments& arguments, const Io& io) {
  const Secret plaintext = TRY(read_input(arguments, io, kMaxPlaintext));
  JsonBody body;
  add_key(body, arguments);
  body.base64("plaintext", plaintext.reveal());
  add_context(body, arguments, "--context", "context");
  const Answer answer = TRY(client.post("/v1/wrap", body.finish()));
  return print_field(answer, "blob", arguments, io);
}

Result<int> unwrap(Client& client, const Arguments& arguments, const Io& io) {
  const std::string blob = TRY(read_blob(arguments, io));
  JsonBody body;
  add_key(body, arguments);
  body.text("blob", blob);
  add_context(body, arguments, "--context", "context");
  const Answer answer = TRY(client.post("/v1/unwrap", body.finish()));
  return print_bytes(answer, "plaintext", arguments, io);
}

Result<int> rewrap(Client& client, const Arguments& arguments, const Io& io) {
  const std::string blob = TRY(read_blob(arguments, io));
  JsonBody body;
  add_key(body, arguments);
  body.text("blob", blob);
  add_context(body, arguments, "--context", "context");
  add_context(body, arguments, "--new-context", "new_context");
  const Answer answer = TRY(client.post("/v1/rewrap", body.finish()));
  return print_field(answer, "blob", arguments, io);
}

// The key itself is asked for only if there is a place to put it.
Result<int> data_key(Client& client, const Arguments& arguments, const Io& io) {
  const bool wanted = arguments.has("--plaintext-out");
  JsonBody body;
  add_key(body, arguments);
  body.number("bytes", arguments.has("--bytes") ? number_of(arguments, "--bytes") : 32);
  add_context(body, arguments, "--context", "context");
  body.truth("plaintext", wanted || arguments.has("--json"));
  const Answer answer = TRY(client.post("/v1/data-key", body.finish()));
  if (wanted) {
    JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
    const Secret key = TRY(json.base64("plaintext"));
    OutputFile file =
        TRY(OutputFile::create(arguments.get("--plaintext-out"), OutputFile::Existing::Keep));
    TRY(write_all(file.fd(), as_text(key.reveal())));
    TRY(file.commit());
  }
  return print_field(answer, "blob", arguments, io);
}

Result<int> random(Client& client, const Arguments& arguments, const Io& io) {
  JsonBody body;
  body.number("bytes", number_of(arguments, "BYTES"));
  const Answer answer = TRY(client.post("/v1/random", body.finish()));
  return print_bytes(answer, "random", arguments, io);
}

Result<int> whoami(Client& client, const Arguments& arguments, const Io& io) {
  const Answer answer = TRY(client.get("/v1/whoami"));
  TRY(print_answer(answer, arguments, io));
  return kExitOk;
}

// Ends with 1 if one of the requests was refused; the answer is printed all the same.
Result<int> batch(Client& client, const Arguments& arguments, const Io& io) {
  Arguments input;
  input.add("--in", arguments.get("FILE"));
  const Secret body = TRY(read_input(input, io, kMaxBody));
  const Answer answer = TRY(client.post("/v1/batch", body));
  TRY(write_line(arguments, io, answer.body.reveal()));
  const JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  for (const JsonAnswer& result : json.items("results")) {
    if (result.number_or_zero("status") >= 400) return kExitRefused;
  }
  return kExitOk;
}

std::vector<Option> with_files(std::vector<Option> options) {
  for (Option& option : file_options()) options.push_back(std::move(option));
  return options;
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

}  // namespace

std::vector<Command> crypto_commands() {
  const Option key = key_option(Option::Need::Required);
  const Option same_key = key_option(Option::Need::Optional);
  const Option new_context{.name = "--new-context",
                           .value = "NAME=VALUE",
                           .help = "binds the new blob to this instead; may be repeated",
                           .need = Option::Need::Repeated,
                           .check = check_pair};
  const Option key_size{.name = "--bytes",
                        .value = "N",
                        .help = "size of the data key, default 32",
                        .choices = {"16", "32", "64"}};
  const Option key_file{.name = "--plaintext-out",
                        .value = "FILE",
                        .help = "write the key itself to this new file, mode 0600",
                        .completion = Option::Completion::File};
  const Option count{.name = "BYTES",
                     .value = "BYTES",
                     .help = "how many, 1 to 4096",
                     .need = Option::Need::Required,
                     .check = check_number(1, 4096)};
  const Option file{.name = "FILE",
                    .value = "FILE",
                    .help = "a JSON file {\"requests\": [{\"op\": ...}]}, or - for standard input",
                    .need = Option::Need::Required,
                    .completion = Option::Completion::File};
  const Option out = file_options().back();
  return {
      make("wrap", "encrypt up to 64 KiB under a key", "Prints the blob, one line of text.",
           with_files({key, context_option()}), wrap),
      make("unwrap", "decrypt a blob",
           "Reads the blob as text; writes bytes, or base64 if that is a terminal.\n"
           "--key, where given, must be the key that the blob names.",
           with_files({same_key, context_option()}), unwrap),
      make("rewrap", "encrypt a blob's content anew under its key's newest version",
           "The content never leaves the service.",
           with_files({same_key, context_option(), new_context}), rewrap),
      make("data-key", "make a random key, wrapped",
           "Prints the blob. The key itself is sent only with --plaintext-out or --json.",
           {key, key_size, context_option(), key_file, out}, data_key),
      make("random", "random bytes from the token",
           "Writes bytes, or base64 if that is a terminal.", {count, out}, random),
      make("whoami", "show who the server thinks you are", {}, {}, whoami),
      make("batch", "run up to 1000 requests in one call",
           "Prints the answer as JSON. Ends with 1 if one request was refused.", {file, out},
           batch),
  };
}

}  // namespace kw::cli
