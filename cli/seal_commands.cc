// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "cli/commands.h"
#include "cli/json_answer.h"
#include "cli/json_body.h"
#include "cli/output.h"
#include "cli/seal.h"
#include "cli/server_command.h"

namespace kw::cli {
namespace {

constexpr std::string_view kSuffix = ".sealed";
constexpr const char* kFormatName =
    "keyward-seal";  // the context that tells a seal's key from others
constexpr const char* kFormat = "1";

std::vector<Context::Pair> seal_context(const Arguments& arguments) {
  auto pairs = pairs_of(arguments, "--context");
  pairs.emplace_back(kFormatName, kFormat);
  return pairs;
}

std::string check_own_pair(const std::string& text) {
  if (text.starts_with(std::string(kFormatName) + "=")) return "keyward-seal is set by the command";
  return check_pair(text);
}

Result<DataKey> fetch_data_key(Client& client, const Arguments& arguments) {
  JsonBody body;
  body.text("key", arguments.get("--key")).number("bytes", 32);
  body.pairs("context", seal_context(arguments));
  const Answer answer = TRY(client.post("/v1/data-key", body.finish()));
  JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  const std::string blob = TRY(json.text("blob"));
  DataKey key;
  key.key = TRY(json.base64("plaintext"));
  key.blob = TRY(decode_base64url(blob));
  return key;
}

Result<Secret> unwrap_data_key(Client& client, const Arguments& arguments, ByteView blob) {
  JsonBody body;
  body.text("blob", to_base64url(blob));
  if (arguments.has("--key")) body.text("key", arguments.get("--key"));
  body.pairs("context", seal_context(arguments));
  const Answer answer = TRY(client.post("/v1/unwrap", body.finish()));
  JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  return json.base64("plaintext");
}

// Bar draws how far a command is, on a terminal only, and takes itself away at the end.
class Bar {
 public:
  Bar(int fd, std::uint64_t total) : fd_(fd), total_(total), shown_(::isatty(fd) == 1) {}
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;
  ~Bar() {
    if (drawn_) (void)write_all(fd_, "\r\x1b[K");
  }

  void draw(std::uint64_t done) {
    constexpr std::uint64_t kStep = 4u << 20;
    if (!shown_ || done < next_) return;
    next_ = done + kStep;
    drawn_ = true;
    std::string line = "\r\x1b[K" + std::to_string(done >> 20) + " MiB";
    if (total_ > 0) {
      constexpr std::uint64_t kWidth = 40;
      const std::uint64_t filled = std::min(kWidth, done * kWidth / total_);
      line += " [" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "]";
    }
    (void)write_all(fd_, line);
  }

 private:
  int fd_;
  std::uint64_t total_;
  bool shown_;
  bool drawn_ = false;
  std::uint64_t next_ = 0;
};

// Input is the file to read, or standard input.
struct Input {
  FileDescriptor file;  // closed for standard input
  int fd = -1;
  std::uint64_t size = 0;  // 0 where it is not known
};

Result<Input> open_input(const Arguments& arguments, const Io& io) {
  Input input;
  const std::string path = arguments.get("FILE");
  if (path == "-") {
    input.fd = io.in;
    return input;
  }
  input.file = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input.file.is_open()) {
    return Error(Code::NotFound, "open " + path + ": " + std::generic_category().message(errno));
  }
  input.fd = input.file.get();
  struct stat status {};
  if (::fstat(input.fd, &status) == 0 && S_ISREG(status.st_mode)) {
    input.size = static_cast<std::uint64_t>(status.st_size);
  }
  return input;
}

// Runs `work` from FILE to `target`; a file appears only if all of it went well.
template <typename Work>
Result<int> stream(const Arguments& arguments, const Io& io, const std::string& target,
                   const Work& work) {
  const Input input = TRY(open_input(arguments, io));
  Bar bar(io.err, input.size);
  const Progress progress = [&bar](std::uint64_t done) { bar.draw(done); };
  if (target == "-") {
    TRY(work(input.fd, io.out, progress));
    return kExitOk;
  }
  OutputFile output =
      TRY(OutputFile::create(target, arguments.has("--force") ? OutputFile::Existing::Replace
                                                              : OutputFile::Existing::Keep));
  TRY(work(input.fd, output.fd(), progress));
  TRY(output.commit());
  return kExitOk;
}

Result<int> run_seal(Client& client, const Arguments& arguments, const Io& io) {
  const std::string file = arguments.get("FILE");
  const std::string by_default = file == "-" ? file : file + std::string(kSuffix);
  const std::string target = arguments.has("--output") ? arguments.get("--output") : by_default;
  if (target == "-" && ::isatty(io.out) == 1) {
    return usage_fault(io, "a sealed file is bytes, not for a terminal: give -o FILE");
  }
  return stream(arguments, io, target,
                [&](int in, int out, const Progress& progress) -> Result<void> {
                  const DataKey key = TRY(fetch_data_key(client, arguments));
                  return seal(in, out, key, progress);
                });
}

Result<int> run_open(Client& client, const Arguments& arguments, const Io& io) {
  std::string target = arguments.get("FILE");
  if (arguments.has("--output")) {
    target = arguments.get("--output");
  } else if (target.ends_with(kSuffix) && target.size() > kSuffix.size()) {
    target.resize(target.size() - kSuffix.size());
  } else if (target != "-") {
    return usage_fault(io, "FILE does not end in .sealed: say with -o where its content goes");
  }
  const Unwrap unwrap = [&](ByteView blob) { return unwrap_data_key(client, arguments, blob); };
  return stream(arguments, io, target, [&](int in, int out, const Progress& progress) {
    return open_sealed(in, out, unwrap, progress);
  });
}

}  // namespace

std::vector<Command> seal_commands() {
  const Option file{.name = "FILE",
                    .value = "FILE",
                    .help = "the file to read, or - for standard input",
                    .need = Option::Need::Required,
                    .completion = Option::Completion::File};
  const Option output{.name = "--output",
                      .value = "FILE",
                      .help = "the file to make, or - for standard output",
                      .completion = Option::Completion::File,
                      .letter = 'o'};
  const Option force{.name = "--force", .value = "", .help = "replace the file if it exists"};
  Option context = context_option();
  context.help = "binds the file to this pair: `open` must repeat it";
  context.check = check_own_pair;
  return {
      server_command(
          {.path = "seal",
           .summary = "encrypt a file of any size with a data key of its own",
           .details = "Makes FILE.sealed unless -o names another. The service sees the data key's\n"
                      "blob, never the file. Format: docs/seal-format.md.",
           .options = {file, key_option(Option::Need::Required), output, force, context},
           .run = {}},
          run_seal),
      server_command(
          {.path = "open",
           .summary = "decrypt what `seal` made",
           .details =
               "Makes FILE without .sealed unless -o names another; a file appears only when\n"
               "all of it was authenticated. With -o - each 64 KiB is written as soon as it\n"
               "is authenticated: if a later one fails, the command ends with 1, and what it\n"
               "wrote is a true beginning but not the whole. Throw it away.",
           .options = {file, key_option(Option::Need::Optional), output, force, context},
           .run = {}},
          run_open),
  };
}

}  // namespace kw::cli
