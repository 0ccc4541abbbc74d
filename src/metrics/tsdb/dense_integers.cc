#include "metrics/tsdb/dense_integers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "metrics/tsdb/dense_entropy.h"

namespace sextant::tsdb {
namespace {

// The first byte: the order of the differences in the lowest two bits, then the mode, then flags.
enum class Mode : uint8_t { kZeros = 0, kPacked = 1, kEntropy = 2 };
constexpr uint8_t kHasPlainBits = 0x10;
constexpr uint8_t kHasFactor = 0x20;
constexpr uint8_t kRepeats = 0x40;
constexpr size_t kPackedBlock = 64;
// Of the bits below the leading one, how many the models look at, in residuals of up to this size. Larger
// ones would be 2 % smaller with models, and slower by a third.
constexpr unsigned kModelledBits = 2;
constexpr unsigned kModelledSize = 4;
// Columns of fewer bytes are not searched for repetitions.
constexpr size_t kMinRepeatedBytes = 64;
// So many residuals other than 0 in a row, with the same gaps, are no chance.
constexpr size_t kRepeatWindow = 8;

uint64_t Magnitude(int64_t value) {
  return value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
}

// A column in one of its orders: `residuals` are all that is not told by `first` and `base`.
struct Plan {
  unsigned order = 0;
  int64_t first = 0;    // orders 1 and 2
  int64_t base = 0;     // what residuals of orders 0 and 1 are counted from; order 2: the first difference
  uint64_t factor = 1;  // of all residuals
  std::vector<int64_t> residuals;
};

int64_t WrappingMultiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

int64_t Median(std::vector<int64_t>& scratch) {
  auto middle = scratch.begin() + static_cast<ptrdiff_t>(scratch.size() / 2);
  std::nth_element(scratch.begin(), middle, scratch.end());
  return *middle;
}

Plan MakePlan(unsigned order, std::span<const int64_t> values, std::vector<int64_t>& scratch) {
  Plan plan{.order = order, .residuals = std::vector<int64_t>(values.begin(), values.end())};
  if (order > 0) plan.first = values[0];
  for (unsigned pass = 0; pass < order; ++pass) {
    for (size_t i = plan.residuals.size() - 1; i > 0; --i)
      plan.residuals[i] = WrappingSub(plan.residuals[i], plan.residuals[i - 1]);
    if (pass == 1) plan.base = plan.residuals[0];
    plan.residuals.erase(plan.residuals.begin());
  }
  if (order == 2) return plan;
  scratch = plan.residuals;
  plan.base = Median(scratch);
  for (int64_t& residual : plan.residuals) residual = WrappingSub(residual, plan.base);
  return plan;
}

int64_t Signed(uint64_t magnitude, bool is_negative) {
  return static_cast<int64_t>(is_negative ? ~magnitude + 1 : magnitude);
}

// Takes out what all residuals are multiples of: pages of memory, words of a heap, a scale finer than needed.
void TakeFactor(Plan& plan) {
  uint64_t factor = 0;
  for (int64_t residual : plan.residuals) {
    factor = std::gcd(factor, Magnitude(residual));
    if (factor == 1) return;
  }
  plan.factor = factor;
  for (int64_t& residual : plan.residuals) residual = Signed(Magnitude(residual) / factor, residual < 0);
}

// About how many bits the residuals take: the entropy of their sizes, and the bits below the leading ones.
double EstimateBits(const Plan& plan) {
  std::array<uint32_t, 65> counts{};
  double bits = 0;
  for (int64_t residual : plan.residuals) ++counts[static_cast<size_t>(std::bit_width(Magnitude(residual)))];
  double total = static_cast<double>(plan.residuals.size());
  for (size_t size = 0; size < counts.size(); ++size) {
    if (counts[size] == 0) continue;
    double count = counts[size];
    bits += count * (std::log2(total / count) + static_cast<double>(size));
  }
  return bits;
}

// What the entropy coder knows while it goes along a column, the same for writing and reading.
struct Models {
  std::array<BitModel, 8> repeated;                            // by whether the last three were
  std::array<BitModel, 8> zero;                                // the same
  std::array<BitModel, 2> sign;                                // by the last one's
  std::array<std::array<BitModel, 64>, 3> size;                // binary trees, by the size before
  std::array<std::array<BitModel, 4>, kModelledSize + 1> top;  // by size and the bits above

  unsigned repeats = 0;
  unsigned zeros = 0;
  bool is_negative = false;
  unsigned middle_size = 0;
  unsigned former = 0;  // 0 after zero, 1 after a small one, 2 after a large one

