// Jaeger's spans from protobuf. Numbers of the schema: jaeger-idl, proto/api_v2/model.proto.
#include <absl/container/flat_hash_map.h>

#include <optional>

#include "otlp/limits.h"
#include "otlp/message_reader.h"
#include "traceformats/jaeger.h"
#include "traceformats/jaeger_model.h"

namespace sextant::traceformats {

namespace {

using otlp::AddTo;
using otlp::AnyValue;
using otlp::KeyValue;
using otlp::MessageReader;
using wire::Bytes;
using wire::Fixed64;
using wire::Varint;

template <typename... Args>
[[noreturn]] void Fail(fmt::format_string<Args...> format, Args&&... args) {
  throw otlp::DecodeFailed{
      core::Error(core::Code::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...))};
}

// Ids may be longer than they need to be, as Jaeger reads them.
template <size_t N>
void ReadId(std::string_view bytes, std::string_view name, otlp::Id<N>& out) {
  if (bytes.size() < N) Fail("a {} has {} bytes in place of {}", name, bytes.size(), N);
  out.Assign(bytes.substr(0, N));
}

struct Seconds {
  int64_t seconds = 0;
  int32_t nanos = 0;
};

Seconds ReadSeconds(std::string_view bytes) {
  Seconds out;
  MessageReader reader(bytes);
  while (uint32_t tag = reader.Next()) {
    switch (tag) {
      case Varint(1):
        out.seconds = static_cast<int64_t>(reader.Varint());
        break;
      case Varint(2):
        out.nanos = reader.Enum();
        break;
      default:
        reader.Skip();
    }
  }
  return out;
}

constexpr int32_t kNanosPerSecond = 1'000'000'000;

// Times outside of what 64 bits of nanoseconds hold wrap around, as they do in the original.
uint64_t ReadTimestamp(std::string_view bytes) {
  constexpr int64_t kYear1 = -62'135'596'800;
  constexpr int64_t kYear10000 = 253'402'300'800;
  Seconds time = ReadSeconds(bytes);
  if (time.seconds < kYear1 || time.seconds >= kYear10000 || time.nanos < 0 ||
      time.nanos >= kNanosPerSecond) {
    Fail("a time of {} seconds and {} nanoseconds", time.seconds, time.nanos);
  }
  return static_cast<uint64_t>(time.seconds) * kNanosPerSecond + static_cast<uint64_t>(time.nanos);
}

uint64_t ReadDuration(std::string_view bytes) {
  constexpr int64_t kMaxSeconds = INT64_MAX / kNanosPerSecond - 1;
  Seconds time = ReadSeconds(bytes);
  bool has_two_signs = (time.seconds > 0 && time.nanos < 0) || (time.seconds < 0 && time.nanos > 0);
  if (time.seconds > kMaxSeconds || time.seconds < -kMaxSeconds || has_two_signs ||
      time.nanos >= kNanosPerSecond || time.nanos <= -kNanosPerSecond) {
    Fail("a duration of {} seconds and {} nanoseconds", time.seconds, time.nanos);
  }
  return static_cast<uint64_t>(time.seconds * kNanosPerSecond + time.nanos);
}

// A process and the spans it has, in a batch or themselves.
struct Group {
  std::optional<JaegerProcess> process;
  std::vector<JaegerSpan> spans;
};

class Decoder {
 public:
  Decoder(size_t message_bytes, otlp::Memory& memory)
      : memory_(memory), budget_(message_bytes, otlp::kMaxDecodedFactor) {}

  void ReadRequest(std::string_view bytes, otlp::TracesData& out) {
    MessageReader reader(bytes);
    std::string_view batch;
    while (uint32_t tag = reader.Next()) {
      if (tag == Bytes(1)) {
        batch = reader.View();
      } else {
        reader.Skip();
      }
    }
    ReadBatch(batch);
    for (Group& group : groups_) {
      if (!group.process && group.spans.empty()) continue;
      otlp::ResourceSpans& resource = AddTo(budget_, out.resources);
      if (group.process) resource.resource = TranslateJaegerProcess(*group.process, memory_);
      TranslateJaegerSpans(group.spans, true, resource, memory_);
    }
  }

 private:
  void ReadBatch(std::string_view bytes) {
    // The process may stand behind its spans.
    size_t own = GroupOf(FindProcess(bytes, Bytes(2)));
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      if (tag != Bytes(1)) {
        reader.Skip();
        continue;
      }
      std::string_view span = reader.View();
      if (span.empty()) continue;
      std::optional<std::string_view> process = FindProcess(span, Bytes(10));
      size_t group = process ? GroupOf(process) : own;
      ReadSpan(span, AddTo(budget_, groups_[group].spans));
    }
  }

