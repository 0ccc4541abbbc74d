// A secret that stands in a file of its own and may change there. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "core/result.h"

namespace sextant::pipeline {

class CredentialFile {
 public:
  // `clock` outlives it.
  CredentialFile(std::string path, const core::Clock& clock, core::Logger logger)
      : path_(std::move(path)), clock_(clock), logger_(std::move(logger)) {}

  // The lines without white space around them; read again when the last reading is a second old. While the
  // file cannot be read its last content stays, with a warning; an error when there has been none.
  core::Result<std::vector<std::string>> Lines();
  // The first line that is not empty.
  core::Result<std::string> Value();

 private:
  static constexpr int64_t kFreshNs = 1'000'000'000;

  const std::string path_;
  const core::Clock& clock_;
  const core::Logger logger_;
  std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_, as all below
  bool has_lines_ = false;
  bool has_warned_ = false;
  int64_t read_ns_ = 0;
};

}  // namespace sextant::pipeline
