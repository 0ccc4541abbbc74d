#include "wire/alertmanager_state.h"

#include "wire/decode.h"
#include "wire/encode.h"

namespace sextant::wire {

namespace {

constexpr size_t kMaxMessageBytes = size_t{64} << 20;
constexpr int64_t kNanosPerMs = 1'000'000;

void PutTime(std::string& out, uint32_t field, core::TimestampMs time_ms) {
  int64_t seconds = time_ms / 1000;
  int64_t rest_ms = time_ms % 1000;
  if (rest_ms < 0) {
    rest_ms += 1000;
    --seconds;
  }
  Submessage message(out, field);
  PutIntField(out, 1, seconds);
  PutIntField(out, 2, rest_ms * kNanosPerMs);
}

core::TimestampMs ReadTime(std::string_view bytes) {
  int64_t seconds = 0;
  int64_t nanos = 0;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        seconds = reader.get_int64();
        break;
      case Varint(2):
        nanos = reader.get_int32();
        break;
      default:
        reader.skip();
    }
  }
  // What lies outside of the years that Go prints is no time of ours.
  constexpr int64_t kMaxSeconds = 253'402'300'799;
  if (seconds > kMaxSeconds) seconds = kMaxSeconds;
  if (seconds < -62'135'596'800) seconds = -62'135'596'800;
  return seconds * 1000 + nanos / kNanosPerMs;
}

void PutMatcher(std::string& out, uint32_t field, const SilenceMatcher& matcher) {
  Submessage message(out, field);
  PutUintField(out, 1, static_cast<uint64_t>(matcher.type));
  PutBytesField(out, 2, matcher.name);
  PutBytesField(out, 3, matcher.pattern);
}

SilenceMatcher ReadMatcher(std::string_view bytes) {
  SilenceMatcher matcher;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        matcher.type = static_cast<SilenceMatcherType>(reader.get_uint32() & 3);
        break;
      case Bytes(2):
        matcher.name = View(reader);
        break;
      case Bytes(3):
        matcher.pattern = View(reader);
        break;
      default:
        reader.skip();
    }
  }
  return matcher;
}

std::vector<SilenceMatcher> ReadMatcherSet(std::string_view bytes) {
  std::vector<SilenceMatcher> set;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() == Bytes(1)) {
      set.push_back(ReadMatcher(View(reader)));
    } else {
      reader.skip();
    }
  }
  return set;
}

// The author and text of the list of comments that old versions wrote.
void ReadOldComment(std::string_view bytes, MeshSilence& silence) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        silence.created_by = View(reader);
        break;
      case Bytes(2):
        silence.comment = View(reader);
        break;
      default:
        reader.skip();
    }
  }
}

template <typename Value, typename Read>
std::pair<std::string, Value> ReadMapItem(std::string_view bytes, Read read) {
  std::pair<std::string, Value> item;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        item.first = View(reader);
        break;
      case Bytes(2):
        item.second = read(View(reader));
        break;
      default:
        reader.skip();
    }
  }
  return item;
}

void ReadSilence(std::string_view bytes, MeshSilence& silence) {
  std::vector<SilenceMatcher> plain;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        silence.id = View(reader);
        break;
      case Bytes(2):
        plain.push_back(ReadMatcher(View(reader)));
        break;
      case Bytes(3):
        silence.starts_at_ms = ReadTime(View(reader));
        break;
      case Bytes(4):
        silence.ends_at_ms = ReadTime(View(reader));
        break;
      case Bytes(5):
        silence.updated_at_ms = ReadTime(View(reader));
        break;
      case Bytes(7):
        ReadOldComment(View(reader), silence);
        break;
      case Bytes(8):
        silence.created_by = View(reader);
        break;
      case Bytes(9):
        silence.comment = View(reader);
        break;
      case Bytes(10):
        silence.annotations.insert(
            ReadMapItem<std::string>(View(reader), [](std::string_view text) { return std::string(text); }));
        break;
      case Bytes(11):
        silence.matcher_sets.push_back(ReadMatcherSet(View(reader)));
        break;
      default:
        reader.skip();
    }
  }
  // Older versions know only one set.
  if (silence.matcher_sets.empty() && !plain.empty()) silence.matcher_sets.push_back(std::move(plain));
}

ReceiverDataValue ReadDataValue(std::string_view bytes) {
  ReceiverDataValue value;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        value = std::string(View(reader));
        break;
      case Varint(2):
        value = static_cast<int64_t>(reader.get_int64());
        break;
      case Fixed64(3):
        value = reader.get_double();
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

void PutDataValue(std::string& out, uint32_t field, const ReceiverDataValue& value) {
  Submessage message(out, field);
  if (const auto* text = std::get_if<std::string>(&value)) {
    PutBytesItem(out, 1, *text);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    PutVarint(out, 2 << 3);
    PutVarint(out, static_cast<uint64_t>(*integer));
  } else {
    PutVarint(out, 3 << 3 | 1);
    PutFixed64(out, std::bit_cast<uint64_t>(std::get<double>(value)));
  }
}

void PutHashes(std::string& out, uint32_t field, const std::vector<uint64_t>& hashes) {
  if (hashes.empty()) return;
  Submessage packed(out, field);
  for (const uint64_t hash : hashes) PutVarint(out, hash);
}

// Packed or one by one, as a decoder must take both.
bool ReadHashes(pbf_reader& reader, uint32_t field, std::vector<uint64_t>& hashes) {
  if (reader.tag_and_type() == Bytes(field)) {
    for (const uint64_t hash : reader.get_packed_uint64()) hashes.push_back(hash);
    return true;
  }
  if (reader.tag_and_type() == Varint(field)) {
    hashes.push_back(reader.get_uint64());
    return true;
  }
  return false;
}

void ReadReceiver(std::string_view bytes, MeshEntry& entry) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        entry.receiver = View(reader);
        break;
      case Bytes(2):
        entry.integration = View(reader);
        break;
      case Varint(3):
        entry.index = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
}

