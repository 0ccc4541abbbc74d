// Sections of journal batches and checkpoints: the first byte is the tag, the rest what its component reads.
// What was read is written and read again.
#include <cstdlib>

#include "core/metrics.h"
#include "metrics/tsdb/exemplar_store.h"
#include "metrics/tsdb/head_deletions.h"
#include "metrics/tsdb/metadata_store.h"
#include "metrics/tsdb/out_of_order.h"

namespace {

using namespace sextant::tsdb;

// Slots are bounded as the head bounds them by the series that exist.
bool IsKnown(SeriesRef ref) { return SlotOf(ref) < 4096; }

// Restores sections, captures them, and restores what was captured.
template <typename Restore, typename Capture>
void GoRound(std::string_view bytes, Restore restore, Capture capture) {
  static_cast<void>(restore(bytes));
  std::vector<Section> sections;
  capture(sections);
  for (const Section& section : sections) {
    if (!restore(section.bytes)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<SectionTag>(data[0])) {
    case SectionTag::kOutOfOrder: {
      OutOfOrderStore store(0);
      GoRound(
          bytes, [&](std::string_view b) { return store.Restore(b, IsKnown).has_value(); },
          [&](std::vector<Section>& out) { store.Capture(out); });
      break;
    }
    case SectionTag::kExemplars: {
      sextant::core::Registry registry;
      ExemplarStore store(registry, 16);
      auto labels_of = [](SeriesRef ref) {
        return ref % 2 == 0 ? std::optional(sextant::model::Labels::Of({{"a", "b"}})) : std::nullopt;
      };
      GoRound(
          bytes, [&](std::string_view b) { return store.Restore(b, labels_of).has_value(); },
          [&](std::vector<Section>& out) { store.Capture(out); });
      break;
    }
    case SectionTag::kMetadata: {
      MetadataStore store;
      GoRound(
          bytes, [&](std::string_view b) { return store.Restore(b, IsKnown).has_value(); },
          [&](std::vector<Section>& out) {
            store.Capture([](uint32_t slot) { return MakeRef(slot, 1); }, out);
          });
      break;
    }
    case SectionTag::kDeletions: {
      HeadDeletions deletions;
      auto add = [&](const SeriesDeletion& deletion) { deletions.Add(deletion.ref, deletion.range); };
      GoRound(
          bytes, [&](std::string_view b) { return HeadDeletions::ReadSection(b, add).has_value(); },
          [&](std::vector<Section>& out) { deletions.Capture(out); });
      break;
    }
    default:
      break;
  }
  return 0;
}
