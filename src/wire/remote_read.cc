#include "wire/remote_read.h"

#include "wire/decode.h"
#include "wire/encode.h"
#include "wire/native_histogram.h"

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

}  // namespace sextant::wire
