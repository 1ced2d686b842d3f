# SPDX-License-Identifier: Apache-2.0
# embed(target file symbol) compiles a text file into `target` as `extern const std::string_view symbol` of namespace kw.
function(embed target file symbol)
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  set(output "${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cc")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(READ "${source}" text)
  # A string literal has a limit of 65,536 bytes: pieces of 16,000 stand side by side.
  string(LENGTH "${text}" length)
  set(pieces "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 16000 piece)
    string(APPEND pieces "R\"embedded(${piece})embedded\"\n")
    math(EXPR at "${at} + 16000")
  endwhile()
  file(CONFIGURE OUTPUT "${output}" CONTENT "// Made from ${file}.
#include <string_view>

namespace kw {
extern const std::string_view ${symbol};
const std::string_view ${symbol} = @pieces@;
}  // namespace kw
" @ONLY)
  target_sources(${target} PRIVATE "${output}")
endfunction()
