#include "metrics/promfiles/wal_record.h"

#include <algorithm>
#include <array>

#include "metrics/promfiles/bits.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using model::LabelView;

// How records of the second version say a start time.
constexpr uint8_t kNoStart = 0;
constexpr uint8_t kSameStart = 1;
constexpr uint8_t kOtherStart = 2;

constexpr std::string_view kUnitField = "UNIT";
constexpr std::string_view kHelpField = "HELP";
// By number.
constexpr std::array<std::string_view, 8> kMetricTypes = {"unknown",        "counter", "gauge", "histogram",
                                                          "gaugehistogram", "summary", "info",  "stateset"};

// Checks the type, lets `read` read entries until the end, and undoes what it appended if that failed.
template <typename Entry, typename Read>
core::Status DecodeEntries(std::string_view record, std::string_view what, std::vector<Entry>& out,
                           Read read) {
  size_t before = out.size();
  BigEndianReader reader(record.substr(1));
  while (reader.ok() && !reader.at_end()) read(reader);
  if (reader.ok()) return {};
  size_t decoded = out.size() - before;
  out.resize(before);
  return Fail(Code::kCorruption, "{} record: broken after {} entries", what, decoded);
}

core::Status CheckType(std::string_view record, std::initializer_list<RecordType> types) {
  if (record.empty()) return Fail(Code::kCorruption, "an empty record");
  auto type = static_cast<RecordType>(record[0]);
  if (std::ranges::find(types, type) != types.end()) return {};
  return Fail(Code::kCorruption, "a record of type {} where another belongs", static_cast<unsigned>(type));
}

// References and times of the first version: differences to a base that stands at the record's start.
struct FirstVersion {
  bool begun = false;
  WalRef ref = 0;
  TimestampMs time_ms = 0;

  template <typename Entry>
  void Read(BigEndianReader& reader, Entry& entry) {
    if (!begun) {
      ref = reader.Fixed<uint64_t>();
      time_ms = reader.Fixed<int64_t>();
      begun = true;
    }
    entry.ref = ref + static_cast<uint64_t>(reader.Varint());
    SetTime(entry, WrapAdd(time_ms, reader.Varint()));
  }
  template <typename Entry>
  void Write(std::string& out, const Entry& entry) {
    if (!begun) {
      ref = entry.ref;
      time_ms = TimeOf(entry);
      PutBigEndian(out, ref);
      PutBigEndian(out, time_ms);
      begun = true;
    }
    PutVarint(out, static_cast<int64_t>(entry.ref - ref));
    PutVarint(out, WrapSub(TimeOf(entry), time_ms));
  }

 private:
  template <typename Entry>
  static void SetTime(Entry& entry, TimestampMs value) {
    if constexpr (std::is_same_v<Entry, WalExemplar>) {
      entry.exemplar.time_ms = value;
    } else {
      entry.time_ms = value;
    }
  }
  template <typename Entry>
  static TimestampMs TimeOf(const Entry& entry) {
    if constexpr (std::is_same_v<Entry, WalExemplar>) {
      return entry.exemplar.time_ms;
    } else {
      return entry.time_ms;
    }
  }
};

// The second version's: the reference is a difference to the entry before, time and start time to the first.
struct SecondVersion {
  bool begun = false;
  WalRef ref = 0;  // of the entry before
  TimestampMs first_ms = 0;
  TimestampMs first_start_ms = 0;
  TimestampMs start_ms = 0;  // of the entry before

  template <typename Entry>
  void Read(BigEndianReader& reader, Entry& entry) {
    entry.ref = ref + static_cast<uint64_t>(reader.Varint());
    entry.time_ms = WrapAdd(first_ms, reader.Varint());
    if (begun) {
      entry.start_ms = ReadStart(reader);
    } else {
      first_ms = entry.time_ms;
      first_start_ms = entry.start_ms = reader.Varint();
      begun = true;
    }
    ref = entry.ref;
    start_ms = entry.start_ms;
  }
  template <typename Entry>
  void Write(std::string& out, const Entry& entry) {
    PutVarint(out, static_cast<int64_t>(entry.ref - ref));
    PutVarint(out, WrapSub(entry.time_ms, first_ms));
    if (begun) {
      WriteStart(out, entry.start_ms);
    } else {
      first_ms = entry.time_ms;
      first_start_ms = entry.start_ms;
      PutVarint(out, first_start_ms);
      begun = true;
    }
    ref = entry.ref;
    start_ms = entry.start_ms;
  }

