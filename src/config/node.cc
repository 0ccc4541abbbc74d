#include "config/node.h"

#include <fcntl.h>
#include <libfyaml.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <unordered_set>

#include "config/text.h"
#include "config/value.h"

namespace sextant::config {

struct Node::Data {
  const Tree* tree = nullptr;
  const std::string* file = nullptr;
  Data* parent = nullptr;
  Data* first_child = nullptr;
  Data* last_child = nullptr;
  Data* next = nullptr;
  std::string_view text;
  std::string_view key;
  Position position;
  Position key_position;
  uint32_t child_count = 0;
  uint32_t index = 0;  // among the parent's children
  NodeKind kind = NodeKind::kNull;
  bool is_plain = false;
  bool key_is_plain = false;
};

struct Node::Tree {
  std::string file;
  bool ignores_unknown_fields = false;
  bool null_keeps_default = false;
  std::deque<Data> nodes;
  std::deque<std::string> texts;                                    // what the views of `nodes` look at
  std::map<std::string, std::unique_ptr<std::string>> other_files;  // of nodes that are not of `file`
  std::vector<Node> roots;
};

namespace {

constexpr std::string_view kBinaryTag = "tag:yaml.org,2002:binary";
constexpr std::string_view kNullTag = "tag:yaml.org,2002:null";

struct ParserDeleter {
  void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
};
struct DiagDeleter {
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};
struct EventDeleter {
  fy_parser* parser;
  void operator()(fy_event* event) const { fy_parser_event_free(parser, event); }
};
using Event = std::unique_ptr<fy_event, EventDeleter>;

Position ToPosition(const fy_mark* mark, Position otherwise) {
  if (mark == nullptr) return otherwise;
  return {static_cast<uint32_t>(mark->line + 1), static_cast<uint32_t>(mark->column + 1)};
}

std::string_view TokenText(fy_token* token) {
  size_t length = 0;
  const char* text = token == nullptr ? nullptr : fy_token_get_text(token, &length);
  return text == nullptr ? std::string_view() : std::string_view(text, length);
}

// The offset of a line that starts with `%`, or npos. Only directives do; libfyaml 0.7 can loop for ever on
// bad ones, so they are refused before it sees them. Counts every line break that any version of YAML knows.
size_t FindDirective(std::string_view text) {
  for (size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    std::string_view before = text.substr(0, at);
    if (before.empty() || before.ends_with('\n') || before.ends_with('\r')) return at;
    for (std::string_view mark : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf"}) {
      if (before.ends_with(mark)) return at;
    }
  }
  return std::string_view::npos;
}

bool IsNullText(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

}  // namespace

// Turns libfyaml's events into a tree. One use.
class TreeBuilder {
 public:
  TreeBuilder(std::string file, const DocumentLimits& limits)
      : tree_(std::make_unique<Node::Tree>()), limits_(limits) {
    tree_->file = std::move(file);
    tree_->ignores_unknown_fields = limits.ignores_unknown_fields;
    tree_->null_keeps_default = limits.null_keeps_default;
  }

  core::Result<std::unique_ptr<Node::Tree>> Build(std::string_view text, bool allow_several);
  core::Result<std::unique_ptr<Node::Tree>> Build(const Value& root);

 private:
  using Data = Node::Data;

  // A mapping or sequence that is being filled.
  struct Frame {
    Data* node;
    bool has_key = false;
    std::string_view key;
    bool key_is_plain = false;
    Position key_position;
    std::unordered_set<std::string_view> keys;
  };

  tl::unexpected<core::Error> Fail(Position where, std::string_view message,
                                   core::Code code = core::Code::kInvalidArgument) const {
    return core::Fail(code, "{}:{}:{}: {}", tree_->file, where.line, where.column, message);
  }
  tl::unexpected<core::Error> SyntaxError(fy_diag* diag) const;

  core::Status Handle(fy_event* event);
  core::Status HandleScalar(fy_event* event, Position where);
  core::Status HandleAlias(fy_event* event, Position where);
  core::Status Open(NodeKind kind, fy_event* event, Position where);
  core::Status Close();
  core::Status ApplyMerges(Data* mapping);

