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

if(NOT EXISTS "${RIVULET_DUCKDB_LIBRARY}" OR NOT EXISTS "${RIVULET_DUCKDB_INCLUDE}/duckdb.h")
  find_path(installed_duckdb_include duckdb.h NO_CACHE)
  find_library(installed_duckdb_library duckdb NO_CACHE)
  set(usable FALSE)
  if(installed_duckdb_include AND installed_duckdb_library)
    rivulet_check_duckdb(usable "${installed_duckdb_include}" "${installed_duckdb_library}")
  endif()
  if(usable)
    set(include "${installed_duckdb_include}")
    set(library "${installed_duckdb_library}")
  else()
    execute_process(COMMAND "${CMAKE_SOURCE_DIR}/scripts/fetch_duckdb.sh"
                    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE
                    RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "scripts/fetch_duckdb.sh could not provide DuckDB (see above).")
    endif()
    set(include "${folder}")
    set(library "${folder}/libduckdb.so")
  endif()
  set(RIVULET_DUCKDB_INCLUDE "${include}" CACHE PATH "Folder of duckdb.h" FORCE)
  set(RIVULET_DUCKDB_LIBRARY "${library}" CACHE FILEPATH "libduckdb.so" FORCE)
  message(STATUS "DuckDB ${RIVULET_DUCKDB_VERSION}: ${library}")
endif()

add_library(duckdb::duckdb SHARED IMPORTED GLOBAL)
set_target_properties(duckdb::duckdb PROPERTIES
  IMPORTED_LOCATION "${RIVULET_DUCKDB_LIBRARY}"
  IMPORTED_SONAME libduckdb.so
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${RIVULET_DUCKDB_INCLUDE}"
  INTERFACE_INCLUDE_DIRECTORIES "${RIVULET_DUCKDB_INCLUDE}")