 private:
  TimestampMs ReadStart(BigEndianReader& reader) const {
    switch (reader.Byte()) {
      case kNoStart:
        return 0;
      case kSameStart:
        return start_ms;
      default:
        return WrapAdd(first_start_ms, reader.Varint());
    }
  }
  void WriteStart(std::string& out, TimestampMs value) const {
    if (value == 0) {
      out.push_back(kNoStart);
    } else if (value == start_ms) {
      out.push_back(kSameStart);
    } else {
      out.push_back(kOtherStart);
      PutVarint(out, WrapSub(value, first_start_ms));
    }
  }
};

bool IsSecondVersion(RecordType type) {
  return type == RecordType::kHistogramsV2 || type == RecordType::kFloatHistogramsV2;
}
bool IsInteger(RecordType type) {
  return type == RecordType::kHistograms || type == RecordType::kCustomHistograms ||
         type == RecordType::kHistogramsV2;
}

void PutLabels(std::string& out, const model::Labels& labels) {
  PutUvarint(out, labels.size());
  for (LabelView label : labels) {
    PutPrefixed(out, label.name);
    PutPrefixed(out, label.value);
  }
}

}  // namespace

model::Labels ReadLabels(BigEndianReader& reader) {
  uint64_t count = reader.Count(2);
  std::vector<LabelView> views;
  views.reserve(count);
  bool sorted = true;
  for (uint64_t i = 0; i < count; ++i) {
    std::string_view name = reader.Prefixed();
    std::string_view value = reader.Prefixed();
    sorted &= !value.empty() && (i == 0 || views.back().name < name);
    views.push_back({.name = name, .value = value});
  }
  if (!reader.ok()) return {};
  if (sorted) return model::Labels::FromSorted(views);
  std::ranges::stable_sort(views, {}, &LabelView::name);
  std::vector<LabelView> clean;
  for (const LabelView& view : views) {
    if (!clean.empty() && clean.back().name == view.name) clean.pop_back();
    clean.push_back(view);
  }
  std::erase_if(clean, [](const LabelView& view) { return view.value.empty(); });
  return model::Labels::FromSorted(clean);
}

void ReadExemplars(BigEndianReader& reader, std::vector<WalExemplar>& out) {
  FirstVersion fields;
  while (reader.ok() && !reader.at_end()) {
    WalExemplar& entry = out.emplace_back();
    fields.Read(reader, entry);
    entry.exemplar.value = reader.Double();
    entry.exemplar.labels = ReadLabels(reader);
  }
}

core::Status DecodeSeriesRecord(std::string_view record, std::vector<WalSeries>& out) {
  SEXTANT_TRY(CheckType(record, {RecordType::kSeries}));
  return DecodeEntries(record, "series", out, [&](BigEndianReader& reader) {
    auto ref = reader.Fixed<uint64_t>();
    out.push_back({.ref = ref, .labels = ReadLabels(reader)});
  });
}

core::Status DecodeSamplesRecord(std::string_view record, std::vector<WalSample>& out) {
  SEXTANT_TRY(CheckType(record, {RecordType::kSamples, RecordType::kSamplesV2}));
  auto decode = [&](auto fields) {
    return DecodeEntries(record, "samples", out, [&](BigEndianReader& reader) {
      WalSample entry;
      fields.Read(reader, entry);
      entry.value = reader.Double();
      out.push_back(entry);
    });
  };
  if (static_cast<RecordType>(record[0]) == RecordType::kSamples) return decode(FirstVersion());
  return decode(SecondVersion());
}

core::Status DecodeTombstonesRecord(std::string_view record, std::vector<WalTombstone>& out) {
  SEXTANT_TRY(CheckType(record, {RecordType::kTombstones}));
  return DecodeEntries(record, "tombstones", out, [&](BigEndianReader& reader) {
    WalTombstone& entry = out.emplace_back();
    entry.ref = reader.Fixed<uint64_t>();
    entry.min_ms = reader.Varint();
    entry.max_ms = reader.Varint();
  });
}

core::Status DecodeExemplarsRecord(std::string_view record, std::vector<WalExemplar>& out) {
  SEXTANT_TRY(CheckType(record, {RecordType::kExemplars}));
  return DecodeEntries(record, "exemplars", out,
                       [&](BigEndianReader& reader) { ReadExemplars(reader, out); });
}

core::Status DecodeMmapMarkersRecord(std::string_view record, std::vector<WalMmapMarker>& out) {
  SEXTANT_TRY(CheckType(record, {RecordType::kMmapMarkers}));
  return DecodeEntries(record, "chunk markers", out, [&](BigEndianReader& reader) {
    WalMmapMarker& entry = out.emplace_back();
    entry.ref = reader.Fixed<uint64_t>();
    entry.chunk_ref = reader.Fixed<uint64_t>();
  });
}

