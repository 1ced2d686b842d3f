// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/secret.h"
#include "cli/command.h"

namespace kw::cli {

// OutputFile is a file that comes to be only when it is whole: written under another name in the
// same folder, put in place by commit(), gone with this object otherwise. Mode 0600.
class OutputFile {
 public:
  enum class Existing { Keep, Replace };

  // Errors: AlreadyExists (with Existing::Keep), Unavailable.
  static Result<OutputFile> create(const std::filesystem::path& path, Existing existing);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  int fd() const noexcept { return file_.get(); }

  // Errors: AlreadyExists (somebody made the file meanwhile), Unavailable.
  Result<void> commit();

 private:
  OutputFile(std::filesystem::path path, std::string temporary, FileDescriptor file,
             Existing existing);

  std::filesystem::path path_;
  std::string temporary_;  // empty once it is in place
  FileDescriptor file_;
  Existing existing_;
};

// The options --in and --out, and what they lead to; "-" and absence are the standard streams.
std::vector<Option> file_options();

// Reads all of --in, at most `limit` bytes. Errors: InvalidArgument (more), NotFound, Unavailable.
Result<Secret> read_input(const Arguments& arguments, const Io& io, std::size_t limit);

// Writes bytes to --out; to a pipe or a file as they are, to a terminal as base64.
Result<void> write_binary(const Arguments& arguments, const Io& io, ByteView bytes);

// Writes text and a newline to --out.
Result<void> write_line(const Arguments& arguments, const Io& io, ByteView text);

}  // namespace kw::cli