  BitModel& Repeated() { return repeated[repeats]; }
  void NoteRepeated(bool is_repeated) { repeats = (repeats << 1 | (is_repeated ? 1 : 0)) & 7; }
  BitModel& Zero() { return zero[zeros]; }
  void NoteZero(bool is_zero) { zeros = (zeros << 1 | (is_zero ? 1 : 0)) & 7; }
  void NoteSize(unsigned bits) { former = bits == 0 ? 0 : bits < middle_size ? 1 : 2; }
};

struct SizeRange {
  unsigned least = 1;  // of sizes in bits, 1-64
  unsigned tree_bits = 0;
};

SizeRange SizesOf(const std::vector<int64_t>& residuals) {
  unsigned least = 64;
  unsigned most = 1;
  for (int64_t residual : residuals) {
    if (residual == 0) continue;
    unsigned size = static_cast<unsigned>(std::bit_width(Magnitude(residual)));
    least = std::min(least, size);
    most = std::max(most, size);
  }
  return {least, static_cast<unsigned>(std::bit_width(most - least))};
}

void PutResidual(RangeEncoder& encoder, BitPacker& plain, Models& models, SizeRange sizes, int64_t residual) {
  bool is_zero = residual == 0;
  encoder.Put(models.Zero(), is_zero);
  models.NoteZero(is_zero);
  if (is_zero) return models.NoteSize(0);
  encoder.Put(models.sign[models.is_negative], residual < 0);
  models.is_negative = residual < 0;
  uint64_t magnitude = Magnitude(residual);
  unsigned size = static_cast<unsigned>(std::bit_width(magnitude));
  auto& tree = models.size[models.former];
  unsigned node = 1;
  for (unsigned i = sizes.tree_bits; i-- > 0;) {
    bool bit = (size - sizes.least) >> i & 1;
    encoder.Put(tree[node], bit);
    node = node << 1 | (bit ? 1 : 0);
  }
  models.NoteSize(size);
  unsigned below = size - 1;
  node = 1;
  for (unsigned i = 0; size <= kModelledSize && i < kModelledBits && below > 0; ++i) {
    bool bit = magnitude >> --below & 1;
    encoder.Put(models.top[size][node], bit);
    node = node << 1 | (bit ? 1 : 0);
  }
  plain.Put(magnitude & ((uint64_t{1} << below) - 1), below);
}

// False when the size is none.
bool GetResidual(RangeDecoder& decoder, BitUnpacker& plain, Models& models, SizeRange sizes,
                 int64_t& residual) {
  bool is_zero = decoder.Get(models.Zero());
  models.NoteZero(is_zero);
  if (is_zero) {
    models.NoteSize(0);
    residual = 0;
    return true;
  }
  models.is_negative = decoder.GetEven(models.sign[models.is_negative]) != 0;
  auto& tree = models.size[models.former];
  unsigned node = 1;
  for (unsigned i = 0; i < sizes.tree_bits; ++i) node = node << 1 | decoder.GetEven(tree[node]);
  unsigned size = sizes.least + node - (1u << sizes.tree_bits);
  if (size > 64) return false;
  models.NoteSize(size);
  uint64_t magnitude = 1;
  unsigned below = size - 1;
  node = 1;
  for (unsigned i = 0; size <= kModelledSize && i < kModelledBits && below > 0; ++i, --below) {
    uint32_t bit = decoder.GetEven(models.top[size][node]);
    node = node << 1 | bit;
    magnitude = magnitude << 1 | bit;
  }
  magnitude = magnitude << below | plain.Get(below);
  residual = Signed(magnitude, models.is_negative);
  return true;
}

void PutHeader(const Plan& plan, Mode mode, uint8_t flags, std::string& out) {
  if (plan.factor > 1) flags |= kHasFactor;
  out.push_back(static_cast<char>(plan.order | static_cast<unsigned>(mode) << 2 | flags));
  if (plan.order > 0) PutSignedVarint(out, plan.first);
  PutSignedVarint(out, plan.base);
  if (plan.factor > 1) PutVarint(out, plan.factor);
}

// The bits that a block of residuals needs for each.
unsigned WidthOf(std::span<const int64_t> block) {
  uint64_t all = 0;
  for (int64_t residual : block) all |= ZigZag(residual);
  return static_cast<unsigned>(std::bit_width(all));
}

// Of what Packed would return, without making it.
size_t PackedSize(const Plan& plan) {
  std::string header;
  PutHeader(plan, Mode::kPacked, 0, header);
  size_t size = header.size();
  std::span<const int64_t> rest(plan.residuals);
  while (!rest.empty()) {
    std::span<const int64_t> block = rest.first(std::min(rest.size(), kPackedBlock));
    rest = rest.subspan(block.size());
    size += 1 + (block.size() * WidthOf(block) + 7) / 8;
  }
  return size;
}

std::string Packed(const Plan& plan) {
  std::string out;
  PutHeader(plan, Mode::kPacked, 0, out);
  std::span<const int64_t> rest(plan.residuals);
  while (!rest.empty()) {
    std::span<const int64_t> block = rest.first(std::min(rest.size(), kPackedBlock));
    rest = rest.subspan(block.size());
    unsigned width = WidthOf(block);
    out.push_back(static_cast<char>(width));
    BitPacker packer(out);
    for (int64_t residual : block) packer.Put(ZigZag(residual), width);
    packer.Finish();
  }
  return out;
}

// The distance at which most residuals repeat earlier ones: what comes every hour, and replayed loads. 0 when
// few do.
size_t FindRepeat(std::span<const int64_t> residuals) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  constexpr uint64_t kOldest = [] {
    uint64_t power = 1;
    for (size_t i = 0; i < kRepeatWindow; ++i) power *= kFactor;
    return power;
  }();
  std::vector<uint64_t> marks;  // of residuals other than 0, with the gaps before them
  std::vector<uint32_t> places;
  for (size_t i = 0; i < residuals.size(); ++i) {
    if (residuals[i] == 0) continue;
    uint64_t gap = i - (places.empty() ? 0 : places.back());
    uint64_t mark = (static_cast<uint64_t>(residuals[i]) ^ gap << 48) * kFactor;
    marks.push_back(mark ^ mark >> 32);
    places.push_back(static_cast<uint32_t>(i));
  }
  if (marks.size() < 2 * kRepeatWindow) return 0;
  struct Seen {
    uint64_t window = 0;
    uint32_t place = 0;
  };
  const int table_bits = std::bit_width(marks.size()) + 1;
  std::vector<Seen> table(size_t{1} << table_bits);
  std::vector<uint32_t> votes(residuals.size());
  uint64_t window = 0;
  for (size_t i = 0; i < marks.size(); ++i) {
    window = window * kFactor + marks[i];
    if (i >= kRepeatWindow) window -= kOldest * marks[i - kRepeatWindow];
    if (i + 1 < kRepeatWindow) continue;
    Seen& seen = table[window * kFactor >> (64 - table_bits)];
    if (seen.window == window) ++votes[places[i] - seen.place];
    seen = {window, places[i]};
  }
  auto most = std::max_element(votes.begin(), votes.end());
  return *most >= marks.size() / 8 ? static_cast<size_t>(most - votes.begin()) : 0;
}

// With a distance other than 0, residuals are compared with those so many places before.
std::string EntropyCoded(const Plan& plan, size_t distance) {
  SizeRange sizes = SizesOf(plan.residuals);
  Models models;
  models.middle_size = sizes.least + (1u << sizes.tree_bits) / 2;
  std::string plain_bits;
  std::string coded;
  RangeEncoder encoder(coded);
  BitPacker plain(plain_bits);
  for (size_t i = 0; i < plan.residuals.size(); ++i) {
    int64_t residual = plan.residuals[i];
    if (distance > 0 && i >= distance) {
      bool is_repeated = residual == plan.residuals[i - distance];
      encoder.Put(models.Repeated(), is_repeated);
      models.NoteRepeated(is_repeated);
      if (is_repeated) continue;
    }
    PutResidual(encoder, plain, models, sizes, residual);
  }
  encoder.Finish();
  plain.Finish();
  std::string out;
  unsigned flags = (plain_bits.empty() ? 0u : kHasPlainBits) | (distance == 0 ? 0u : kRepeats);
  PutHeader(plan, Mode::kEntropy, static_cast<uint8_t>(flags), out);
  PutFixed(out, static_cast<uint16_t>((sizes.least - 1) | sizes.tree_bits << 6));
  if (distance > 0) PutVarint(out, distance);
  if (!plain_bits.empty()) PutVarint(out, plain_bits.size());
  return out + plain_bits + coded;
}

bool AllZero(const Plan& plan) {
  return std::all_of(plan.residuals.begin(), plan.residuals.end(), [](int64_t r) { return r == 0; });
}

bool UnpackResiduals(std::string_view bytes, std::span<int64_t> out) {
  while (!out.empty()) {
    size_t count = std::min(out.size(), kPackedBlock);
    if (bytes.empty()) return false;
    unsigned width = static_cast<uint8_t>(bytes[0]);
    size_t size = (count * width + 7) / 8;
    bytes.remove_prefix(1);
    if (width > 64 || bytes.size() < size) return false;
    BitUnpacker unpacker(bytes);
    for (size_t i = 0; i < count; ++i) out[i] = UnZigZag(unpacker.Get(width));
    bytes.remove_prefix(size);
    out = out.subspan(count);
  }
  return bytes.empty();
}

bool DecodeEntropy(ByteReader& reader, uint8_t flags, std::span<int64_t> out) {
  uint16_t header = reader.Fixed<uint16_t>();
  SizeRange sizes{(header & 63u) + 1, header >> 6 & 7u};
  if (header >> 9 != 0 || sizes.tree_bits > 6) return false;
  uint64_t distance = (flags & kRepeats) != 0 ? reader.Varint() : out.size();
  std::string_view plain_bits;
  if ((flags & kHasPlainBits) != 0) plain_bits = reader.Text();
  if (!reader.ok() || (distance == 0 && !out.empty())) return false;
  BitUnpacker plain(plain_bits);
  RangeDecoder decoder(reader.Bytes(reader.remaining()));
  Models models;
  models.middle_size = sizes.least + (1u << sizes.tree_bits) / 2;
  for (size_t i = 0; i < out.size(); ++i) {
    if (i >= distance) {
      bool is_repeated = decoder.Get(models.Repeated());
      models.NoteRepeated(is_repeated);
      if (is_repeated) {
        out[i] = out[i - distance];
        continue;
      }
    }
    if (!GetResidual(decoder, plain, models, sizes, out[i])) return false;
  }
  return true;
}

// Turns residuals, which stand from place `order` on, into the column.
void Integrate(unsigned order, int64_t first, int64_t base, std::span<int64_t> out) {
  if (order == 0) {
    for (int64_t& value : out) value = WrappingAdd(value, base);
    return;
  }
  int64_t value = first;
  out[0] = value;
  if (order == 1) {
    for (int64_t& next : out.subspan(1)) next = value = WrappingAdd(value, WrappingAdd(next, base));
    return;
  }
  int64_t delta = base;
  out[1] = value = WrappingAdd(value, delta);
  for (int64_t& next : out.subspan(2)) {
    delta = WrappingAdd(delta, next);
    next = value = WrappingAdd(value, delta);
  }
}

}  // namespace