core::Status DecodeMetadataRecord(std::string_view record, std::vector<WalMetadata>& out) {
  SEXTANT_TRY(CheckType(record, {RecordType::kMetadata}));
  return DecodeEntries(record, "metadata", out, [&](BigEndianReader& reader) {
    WalMetadata& entry = out.emplace_back();
    entry.ref = reader.Uvarint();
    uint8_t type = reader.Byte();
    entry.metadata.type = kMetricTypes[type < kMetricTypes.size() ? type : 0];
    uint64_t fields = reader.Count(2);
    for (uint64_t i = 0; i < fields && reader.ok(); ++i) {
      std::string_view name = reader.Prefixed();
      std::string_view value = reader.Prefixed();
      if (name == kUnitField) entry.metadata.unit = value;
      if (name == kHelpField) entry.metadata.help = value;
    }
  });
}

void EncodeSeriesRecord(std::span<const WalSeries> entries, std::string& out) {
  out.push_back(static_cast<char>(RecordType::kSeries));
  for (const WalSeries& entry : entries) {
    PutBigEndian(out, entry.ref);
    PutLabels(out, entry.labels);
  }
}

void EncodeSamplesRecord(RecordType type, std::span<const WalSample> entries, std::string& out) {
  out.push_back(static_cast<char>(type));
  auto encode = [&](auto fields) {
    for (const WalSample& entry : entries) {
      fields.Write(out, entry);
      PutDouble(out, entry.value);
    }
  };
  if (type == RecordType::kSamples) return encode(FirstVersion());
  encode(SecondVersion());
}

void EncodeTombstonesRecord(std::span<const WalTombstone> entries, std::string& out) {
  out.push_back(static_cast<char>(RecordType::kTombstones));
  for (const WalTombstone& entry : entries) {
    PutBigEndian(out, entry.ref);
    PutVarint(out, entry.min_ms);
    PutVarint(out, entry.max_ms);
  }
}

void EncodeExemplarsRecord(std::span<const WalExemplar> entries, std::string& out) {
  out.push_back(static_cast<char>(RecordType::kExemplars));
  FirstVersion fields;
  for (const WalExemplar& entry : entries) {
    fields.Write(out, entry);
    PutDouble(out, entry.exemplar.value);
    PutLabels(out, entry.exemplar.labels);
  }
}

void EncodeMmapMarkersRecord(std::span<const WalMmapMarker> entries, std::string& out) {
  out.push_back(static_cast<char>(RecordType::kMmapMarkers));
  for (const WalMmapMarker& entry : entries) {
    PutBigEndian(out, entry.ref);
    PutBigEndian(out, entry.chunk_ref);
  }
}

void EncodeMetadataRecord(std::span<const WalMetadata> entries, std::string& out) {
  out.push_back(static_cast<char>(RecordType::kMetadata));
  for (const WalMetadata& entry : entries) {
    PutUvarint(out, entry.ref);
    const auto* type = std::ranges::find(kMetricTypes, entry.metadata.type);
    out.push_back(static_cast<char>(type == kMetricTypes.end() ? 0 : type - kMetricTypes.begin()));
    PutUvarint(out, 2);
    PutPrefixed(out, kUnitField);
    PutPrefixed(out, entry.metadata.unit);
    PutPrefixed(out, kHelpField);
    PutPrefixed(out, entry.metadata.help);
  }
}

core::Status DecodeHistogramsRecord(std::string_view record, std::vector<WalHistogram>& out) {
  SEXTANT_TRY(CheckType(record, {RecordType::kHistograms, RecordType::kFloatHistograms,
                                 RecordType::kCustomHistograms, RecordType::kCustomFloatHistograms,
                                 RecordType::kHistogramsV2, RecordType::kFloatHistogramsV2}));
  auto type = static_cast<RecordType>(record[0]);
  auto decode = [&](auto fields) {
    return DecodeEntries(record, "histograms", out, [&](BigEndianReader& reader) {
      WalHistogram& entry = out.emplace_back();
      fields.Read(reader, entry);
      entry.histogram = ReadHistogram(reader, IsInteger(type));
    });
  };
  if (IsSecondVersion(type)) return decode(SecondVersion());
  return decode(FirstVersion());
}

void EncodeHistogramsRecord(RecordType type, std::span<const WalHistogram> entries, std::string& out) {
  out.push_back(static_cast<char>(type));
  auto encode = [&](auto fields) {
    for (const WalHistogram& entry : entries) {
      fields.Write(out, entry);
      WriteHistogram(out, *entry.histogram, IsInteger(type));
    }
  };
  if (IsSecondVersion(type)) return encode(SecondVersion());
  encode(FirstVersion());
}

}  // namespace sextant::promfiles
