#include "metrics/tsdb/postings_codec.h"

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {

void PutStoredPostings(std::span<const uint32_t> slots, std::string& out) {
  size_t start = out.size();
  PutFixed(out, uint32_t{0});
  PutFixed(out, static_cast<uint32_t>(slots.size()));
  PutFixed(out, slots.empty() ? 0 : slots.back());
  uint32_t next = 0;  // the slot after the last one
  for (size_t i = 0; i < slots.size();) {
    const uint32_t gap = slots[i] - next + 1;
    size_t end = i + 1;
    while (end < slots.size() && slots[end] - slots[end - 1] == gap) ++end;
    const bool repeats = end - i > 1;
    PutVarint(out, uint64_t{gap} << 1 | (repeats ? 1 : 0));
    if (repeats) PutVarint(out, end - i - 2);
    next = slots[end - 1] + 1;
    i = end;
  }
  StoreFixed(out.data() + start, static_cast<uint32_t>(out.size() - start - sizeof(uint32_t)));
}

bool TakeStoredPostings(std::string_view& bytes, uint32_t end_slot, const char*& stored) {
  ByteReader reader(bytes);
  const uint32_t size = reader.Fixed<uint32_t>();
  if (!reader.ok() || size < 2 * sizeof(uint32_t) || size > reader.remaining()) return false;
  const uint32_t count = reader.Fixed<uint32_t>();
  const uint32_t last = reader.Fixed<uint32_t>();
  if (count > end_slot || (count > 0 && last >= end_slot)) return false;
  stored = bytes.data();
  bytes.remove_prefix(sizeof(uint32_t) + size);
  return true;
}

uint32_t CountOfStored(const char* stored) {
  return ByteReader({stored + sizeof(uint32_t), sizeof(uint32_t)}).Fixed<uint32_t>();
}

void ReadStoredPostings(const char* stored, std::vector<SlotRun>& out) {
  out.clear();
  const uint32_t size = ByteReader({stored, sizeof(uint32_t)}).Fixed<uint32_t>();
  ByteReader reader({stored + sizeof(uint32_t), size});
  uint64_t left = reader.Fixed<uint32_t>();
  const uint64_t end_slot = uint64_t{reader.Fixed<uint32_t>()} + 1;
  uint64_t next = 0;
  while (left > 0 && reader.ok() && !reader.at_end()) {
    const uint64_t token = reader.Varint();
    const uint64_t gap = token >> 1;
    const bool repeats = (token & 1) != 0;
    const uint64_t more = repeats ? reader.Varint() : 0;
    if (!reader.ok() || gap == 0 || more >= left) return;
    const uint64_t count = repeats ? more + 2 : 1;
    if (count > left || count > (end_slot - next) / gap) return;
    left -= count;
    if (gap == 1) {
      if (out.empty() || out.back().end != next) {
        out.push_back({static_cast<uint32_t>(next), static_cast<uint32_t>(next + count)});
      } else {
        out.back().end += static_cast<uint32_t>(count);
      }
      next += count;
      continue;
    }
    for (uint64_t i = 0; i < count; ++i) {
      next += gap;
      out.push_back({static_cast<uint32_t>(next - 1), static_cast<uint32_t>(next)});
    }
  }
}

}  // namespace sextant::tsdb
