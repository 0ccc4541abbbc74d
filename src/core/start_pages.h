// The start of a program touches pages that it never needs again: the linker's tables, the constructors of
// libraries, the reading of flags and configuration. They lie in resident memory until the machine is short
// of it, and are most of what an idle process of ours seems to take.
#pragma once

#include <cstddef>

namespace sextant::core {

// Gives back what the start needed: pages of the program and its libraries that only mirror their files, and
// free memory of the allocator. A page that is needed again is mapped again from the page cache, some
// microseconds for every 64 KiB. Call once, when the program is ready to serve; other threads may run.
// Does nothing while a debugger watches, whose breakpoints lie in such pages. Returns the bytes of address
// space that were let go, for tests.
size_t ReleaseStartPages();

}  // namespace sextant::core