void EncodeIntegers(std::span<const int64_t> values, ColumnGoal goal, std::string& out) {
  if (values.empty()) return;
  std::vector<int64_t> scratch;
  Plan best = MakePlan(0, values, scratch);
  if (AllZero(best)) return PutHeader(best, Mode::kZeros, 0, out);
  double best_bits = EstimateBits(best);
  for (unsigned order = 1; order <= 2 && order < values.size(); ++order) {
    Plan plan = MakePlan(order, values, scratch);
    if (AllZero(plan)) return PutHeader(plan, Mode::kZeros, 0, out);
    double bits = EstimateBits(plan);
    if (bits >= best_bits) continue;
    best = std::move(plan);
    best_bits = bits;
  }
  TakeFactor(best);
  size_t packed_size = PackedSize(best);
  std::string coded = EntropyCoded(best, 0);
  if (goal == ColumnGoal::kSmall && std::min(coded.size(), packed_size) >= kMinRepeatedBytes) {
    size_t distance = FindRepeat(best.residuals);
    std::string repeated = distance == 0 ? std::string() : EntropyCoded(best, distance);
    if (distance > 0 && repeated.size() < coded.size()) coded.swap(repeated);
  }
  size_t worth = goal == ColumnGoal::kFast ? packed_size / 2 : packed_size - packed_size / 8;
  out += coded.size() < worth ? coded : Packed(best);
}

