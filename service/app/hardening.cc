// SPDX-License-Identifier: Apache-2.0
#include "service/app/hardening.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"

namespace kw::app {
namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

bool lock_memory() {
  // MCL_ONFAULT: lock what is touched, not what sanitizers and thread stacks only reserve.
  return ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

void harden_process() {
  ::umask(0077);
  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) {
    log_line(Severity::Warning, "core files and ptrace cannot be switched off");
  }
  if (!lock_memory()) {
    log_line(Severity::Warning, "memory cannot be locked (RLIMIT_MEMLOCK): swap may see secrets");
  }
  raise_descriptor_limit();
}

}  // namespace kw::app
