// Bounded reads of the kernel's text files, and the few ways in which they are taken apart. Stateless; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::node {

// Where the host's trees are; a container gets them mounted elsewhere (node_exporter's --path flags).
struct HostPaths {
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  std::string rootfs = "/";
  std::string udev_data = "/run/udev/data";

  std::string Proc(std::string_view relative) const { return procfs + "/" + std::string(relative); }
  std::string Sys(std::string_view relative) const { return sysfs + "/" + std::string(relative); }
  // A path of the host as we reach it: below rootfs.
  std::string Root(std::string_view absolute) const;
};

inline constexpr size_t kFileLimitBytes = 8 << 20;
inline constexpr size_t kDirectoryLimit = 20'000;

// A whole file. Never blocks on a FIFO. kNotFound when it does not exist, kResourceExhausted over
// kFileLimitBytes, kIo for the rest, each with the path.
core::Result<std::string> ReadHostFile(const std::string& path);
// The same without surrounding white space; what is absent or unreadable is nothing.
std::optional<std::string> ReadAttribute(const std::string& path);
// An attribute that is a whole number (decimal, or hexadecimal with 0x); nothing when it is not.
std::optional<int64_t> ReadNumber(const std::string& path);

// A folder of small attribute files that are read one after the other: half the price of whole paths. Owned
// by one thread.
class AttributeFolder {
 public:
  // A folder that cannot be opened has no attributes.
  explicit AttributeFolder(const std::string& path);
  ~AttributeFolder();
  AttributeFolder(const AttributeFolder&) = delete;
  AttributeFolder& operator=(const AttributeFolder&) = delete;

  bool exists() const { return fd_ >= 0; }
  // As ReadAttribute and ReadNumber, for files of at most a page.
  std::optional<std::string> Text(const char* name) const;
  std::optional<int64_t> Number(const char* name) const;

 private:
  int fd_;
};

// Sorted names in a directory, without "." and ".."; at most kDirectoryLimit.
core::Result<std::vector<std::string>> ListDirectory(const std::string& path);
bool IsDirectory(const std::string& path);
// Those of the names that are `prefix` followed by a digit, in their order.
std::vector<std::string> Numbered(std::vector<std::string> names, std::string_view prefix);
// The same of a directory, sorted; none when it cannot be listed.
std::vector<std::string> ListNumbered(const std::string& path, std::string_view prefix);

// Takes the next line (without its newline) off `text`; false at the end.
bool NextLine(std::string_view& text, std::string_view& line);
// Takes the next run of characters other than space and tab off `line`; empty at the end.
std::string_view NextField(std::string_view& line);
// All fields of a line. Reuses the vector.
void SplitFields(std::string_view line, std::vector<std::string_view>& fields);
std::string_view TrimSpace(std::string_view text);

// Whole texts as numbers; errors are kInvalidArgument and quote the text.
core::Result<double> ParseFloat(std::string_view text);
core::Result<uint64_t> ParseUnsigned(std::string_view text, int base = 10);
core::Result<int64_t> ParseSigned(std::string_view text);

// Whether a name can stand for one component of a path: not empty, no slash, not "." or "..".
bool IsPathComponent(std::string_view name);
// What is behind a prefix of the text, if it has that prefix.
std::string_view WithoutPrefix(std::string_view text, std::string_view prefix);
// A text as part of a metric's name: what is neither letter, digit nor '_' becomes '_', runs of it one.
std::string MetricNamePart(std::string_view text);

}  // namespace sextant::node
