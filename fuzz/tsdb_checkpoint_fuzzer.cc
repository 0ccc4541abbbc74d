// Checkpoints: the input as a frame of version 1, and as the frames of an image (each preceded by three bytes
// of length) that have passed their checksums and are taken over into a head, which is then asked and goes
// on.
#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/checkpoint_v1.h"
#include "metrics/tsdb/head_image.h"
#include "metrics/tsdb/store.h"

namespace {

using namespace sextant;
using namespace sextant::tsdb;

constexpr uint32_t kMaxSeries = 20'000;

// The frames of the input, by kind.
std::vector<std::string_view> FramesOf(std::string_view input, ImageFrame kind) {
  std::vector<std::string_view> frames;
  ByteReader reader(input);
  while (reader.ok() && !reader.at_end()) {
    size_t length = reader.Fixed<uint16_t>();
    length |= static_cast<size_t>(reader.Byte()) << 16;
    std::string_view payload = reader.Bytes(std::min(length, reader.remaining()));
    ImageFrame found;
    if (reader.ok() && KindOf(payload, found) && found == kind) frames.push_back(payload);
  }
  return frames;
}

// The input as the file that an image is in.
class InputFile : public core::MappedFile {
 public:
  explicit InputFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes() const override { return bytes_; }

 private:
  std::string_view bytes_;
};

// As LoadImage does; what is wrong with one frame does not keep others from being looked at.
void LoadInto(std::string_view input, Head& head) {
  std::vector<std::string_view> slots = FramesOf(input, ImageFrame::kSlots);
  const ImageVersion version = slots.empty() ? ImageVersion::k2 : ImageVersion::k3;
  auto loader = std::make_unique<HeadLoader>(head, version);
  LabelLoader& labels = loader->labels();
  SymbolRun symbols;
  for (std::string_view frame : FramesOf(input, ImageFrame::kSymbols)) {
    if (!ReadSymbols(frame, symbols) || !labels.AddSymbols(symbols)) break;
  }
  PairRun pairs;
  for (std::string_view frame : FramesOf(input, ImageFrame::kPairs)) {
    if (!ReadPairs(frame, pairs) || !labels.AddPairs(pairs)) break;
  }
  labels.RankNames();
  for (std::string_view frame : FramesOf(input, ImageFrame::kSeries)) {
    static_cast<void>(loader->AddRange(frame));
  }
  ImageEnd end;
  for (std::string_view frame : FramesOf(input, ImageFrame::kEnd)) {
    static_cast<void>(ReadImageEnd(version, frame, end));
  }
  PostingsRun run;
  bool is_in_place = version == ImageVersion::k3;
  for (std::string_view frame : FramesOf(input, ImageFrame::kPostings)) {
    is_in_place = is_in_place && ReadPostings(frame, run) && labels.AddPostings(run, loader->end_slot());
  }
  std::unique_ptr<core::MappedFile> file = std::make_unique<InputFile>(input);
  if (!is_in_place || !HeadLoader::BeginInPlace(loader, file, ReadSlots(slots[0]), end)) {
    loader->LoadAtOnce(/*hashes_are_ours=*/input.size() % 2 == 0);
  }
  head.FinishRestore();
  for (std::string_view frame : FramesOf(input, ImageFrame::kSections)) {
    std::vector<Section> sections;
    if (!ReadImageSections(frame, sections)) continue;
    for (const Section& section : sections) static_cast<void>(head.RestoreSection(section));
  }
}

// What may come before all series have been loaded.
void AskEarly(Head& head) {
  static_cast<void>(head.Select({model::Matcher::Equal("job", "node")}, 0, kNoTime, kNoTime));
  std::vector<std::string> names;
  head.LabelNames({model::Matcher::Equal("zone", "zone-0")}, nullptr, names);
  SeriesRef ref = 0;
  for (const char* value : {"node", "other"}) {
    static_cast<void>(head.FindOrAdd(model::Labels::Of({{"job", value}}), 1, ref, ref));
  }
  Cardinality cardinality;
  head.FillCardinality(10, CardinalityOrder::kSeries, 0, cardinality);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  CheckpointFrame frame;
  static_cast<void>(ReadCheckpointFrame(input, frame));

  core::PosixFileSystem fs;
  core::Registry registry;
  core::ManualClock clock(1'700'000'000'000);
  CommitTracker commits;
  StoreMetrics metrics(registry);
  ChunkStore chunks(fs, "/nonexistent", core::Logger::Discard());
  Limits limits;
  limits.max_series = kMaxSeries;
  Head head(chunks, commits, metrics, registry, core::Logger::Discard(), limits, 7'200'000,
            /*max_exemplars=*/100);
  LoadInto(input, head);
  AskEarly(head);
  head.LoadSeries();
  model::SampleColumns columns;
  std::vector<SeriesRef> refs;
  const auto all = head.Select({}, 0, kNoTime, kNoTime);
  SEXTANT_CHECK(all.has_value());  // nothing stops it
  for (const HeadSeries& series : *all) {
    columns.clear();
    head.Read(series, kNoTime, INT64_MAX, columns);
    refs.push_back(series.ref);
  }
  for (TimestampMs time_ms : {clock.NowMs(), clock.NowMs() + 1000}) {
    std::vector<TimestampMs> times(refs.size(), time_ms);
    std::vector<uint64_t> bits(refs.size(), 1);
    static_cast<void>(head.Apply(commits.Begin(), SampleSpans{refs, times, bits}));
  }
  SeriesRange range;
  if (head.slots() > 0) head.CaptureRange(0, range);
  head.DropIdle(INT64_MAX, 1);
  return 0;
}
