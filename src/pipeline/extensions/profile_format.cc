#include "pipeline/extensions/profile_format.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string_view>

namespace sextant::pipeline {

namespace {

class Message {
 public:
  void Number(uint32_t field, uint64_t value) {
    if (value == 0) return;
    Varint(uint64_t{field} << 3);
    Varint(value);
  }
  void Bytes(uint32_t field, std::string_view bytes) {
    Varint(uint64_t{field} << 3 | 2);
    Varint(bytes.size());
    out_ += bytes;
  }
  void Packed(uint32_t field, std::span<const uint64_t> values) {
    Message inner;
    for (uint64_t value : values) inner.Varint(value);
    Bytes(field, inner.out_);
  }
  const std::string& bytes() const { return out_; }

 private:
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }
  std::string out_;
};

struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;
  std::string file;
};

// The parts of the address space that hold code, from /proc/self/maps.
std::vector<Mapping> CodeMappings() {
  std::vector<Mapping> mappings;
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long long start = 0;
    unsigned long long end = 0;
    unsigned long long offset = 0;
    char flags[5] = {};
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx %4s %llx %*s %*s %n", &start, &end, flags, &offset, &path_at) <
        4) {
      continue;
    }
    if (flags[2] != 'x') continue;
    std::string file = path_at > 0 ? line.substr(static_cast<size_t>(path_at)) : "";
    mappings.push_back({start, end, offset, std::move(file)});
  }
  return mappings;
}

std::string Demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string out = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return out;
}

class ProfileWriter {
 public:
  ProfileWriter() : mappings_(CodeMappings()) { Text(""); }

  std::string Write(std::span<const ProfileSample> samples, const ProfileInfo& info) {
    for (const ProfileColumn& column : info.columns) profile_.Bytes(1, Column(column));
    for (const ProfileSample& sample : samples) AddSample(sample, info.innermost_is_call);
    for (size_t i = 0; i < mappings_.size(); ++i) AddMapping(i);
    profile_.Number(9, static_cast<uint64_t>(info.started_ms) * 1'000'000);
    profile_.Number(10, static_cast<uint64_t>(info.duration_ms) * 1'000'000);
    profile_.Bytes(11, Column(info.period_of));
    profile_.Number(12, static_cast<uint64_t>(info.period));
    if (!info.shown_column.empty()) profile_.Number(14, Text(info.shown_column));
    for (const std::string& text : texts_) profile_.Bytes(6, text);
    return profile_.bytes();
  }

 private:
  uint64_t Text(const std::string& text) {
    auto [place, is_new] = text_ids_.try_emplace(text, texts_.size());
    if (is_new) texts_.push_back(text);
    return place->second;
  }

  std::string Column(const ProfileColumn& column) {
    Message message;
    message.Number(1, Text(column.type));
    message.Number(2, Text(column.unit));
    return message.bytes();
  }

  void AddSample(const ProfileSample& sample, bool innermost_is_call) {
    std::vector<uint64_t> locations;
    for (size_t i = 0; i < sample.frames.size(); ++i) {
      // The call is before the address of return.
      bool is_return = i > 0 || innermost_is_call;
      locations.push_back(Location(sample.frames[i] - (is_return ? 1 : 0)));
    }
    std::vector<uint64_t> values;
    for (int64_t value : sample.values) values.push_back(static_cast<uint64_t>(value));
    Message message;
    message.Packed(1, locations);
    message.Packed(2, values);
    profile_.Bytes(2, message.bytes());
  }

  uint64_t Location(uintptr_t address) {
    auto [place, is_new] = locations_.try_emplace(address, locations_.size() + 1);
    if (!is_new) return place->second;
    Message message;
    message.Number(1, place->second);
    for (size_t i = 0; i < mappings_.size(); ++i) {
      if (address >= mappings_[i].start && address < mappings_[i].end) message.Number(2, i + 1);
    }
    message.Number(3, address);
    if (uint64_t function = Function(address); function != 0) {
      Message line;
      line.Number(1, function);
      message.Bytes(4, line.bytes());
    }
    profile_.Bytes(4, message.bytes());
    return place->second;
  }

  // The id of the function that an address is in, or 0 when no symbol says so.
  uint64_t Function(uintptr_t address) {
    Dl_info found{};
    // NOLINTNEXTLINE: an address of code is asked for as a pointer.
    if (::dladdr(reinterpret_cast<void*>(address), &found) == 0 || found.dli_sname == nullptr) return 0;
    auto [place, is_new] = functions_.try_emplace(found.dli_sname, functions_.size() + 1);
    if (!is_new) return place->second;
    Message message;
    message.Number(1, place->second);
    message.Number(2, Text(Demangled(found.dli_sname)));
    message.Number(3, Text(found.dli_sname));
    profile_.Bytes(5, message.bytes());
    return place->second;
  }

  void AddMapping(size_t index) {
    const Mapping& mapping = mappings_[index];
    Message message;
    message.Number(1, index + 1);
    message.Number(2, mapping.start);
    message.Number(3, mapping.end);
    message.Number(4, mapping.offset);
    message.Number(5, Text(mapping.file));
    profile_.Bytes(3, message.bytes());
  }

  const std::vector<Mapping> mappings_;
  Message profile_;
  std::vector<std::string> texts_;
  std::map<std::string, uint64_t> text_ids_;
  std::map<uintptr_t, uint64_t> locations_;
  std::map<std::string, uint64_t> functions_;
};

}  // namespace

std::string EncodeProfile(std::span<const ProfileSample> samples, const ProfileInfo& info) {
  return ProfileWriter().Write(samples, info);
}

}  // namespace sextant::pipeline
