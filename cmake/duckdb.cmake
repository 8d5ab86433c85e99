# duckdb::duckdb: the prebuilt library and its C header. Taken from an installation on this machine
# if that is the pinned version, else from the cache that scripts/fetch_duckdb.sh fills.

set(RIVULET_DUCKDB_VERSION v1.5.6)
add_compile_definitions("RIVULET_DUCKDB_VERSION=\"${RIVULET_DUCKDB_VERSION}\"")

# Sets RESULT to whether the library at hand says that it is the pinned version.
function(rivulet_check_duckdb result include library)
  file(WRITE "${CMAKE_BINARY_DIR}/duckdb_version.cc"
       "#include <duckdb.h>\n#include <cstdio>\n"
       "int main() { std::fputs(duckdb_library_version(), stdout); }\n")
  try_run(ran compiled "${CMAKE_BINARY_DIR}/try_duckdb" "${CMAKE_BINARY_DIR}/duckdb_version.cc"
          CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${include}" LINK_LIBRARIES "${library}"
          RUN_OUTPUT_VARIABLE version)
  if(compiled AND ran EQUAL 0 AND version STREQUAL RIVULET_DUCKDB_VERSION)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

set(RIVULET_DUCKDB_DIR "" CACHE PATH "Folder with another libduckdb.so and duckdb.h, to build with those")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS scripts/fetch_duckdb.sh)

if(RIVULET_DUCKDB_DIR)
  set(RIVULET_DUCKDB_INCLUDE "${RIVULET_DUCKDB_DIR}")
  set(RIVULET_DUCKDB_LIBRARY "${RIVULET_DUCKDB_DIR}/libduckdb.so")
else()
  find_path(RIVULET_DUCKDB_INCLUDE duckdb.h NO_CACHE)
  find_library(RIVULET_DUCKDB_LIBRARY duckdb NO_CACHE)
  set(usable FALSE)
  if(RIVULET_DUCKDB_INCLUDE AND RIVULET_DUCKDB_LIBRARY)
    rivulet_check_duckdb(usable "${RIVULET_DUCKDB_INCLUDE}" "${RIVULET_DUCKDB_LIBRARY}")
  endif()
  if(NOT usable)
    execute_process(COMMAND "${CMAKE_SOURCE_DIR}/scripts/fetch_duckdb.sh"
                    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE
                    RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "scripts/fetch_duckdb.sh could not provide DuckDB (see above).")
    endif()
    set(RIVULET_DUCKDB_INCLUDE "${folder}")
    set(RIVULET_DUCKDB_LIBRARY "${folder}/libduckdb.so")
  endif()
endif()
message(STATUS "DuckDB: ${RIVULET_DUCKDB_LIBRARY}")

add_library(duckdb::duckdb SHARED IMPORTED GLOBAL)
set_target_properties(duckdb::duckdb PROPERTIES
  IMPORTED_LOCATION "${RIVULET_DUCKDB_LIBRARY}"
  IMPORTED_SONAME libduckdb.so
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${RIVULET_DUCKDB_INCLUDE}"
  INTERFACE_INCLUDE_DIRECTORIES "${RIVULET_DUCKDB_INCLUDE}")
