# A room is a folder of src/ with one library. Files are found by their names, so that adding one
# needs no change here:
#
#   *.cc            the library rivulet_<room>
#   testing/*.cc    the library rivulet_<room>_testing: fakes and helpers, for this room's tests and
#                   the tests of every room that depends on it
#   *_test.cc       the unit tests, in the executable <room>_test
#   main.cc         left out: rivulet_program() makes the executable of it
#
# rivulet_room(<room> DEPS <rooms above it>... LIBS <other libraries>...)

include(GoogleTest)

# A static library, or an interface library while there is nothing to compile.
function(rivulet_add_library target libraries sources)
  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(${target} ${scope} ${libraries})
endfunction()

function(rivulet_room name)
  cmake_parse_arguments(arg "" "" "DEPS;LIBS" ${ARGN})

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  set(helpers ${sources})
  list(FILTER helpers INCLUDE REGEX "/testing/[^/]*\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/testing/[^/]*\\.cc$")

  set(libraries ${arg_LIBS})
  set(helper_libraries rivulet_${name} GTest::gmock)
  foreach(dependency ${arg_DEPS})
    list(APPEND libraries rivulet_${dependency})
    list(APPEND helper_libraries rivulet_${dependency}_testing)
  endforeach()

  rivulet_add_library(rivulet_${name} "${libraries}" "${sources}")
  rivulet_add_library(rivulet_${name}_testing "${helper_libraries}" "${helpers}")

  if(tests AND BUILD_TESTING)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE rivulet_${name}_testing GTest::gmock_main)
    gtest_discover_tests(${name}_test
      TEST_PREFIX "${name}/"
      DISCOVERY_MODE PRE_TEST
      WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
      PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# The executable of a room with a main.cc, in the root of the build folder, with DuckDB beside it.
function(rivulet_program name room)
  add_executable(${name} "${CMAKE_CURRENT_SOURCE_DIR}/main.cc")
  target_link_libraries(${name} PRIVATE rivulet_${room} duckdb::duckdb)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}"
    BUILD_WITH_INSTALL_RPATH ON
    INSTALL_RPATH "$ORIGIN")
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${RIVULET_DUCKDB_LIBRARY}" "${CMAKE_BINARY_DIR}/libduckdb.so"
    VERBATIM)
endfunction()
