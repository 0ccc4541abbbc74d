// Remote write requests of both versions, which the first byte chooses. What is read can be written and read
// again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "wire/remote_write.h"

namespace {

using sextant::core::Status;
using namespace sextant::wire;

// Uses all that it is given.
class Sink final : public WriteSink {
 public:
  Status OnSeries(const WriteLabels& labels) override {
    sum_ = sum_ + labels.Fingerprint(1).low;
    SEXTANT_TRY(labels.Read(views_));
    for (const auto& label : views_) Use(label.name), Use(label.value);
    return {};
  }
  Status OnSample(const WriteSample& sample) override {
    sum_ = sum_ + static_cast<uint64_t>(sample.time_ms);
    return {};
  }
  Status OnHistogram(const TimedHistogram& histogram) override {
    std::string bytes;
    AppendHistogram(histogram.histogram, histogram.time_ms, histogram.start_ms, bytes);
    TimedHistogram again;
    if (!ReadHistogram(bytes, again)) std::abort();
    if (again.histogram.positive_buckets.size() != histogram.histogram.positive_buckets.size()) std::abort();
    return {};
  }
  Status OnExemplar(const WriteExemplar& exemplar) override {
    for (const auto& label : exemplar.labels) Use(label.name), Use(label.value);
    return {};
  }
  Status OnSeriesMetadata(const WriteMetadata& metadata) override {
    Use(metadata.type), Use(metadata.help), Use(metadata.unit);
    return {};
  }
  Status OnFamilyMetadata(std::string_view family, const WriteMetadata& metadata) override {
    Use(family);
    return OnSeriesMetadata(metadata);
  }

 private:
  void Use(std::string_view text) {
    for (char c : text) sum_ = sum_ + static_cast<unsigned char>(c);
  }

  std::vector<sextant::model::LabelView> views_;
  volatile uint64_t sum_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Sink sink;
  [[maybe_unused]] Status read =
      ReadWriteRequest(data[0] == 1 ? WriteVersion::kV1 : WriteVersion::kV2, bytes.substr(1), sink);
  return 0;
}
