#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace rivulet {

// The calling thread, and those that it starts from now on, give way to all others when the processor is short:
// background work must not hold commits and queries up. Linux keeps a nice value for each thread.
inline void give_way_to_other_threads() {
  constexpr int kNice = 10;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

}  // namespace rivulet
