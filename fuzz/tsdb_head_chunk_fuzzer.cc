// Chunks in head chunk files, as they come and with their right checksum.
#include "metrics/tsdb/chunk_store.h"
#include "metrics/tsdb/histogram_chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::tsdb;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  WrittenChunk chunk;
  static_cast<void>(ParseWrittenChunk(bytes, chunk));
  SealWrittenChunk(bytes);
  if (!ParseWrittenChunk(bytes, chunk)) return 0;
  sextant::model::SampleColumns columns;
  if (chunk.kind == ChunkKind::kHistograms) {
    static_cast<void>(DecodeHistogramChunk(chunk.bytes, chunk.samples, 0, INT64_MAX, columns));
  } else {
    static_cast<void>(DecodeChunk(chunk.bytes, chunk.samples, 0, INT64_MAX, columns));
  }
  return 0;
}
