#include "metrics/tsdb/dense_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/dense_integers.h"

namespace sextant::tsdb {
namespace {

// Forms. Decimals were mostly made by dividing by 10 to the form; others by multiplying with 0.1, 0.01 and so
// on, or by dividing by a thousand twice, which rounds otherwise.
constexpr uint8_t kMaxScale = 18;
constexpr uint8_t kMaxMultiplied = 27;  // 19 for 0.1 to 27 for 1e-9
constexpr uint8_t kTwiceThousandth = 28;
constexpr uint8_t kFormBits = 30;
constexpr uint8_t kFormDictionary = 31;
constexpr uint8_t kFormMask = 0x1f;
constexpr uint8_t kHasExceptions = 0x20;

constexpr size_t kMaxDictionary = 16;
constexpr size_t kMinDictionaryBytes = 16;

constexpr uint64_t kMagnitudeBits = ~uint64_t{0} >> 1;
constexpr uint64_t kStaleBits = 0x7ff0000000000002;
constexpr uint64_t kNanBits = 0x7ff8000000000001;
enum ExceptionKind : uint8_t { kStale = 0, kNan = 1, kOther = 2 };

constexpr double kPowers[kMaxScale + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                           1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
constexpr unsigned kSimpleScale = 9;
// More digits than this are no decimal that someone wrote.
constexpr double kMaxScaled = 1e15;
constexpr double kMaxWhole = 4611686018427387904.0;  // 2^62

constexpr double kFractions[kMaxMultiplied - kMaxScale + 1] = {1,    1e-1, 1e-2, 1e-3, 1e-4,
                                                               1e-5, 1e-6, 1e-7, 1e-8, 1e-9};

// The value of a number in a decimal form.
double FromDecimal(unsigned form, int64_t number) {
  double value = static_cast<double>(number);
  if (form == 0) return value;
  if (form <= kMaxScale) return value / kPowers[form];
  if (form <= kMaxMultiplied) return value * kFractions[form - kMaxScale];
  return value / 1e3 / 1e3;
}

// The number that stands for `value` in a decimal form; false when it would not come back exactly.
bool ToDecimal(double value, unsigned form, int64_t& number) {
  if (form == 0) {
    if (!(std::fabs(value) < kMaxWhole)) return false;
    number = static_cast<int64_t>(value);
  } else {
    unsigned scale = form <= kMaxScale ? form : form <= kMaxMultiplied ? form - kMaxScale : 6;
    double product = value * kPowers[scale];
    if (!(std::fabs(product) < kMaxScaled)) return false;
    number = std::llrint(product);
  }
  return std::bit_cast<uint64_t>(FromDecimal(form, number)) == std::bit_cast<uint64_t>(value);
}

// The least form from `first` to `last` that suits all values but few; kFormBits when there is none.
unsigned FindDecimal(std::span<const double> values, unsigned first, unsigned last) {
  unsigned form = first;
  size_t misfits = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t number;
    if (!std::isfinite(values[i]) || ToDecimal(values[i], form, number)) continue;
    unsigned wider = form + 1;
    while (wider <= last && !ToDecimal(values[i], wider, number)) ++wider;
    if (wider <= last) {
      form = wider;
    } else if (++misfits > 2 + i / 16) {
      return kFormBits;
    }
  }
  return form;
}

unsigned FindForm(std::span<const double> values) {
  unsigned divided = FindDecimal(values, 0, kMaxScale);
  // What seems to have that many digits may be simpler in another way.
  if (divided <= kSimpleScale) return divided;
  unsigned multiplied = FindDecimal(values, kMaxScale + 1, kMaxMultiplied);
  if (multiplied <= kMaxMultiplied) return multiplied;
  unsigned twice = FindDecimal(values, kTwiceThousandth, kTwiceThousandth);
  return twice == kTwiceThousandth ? twice : divided;
}

// Finite values as integers whose order is theirs, without the zero bits that all end with.
int64_t FromBits(uint64_t bits, unsigned shift) {
  int64_t magnitude = static_cast<int64_t>((bits & kMagnitudeBits) >> shift);
  return bits >> 63 != 0 ? ~magnitude : magnitude;
}
uint64_t ToBits(int64_t value, unsigned shift) {
  uint64_t magnitude = static_cast<uint64_t>(value < 0 ? ~value : value) << shift;
  return magnitude | (value < 0 ? uint64_t{1} << 63 : 0);
}

// A column parted into integers and exceptions, which are runs of the same bits.
struct Parted {
  explicit Parted(unsigned of_form, unsigned of_shift = 0)
      : form(static_cast<uint8_t>(of_form)), shift(of_shift) {}

  const uint8_t form;
  const unsigned shift;  // kFormBits
  std::vector<int64_t> numbers;
  std::string exceptions;
  uint64_t exception_runs = 0;
  size_t finite_exceptions = 0;

