// Names of NFS procedures in the order in which the kernel counts them. An empty name is not shown.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "agents/node/metric_sink.h"
#include "core/result.h"

namespace sextant::node {

inline constexpr std::string_view kNfs2Procedures[] = {
    "Null",   "GetAttr", "SetAttr", "Root", "Lookup",  "ReadLink", "Read",  "WrCache", "Write",
    "Create", "Remove",  "Rename",  "Link", "SymLink", "MkDir",    "RmDir", "ReadDir", "FsStat"};
inline constexpr std::string_view kNfs3Procedures[] = {
    "Null",    "GetAttr",     "SetAttr", "Lookup", "Access",   "ReadLink", "Read",   "Write",
    "Create",  "MkDir",       "SymLink", "MkNod",  "Remove",   "RmDir",    "Rename", "Link",
    "ReadDir", "ReadDirPlus", "FsStat",  "FsInfo", "PathConf", "Commit"};

// Adds the counts of a line "proc3 22 0 1 ...": how many follow, then that many. Procedures without a count
// get 0; `hidden` is one to leave out.
core::Status AddNfsProcedures(const std::vector<std::string_view>& fields,
                              std::span<const std::string_view> names, std::string_view protocol,
                              MetricFamily& family, std::string_view hidden = {});

}  // namespace sextant::node
