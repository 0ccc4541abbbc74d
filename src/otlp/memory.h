// Where the texts and lists of OTLP's data live: blocks that only grow and are freed together, so that a
// span with twenty attributes costs no allocation of its own.
//
// What was put in never changes and never moves. Data that is copied (for a second pipeline, say) shares what
// is there and puts what it adds into memory of its own; so copies may be used by different threads, while
// one copy is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sextant::otlp {

// Items in a Memory, or nothing. Cheap to copy; valid as long as the data it belongs to.
template <typename T>
class List {
 public:
  List() = default;
  List(const T* items, size_t size) : items_(items), size_(size) {}

  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](size_t index) const { return items_[index]; }

 private:
  const T* items_ = nullptr;
  size_t size_ = 0;
};

class Memory {
 public:
  Memory() = default;
  Memory(const Memory& other) { *this = other; }
  Memory& operator=(const Memory& other);
  Memory(Memory&&) noexcept = default;
  Memory& operator=(Memory&&) noexcept = default;

  // Copies that live as long as this memory and all that shares it.
  std::string_view Copy(std::string_view text);
  template <typename T>
  List<T> CopyList(std::span<const T> items) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    if (items.empty()) return {};
    void* place = Allocate(items.size_bytes());
    std::memcpy(place, items.data(), items.size_bytes());
    return List<T>(static_cast<const T*>(place), items.size());
  }

  // Keeps what views refer to, such as the message they were decoded from, of which it is told the size.
  void Keep(std::shared_ptr<const void> owner, size_t bytes);
  // Keeps all that `other` has, for data that is moved here.
  void Join(Memory&& other);

  // What is held, shared parts included; parts that came twice may count twice.
  size_t bytes() const;

 private:
  // Blocks of growing size.
  class Arena {
   public:
    void* Allocate(size_t bytes);
    size_t bytes() const { return bytes_; }

   private:
    std::vector<std::unique_ptr<std::byte[]>> blocks_;
    std::byte* next_ = nullptr;
    size_t left_ = 0;
    size_t block_bytes_ = 512;
    size_t bytes_ = 0;
  };
  struct Part {
    std::shared_ptr<const void> owner;
    size_t bytes = 0;
  };

  void* Allocate(size_t bytes);

  std::vector<Part> shared_;    // never written through here
  std::shared_ptr<Arena> own_;  // written by this memory alone; made when first needed
};

}  // namespace sextant::otlp