  core::Result<Data*> NewNode(NodeKind kind, Position where);
  std::string_view Keep(std::string_view text);
  // Puts a node where the innermost open collection wants it; a key when that is a mapping without one.
  core::Status Place(Data* node);
  // A deep copy that will stand `depth` levels below the root.
  core::Result<Data*> Copy(const Data* original, size_t depth);
  core::Result<Data*> CopyEntry(const Data* original, size_t depth);
  static void Append(Data* parent, Data* child);
  core::Result<Data*> Convert(const Value& value, size_t depth);

  std::unique_ptr<Node::Tree> tree_;
  const DocumentLimits limits_;
  std::vector<Frame> open_;
  std::map<std::string, Data*, std::less<>> anchors_;
  Data* root_ = nullptr;
  Position last_;  // of the last event that had one
};

core::Result<std::unique_ptr<Node::Tree>> TreeBuilder::Build(std::string_view text, bool allow_several) {
  if (text.size() > limits_.size_bytes) {
    return core::Fail(core::Code::kResourceExhausted, "{}: file is larger than {} bytes", tree_->file,
                      limits_.size_bytes);
  }
  if (size_t directive = FindDirective(text); directive != std::string_view::npos) {
    auto line = std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(directive), '\n') + 1;
    return Fail({static_cast<uint32_t>(line), 1}, "YAML directives are not supported");
  }
  fy_diag_cfg diag_config;
  fy_diag_cfg_default(&diag_config);
  diag_config.fp = nullptr;
  diag_config.output_fn = [](fy_diag*, void*, const char*, size_t) {};
  std::unique_ptr<fy_diag, DiagDeleter> diag(fy_diag_create(&diag_config));
  SEXTANT_CHECK(diag != nullptr);
  fy_diag_set_collect_errors(diag.get(), true);
  fy_parse_cfg parse_config{};
  parse_config.search_path = "";
  parse_config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_JSON_NONE | FYPCF_COLLECT_DIAG);
  parse_config.diag = diag.get();
  std::unique_ptr<fy_parser, ParserDeleter> parser(fy_parser_create(&parse_config));
  SEXTANT_CHECK(parser != nullptr);
  if (fy_parser_set_string(parser.get(), text.data(), text.size()) != 0) return SyntaxError(diag.get());

  while (true) {
    Event event(fy_parser_parse(parser.get()), EventDeleter{parser.get()});
    if (event == nullptr || event->type == FYET_STREAM_END) {
      if (event == nullptr && !text.empty()) return SyntaxError(diag.get());
      break;
    }
    last_ = ToPosition(fy_event_start_mark(event.get()), last_);
    if (event->type == FYET_DOCUMENT_START && !tree_->roots.empty() && !allow_several) {
      return Fail(last_, "a second document starts here; this file may hold one only");
    }
    SEXTANT_TRY(Handle(event.get()));
  }
  if (fy_parser_get_stream_error(parser.get())) return SyntaxError(diag.get());
  if (tree_->roots.empty()) {
    SEXTANT_ASSIGN(Data * root, NewNode(NodeKind::kNull, Position()));
    tree_->roots.push_back(Node(root));
  }
  return std::move(tree_);
}

tl::unexpected<core::Error> TreeBuilder::SyntaxError(fy_diag* diag) const {
  void* iterator = nullptr;
  while (fy_diag_error* error = fy_diag_errors_iterate(diag, &iterator)) {
    if (error->type < FYET_ERROR || error->msg == nullptr) continue;
    Position where = last_;
    // One based here, unlike marks.
    if (error->line > 0 && error->column > 0) {
      where = {static_cast<uint32_t>(error->line), static_cast<uint32_t>(error->column)};
    }
    return Fail(where, fmt::format("not valid YAML: {}", error->msg));
  }
  return Fail(last_, "not valid YAML");
}

core::Status TreeBuilder::Handle(fy_event* event) {
  switch (event->type) {
    case FYET_DOCUMENT_START:
      anchors_.clear();
      root_ = nullptr;
      return {};
    case FYET_DOCUMENT_END:
      if (root_ == nullptr) {
        SEXTANT_ASSIGN(root_, NewNode(NodeKind::kNull, last_));
      }
      tree_->roots.push_back(Node(root_));
      return {};
    case FYET_MAPPING_START:
      return Open(NodeKind::kMapping, event, last_);
    case FYET_SEQUENCE_START:
      return Open(NodeKind::kSequence, event, last_);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
      return Close();
    case FYET_SCALAR:
      return HandleScalar(event, last_);
    case FYET_ALIAS:
      return HandleAlias(event, last_);
    default:
      return {};
  }
}

