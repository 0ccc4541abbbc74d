#include "wire/remote_read.h"

#include "wire/decode.h"
#include "wire/encode.h"
#include "wire/native_histogram.h"
#include "wire/parts.h"

namespace sextant::wire {

namespace {

using core::Code;
using core::Fail;
using core::Status;

Status ReadMatcher(std::string_view bytes, ReadQuery::Matcher& out) {
  uint64_t type = 0;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        type = reader.get_uint64();
        break;
      case Bytes(2):
        out.name = View(reader);
        break;
      case Bytes(3):
        out.value = View(reader);
        break;
      default:
        reader.skip();
    }
  }
  constexpr model::MatchType kTypes[] = {model::MatchType::kEqual, model::MatchType::kNotEqual,
                                         model::MatchType::kRegexp, model::MatchType::kNotRegexp};
  if (type >= std::size(kTypes)) return Fail(Code::kInvalidArgument, "invalid matcher type");
  out.type = kTypes[type];
  return {};
}

Status ReadOneQuery(std::string_view bytes, ReadQuery& out) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        out.start_ms = reader.get_int64();
        break;
      case Varint(2):
        out.end_ms = reader.get_int64();
        break;
      case Bytes(3):
        if (out.matchers.size() == kMaxReadMatchers) {
          return Fail(Code::kInvalidArgument, "a query has more than {} matchers", kMaxReadMatchers);
        }
        SEXTANT_TRY(ReadMatcher(View(reader), out.matchers.emplace_back()));
        break;
      default:
        reader.skip();
    }
  }
  return {};
}

Status AddAccepted(uint32_t type, std::vector<uint32_t>& out) {
  constexpr size_t kMaxTypes = 100;
  if (out.size() == kMaxTypes) return Fail(Code::kInvalidArgument, "too many response types");
  out.push_back(type);
  return {};
}

Status ReadFields(std::string_view bytes, ReadRequest& out) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        if (out.queries.size() == kMaxReadQueries) {
          return Fail(Code::kInvalidArgument, "more than {} queries", kMaxReadQueries);
        }
        SEXTANT_TRY(ReadOneQuery(View(reader), out.queries.emplace_back()));
        break;
      case Varint(2):
        SEXTANT_TRY(AddAccepted(reader.get_uint32(), out.accepted));
        break;
      case Bytes(2):
        for (uint32_t type : reader.get_packed_uint32()) SEXTANT_TRY(AddAccepted(type, out.accepted));
        break;
      default:
        reader.skip();
    }
  }
  return {};
}

void PutLabels(const ReadLabels& labels, std::string& out) {
  for (const auto& [name, value] : labels) {
    Submessage message(out, 1);
    PutBytesField(out, 1, name);
    PutBytesField(out, 2, value);
  }
}

}  // namespace

core::Result<ReadRequest> ParseReadRequest(std::string_view bytes) {
  ReadRequest request;
  SEXTANT_TRY(Guarded("prometheus.ReadRequest", [&] { return ReadFields(bytes, request); }));
  return request;
}

void ReadResponseBuilder::EndQuery() {
  if (has_query_) PutBytesItem(out_, 1, query_);
  has_query_ = false;
  query_.clear();
}

void ReadResponseBuilder::BeginQuery() {
  EndQuery();
  has_query_ = true;
}

void ReadResponseBuilder::AddSeries(const ReadLabels& labels, const model::SampleColumns& samples) {
  Submessage series(query_, 1);
  PutLabels(labels, query_);
  auto histogram_at = [&](size_t i) {
    return samples.histograms.empty() ? nullptr : samples.histograms[i].get();
  };
  for (size_t i = 0; i < samples.size(); ++i) {
    if (histogram_at(i) != nullptr) continue;
    Submessage sample(query_, 2);
    PutDoubleField(query_, 1, samples.values[i]);
    PutIntField(query_, 2, samples.times_ms[i]);
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    if (histogram_at(i) == nullptr) continue;
    Submessage histogram(query_, 4);
    AppendHistogram(*histogram_at(i), samples.times_ms[i], 0, query_);
  }
}

std::string ReadResponseBuilder::Finish() {
  EndQuery();
  return std::move(out_);
}

std::string MakeChunkedReadResponse(const ReadLabels& labels, const std::vector<ReadChunk>& chunks,
                                    uint64_t query_index) {
  std::string out;
  {
    Submessage series(out, 1);
    PutLabels(labels, out);
    for (const ReadChunk& chunk : chunks) {
      Submessage message(out, 2);
      PutIntField(out, 1, chunk.min_time_ms);
      PutIntField(out, 2, chunk.max_time_ms);
      PutUintField(out, 3, chunk.encoding);
      PutBytesField(out, 4, chunk.bytes);
    }
  }
  PutUintField(out, 2, query_index);
  return out;
}

