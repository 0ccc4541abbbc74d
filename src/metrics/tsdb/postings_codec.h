// Postings as an image holds them, to be used where they lie. docs/formats/checkpoint.md describes the bytes:
//
//   u32 size of what follows, u32 number of slots, u32 the last slot, then until the end the gaps from slot
//   to slot: a varint of twice the gap, plus 1 when a varint follows that says how many more gaps are the
//   same, less 1
//
// The gap of the first slot is the slot plus 1. So a run of slots takes a few bytes, and so do the series of
// one metric in many targets of one kind.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::tsdb {

// Slots that follow each other: from `begin` to before `end`.
struct SlotRun {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool operator==(const SlotRun&) const = default;
};

// `slots` ascend, each once.
void PutStoredPostings(std::span<const uint32_t> slots, std::string& out);
// Takes one from the front of `bytes`; false when they are too short for what they say, or when it states
// slots from `end_slot` on. `stored` is what CountOfStored and ReadStoredPostings expect.
bool TakeStoredPostings(std::string_view& bytes, uint32_t end_slot, const char*& stored);
// How many slots it states.
uint32_t CountOfStored(const char* stored);
// The slots as runs, replacing what is in `out`; stops where they are not what PutStoredPostings writes. Not
// more of them, and none behind, than was stated.
void ReadStoredPostings(const char* stored, std::vector<SlotRun>& out);

}  // namespace sextant::tsdb