core::Status TreeBuilder::HandleScalar(fy_event* event, Position where) {
  std::string_view text = TokenText(event->scalar.value);
  std::string_view tag = TokenText(event->scalar.tag);
  fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
  // The mark is behind the quote; a person looks for the quote.
  if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && where.column > 1) --where.column;
  SEXTANT_ASSIGN(Data * node, NewNode(NodeKind::kScalar, where));
  node->is_plain = event->scalar.tag == nullptr && style == FYSS_PLAIN;
  if (tag == kBinaryTag) {
    std::string decoded;
    if (!DecodeBase64(text, decoded)) return Fail(where, "!!binary value contains invalid base64 data");
    node->text = Keep(decoded);
  } else {
    node->text = Keep(text);
  }
  bool is_key = !open_.empty() && open_.back().node->kind == NodeKind::kMapping && !open_.back().has_key;
  if (!is_key && (tag == kNullTag || (node->is_plain && IsNullText(text)))) node->kind = NodeKind::kNull;
  if (event->scalar.anchor != nullptr) anchors_[std::string(TokenText(event->scalar.anchor))] = node;
  return Place(node);
}

core::Status TreeBuilder::HandleAlias(fy_event* event, Position where) {
  std::string_view name = TokenText(event->alias.anchor);
  auto anchor = anchors_.find(name);
  if (anchor == anchors_.end()) return Fail(where, fmt::format("alias *{} has no anchor before it", name));
  for (const Frame& frame : open_) {
    if (frame.node == anchor->second) return Fail(where, fmt::format("anchor &{} contains itself", name));
  }
  SEXTANT_ASSIGN(Data * copy, Copy(anchor->second, open_.size()));
  return Place(copy);
}

core::Status TreeBuilder::Open(NodeKind kind, fy_event* event, Position where) {
  if (open_.size() >= limits_.depth) {
    return Fail(where, fmt::format("nested more than {} deep", limits_.depth),
                core::Code::kResourceExhausted);
  }
  SEXTANT_ASSIGN(Data * node, NewNode(kind, where));
  fy_token* anchor = fy_event_get_anchor_token(event);
  if (anchor != nullptr) anchors_[std::string(TokenText(anchor))] = node;
  SEXTANT_TRY(Place(node));
  open_.push_back(Frame{.node = node, .key = {}, .key_position = {}, .keys = {}});
  return {};
}

core::Status TreeBuilder::Close() {
  Data* node = open_.back().node;
  open_.pop_back();
  if (node->kind == NodeKind::kMapping) return ApplyMerges(node);
  return {};
}

// Replaces the `<<` entries of a mapping by the entries they bring; what the mapping says itself wins, then
// what was merged first (https://yaml.org/type/merge.html).
core::Status TreeBuilder::ApplyMerges(Data* mapping) {
  auto is_merge = [](const Data* child) { return child->key == "<<" && child->key_is_plain; };
  std::vector<Data*> merges;
  std::vector<Data*> entries;
  for (Data* child = mapping->first_child; child != nullptr; child = child->next) {
    (is_merge(child) ? merges : entries).push_back(child);
  }
  if (merges.empty()) return {};

  std::unordered_set<std::string_view> keys;
  for (const Data* entry : entries) keys.insert(entry->key);
  for (Data* merge : merges) {
    std::vector<Data*> sources;
    if (merge->kind == NodeKind::kSequence) {
      for (Data* item = merge->first_child; item != nullptr; item = item->next) sources.push_back(item);
    } else {
      sources.push_back(merge);
    }
    for (Data* source : sources) {
      if (source->kind != NodeKind::kMapping) {
        return Fail(merge->key_position, "merge key << needs a mapping or a list of mappings");
      }
      for (Data* entry = source->first_child; entry != nullptr; entry = entry->next) {
        if (!keys.insert(entry->key).second) continue;
        SEXTANT_ASSIGN(Data * copy, CopyEntry(entry, open_.size() + 1));
        entries.push_back(copy);
      }
    }
  }
  mapping->first_child = mapping->last_child = nullptr;
  mapping->child_count = 0;
  for (Data* entry : entries) Append(mapping, entry);
  return {};
}

