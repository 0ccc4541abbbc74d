// Journal files and the batches in them. The input is taken as a file, and as a sequence of payloads (each
// preceded by two bytes of length) that have passed their checksums.
#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/frames.h"
#include "metrics/tsdb/journal_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::tsdb;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  FrameReader frames(FrameFileKind::kJournal, 1, input);
  std::string_view payload;
  while (frames.Next(payload)) {
  }
  BatchDecoder decoder;
  DecodedBatch batch;
  EncodedBatch encoded;
  SamplesOutline outline;
  ByteReader reader(input);
  while (!reader.at_end()) {
    uint16_t length = reader.Fixed<uint16_t>();
    payload = reader.Bytes(std::min<size_t>(length, reader.remaining()));
    if (!reader.ok()) break;
    if (ReadEncodedBatch(payload, encoded) && encoded.samples.count > 0) {
      static_cast<void>(ReadOutline(encoded.samples, outline));
    }
    if (!decoder.Decode(payload, batch)) break;
  }
  return 0;
}