  void PutException(size_t at, double value) {
    finite_exceptions += std::isfinite(value);
    uint64_t bits = std::bit_cast<uint64_t>(value);
    if (length_ > 0 && at == end_ && bits == bits_) {
      ++length_;
      ++end_;
      return;
    }
    Close();
    ++exception_runs;
    PutVarint(exceptions, at - end_);
    bits_ = bits;
    end_ = at + 1;
    length_ = 1;
  }
  void Close() {
    if (length_ == 0) return;
    PutVarint(exceptions, length_ - 1);
    exceptions.push_back(static_cast<char>(bits_ == kStaleBits ? kStale : bits_ == kNanBits ? kNan : kOther));
    if (bits_ != kStaleBits && bits_ != kNanBits) PutFixed(exceptions, bits_);
    length_ = 0;
  }

  double ValueOf(int64_t number) const {
    if (form == kFormBits) return std::bit_cast<double>(ToBits(number, shift));
    return FromDecimal(form, number);
  }

  std::string Head(uint8_t as_form) const {
    std::string out(1, static_cast<char>(as_form | (exception_runs > 0 ? kHasExceptions : 0)));
    if (exception_runs == 0) return out;
    PutVarint(out, exception_runs);
    return out + exceptions;
  }

 private:
  size_t end_ = 0;
  size_t length_ = 0;
  uint64_t bits_ = 0;
};

Parted PartDecimals(std::span<const double> values, unsigned form) {
  Parted parted(form);
  parted.numbers.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t number;
    if (ToDecimal(values[i], form, number)) {
      parted.numbers.push_back(number);
    } else {
      parted.PutException(i, values[i]);
    }
  }
  parted.Close();
  return parted;
}

Parted PartBits(std::span<const double> values) {
  uint64_t all = 0;
  for (double value : values) {
    if (std::isfinite(value)) all |= std::bit_cast<uint64_t>(value);
  }
  Parted parted(kFormBits, static_cast<unsigned>(std::min(std::countr_zero(all), 62)));
  parted.numbers.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) {
      parted.numbers.push_back(FromBits(std::bit_cast<uint64_t>(values[i]), parted.shift));
    } else {
      parted.PutException(i, values[i]);
    }
  }
  parted.Close();
  return parted;
}

Parted Part(std::span<const double> values) {
  unsigned form = FindForm(values);
  if (form != kFormBits) {
    // A few values of many digits may have pushed others over the edge.
    Parted parted = PartDecimals(values, form);
    if (parted.finite_exceptions <= 2 + values.size() / 16) return parted;
  }
  return PartBits(values);
}

bool AllSame(std::span<const double> values) {
  return std::memcmp(values.data(), values.data() + 1, values.size_bytes() - sizeof(double)) == 0;
}

// The distinct numbers in their order; empty when there are many, or just one.
std::vector<int64_t> FewDistinct(const std::vector<int64_t>& numbers) {
  std::vector<int64_t> distinct;
  for (int64_t number : numbers) {
    if (std::find(distinct.begin(), distinct.end(), number) != distinct.end()) continue;
    if (distinct.size() == kMaxDictionary) return {};
    distinct.push_back(number);
  }
  std::sort(distinct.begin(), distinct.end());
  if (distinct.size() < 2) distinct.clear();
  return distinct;
}

std::string EncodeDictionary(const Parted& parted, const std::vector<int64_t>& distinct) {
  std::vector<double> entries;
  for (int64_t number : distinct) entries.push_back(parted.ValueOf(number));
  std::vector<int64_t> places(parted.numbers.size());
  for (size_t i = 0; i < places.size(); ++i) {
    places[i] = std::lower_bound(distinct.begin(), distinct.end(), parted.numbers[i]) - distinct.begin();
  }
  // All distinct, so that they make no dictionary of their own.
  std::string column;
  EncodeValues(entries, column);
  std::string out = parted.Head(kFormDictionary);
  PutVarint(out, entries.size());
  PutText(out, column);
  EncodeIntegers(places, ColumnGoal::kSmall, out);
  return out;
}

bool ReadExceptions(ByteReader& reader, std::vector<bool>& is_exception, std::span<double> out) {
  uint64_t runs = reader.Count(3);
  size_t at = 0;
  for (uint64_t i = 0; i < runs; ++i) {
    uint64_t skipped = reader.Varint();
    uint64_t length = reader.Varint();
    uint8_t kind = reader.Byte();
    if (!reader.ok() || kind > kOther || skipped > out.size() - at || length >= out.size() - at - skipped)
      return false;
    uint64_t bits = kind == kStale ? kStaleBits : kind == kNan ? kNanBits : reader.Fixed<uint64_t>();
    at += skipped;
    for (uint64_t j = 0; j <= length; ++j, ++at) {
      is_exception[at] = true;
      out[at] = std::bit_cast<double>(bits);
    }
  }
  return reader.ok();
}

