// Files of the extension file_storage. The first byte says whether the input is a whole file, or the payloads
// of records (each preceded by two bytes of length) that have passed their checksums. What can be opened is
// read, written to and opened again.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "core/crc32c.h"
#include "core/file.h"
#include "pipeline/extensions/key_value_file.h"

namespace {

using namespace sextant;

std::string LittleEndian(uint32_t number) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift);
  return out;
}

std::string FileOf(std::string_view input) {
  std::string file = "SXKV0001";
  while (input.size() >= 2) {
    size_t size = static_cast<unsigned char>(input[0]) | static_cast<unsigned char>(input[1]) << 8;
    std::string_view payload = input.substr(2, size);
    input.remove_prefix(2 + payload.size());
    file += LittleEndian(static_cast<uint32_t>(payload.size())) + LittleEndian(core::Crc32c(payload));
    file += payload;
  }
  return file;
}

const std::string& Folder() {
  static const std::string kFolder = [] {
    std::string pattern = "/tmp/key-value-fuzzer-XXXXXX";
    SEXTANT_CHECK(::mkdtemp(pattern.data()) != nullptr);
    static const std::string kMade = pattern;
    std::atexit([] {
      core::PosixFileSystem files;
      static_cast<void>(core::RemoveAll(files, kMade));
    });
    return pattern;
  }();
  return kFolder;
}

void Use(core::FileSystem& files, const std::string& path) {
  auto opened = pipeline::KeyValueFile::Open(files, path, {});
  if (!opened) return;
  size_t keys = (*opened)->keys();
  static_cast<void>((*opened)->Get("key"));
  std::vector<pipeline::StorageOperation> operations;
  operations.push_back(pipeline::StorageOperation::Set("key", "value"));
  SEXTANT_CHECK((*opened)->Batch(operations).has_value());
  SEXTANT_CHECK((*opened)->keys() >= keys);
  static_cast<void>((*opened)->Compact());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string path = Folder() + "/file.kv";
  {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << ((data[0] & 1) != 0 ? FileOf(input) : std::string(input));
  }
  core::PosixFileSystem files;
  Use(files, path);
  Use(files, path);
  return 0;
}
