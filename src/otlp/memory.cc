#include "otlp/memory.h"

#include <algorithm>

namespace sextant::otlp {

namespace {

constexpr size_t kAlignment = alignof(std::max_align_t);
constexpr size_t kMaxBlockBytes = 256 << 10;

}  // namespace

void* Memory::Arena::Allocate(size_t bytes) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (bytes > left_) {
    block_bytes_ = std::min(block_bytes_ * 2, kMaxBlockBytes);
    size_t size = std::max(block_bytes_, bytes);
    blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
    bytes_ += size;
    // A block for one large thing leaves the room in the last one.
    if (size - bytes < left_) return blocks_.back().get();
    next_ = blocks_.back().get();
    left_ = size;
  }
  std::byte* place = next_;
  next_ += bytes;
  left_ -= bytes;
  return place;
}

Memory& Memory::operator=(const Memory& other) {
  if (this == &other) return *this;
  shared_ = other.shared_;
  own_ = nullptr;
  if (other.own_ != nullptr) shared_.push_back({other.own_, other.own_->bytes()});
  return *this;
}

void* Memory::Allocate(size_t bytes) {
  if (own_ == nullptr) own_ = std::make_shared<Arena>();
  return own_->Allocate(bytes);
}

std::string_view Memory::Copy(std::string_view text) {
  if (text.empty()) return {};
  void* place = Allocate(text.size());
  std::memcpy(place, text.data(), text.size());
  return {static_cast<const char*>(place), text.size()};
}

void Memory::Keep(std::shared_ptr<const void> owner, size_t bytes) {
  shared_.push_back({std::move(owner), bytes});
}

void Memory::Join(Memory&& other) {
  for (Part& part : other.shared_) {
    // Pieces of one message come one after the other and share what they refer to.
    bool is_known =
        std::ranges::any_of(shared_.rbegin(), shared_.rbegin() + std::min<ptrdiff_t>(4, std::ssize(shared_)),
                            [&](const Part& known) { return known.owner == part.owner; });
    if (!is_known) shared_.push_back(std::move(part));
  }
  if (other.own_ != nullptr) {
    size_t bytes = other.own_->bytes();
    shared_.push_back({std::move(other.own_), bytes});
  }
  other = Memory();
}

size_t Memory::bytes() const {
  size_t sum = own_ == nullptr ? 0 : own_->bytes();
  for (const Part& part : shared_) sum += part.bytes;
  return sum;
}

}  // namespace sextant::otlp