std::string MakeReadRequest(const std::vector<model::Matcher>& matchers, const model::SelectHints& hints,
                            core::TimestampMs start_ms, core::TimestampMs end_ms) {
  std::string out;
  {
    Submessage query(out, 1);
    PutIntField(out, 1, start_ms);
    PutIntField(out, 2, end_ms);
    for (const model::Matcher& matcher : matchers) {
      Submessage message(out, 3);
      PutUintField(out, 1, static_cast<uint64_t>(matcher.type()));
      PutBytesField(out, 2, matcher.name());
      PutBytesField(out, 3, matcher.value());
    }
    Submessage message(out, 4);
    PutIntField(out, 1, hints.step_ms);
    PutIntField(out, 3, hints.start_ms);
    PutIntField(out, 4, hints.end_ms);
    PutIntField(out, 7, hints.range_ms);
  }
  // What is preferred comes first.
  std::string types;
  PutVarint(types, static_cast<uint64_t>(ReadResponseType::kStreamedXorChunks));
  PutVarint(types, static_cast<uint64_t>(ReadResponseType::kSamples));
  PutBytesField(out, 2, types);
  return out;
}

namespace {

// Puts floats and histograms, each ascending, into one order.
model::SampleColumns InOrder(
    const model::SampleColumns& floats,
    std::vector<std::pair<core::TimestampMs, std::shared_ptr<const model::FloatHistogram>>> histograms) {
  if (histograms.empty()) return floats;
  model::SampleColumns all;
  size_t next = 0;
  for (auto& [time_ms, histogram] : histograms) {
    for (; next < floats.size() && floats.times_ms[next] < time_ms; ++next) {
      all.Add(floats.times_ms[next], floats.values[next]);
    }
    all.AddHistogram(time_ms, std::move(histogram));
  }
  for (; next < floats.size(); ++next) all.Add(floats.times_ms[next], floats.values[next]);
  return all;
}

void ReadFloat(std::string_view bytes, model::SampleColumns& out) {
  double value = 0;
  int64_t time_ms = 0;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Fixed64(1):
        value = reader.get_double();
        break;
      case Varint(2):
        time_ms = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  out.Add(time_ms, value);
}

Status ReadSeries(std::string_view bytes, const ReadSeriesSink& sink) {
  std::vector<model::LabelView> labels;
  model::SampleColumns floats;
  std::vector<std::pair<core::TimestampMs, std::shared_ptr<const model::FloatHistogram>>> histograms;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        labels.push_back(ReadLabel(View(reader)));
        break;
      case Bytes(2):
        ReadFloat(View(reader), floats);
        break;
      case Bytes(4): {
        TimedHistogram histogram;
        SEXTANT_TRY(ReadHistogram(View(reader), histogram));
        histograms.emplace_back(
            histogram.time_ms, std::make_shared<const model::FloatHistogram>(std::move(histogram.histogram)));
        break;
      }
      default:
        reader.skip();
    }
  }
  return sink(labels, InOrder(floats, std::move(histograms)));
}

Status ReadResults(std::string_view bytes, const ReadSeriesSink& sink) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() != Bytes(1)) {
      reader.skip();
      continue;
    }
    pbf_reader result = ReaderOf(View(reader));
    while (result.next()) {
      if (result.tag_and_type() == Bytes(1)) {
        SEXTANT_TRY(ReadSeries(View(result), sink));
      } else {
        result.skip();
      }
    }
  }
  return {};
}

ReadChunk ReadOneChunk(std::string_view bytes) {
  ReadChunk chunk;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        chunk.min_time_ms = reader.get_int64();
        break;
      case Varint(2):
        chunk.max_time_ms = reader.get_int64();
        break;
      case Varint(3):
        chunk.encoding = reader.get_uint32();
        break;
      case Bytes(4):
        chunk.bytes = View(reader);
        break;
      default:
        reader.skip();
    }
  }
  return chunk;
}

void ReadChunkedFields(std::string_view bytes, std::vector<ReadChunkedSeries>& out) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() != Bytes(1)) {
      reader.skip();
      continue;
    }
    ReadChunkedSeries& series = out.emplace_back();
    pbf_reader fields = ReaderOf(View(reader));
    while (fields.next()) {
      switch (fields.tag_and_type()) {
        case Bytes(1):
          series.labels.push_back(ReadLabel(View(fields)));
          break;
        case Bytes(2):
          series.chunks.push_back(ReadOneChunk(View(fields)));
          break;
        default:
          fields.skip();
      }
    }
  }
}

}  // namespace

Status ParseReadResponse(std::string_view bytes, const ReadSeriesSink& sink) {
  return Guarded("prometheus.ReadResponse", [&] { return ReadResults(bytes, sink); });
}

core::Result<std::vector<ReadChunkedSeries>> ParseChunkedReadResponse(std::string_view bytes) {
  std::vector<ReadChunkedSeries> series;
  SEXTANT_TRY(Guarded("prometheus.ChunkedReadResponse", [&] { ReadChunkedFields(bytes, series); }));
  return series;
}

}  // namespace sextant::wire