core::Result<Node::Data*> TreeBuilder::NewNode(NodeKind kind, Position where) {
  if (tree_->nodes.size() >= limits_.nodes) {
    return Fail(where, fmt::format("more than {} values (after the expansion of aliases)", limits_.nodes),
                core::Code::kResourceExhausted);
  }
  Data& node = tree_->nodes.emplace_back();
  node.tree = tree_.get();
  node.file = &tree_->file;
  node.kind = kind;
  node.position = where;
  node.key_position = where;
  return &node;
}

std::string_view TreeBuilder::Keep(std::string_view text) {
  if (text.empty()) return {};
  return tree_->texts.emplace_back(text);
}

core::Status TreeBuilder::Place(Data* node) {
  if (open_.empty()) {
    root_ = node;
    return {};
  }
  Frame& frame = open_.back();
  if (frame.node->kind == NodeKind::kSequence) {
    Append(frame.node, node);
    return {};
  }
  if (!frame.has_key) {
    if (node->kind != NodeKind::kScalar) return Fail(node->position, "a key must be text");
    if (!frame.keys.insert(node->text).second) {
      Position first;
      for (const Data* child = frame.node->first_child; child != nullptr; child = child->next) {
        if (child->key == node->text) first = child->key_position;
      }
      // The path of the mapping, then the key; "already set" is how Prometheus words it.
      std::string path = Node(frame.node).Path();
      return Fail(node->position, fmt::format("{}{}{}: field {} already set at line {}", path,
                                              path.empty() ? "" : ".", node->text, node->text, first.line));
    }
    frame.has_key = true;
    frame.key = node->text;
    frame.key_is_plain = node->is_plain;
    frame.key_position = node->position;
    return {};
  }
  node->key = frame.key;
  node->key_is_plain = frame.key_is_plain;
  node->key_position = frame.key_position;
  // An absent value has no place of its own.
  if (node->kind == NodeKind::kNull && node->text.empty()) node->position = frame.key_position;
  frame.has_key = false;
  Append(frame.node, node);
  return {};
}

core::Result<Node::Data*> TreeBuilder::Copy(const Data* original, size_t depth) {
  if (depth > limits_.depth) {
    return Fail(last_,
                fmt::format("nested more than {} deep (after the expansion of aliases)", limits_.depth),
                core::Code::kResourceExhausted);
  }
  SEXTANT_ASSIGN(Data * copy, NewNode(original->kind, original->position));
  copy->text = original->text;
  copy->is_plain = original->is_plain;
  for (const Data* child = original->first_child; child != nullptr; child = child->next) {
    SEXTANT_ASSIGN(Data * child_copy, CopyEntry(child, depth + 1));
    Append(copy, child_copy);
  }
  return copy;
}

core::Result<Node::Data*> TreeBuilder::CopyEntry(const Data* original, size_t depth) {
  SEXTANT_ASSIGN(Data * copy, Copy(original, depth));
  copy->key = original->key;
  copy->key_is_plain = original->key_is_plain;
  copy->key_position = original->key_position;
  return copy;
}

void TreeBuilder::Append(Data* parent, Data* child) {
  child->parent = parent;
  child->index = parent->child_count++;
  child->next = nullptr;
  if (parent->last_child == nullptr) {
    parent->first_child = child;
  } else {
    parent->last_child->next = child;
  }
  parent->last_child = child;
}

core::Result<Node::Data*> TreeBuilder::Convert(const Value& value, size_t depth) {
  if (depth > limits_.depth) {
    return Fail(value.position, fmt::format("nested more than {} deep", limits_.depth),
                core::Code::kResourceExhausted);
  }
  SEXTANT_ASSIGN(Data * node, NewNode(value.kind, value.position));
  if (value.file != nullptr && *value.file != tree_->file) {
    std::unique_ptr<std::string>& file = tree_->other_files[*value.file];
    if (file == nullptr) file = std::make_unique<std::string>(*value.file);
    node->file = file.get();
  }
  node->text = Keep(value.text);
  node->is_plain = value.is_plain;
  for (const Value& child : value.children) {
    SEXTANT_ASSIGN(Data * converted, Convert(child, depth + 1));
    converted->key = Keep(child.key);
    converted->key_is_plain = true;
    converted->key_position = child.key_position;
    Append(node, converted);
  }
  return node;
}

core::Result<std::unique_ptr<Node::Tree>> TreeBuilder::Build(const Value& root) {
  SEXTANT_ASSIGN(Data * converted, Convert(root, 0));
  tree_->roots.push_back(Node(converted));
  return std::move(tree_);
}

