#include "metrics/promfiles/meta.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "core/json_writer.h"
#include "metrics/promfiles/index_reader.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::FileSystem;
using core::JsonWriter;
using core::Result;
using core::Status;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr int64_t kVersion = 1;
constexpr uint64_t kMaxMetaBytes = 64 << 20;
constexpr size_t kCopyBytes = 1 << 20;
constexpr char kIndexVersion = 2;

std::string MetaPath(const std::string& block_dir) { return core::JoinPath(block_dir, "meta.json"); }

void WriteParents(JsonWriter& json, const std::vector<BlockParent>& parents) {
  json.Key("parents").BeginArray();
  for (const BlockParent& parent : parents) {
    json.BeginObject().Key("ulid").String(parent.ulid.ToString());
    json.Key("minTime").Int(parent.min_time_ms).Key("maxTime").Int(parent.max_time_ms).EndObject();
  }
  json.EndArray();
}

// Values that are zero are left out, as Prometheus leaves them out.
void WriteCompaction(JsonWriter& json, const BlockCompaction& compaction) {
  json.Key("compaction").BeginObject().Key("level").Int(compaction.level);
  if (!compaction.sources.empty()) {
    json.Key("sources").BeginArray();
    for (const Ulid& source : compaction.sources) json.String(source.ToString());
    json.EndArray();
  }
  if (compaction.deletable) json.Key("deletable").Bool(true);
  if (!compaction.parents.empty()) WriteParents(json, compaction.parents);
  if (compaction.failed) json.Key("failed").Bool(true);
  if (!compaction.hints.empty()) {
    json.Key("hints").BeginArray();
    for (const std::string& hint : compaction.hints) json.String(hint);
    json.EndArray();
  }
  json.EndObject();
}

void WriteStats(JsonWriter& json, const BlockStats& stats) {
  json.Key("stats").BeginObject();
  auto put = [&json](std::string_view key, uint64_t value) {
    if (value != 0) json.Key(key).UInt(value);
  };
  put("numSamples", stats.samples);
  put("numFloatSamples", stats.float_samples);
  put("numHistogramSamples", stats.histogram_samples);
  put("numSeries", stats.series);
  put("numChunks", stats.chunks);
  put("numTombstones", stats.tombstones);
  json.EndObject();
}

// Compact JSON with each element on a line of its own, for people.
std::string Indent(std::string_view json) {
  std::string out;
  size_t depth = 0;
  bool in_string = false;
  auto new_line = [&] { out.append("\n").append(depth, '\t'); };
  for (size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (in_string) {
      out.push_back(c);
      if (c == '\\') out.push_back(json[++i]);
      in_string = c != '"';
      continue;
    }
    if (c == '}' || c == ']') {
      --depth;
      bool is_empty = json[i - 1] == '{' || json[i - 1] == '[';
      if (!is_empty) new_line();
    }
    out.push_back(c);
    if (c == ':') out.push_back(' ');
    if (c == '{' || c == '[') ++depth;
    bool opens = (c == '{' || c == '[') && json[i + 1] != '}' && json[i + 1] != ']';
    if (opens || c == ',') new_line();
    in_string = c == '"';
  }
  return out;
}

// Reads members of objects; remembers the first that has another type than it should. Absent members and null
// leave the target as it is.
class MetaParser {
 public:
  Result<BlockMeta> Parse(std::string_view json) {
    meta_.version = 0;
    simdjson::dom::parser parser;
    object root;
    auto error = parser.parse(json.data(), json.size()).get(root);
    if (error != simdjson::SUCCESS)
      return core::Fail(Code::kCorruption, "{}", simdjson::error_message(error));
    for (auto [key, value] : root) ReadMember(key, value);
    if (!wrong_.empty()) return core::Fail(Code::kCorruption, "{} is not what it should be", wrong_);
    return std::move(meta_);
  }

 private:
  void ReadMember(std::string_view key, element value) {
    if (key == "ulid") {
      ReadUlid(key, value, meta_.ulid);
    } else if (key == "minTime") {
      Read(key, value, meta_.min_time_ms);
    } else if (key == "maxTime") {
      Read(key, value, meta_.max_time_ms);
    } else if (key == "version") {
      Read(key, value, meta_.version);
    } else if (key == "stats") {
      ReadStats(value);
    } else if (key == "compaction") {
      ReadCompaction(value);
    } else {
      meta_.other.emplace_back(key, simdjson::minify(value));
    }
  }

  template <typename T>
  void Read(std::string_view key, element value, T& out) {
    if (!value.is_null() && value.get(out) != simdjson::SUCCESS) SetWrong(key);
  }
  void ReadUlid(std::string_view key, element value, Ulid& out) {
    std::string_view text;
    std::optional<Ulid> ulid;
    if (value.get(text) == simdjson::SUCCESS) ulid = Ulid::Parse(text);
    if (ulid) {
      out = *ulid;
    } else {
      SetWrong(key);
    }
  }
  template <typename Visit>
  void VisitMembers(std::string_view key, element value, Visit visit) {
    object members;
    if (value.is_null()) return;
    if (value.get(members) != simdjson::SUCCESS) return SetWrong(key);
    for (auto [name, member] : members) visit(name, member);
  }
  template <typename Visit>
  void VisitElements(std::string_view key, element value, Visit visit) {
    simdjson::dom::array elements;
    if (value.is_null()) return;
    if (value.get(elements) != simdjson::SUCCESS) return SetWrong(key);
    for (element one : elements) visit(one);
  }

