#include "alerting/state_file.h"

#include <xxhash.h>

namespace sextant::alerting {
namespace {

constexpr std::string_view kMagic = "SXAJ";
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kRecordHeaderBytes = 12;
constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

void PutInteger(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

uint64_t GetInteger(std::string_view bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i)
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

std::string Header() {
  std::string header(kMagic);
  PutInteger(header, kVersion, 4);
  return header;
}

}  // namespace

StateFile::StateFile(core::FileSystem& files, const std::string& dir, const std::string& name)
    : files_(files),
      dir_(dir),
      snapshot_path_(core::JoinPath(dir, name)),
      journal_path_(core::JoinPath(dir, name + ".journal")) {}

core::Status StateFile::Load(const Take& take_snapshot, const Take& take_record,
                             const std::function<void(const std::string& text)>& warn) {
  SEXTANT_TRY(files_.MakeDirectories(dir_));
  const auto snapshot = core::ReadFile(files_, snapshot_path_, kMaxFileBytes);
  if (snapshot) {
    if (const core::Status taken = take_snapshot(*snapshot); !taken) {
      warn(fmt::format("{} is damaged and put aside as {}.damaged: {}", snapshot_path_, snapshot_path_,
                       taken.error().message()));
      SEXTANT_TRY(files_.Rename(snapshot_path_, snapshot_path_ + ".damaged"));
    }
  } else if (snapshot.error().code() != core::Code::kNotFound) {
    return tl::unexpected(snapshot.error());
  }
  return ReadJournal(take_record, warn);
}

core::Status StateFile::ReadJournal(const Take& take_record,
                                    const std::function<void(const std::string& text)>& warn) {
  const auto bytes = core::ReadFile(files_, journal_path_, kMaxFileBytes);
  if (!bytes) {
    if (bytes.error().code() == core::Code::kNotFound) return {};
    return tl::unexpected(bytes.error());
  }
  if (!bytes->starts_with(Header())) {
    if (!bytes->empty()) warn(journal_path_ + " is no journal of this version and begins anew");
    is_torn_ = true;
    return {};
  }
  std::string_view rest = std::string_view(*bytes).substr(kHeaderBytes);
  while (rest.size() >= kRecordHeaderBytes) {
    const uint64_t size = GetInteger(rest, 4);
    if (size > rest.size() - kRecordHeaderBytes) break;
    const std::string_view record = rest.substr(kRecordHeaderBytes, size);
    if (XXH64(record.data(), record.size(), 0) != GetInteger(rest.substr(4), 8)) break;
    if (const core::Status taken = take_record(record); !taken) {
      warn(fmt::format("{}: a record was skipped: {}", journal_path_, taken.error().message()));
    }
    rest.remove_prefix(kRecordHeaderBytes + size);
  }
  journal_bytes_ = bytes->size() - rest.size();
  is_torn_ = !rest.empty();
  if (is_torn_)
    warn(fmt::format("{}: the last {} bytes were not written whole and are dropped", journal_path_,
                     rest.size()));
  return {};
}

// Ready to append behind the last whole record.
core::Status StateFile::OpenJournal() {
  if (journal_ == nullptr) {
    SEXTANT_ASSIGN(journal_, files_.Open(journal_path_, core::OpenMode::kAppend));
    if (journal_bytes_ == 0) is_torn_ = true;
  }
  if (is_torn_) {
    SEXTANT_TRY(journal_->Truncate(journal_bytes_));
    is_torn_ = false;
  }
  if (journal_bytes_ == 0) {
    is_torn_ = true;
    SEXTANT_TRY(journal_->Append(Header()));
    is_torn_ = false;
    journal_bytes_ = kHeaderBytes;
  }
  return {};
}

core::Status StateFile::Append(std::span<const std::string> records, bool sync) {
  SEXTANT_TRY(OpenJournal());
  std::string bytes;
  for (const std::string& record : records) {
    PutInteger(bytes, record.size(), 4);
    PutInteger(bytes, XXH64(record.data(), record.size(), 0), 8);
    bytes += record;
  }
  is_torn_ = true;
  SEXTANT_TRY(journal_->Append(bytes));
  is_torn_ = false;
  journal_bytes_ += bytes.size();
  if (sync) SEXTANT_TRY(journal_->SyncData());
  return {};
}

core::Status StateFile::Replace(std::string_view snapshot) {
  SEXTANT_TRY(core::WriteFileAtomically(files_, snapshot_path_, snapshot));
  if (journal_bytes_ == 0 && !is_torn_) return {};
  SEXTANT_TRY(OpenJournal());
  SEXTANT_TRY(journal_->Truncate(kHeaderBytes));
  journal_bytes_ = kHeaderBytes;
  return {};
}

}  // namespace sextant::alerting
