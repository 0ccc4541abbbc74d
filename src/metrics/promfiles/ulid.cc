#include "metrics/promfiles/ulid.h"

#include <algorithm>
#include <random>

namespace sextant::promfiles {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
// 130 bits are written for 128: the first character has two bits less.
constexpr unsigned kUnusedBits = Ulid::kTextBytes * 5 - 128;

std::optional<uint8_t> DigitOf(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  size_t digit = kAlphabet.find(c);
  if (digit == std::string_view::npos) return std::nullopt;
  return static_cast<uint8_t>(digit);
}

}  // namespace

std::optional<Ulid> Ulid::Parse(std::string_view text) {
  if (text.size() != kTextBytes) return std::nullopt;
  Ulid ulid;
  for (size_t i = 0; i < kTextBytes; ++i) {
    std::optional<uint8_t> digit = DigitOf(text[i]);
    if (!digit || (i == 0 && *digit > 7)) return std::nullopt;
    for (unsigned bit = 0; bit < 5; ++bit) {
      size_t place = i * 5 + bit;
      if (place < kUnusedBits || (*digit & (0x10u >> bit)) == 0) continue;
      place -= kUnusedBits;
      ulid.bytes[place / 8] |= static_cast<uint8_t>(0x80u >> (place % 8));
    }
  }
  return ulid;
}

Ulid Ulid::Make(core::TimestampMs time_ms, uint64_t random_high, uint64_t random_low) {
  Ulid ulid;
  auto time = static_cast<uint64_t>(time_ms);
  for (size_t i = 0; i < 6; ++i) ulid.bytes[i] = static_cast<uint8_t>(time >> (40 - 8 * i));
  for (size_t i = 0; i < 2; ++i) ulid.bytes[6 + i] = static_cast<uint8_t>(random_high >> (8 - 8 * i));
  for (size_t i = 0; i < 8; ++i) ulid.bytes[8 + i] = static_cast<uint8_t>(random_low >> (56 - 8 * i));
  return ulid;
}

std::string Ulid::ToString() const {
  std::string text;
  for (size_t i = 0; i < kTextBytes; ++i) {
    unsigned digit = 0;
    for (unsigned bit = 0; bit < 5; ++bit) {
      size_t place = i * 5 + bit;
      bool is_set = place >= kUnusedBits &&
                    (bytes[(place - kUnusedBits) / 8] & (0x80u >> ((place - kUnusedBits) % 8))) != 0;
      digit = digit << 1 | static_cast<unsigned>(is_set);
    }
    text.push_back(kAlphabet[digit]);
  }
  return text;
}

core::TimestampMs Ulid::time_ms() const {
  core::TimestampMs time_ms = 0;
  for (size_t i = 0; i < 6; ++i) time_ms = time_ms << 8 | bytes[i];
  return time_ms;
}

UlidSource::UlidSource(const core::Clock& clock, std::function<uint64_t()> random)
    : clock_(clock), random_(std::move(random)) {}

uint64_t UlidSource::SystemRandom() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

Ulid UlidSource::Next() {
  std::lock_guard lock(mutex_);
  Ulid next = Ulid::Make(std::max(clock_.NowMs(), last_.time_ms()), random_(), random_());
  if (next <= last_) {
    // Within one millisecond the random part counts on.
    next = last_;
    for (size_t i = next.bytes.size(); i-- > 0 && ++next.bytes[i] == 0;) {
    }
  }
  last_ = next;
  return next;
}

}  // namespace sextant::promfiles
