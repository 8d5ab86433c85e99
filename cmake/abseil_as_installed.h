#pragma once

#include <absl/base/config.h>

// Included in front of every file that may use S2, in a build with the address sanitizer: there Abseil's B-tree and
// fixed array get members that the installed libraries, built without the sanitizer, know nothing of. This name, which
// Abseil lets nobody set from outside, is all that decides it.
#undef ABSL_HAVE_ADDRESS_SANITIZER
