// A YAML document as a read-only tree that knows where everything stood in the file.
//
//   SEXTANT_ASSIGN(Document document, Document::Load("/etc/prometheus.yml"));
//   for (Node job : document.root().Find("scrape_configs").children()) ...
//
// Aliases and merge keys (<<) are expanded when the document is read, so that a reader sees plain mappings,
// sequences and scalars only. Scalars are text; what a plain scalar means is decided by who asks for it (a
// field that wants text gets the text of `yes` and of `0x10`), with YAML 1.1's spellings as Prometheus' own
// reader has them.
//
// Everything is bounded: the size of the file, nesting, and the number of nodes after expansion (a "billion
// laughs" file is refused). Duplicate keys, keys that are not scalars, directives (%YAML), and a second
// document in the file are errors.
//
// A Document owns the tree; a Node is a pointer into it, cheap to copy, valid as long as its Document (moving
// the Document keeps its nodes valid). Both may be read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::config {

// One based, counted in characters.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;

  friend bool operator==(const Position&, const Position&) = default;
};

enum class NodeKind {
  kNull,      // nothing, `~` or `null`
  kScalar,    // text
  kSequence,  // a list
  kMapping,   // keys and values, in the file's order
};

class Node {
 public:
  class Children;

  Node() = default;  // no node; what Find returns for an absent key

  // Whether there is a node at all. All other methods need one, except where they say so.
  explicit operator bool() const { return data_ != nullptr; }

  NodeKind kind() const;
  bool IsNull() const { return kind() == NodeKind::kNull; }
  bool IsScalar() const { return kind() == NodeKind::kScalar; }
  bool IsSequence() const { return kind() == NodeKind::kSequence; }
  bool IsMapping() const { return kind() == NodeKind::kMapping; }

  // A scalar's text, unescaped and with !!binary decoded; "" for any other kind.
  std::string_view text() const;
  // Whether a scalar stood without quotes (and so may mean a number or a boolean).
  bool is_plain() const;

  // Items of a sequence or values of a mapping, in order; nothing for a scalar or for no node.
  Children children() const;
  size_t size() const;
  // The value of a mapping's key, or no node (also when this is no mapping or no node).
  Node Find(std::string_view key) const;

  // The key of this value in its mapping, or "".
  std::string_view key() const;
  // Where the value stands, and where its key stands (the value's position outside a mapping). The value of
  // an alias has the position of its anchor.
  Position position() const;
  Position key_position() const;
  // The dotted path from the root: `scrape_configs[0].job_name`; "" for the root.
  std::string Path() const;
  // The file's name as given to the Document.
  std::string_view file() const;
  // Whether fields that nobody knows are passed over, as the Document was told.
  bool ignores_unknown_fields() const;
  // Whether a field without a value keeps its default, in place of getting its type's zero value.
  bool null_keeps_default() const;
  // What a person calls it: `text "abc"`, `a list`, `a mapping`, `nothing`.
  std::string Describe() const;

  // The scalar's value, with an error at this node when it is something else.
  core::Result<std::string> AsText() const;
  core::Result<bool> AsBool() const;
  core::Result<int64_t> AsInt() const;
  core::Result<uint64_t> AsUint() const;
  core::Result<double> AsFloat() const;

  // An error at this value: "file:line:column: path: message".
  template <typename... Args>
  tl::unexpected<core::Error> Fail(fmt::format_string<Args...> format, Args&&... args) const {
    return FailAt(position(), core::Code::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...));
  }
  // The same at this value's key, for what is wrong with the field and not with its value.
  tl::unexpected<core::Error> FailAtKey(core::Code code, std::string_view message) const;
  tl::unexpected<core::Error> FailAt(Position where, core::Code code, std::string_view message) const;

 private:
  friend class Document;
  friend class TreeBuilder;
  struct Data;
  struct Tree;
  explicit Node(const Data* data) : data_(data) {}

  const Data* data_ = nullptr;
};

// The range of a node's children, for range-for.
class Node::Children {
 public:
  class Iterator {
   public:
    explicit Iterator(const Data* data) : data_(data) {}
    Node operator*() const { return Node(data_); }
    Iterator& operator++();
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Data* data_;
  };

  explicit Children(const Data* first) : first_(first) {}
  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(nullptr); }

 private:
  const Data* first_;
};

struct DocumentLimits {
  size_t size_bytes = 16u << 20;
  size_t depth = 64;
  size_t nodes = 1'000'000;             // after the expansion of aliases
  bool ignores_unknown_fields = false;  // when structs are decoded
  bool null_keeps_default = false;      // likewise
};

struct Value;

class Document {
 public:
  // A document with what a tree has. kResourceExhausted for a limit.
  static core::Result<Document> Of(const Value& root, const DocumentLimits& limits = {});
  // Parses a text. `file_name` stands in front of every error. An empty text is a document whose root is
  // null. Errors are kInvalidArgument ("file:line:column: what") and kResourceExhausted for a limit.
  static core::Result<Document> Parse(std::string_view text, std::string file_name,
                                      const DocumentLimits& limits = {});
  // The same for a text that may hold several documents (`---`); they share one Document.
  static core::Result<Document> ParseAll(std::string_view text, std::string file_name,
                                         const DocumentLimits& limits = {});
  // Reads and parses a file. Also fails with the operating system's reason.
  static core::Result<Document> Load(const std::string& path, const DocumentLimits& limits = {});

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  // The root of the (first) document; always a node.
  Node root() const { return roots().front(); }
  // The roots of all documents, at least one.
  const std::vector<Node>& roots() const;
  const std::string& file() const;

 private:
  explicit Document(std::unique_ptr<Node::Tree> tree);
  std::unique_ptr<Node::Tree> tree_;
};

// Reads a whole file of at most `limit_bytes`.
core::Result<std::string> ReadTextFile(const std::string& path, size_t limit_bytes);

}  // namespace sextant::config
