# SPDX-License-Identifier: Apache-2.0
# room(path SOURCES ... [SHOWS rooms] [HIDES rooms]) makes one library of one folder. The source root is on
# nobody's include path: a room puts one folder there that holds one link, to itself. Linking a room is what makes
# its headers findable; a hidden room links without being findable.
function(room path)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;SHOWS;HIDES")
  string(MAKE_C_IDENTIFIER "${path}" name)
  set(view "${PROJECT_BINARY_DIR}/rooms/${name}")
  cmake_path(GET path PARENT_PATH parent)
  file(MAKE_DIRECTORY "${view}/${parent}")
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${path}" "${view}/${path}" SYMBOLIC)
  list(TRANSFORM arg_SHOWS REPLACE "/" "_")
  list(TRANSFORM arg_HIDES REPLACE "/" "_")
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC "${view}")
  target_link_libraries(${name} PUBLIC ${arg_SHOWS} PRIVATE ${arg_HIDES} warnings)
endfunction()
