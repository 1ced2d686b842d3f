// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace kw::cli {
namespace {

Error system_error(std::string_view step, const std::filesystem::path& path) {
  const Code code = errno == ENOENT ? Code::NotFound : Code::Unavailable;
  const std::string reason = std::generic_category().message(errno);
  return Error(code, std::string(step) + " " + path.string() + ": " + reason);
}

Error already_there(const std::filesystem::path& path) {
  return Error(Code::AlreadyExists, path.string() + " exists already; --force replaces it");
}

bool names_a_file(const Arguments& arguments, std::string_view option) {
  return arguments.has(option) && arguments.get(option) != "-";
}

// Doubles the buffer as it fills: a pipe's size is not known ahead.
Result<Secret> read_all(int fd, std::size_t limit) {
  Secret content(std::min<std::size_t>(limit + 1, 64u << 10));
  std::size_t filled = 0;
  for (;;) {
    if (filled > limit) {
      return Error(Code::InvalidArgument, "the input is over " + std::to_string(limit) + " bytes");
    }
    if (filled == content.size()) {
      Secret larger(std::min(limit + 1, content.size() * 2));
      const ByteView old = content.reveal();
      std::copy(old.begin(), old.end(), larger.reveal_for_writing().begin());
      content = std::move(larger);
    }
    const auto room = content.reveal_for_writing().subspan(filled);
    const ssize_t got = ::read(fd, room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", "the input");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  content.shrink(filled);
  return content;
}

Result<void> write_out(const Arguments& arguments, const Io& io, ByteView bytes) {
  if (!names_a_file(arguments, "--out")) return write_all(io.out, as_text(bytes));
  OutputFile file = TRY(OutputFile::create(arguments.get("--out"), OutputFile::Existing::Replace));
  TRY(write_all(file.fd(), as_text(bytes)));
  return file.commit();
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path, std::string temporary, FileDescriptor file,
                       Existing existing)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      file_(std::move(file)),
      existing_(existing) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)),
      existing_(other.existing_) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<OutputFile> OutputFile::create(const std::filesystem::path& path, Existing existing) {
  std::error_code ignored;
  if (existing == Existing::Keep && std::filesystem::exists(path, ignored)) {
    return already_there(path);
  }
  std::string temporary =
      (path.parent_path() / ("." + path.filename().string() + ".XXXXXX")).string();
  FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.is_open()) return system_error("create", path);
  return OutputFile(path, std::move(temporary), std::move(file), existing);
}

Result<void> OutputFile::commit() {
  if (::fsync(file_.get()) != 0) return system_error("fsync", path_);
  const unsigned flags = existing_ == Existing::Keep ? RENAME_NOREPLACE : 0;
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
    return errno == EEXIST ? already_there(path_) : system_error("rename", path_);
  }
  temporary_.clear();
  return sync_directory(path_.has_parent_path() ? path_.parent_path() : ".");
}

std::vector<Option> file_options() {
  return {{.name = "--in",
           .value = "FILE",
           .help = "read this file (default: standard input)",
           .completion = Option::Completion::File},
          {.name = "--out",
           .value = "FILE",
           .help = "write this file, mode 0600 (default: standard output)",
           .completion = Option::Completion::File}};
}

Result<Secret> read_input(const Arguments& arguments, const Io& io, std::size_t limit) {
  if (!names_a_file(arguments, "--in")) return read_all(io.in, limit);
  const std::string path = arguments.get("--in");
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return system_error("open", path);
  return read_all(file.get(), limit);
}

Result<void> write_binary(const Arguments& arguments, const Io& io, ByteView bytes) {
  if (names_a_file(arguments, "--out") || ::isatty(io.out) == 0) {
    return write_out(arguments, io, bytes);
  }
  Secret text(base64_length(bytes.size(), Base64Alphabet::Standard) + 1);
  const auto out = text.reveal_for_writing();
  const std::span<char> letters(reinterpret_cast<char*>(out.data()), out.size() - 1);
  encode_base64_into(bytes, Base64Alphabet::Standard, letters);
  out.back() = '\n';
  return write_all(io.out, as_text(text.reveal()));
}

Result<void> write_line(const Arguments& arguments, const Io& io, ByteView text) {
  Secret line(text.size() + 1);
  const auto out = line.reveal_for_writing();
  std::copy(text.begin(), text.end(), out.begin());
  out.back() = '\n';
  return write_out(arguments, io, line.reveal());
}

}  // namespace kw::cli
