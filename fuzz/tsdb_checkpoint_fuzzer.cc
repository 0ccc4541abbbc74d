// Checkpoints: the input as a file, and as the payload of one frame that has passed its checksum.
#include "metrics/tsdb/checkpoint.h"
#include "metrics/tsdb/frames.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::tsdb;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  FrameReader frames(FrameFileKind::kCheckpoint, 1, input);
  std::string_view payload;
  while (frames.Next(payload)) {
  }
  CheckpointFrame frame;
  static_cast<void>(ReadCheckpointFrame(input, frame));
  return 0;
}
