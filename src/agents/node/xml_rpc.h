// Answers of XML-RPC (xmlrpc.com/spec.md), as far as lists of flat structures go. Stateless; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::node {

// Members by name; values as texts, whatever their type.
using XmlRpcStruct = std::map<std::string, std::string, std::less<>>;

// The structures of an answer that is an array of them. Members that are no plain values are left out.
// kUnavailable with the server's words for a fault; kInvalidArgument for what is no answer.
core::Result<std::vector<XmlRpcStruct>> ParseXmlRpcStructs(std::string_view xml);

}  // namespace sextant::node
