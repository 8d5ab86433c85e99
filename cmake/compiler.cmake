# Language, warnings, optimisation, sanitizers, compiler cache and linker, for every target.

option(RIVULET_WERROR "Treat compiler warnings as errors" ON)
set(RIVULET_SANITIZE "" CACHE STRING
    "Sanitizer to build with: address (with undefined), thread, fuzzer (clang: with both), or none")
set_property(CACHE RIVULET_SANITIZE PROPERTY STRINGS "" address thread fuzzer)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# -g1 keeps function names and lines for stack traces at a fraction of the size of -g.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

add_compile_options(
  -Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wundef -Wvla
  # A designated initializer that leaves the defaults of other members alone is what we want.
  -Wno-missing-field-initializers
  -fno-omit-frame-pointer
  # File names in messages and debug information are relative to the source tree.
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
add_compile_definitions("RIVULET_VERSION=\"${PROJECT_VERSION}\"")

if(RIVULET_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # These fire falsely on inlined library code in g++ 12 (std::string operator+, std::optional).
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-error=array-bounds
                      -Wno-error=stringop-overflow -Wno-error=stringop-overread)
endif()

if(RIVULET_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -g -UNDEBUG)
  add_link_options(-fsanitize=address,undefined)
elseif(RIVULET_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -O1 -g -UNDEBUG)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan) # atomic_thread_fence, in library headers
  endif()
  add_link_options(-fsanitize=thread)
elseif(RIVULET_SANITIZE STREQUAL "fuzzer")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -O1 -UNDEBUG)
  add_link_options(-fsanitize=address,undefined)
elseif(RIVULET_SANITIZE)
  message(FATAL_ERROR "RIVULET_SANITIZE must be empty, address, thread or fuzzer, not '${RIVULET_SANITIZE}'")
endif()

find_program(RIVULET_CCACHE ccache)
if(RIVULET_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the source tree are hashed as relative ones, so that every clone shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" "CCACHE_NOHASHDIR=1"
      "${RIVULET_CCACHE}")
endif()

include(CheckLinkerFlag)
foreach(linker lld mold gold)
  check_linker_flag(CXX "-fuse-ld=${linker}" RIVULET_HAS_LINKER_${linker})
  if(RIVULET_HAS_LINKER_${linker})
    add_link_options("-fuse-ld=${linker}")
    break()
  endif()
endforeach()
