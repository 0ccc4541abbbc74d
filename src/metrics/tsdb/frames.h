// A file as a header and a sequence of checked frames: the common ground of the journal and the checkpoint.
// docs/formats/journal.md describes the bytes:
//
//   header (24): "SXTJRN1\n" or "SXTCKP1\n" to "SXTCKP3\n", u64 number of the file, u64 checksum of the two
//   frame:       u32 size of the payload, u64 checksum, payload
//
// A frame's checksum is the xxh3 of its payload, seeded with the file's number, the frame's offset and its
// size: bytes of another file or place are not taken for a frame.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::tsdb {

enum class FrameFileKind {
  kJournal,
  kCheckpoint1,  // series as texts
  kImage2,       // a checkpoint as an image to be taken over as a whole
  kImage,        // as an image that is used where it lies
};

inline constexpr size_t kFrameFileHeaderBytes = 24;
inline constexpr size_t kFrameHeaderBytes = 12;
inline constexpr uint32_t kMaxFrameBytes = 256 << 20;

std::string MakeFrameFileHeader(FrameFileKind kind, uint64_t number);

// Whether a file that begins so is a journal or checkpoint of a version that is not known yet. Every version
// has this header, and a digit of its own in the magic.
bool IsOfLaterVersion(std::string_view bytes);

// Fills the header of a frame: `frame` is kFrameHeaderBytes of room and the payload, to be written at
// `offset`.
void SealFrame(uint64_t file_number, uint64_t offset, std::string& frame);

// Whether `frame`, header and payload, is what SealFrame made for that place.
bool IsFrameAt(uint64_t file_number, uint64_t offset, std::string_view frame);

// Walks the frames of a file's bytes.
class FrameReader {
 public:
  FrameReader(FrameFileKind kind, uint64_t file_number, std::string_view bytes);

  // The next payload; false at the end of what is intact.
  bool Next(std::string_view& payload);

  // After Next was false: whether all bytes were frames. Else `offset()` is where the damage begins.
  bool is_intact() const { return offset_ == bytes_.size() && has_header_; }
  uint64_t offset() const { return offset_; }

 private:
  const uint64_t file_number_;
  const std::string_view bytes_;
  uint64_t offset_ = 0;
  bool has_header_ = false;
};

// The frames of a file by their stated sizes, for whoever verifies them in any order. `reaches_end`: they
// fill the file. Without a header of that kind there are none.
struct UnverifiedFrame {
  uint64_t offset = 0;
  std::string_view payload;
};
std::vector<UnverifiedFrame> ListFrames(FrameFileKind kind, uint64_t file_number, std::string_view bytes,
                                        bool& reaches_end);
// Whether a frame of `bytes` that ListFrames found is what was written there.
bool IsFrameIntact(uint64_t file_number, std::string_view bytes, const UnverifiedFrame& frame);

}  // namespace sextant::tsdb
