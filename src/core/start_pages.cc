#include "core/start_pages.h"

#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace sextant::core {

namespace {

bool IsTraced() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("TracerPid:")) return line != "TracerPid:\t0";
  }
  return false;
}

// Whether the loader writes into segments that are mapped without the right to write. Such libraries are not
// built any more, but to drop their pages would undo it.
bool HasTextRelocations(const dl_phdr_info& object) {
  for (size_t i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL) return true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
    }
  }
  return false;
}

struct PageRange {
  void* start;
  size_t bytes;
};

// Notes the segments that nobody can write: they equal their file, and what is dropped of them comes back the
// same.
int NoteConstantPages(dl_phdr_info* object, size_t, void* ranges) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto vdso = static_cast<uintptr_t>(::getauxval(AT_SYSINFO_EHDR));  // the kernel's, without a file
  if ((vdso != 0 && object->dlpi_addr == vdso) || HasTextRelocations(*object)) return 0;
  for (size_t i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    // Whole pages only: the rest of the last one belongs to whatever was mapped over it.
    const uintptr_t start = (object->dlpi_addr + segment.p_vaddr + page - 1) & ~(page - 1);
    const uintptr_t end = (object->dlpi_addr + segment.p_vaddr + segment.p_filesz) & ~(page - 1);
    if (start >= end) continue;
    static_cast<std::vector<PageRange>*>(ranges)->push_back({reinterpret_cast<void*>(start), end - start});
  }
  return 0;
}

}  // namespace

size_t ReleaseStartPages() {
  ::malloc_trim(0);
  if (IsTraced()) return 0;
  // All first: the list of segments itself lies in pages that are dropped.
  std::vector<PageRange> ranges;
  ::dl_iterate_phdr(NoteConstantPages, &ranges);
  size_t released_bytes = 0;
  for (const PageRange& range : ranges) {
    if (::madvise(range.start, range.bytes, MADV_DONTNEED) == 0) released_bytes += range.bytes;
  }
  return released_bytes;
}

}  // namespace sextant::core
