#include "core/start_pages.h"

#include <gtest/gtest.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

namespace sextant::core {
namespace {

struct Segment {
  uintptr_t start;
  size_t bytes;
};

// The largest segment of the program that nobody can write.
Segment LargestConstantSegment() {
  Segment largest{};
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* out) {
        auto& best = *static_cast<Segment*>(out);
        for (size_t i = 0; i < object->dlpi_phnum; ++i) {
          const auto& header = object->dlpi_phdr[i];
          if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0 || header.p_filesz < best.bytes) {
            continue;
          }
          best = {object->dlpi_addr + header.p_vaddr, header.p_filesz};
        }
        return 1;  // the program itself comes first
      },
      &largest);
  return largest;
}

TEST(StartPagesTest, TheProgramIsTheSameAfterwards) {
  const Segment segment = LargestConstantSegment();
  ASSERT_GT(segment.bytes, 0u);
  const std::string before(reinterpret_cast<const char*>(segment.start), segment.bytes);
  const size_t released = ReleaseStartPages();
  if (released == 0) GTEST_SKIP() << "a debugger watches";
  EXPECT_GT(released, segment.bytes / 2);
  EXPECT_EQ(std::memcmp(before.data(), reinterpret_cast<const void*>(segment.start), segment.bytes), 0);
}

// Resident pages of this process' mappings of files, in bytes.
size_t ResidentFileBytes() {
  FILE* status = std::fopen("/proc/self/status", "r");
  size_t kib = 0;
  for (char line[256]; std::fgets(line, sizeof line, status) != nullptr;) {
    if (std::sscanf(line, "RssFile: %zu kB", &kib) == 1) break;
  }
  std::fclose(status);
  return kib << 10;
}

TEST(StartPagesTest, PagesThatNobodyNeedsLeaveResidentMemory) {
  const Segment segment = LargestConstantSegment();
  size_t sum = 0;
  const auto* bytes = reinterpret_cast<const volatile char*>(segment.start);
  for (size_t i = 0; i < segment.bytes; i += 4'096) sum += static_cast<unsigned char>(bytes[i]);
  const size_t before = ResidentFileBytes();
  ASSERT_GE(before, segment.bytes / 2) << sum;
  if (ReleaseStartPages() == 0) GTEST_SKIP() << "a debugger watches";
  EXPECT_LT(ResidentFileBytes(), before);
}

}  // namespace
}  // namespace sextant::core