bool DecodeIntegers(std::string_view bytes, std::span<int64_t> out) {
  if (out.empty()) return bytes.empty();
  ByteReader reader(bytes);
  uint8_t head = reader.Byte();
  unsigned order = head & 3;
  Mode mode = static_cast<Mode>(head >> 2 & 3);
  if (order == 3 || order > out.size() || head >> 7 != 0) return false;
  int64_t first = order > 0 ? reader.SignedVarint() : 0;
  int64_t base = reader.SignedVarint();
  int64_t factor = (head & kHasFactor) != 0 ? static_cast<int64_t>(reader.Varint()) : 1;
  if (!reader.ok()) return false;
  std::span<int64_t> residuals = out.subspan(order);
  if (mode == Mode::kEntropy) {
    if (!DecodeEntropy(reader, head, residuals)) return false;
  } else if ((head & (kHasPlainBits | kRepeats)) != 0) {
    return false;
  } else if (mode == Mode::kPacked) {
    if (!UnpackResiduals(reader.Bytes(reader.remaining()), residuals)) return false;
  } else {
    if (mode != Mode::kZeros || !reader.at_end()) return false;
    std::fill(residuals.begin(), residuals.end(), 0);
  }
  if (factor != 1) {
    for (int64_t& residual : residuals) residual = WrappingMultiply(residual, factor);
  }
  Integrate(order, first, base, out);
  return true;
}

}  // namespace sextant::tsdb