  static std::optional<std::string_view> FindProcess(std::string_view bytes, uint32_t wanted) {
    std::optional<std::string_view> process;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      if (tag == wanted) {
        process = reader.View();
      } else {
        reader.Skip();
      }
    }
    return process;
  }

  size_t GroupOf(std::optional<std::string_view> process) {
    auto [place, is_new] = group_of_.try_emplace(process, groups_.size());
    if (is_new) {
      Group& group = AddTo(budget_, groups_);
      if (process) ReadProcess(*process, group.process.emplace());
    }
    return place->second;
  }

  void ReadProcess(std::string_view bytes, JaegerProcess& out) {
    std::vector<KeyValue> tags;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          out.service = reader.View();
          break;
        case Bytes(2):
          ReadTag(reader.View(), AddTo(budget_, tags));
          break;
        default:
          reader.Skip();
      }
    }
    out.tags = memory_.CopyList<KeyValue>(tags);
  }

  void ReadSpan(std::string_view bytes, JaegerSpan& out) {
    std::vector<KeyValue> tags;
    std::vector<JaegerRef> references;
    std::vector<JaegerLog> logs;
    uint64_t duration_ns = 0;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          ReadId(reader.View(), "trace id", out.trace_id);
          break;
        case Bytes(2):
          ReadId(reader.View(), "span id", out.span_id);
          break;
        case Bytes(3):
          out.operation = reader.View();
          break;
        case Bytes(4):
          ReadReference(reader.View(), AddTo(budget_, references));
          break;
        case Bytes(6):
          out.start_ns = ReadTimestamp(reader.View());
          break;
        case Bytes(7):
          duration_ns = ReadDuration(reader.View());
          break;
        case Bytes(8):
          ReadTag(reader.View(), AddTo(budget_, tags));
          break;
        case Bytes(9):
          ReadLog(reader.View(), AddTo(budget_, logs));
          break;
        default:
          reader.Skip();
      }
    }
    out.end_ns = out.start_ns + duration_ns;
    out.tags = memory_.CopyList<KeyValue>(tags);
    out.references = memory_.CopyList<JaegerRef>(references);
    out.logs = memory_.CopyList<JaegerLog>(logs);
  }

  static void ReadReference(std::string_view bytes, JaegerRef& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          ReadId(reader.View(), "trace id", out.trace_id);
          break;
        case Bytes(2):
          ReadId(reader.View(), "span id", out.span_id);
          break;
        case Varint(3):
          out.type = static_cast<JaegerReference>(reader.Enum());
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadLog(std::string_view bytes, JaegerLog& out) {
    std::vector<KeyValue> fields;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          out.time_ns = ReadTimestamp(reader.View());
          break;
        case Bytes(2):
          ReadTag(reader.View(), AddTo(budget_, fields));
          break;
        default:
          reader.Skip();
      }
    }
    out.fields = memory_.CopyList<KeyValue>(fields);
  }

  // All values may be there; the type says which one counts.
  void ReadTag(std::string_view bytes, KeyValue& out) {
    int32_t type = 0;
    std::string_view text;
    std::string_view binary;
    bool is_true = false;
    int64_t integer = 0;
    double number = 0;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          out.key = reader.View();
          break;
        case Varint(2):
          type = reader.Enum();
          break;
        case Bytes(3):
          text = reader.View();
          break;
        case Varint(4):
          is_true = reader.Varint() != 0;
          break;
        case Varint(5):
          integer = static_cast<int64_t>(reader.Varint());
          break;
        case Fixed64(6):
          number = reader.Double();
          break;
        case Bytes(7):
          binary = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
    switch (type) {
      case 0:
        out.value = AnyValue::Text(text);
        return;
      case 1:
        out.value = AnyValue::Bool(is_true);
        return;
      case 2:
        out.value = AnyValue::Int(integer);
        return;
      case 3:
        out.value = AnyValue::Double(number);
        return;
      case 4:
        out.value = AnyValue::Bytes(binary);
        return;
      default:
        out.value = AnyValue::Text(memory_.Copy(fmt::format("<Unknown Jaeger TagType \"{}\">", type)));
    }
  }

  otlp::Memory& memory_;
  otlp::DecodeBudget budget_;
  std::vector<Group> groups_;
  absl::flat_hash_map<std::optional<std::string_view>, size_t> group_of_;  // by the process' bytes
};

}  // namespace

core::Result<otlp::TracesData> DecodeJaegerProtobuf(std::string_view bytes) {
  otlp::TracesData data;
  Decoder decoder(bytes.size(), data.memory);
  SEXTANT_TRY(otlp::Decoded("PostSpansRequest", [&] { decoder.ReadRequest(bytes, data); }));
  return data;
}

}  // namespace sextant::traceformats