  void ReadStats(element value) {
    VisitMembers("stats", value, [&](std::string_view key, element member) {
      BlockStats& stats = meta_.stats;
      if (key == "numSamples") Read(key, member, stats.samples);
      if (key == "numFloatSamples") Read(key, member, stats.float_samples);
      if (key == "numHistogramSamples") Read(key, member, stats.histogram_samples);
      if (key == "numSeries") Read(key, member, stats.series);
      if (key == "numChunks") Read(key, member, stats.chunks);
      if (key == "numTombstones") Read(key, member, stats.tombstones);
    });
  }
  void ReadCompaction(element value) {
    BlockCompaction& compaction = meta_.compaction;
    compaction.level = 0;
    VisitMembers("compaction", value, [&](std::string_view key, element member) {
      if (key == "level") Read(key, member, compaction.level);
      if (key == "deletable") Read(key, member, compaction.deletable);
      if (key == "failed") Read(key, member, compaction.failed);
      if (key == "sources") {
        VisitElements(key, member,
                      [&](element source) { ReadUlid(key, source, compaction.sources.emplace_back()); });
      }
      if (key == "parents") {
        VisitElements(key, member,
                      [&](element parent) { ReadParent(parent, compaction.parents.emplace_back()); });
      }
      if (key == "hints") {
        VisitElements(key, member, [&](element hint) {
          std::string_view text;
          Read(key, hint, text);
          compaction.hints.emplace_back(text);
        });
      }
    });
  }
  void ReadParent(element value, BlockParent& out) {
    VisitMembers("parents", value, [&](std::string_view key, element member) {
      if (key == "ulid") ReadUlid(key, member, out.ulid);
      if (key == "minTime") Read(key, member, out.min_time_ms);
      if (key == "maxTime") Read(key, member, out.max_time_ms);
    });
  }
  void SetWrong(std::string_view key) {
    if (wrong_.empty()) wrong_ = key;
  }

  BlockMeta meta_;
  std::string wrong_;
};

Result<BlockMeta> ReadAnyVersion(FileSystem& fs, const std::string& block_dir, uint64_t* size_bytes) {
  SEXTANT_ASSIGN(std::string json, core::ReadFile(fs, MetaPath(block_dir), kMaxMetaBytes));
  if (size_bytes != nullptr) *size_bytes = json.size();
  return ParseBlockMeta(json).map_error(core::AddContext("{}", MetaPath(block_dir)));
}

// Copies an index and gives the copy another version.
Status RewriteIndex(FileSystem& fs, const std::string& path) {
  std::string repaired = path + ".repaired";
  SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> broken, fs.MapReadOnly(path));
  SEXTANT_ASSIGN(std::unique_ptr<core::File> file, fs.Open(repaired, core::OpenMode::kCreateOrEmpty));
  std::string_view rest = broken->bytes();
  if (rest.size() < kIndexHeaderBytes) return core::Fail(Code::kCorruption, "{}: ends too early", path);
  std::string header(rest.substr(0, kIndexHeaderBytes));
  header.back() = kIndexVersion;
  SEXTANT_TRY(file->Append(header));
  rest.remove_prefix(kIndexHeaderBytes);
  for (; !rest.empty(); rest.remove_prefix(std::min(kCopyBytes, rest.size()))) {
    SEXTANT_TRY(file->Append(rest.substr(0, kCopyBytes)));
  }
  SEXTANT_TRY(file->Sync());
  SEXTANT_TRY(fs.Rename(repaired, path));
  return fs.SyncDirectory(core::ParentPath(path));
}

}  // namespace

std::string FormatBlockMeta(const BlockMeta& meta) {
  JsonWriter json;
  json.BeginObject().Key("ulid").String(meta.ulid.ToString());
  json.Key("minTime").Int(meta.min_time_ms).Key("maxTime").Int(meta.max_time_ms);
  WriteStats(json, meta.stats);
  WriteCompaction(json, meta.compaction);
  json.Key("version").Int(meta.version);
  for (const auto& [key, value] : meta.other) json.Key(key).Raw(value);
  json.EndObject();
  return Indent(std::move(json).Take());
}

Result<BlockMeta> ParseBlockMeta(std::string_view json) { return MetaParser().Parse(json); }

Result<BlockMeta> ReadBlockMeta(FileSystem& fs, const std::string& block_dir, uint64_t* size_bytes) {
  SEXTANT_ASSIGN(BlockMeta meta, ReadAnyVersion(fs, block_dir, size_bytes));
  if (meta.version != kVersion) {
    return core::Fail(Code::kCorruption, "{}: unexpected meta file version {}", MetaPath(block_dir),
                      meta.version);
  }
  return meta;
}

Status WriteBlockMeta(FileSystem& fs, const std::string& block_dir, const BlockMeta& meta) {
  return core::WriteFileAtomically(fs, MetaPath(block_dir), FormatBlockMeta(meta));
}

Result<bool> RepairIndexVersion(FileSystem& fs, const std::string& block_dir) {
  SEXTANT_ASSIGN(BlockMeta meta, ReadAnyVersion(fs, block_dir, nullptr));
  if (meta.version != 2) return false;
  SEXTANT_TRY(RewriteIndex(fs, core::JoinPath(block_dir, "index")));
  meta.version = kVersion;
  SEXTANT_TRY(WriteBlockMeta(fs, block_dir, meta));
  return true;
}

}  // namespace sextant::promfiles