bool DecodeDictionary(ByteReader& reader, std::span<double> values) {
  uint64_t count = reader.Varint();
  std::string_view column = reader.Text();
  if (!reader.ok() || count == 0 || count > kMaxDictionary || column.empty()) return false;
  double entries[kMaxDictionary];
  if ((column[0] & kFormMask) == kFormDictionary ||
      !DecodeValues(column, std::span(entries).first(static_cast<size_t>(count)))) {
    return false;
  }
  std::vector<int64_t> places(values.size());
  if (!DecodeIntegers(reader.Bytes(reader.remaining()), places)) return false;
  for (size_t i = 0; i < values.size(); ++i) {
    if (static_cast<uint64_t>(places[i]) >= count) return false;
    values[i] = entries[places[i]];
  }
  return true;
}

bool DecodeNumbers(uint8_t form, ByteReader& reader, std::span<double> values) {
  if (form == kFormDictionary) return DecodeDictionary(reader, values);
  if (form != kFormBits && form > kTwiceThousandth) return false;
  unsigned shift = form == kFormBits ? reader.Byte() : 0;
  if (!reader.ok() || shift > 63) return false;
  std::vector<int64_t> numbers(values.size());
  if (!DecodeIntegers(reader.Bytes(reader.remaining()), numbers)) return false;
  if (form == kFormBits) {
    for (size_t i = 0; i < numbers.size(); ++i) values[i] = std::bit_cast<double>(ToBits(numbers[i], shift));
  } else {
    for (size_t i = 0; i < numbers.size(); ++i) values[i] = FromDecimal(form, numbers[i]);
  }
  return true;
}

}  // namespace

void EncodeValues(std::span<const double> values, std::string& out) {
  // Most are constant: then one says it all, unless it is an exception, which are counted.
  if (values.size() > 1 && AllSame(values)) {
    std::string column;
    EncodeValues(values.first(1), column);
    if ((static_cast<uint8_t>(column[0]) & kHasExceptions) == 0) {
      out += column;
      return;
    }
  }
  Parted parted = Part(values);
  std::string column = parted.Head(parted.form);
  if (parted.form == kFormBits) column.push_back(static_cast<char>(parted.shift));
  EncodeIntegers(parted.numbers, ColumnGoal::kSmall, column);
  std::vector<int64_t> distinct = FewDistinct(parted.numbers);
  // A dictionary takes some bytes of its own.
  if (!distinct.empty() && parted.numbers.size() > distinct.size() && column.size() > kMinDictionaryBytes) {
    std::string other = EncodeDictionary(parted, distinct);
    if (other.size() < column.size()) column.swap(other);
  }
  out += column;
}

bool DecodeValues(std::string_view bytes, std::span<double> out) {
  return !bytes.empty() && DecodeValues(static_cast<uint8_t>(bytes[0]), bytes.substr(1), out);
}

bool DecodeValues(uint8_t head, std::string_view rest, std::span<double> out) {
  if ((head & ~kValueFormBits) != 0) return false;
  ByteReader reader(rest);
  uint8_t form = head & kFormMask;
  if ((head & kHasExceptions) == 0) return DecodeNumbers(form, reader, out);
  std::vector<bool> is_exception(out.size());
  if (!ReadExceptions(reader, is_exception, out)) return false;
  size_t exceptions = static_cast<size_t>(std::count(is_exception.begin(), is_exception.end(), true));
  std::vector<double> numbers(out.size() - exceptions);
  if (!DecodeNumbers(form, reader, numbers)) return false;
  size_t next = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    if (!is_exception[i]) out[i] = numbers[next++];
  }
  return true;
}

bool EncodeDifferences(std::string_view base, std::string_view column, size_t count, std::string& out) {
  if (base.empty() || column.empty() || base[0] != column[0] ||
      static_cast<uint8_t>(column[0]) > kTwiceThousandth) {
    return false;
  }
  std::vector<int64_t> from(count);
  std::vector<int64_t> numbers(count);
  if (!DecodeIntegers(base.substr(1), from) || !DecodeIntegers(column.substr(1), numbers)) return false;
  for (size_t i = 0; i < count; ++i) numbers[i] = WrappingSub(numbers[i], from[i]);
  std::string differences(1, column[0]);
  EncodeIntegers(numbers, ColumnGoal::kSmall, differences);
  if (differences.size() > column.size() - column.size() / 8) return false;
  out += differences;
  return true;
}

bool DecodeDifferences(std::string_view base, std::string_view differences, std::span<double> out) {
  if (base.empty() || differences.empty() || base[0] != differences[0]) return false;
  uint8_t form = static_cast<uint8_t>(base[0]);
  std::vector<int64_t> from(out.size());
  std::vector<int64_t> numbers(out.size());
  if (form > kTwiceThousandth || !DecodeIntegers(base.substr(1), from) ||
      !DecodeIntegers(differences.substr(1), numbers)) {
    return false;
  }
  for (size_t i = 0; i < out.size(); ++i) out[i] = FromDecimal(form, WrappingAdd(from[i], numbers[i]));
  return true;
}

}  // namespace sextant::tsdb