void ReadEntry(std::string_view bytes, MeshEntry& entry) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (ReadHashes(reader, 6, entry.firing) || ReadHashes(reader, 7, entry.resolved) ||
        ReadHashes(reader, 9, entry.muted)) {
      continue;
    }
    switch (reader.tag_and_type()) {
      case Bytes(1):
        entry.group_key = View(reader);
        break;
      case Bytes(2):
        ReadReceiver(View(reader), entry);
        break;
      case Bytes(5):
        entry.time_ms = ReadTime(View(reader));
        break;
      case Bytes(8):
        entry.receiver_data.insert(ReadMapItem<ReceiverDataValue>(View(reader), ReadDataValue));
        break;
      default:
        reader.skip();
    }
  }
}

void Prefix(std::string& out, const std::string& message) {
  PutVarint(out, message.size());
  out += message;
}

core::Result<std::string_view> TakeMessage(std::string_view& bytes, std::string_view name) {
  uint64_t size = 0;
  size_t at = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (at >= bytes.size() || shift > 63) {
      return core::Fail(core::Code::kInvalidArgument, "malformed {}: its length is cut off", name);
    }
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    size |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) break;
  }
  if (size > kMaxMessageBytes || size > bytes.size() - at) {
    return core::Fail(core::Code::kInvalidArgument, "malformed {}: it is cut off", name);
  }
  const std::string_view message = bytes.substr(at, size);
  bytes.remove_prefix(at + size);
  return message;
}

// Both wrappers: field 1 is the message, field 2 when it may be forgotten.
template <typename Message, typename Read>
core::Result<Message> TakeWrapped(std::string_view& bytes, std::string_view name, Read read) {
  SEXTANT_ASSIGN(const std::string_view wrapper, TakeMessage(bytes, name));
  Message message;
  bool has_message = false;
  SEXTANT_TRY(Guarded(name, [&] {
    pbf_reader reader = ReaderOf(wrapper);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          read(View(reader), message);
          has_message = true;
          break;
        case Bytes(2):
          message.expires_at_ms = ReadTime(View(reader));
          break;
        default:
          reader.skip();
      }
    }
  }));
  if (!has_message) return core::Fail(core::Code::kInvalidArgument, "malformed {}: it is empty", name);
  return message;
}

}  // namespace

void AppendMeshSilence(std::string& out, const MeshSilence& silence) {
  std::string message;
  {
    Submessage inner(message, 1);
    PutBytesField(message, 1, silence.id);
    // Versions before the sets read the first of them here.
    if (!silence.matcher_sets.empty()) {
      for (const SilenceMatcher& matcher : silence.matcher_sets.front()) PutMatcher(message, 2, matcher);
    }
    PutTime(message, 3, silence.starts_at_ms);
    PutTime(message, 4, silence.ends_at_ms);
    PutTime(message, 5, silence.updated_at_ms);
    PutBytesField(message, 8, silence.created_by);
    PutBytesField(message, 9, silence.comment);
    for (const auto& [name, value] : silence.annotations) {
      Submessage item(message, 10);
      PutBytesField(message, 1, name);
      PutBytesField(message, 2, value);
    }
    for (const auto& set : silence.matcher_sets) {
      Submessage item(message, 11);
      for (const SilenceMatcher& matcher : set) PutMatcher(message, 1, matcher);
    }
  }
  PutTime(message, 2, silence.expires_at_ms);
  Prefix(out, message);
}

void AppendMeshEntry(std::string& out, const MeshEntry& entry) {
  std::string message;
  {
    Submessage inner(message, 1);
    PutBytesField(message, 1, entry.group_key);
    {
      Submessage receiver(message, 2);
      PutBytesField(message, 1, entry.receiver);
      PutBytesField(message, 2, entry.integration);
      PutUintField(message, 3, entry.index);
    }
    PutTime(message, 5, entry.time_ms);
    PutHashes(message, 6, entry.firing);
    PutHashes(message, 7, entry.resolved);
    for (const auto& [name, value] : entry.receiver_data) {
      Submessage item(message, 8);
      PutBytesField(message, 1, name);
      PutDataValue(message, 2, value);
    }
    PutHashes(message, 9, entry.muted);
  }
  PutTime(message, 2, entry.expires_at_ms);
  Prefix(out, message);
}

core::Result<MeshSilence> TakeMeshSilence(std::string_view& bytes) {
  return TakeWrapped<MeshSilence>(bytes, "silence", ReadSilence);
}

core::Result<MeshEntry> TakeMeshEntry(std::string_view& bytes) {
  return TakeWrapped<MeshEntry>(bytes, "notification log entry", ReadEntry);
}

}  // namespace sextant::wire
