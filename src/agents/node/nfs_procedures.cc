#include "agents/node/nfs_procedures.h"

#include "agents/node/host_files.h"

namespace sextant::node {

core::Status AddNfsProcedures(const std::vector<std::string_view>& fields,
                              std::span<const std::string_view> names, std::string_view protocol,
                              MetricFamily& family, std::string_view hidden) {
  for (size_t i = 0; i < names.size(); ++i) {
    uint64_t count = 0;
    if (i + 2 < fields.size()) {
      SEXTANT_ASSIGN(count, ParseUnsigned(fields[i + 2]));
    }
    if (!names[i].empty() && names[i] != hidden) family.Add({names[i], protocol}, static_cast<double>(count));
  }
  return {};
}

}  // namespace sextant::node