NodeKind Node::kind() const { return data_->kind; }
std::string_view Node::text() const { return data_->text; }
bool Node::is_plain() const { return data_->is_plain; }
std::string_view Node::key() const { return data_->key; }
Position Node::position() const { return data_->position; }
Position Node::key_position() const { return data_->key_position; }
std::string_view Node::file() const { return *data_->file; }
bool Node::ignores_unknown_fields() const { return data_->tree->ignores_unknown_fields; }
bool Node::null_keeps_default() const { return data_->tree->null_keeps_default; }
size_t Node::size() const { return data_ == nullptr ? 0 : data_->child_count; }

Node::Children Node::children() const { return Children(data_ == nullptr ? nullptr : data_->first_child); }

Node::Children::Iterator& Node::Children::Iterator::operator++() {
  data_ = data_->next;
  return *this;
}

Node Node::Find(std::string_view key) const {
  if (data_ == nullptr || data_->kind != NodeKind::kMapping) return Node();
  for (Node child : children()) {
    if (child.key() == key) return child;
  }
  return Node();
}

std::string Node::Path() const {
  std::vector<const Data*> steps;
  for (const Data* at = data_; at->parent != nullptr; at = at->parent) steps.push_back(at);
  std::string path;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if ((*step)->parent->kind == NodeKind::kSequence) {
      path += fmt::format("[{}]", (*step)->index);
    } else {
      if (!path.empty()) path += '.';
      path += (*step)->key;
    }
  }
  return path;
}

std::string Node::Describe() const {
  switch (kind()) {
    case NodeKind::kNull:
      return "nothing";
    case NodeKind::kSequence:
      return "a list";
    case NodeKind::kMapping:
      return "a mapping";
    case NodeKind::kScalar:
      break;
  }
  constexpr size_t kShown = 60;
  if (text().size() <= kShown) return fmt::format("text {}", Quote(text()));
  return fmt::format("text {}…", Quote(text().substr(0, kShown)));
}

tl::unexpected<core::Error> Node::FailAtKey(core::Code code, std::string_view message) const {
  return FailAt(key_position(), code, message);
}

tl::unexpected<core::Error> Node::FailAt(Position where, core::Code code, std::string_view message) const {
  std::string path = Path();
  return core::Fail(code, "{}:{}:{}: {}{}{}", file(), where.line, where.column, path,
                    path.empty() ? "" : ": ", message);
}

Document::Document(std::unique_ptr<Node::Tree> tree) : tree_(std::move(tree)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

const std::vector<Node>& Document::roots() const { return tree_->roots; }
const std::string& Document::file() const { return tree_->file; }

core::Result<Document> Document::Parse(std::string_view text, std::string file_name,
                                       const DocumentLimits& limits) {
  SEXTANT_ASSIGN(auto tree, TreeBuilder(std::move(file_name), limits).Build(text, false));
  return Document(std::move(tree));
}

core::Result<Document> Document::ParseAll(std::string_view text, std::string file_name,
                                          const DocumentLimits& limits) {
  SEXTANT_ASSIGN(auto tree, TreeBuilder(std::move(file_name), limits).Build(text, true));
  return Document(std::move(tree));
}

core::Result<Document> Document::Of(const Value& root, const DocumentLimits& limits) {
  SEXTANT_ASSIGN(auto tree, TreeBuilder(root.file == nullptr ? "" : *root.file, limits).Build(root));
  return Document(std::move(tree));
}

core::Result<Document> Document::Load(const std::string& path, const DocumentLimits& limits) {
  SEXTANT_ASSIGN(std::string text, ReadTextFile(path, limits.size_bytes));
  return Parse(text, path, limits);
}

core::Result<std::string> ReadTextFile(const std::string& path, size_t limit_bytes) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return core::FailErrno(errno, path);
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  struct stat status;
  if (::fstat(fd, &status) != 0) return core::FailErrno(errno, path);
  if (S_ISDIR(status.st_mode)) return core::FailErrno(EISDIR, path);

  std::string text;
  char buffer[64 << 10];
  while (true) {
    ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return core::FailErrno(errno, path);
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > limit_bytes) {
      return core::Fail(core::Code::kResourceExhausted, "{}: file is larger than {} bytes", path,
                        limit_bytes);
    }
  }
}

}  // namespace sextant::config
