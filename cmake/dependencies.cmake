# Every library taken from the distribution, each as an imported target. A missing one ends the
# configuration with one line that names the Debian package.

function(rivulet_missing what package)
  message(FATAL_ERROR "${what} was not found: install the Debian package ${package} "
                      "(scripts/bootstrap.sh installs everything that is needed).")
endfunction()

# A library with a CMake package of its own, that makes TARGET.
macro(rivulet_package name target package)
  find_package(${name} ${ARGN} QUIET)
  if(NOT TARGET ${target})
    rivulet_missing("${name}" "${package}")
  endif()
endmacro()

# A library without one: TARGET from a header and, unless it is header-only, a library.
function(rivulet_library target package)
  cmake_parse_arguments(arg "" "HEADER;LIBRARY" "" ${ARGN})
  string(MAKE_C_IDENTIFIER "RIVULET_${target}" variable)
  find_path(${variable}_INCLUDE "${arg_HEADER}")
  mark_as_advanced(${variable}_INCLUDE)
  if(NOT ${variable}_INCLUDE)
    rivulet_missing("${arg_HEADER}" "${package}")
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE "${${variable}_INCLUDE}")
  if(arg_LIBRARY)
    find_library(${variable}_LIBRARY "${arg_LIBRARY}")
    mark_as_advanced(${variable}_LIBRARY)
    if(NOT ${variable}_LIBRARY)
      rivulet_missing("lib${arg_LIBRARY}" "${package}")
    endif()
    target_link_libraries(${target} INTERFACE "${${variable}_LIBRARY}")
  endif()
endfunction()

find_package(Threads REQUIRED)
rivulet_package(ICU ICU::i18n libicu-dev COMPONENTS uc i18n)
rivulet_package(fmt fmt::fmt libfmt-dev)
rivulet_package(spdlog spdlog::spdlog libspdlog-dev)
rivulet_package(simdjson simdjson::simdjson libsimdjson-dev)
rivulet_package(OpenSSL OpenSSL::SSL libssl-dev)
rivulet_package(ZLIB ZLIB::ZLIB zlib1g-dev)
rivulet_package(CURL CURL::libcurl libcurl4-openssl-dev)
rivulet_package(pugixml pugixml::pugixml libpugixml-dev)
rivulet_package(GTest GTest::gmock_main "libgtest-dev and libgmock-dev")
rivulet_package(benchmark benchmark::benchmark libbenchmark-dev)

rivulet_library(boost libboost-dev HEADER boost/beast.hpp)
rivulet_library(cli11 libcli11-dev HEADER CLI/CLI.hpp)
rivulet_library(tomlplusplus libtomlplusplus-dev HEADER toml++/toml.h)
rivulet_library(fast_float libfast-float-dev HEADER fast_float/fast_float.h)
rivulet_library(xxhash libxxhash-dev HEADER xxhash.h LIBRARY xxhash)
rivulet_library(libdeflate libdeflate-dev HEADER libdeflate.h LIBRARY deflate)
rivulet_library(rdkafka librdkafka-dev HEADER librdkafka/rdkafka.h LIBRARY rdkafka)
rivulet_library(re2 libre2-dev HEADER re2/re2.h LIBRARY re2)
rivulet_library(geographic libgeographiclib-dev HEADER GeographicLib/Geodesic.hpp LIBRARY GeographicLib)
rivulet_library(s2 libs2-dev HEADER s2/s2cell_id.h LIBRARY s2)
rivulet_library(prometheus prometheus-cpp-dev HEADER prometheus/registry.h
                LIBRARY prometheus-cpp-core)

# S2's headers use Abseil inline, so its users must link the parts that these call.
rivulet_package(absl absl::strings libabsl-dev)
target_link_libraries(s2 INTERFACE absl::base absl::btree absl::raw_logging_internal absl::strings)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # S2 compares vectors by an operator that C++20 may also call the other way round.
  target_compile_options(s2 INTERFACE -Wno-ambiguous-reversed-operator)
endif()
if(RIVULET_SANITIZE MATCHES "address|fuzzer")
  # Abseil's containers have another layout under the address sanitizer than in the libraries that are installed.
  target_compile_options(s2 INTERFACE "SHELL:-include ${CMAKE_SOURCE_DIR}/cmake/abseil_as_installed.h")
endif()
