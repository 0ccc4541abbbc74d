#include "gotemplate/executor.h"

#include <fmt/format.h>

#include <optional>
#include <variant>

#include "gotemplate/builtins.h"
#include "gotemplate/html_escapers.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

// Unwinds an execution; never leaves ExecuteTree.
struct ExecutionError {
  core::Code code;
  std::string message;
};

enum class Flow : uint8_t { kNext, kBreak, kContinue };

std::string ArgsWanted(const Function& function) {
  return function.is_variadic ? fmt::format("at least {}", function.params.size() - 1)
                              : fmt::format("{}", function.params.size());
}

class Executor final : public Call {
 public:
  Executor(const TemplateSet& set, const Environment* environment)
      : set_(set), limits_(set.options().limits), environment_(environment), out_(limits_.max_output_bytes) {}

  std::string Run(const Tree& tree, const Value& data) {
    RunTree(tree, data);
    return out_.Take();
  }

  // Call.
  const Environment* environment() const override { return environment_; }
  size_t max_text_bytes() const override { return limits_.max_output_bytes; }
  core::Result<std::string> ExecuteTemplate(std::string_view name, const Value& data) override {
    const Tree* tree = set_.FindTree(name);
    if (tree == nullptr) return FailCall("template {} not defined", Quote(name));
    BoundedText outer = std::exchange(out_, BoundedText(limits_.max_output_bytes));
    RunTree(*tree, data);
    return std::exchange(out_, std::move(outer)).Take();
  }

 private:
  struct Variable {
    std::string_view name;
    Value value;
  };
  using Place = std::variant<std::monostate, const Statement*, const Pipe*, const Command*, const Operand*>;
  // What a function or method is called from: its node and, for methods, the name.
  struct CallSite {
    Place place;
    std::string_view name;
    std::span<const Operand> args;  // without the function itself
  };

  // Nesting counts itself; the stack of the thread is the bound behind max_depth.
  class Depth {
   public:
    explicit Depth(Executor& executor) : executor_(executor) {
      if (++executor_.depth_ > executor_.limits_.max_depth) {
        executor_.Exhausted(fmt::format("exceeded maximum template depth ({})", executor_.limits_.max_depth));
      }
    }
    ~Depth() { --executor_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Executor& executor_;
  };

  // --- errors and bounds ---

  std::string Located(const std::string& message) const {
    const auto located = [&](size_t pos, const std::string& text) {
      return fmt::format("template: {}: executing {} at <{}>: {}", tree_->Locate(pos), Quote(tree_->name),
                         text, message);
    };
    return std::visit(
        [&](const auto& place) -> std::string {
          if constexpr (std::is_same_v<std::decay_t<decltype(place)>, std::monostate>) {
            return fmt::format("template: {}: {}", tree_->name, message);
          } else {
            return located(place->pos, place->ToString());
          }
        },
        place_);
  }

  [[noreturn]] void Fail(const std::string& message) const {
    throw ExecutionError{core::Code::kInvalidArgument, Located(message)};
  }
  [[noreturn]] void Exhausted(const std::string& message) const {
    throw ExecutionError{core::Code::kResourceExhausted, Located(message)};
  }

  void At(Place place) {
    place_ = place;
    if (++steps_ > limits_.max_steps) Exhausted(fmt::format("exceeded {} steps", limits_.max_steps));
  }

  // Accounts for a value that a function made.
  void Charge(const Value& value) {
    size_t bytes = sizeof(Value);
    const auto add = [&](const Value& item) {
      bytes += sizeof(Value) + (item.kind() == Kind::kString ? item.AsString().size() : 0);
    };
    if (value.kind() == Kind::kString) {
      if (value.AsString().size() > limits_.max_output_bytes) {
        Exhausted(fmt::format("text exceeds {} bytes", limits_.max_output_bytes));
      }
      bytes += value.AsString().size();
    } else if (value.kind() == Kind::kList) {
      for (const Value& item : value.AsList().items()) add(item);
    } else if (value.kind() == Kind::kMap) {
      for (const auto& [key, item] : value.AsMap().entries()) {
        bytes += key.size() + 64;  // a tree node
        add(item);
      }
    }
    allocated_ += bytes;
    if (allocated_ > limits_.max_allocated_bytes) {
      Exhausted(fmt::format("values exceed {} bytes", limits_.max_allocated_bytes));
    }
    if (value.depth() > limits_.max_value_depth) {
      Exhausted(fmt::format("values are nested deeper than {}", limits_.max_value_depth));
    }
  }

  void CheckOutput() const {
    if (out_.exceeded()) Exhausted(fmt::format("output exceeds {} bytes", limits_.max_output_bytes));
  }

  // --- variables ---

  Value VariableValue(std::string_view name) const {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->name == name) return it->value;
    }
    Fail(fmt::format("undefined variable: {}", name));
  }

  void Assign(std::string_view name, const Value& value) {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->name == name) {
        it->value = value;
        return;
      }
    }
    Fail(fmt::format("undefined variable: {}", name));
  }

  // --- statements ---

  // Runs a template: its own variables, its own tree for positions.
  void RunTree(const Tree& tree, const Value& data) {
    const Depth depth(*this);
    const Tree* outer_tree = std::exchange(tree_, &tree);
    std::vector<Variable> outer_variables = std::exchange(variables_, {{"$", data}});
    const Place outer_place = place_;
    WalkList(data, tree.root);
    place_ = outer_place;
    variables_ = std::move(outer_variables);
    tree_ = outer_tree;
  }

  Flow WalkList(const Value& dot, const StatementList& list) {
    for (const Statement& statement : list) {
      const Flow flow = Walk(dot, statement);
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Flow Walk(const Value& dot, const Statement& statement) {
    At(&statement);
    switch (statement.type) {
      case StatementType::kText:
        out_.Append(statement.text);
        CheckOutput();
        return Flow::kNext;
      case StatementType::kAction: {
        // Declarations last until the enclosing action ends.
        const Value value = EvaluatePipe(dot, statement.pipe.get());
        if (statement.pipe->variables.empty()) PrintResult(statement, value);
        return Flow::kNext;
      }
      case StatementType::kIf:
      case StatementType::kWith:
        return WalkIfOrWith(dot, statement);
      case StatementType::kRange:
        return WalkRange(dot, statement);
      case StatementType::kTemplate:
        WalkTemplate(dot, statement);
        return Flow::kNext;
      case StatementType::kBreak:
        return Flow::kBreak;
      case StatementType::kContinue:
        return Flow::kContinue;
    }
    return Flow::kNext;
  }

  void PrintResult(const Statement& statement, const Value& value) {
    At(&statement);
    if (value.IsNilOrMissing()) {
      out_.Append("<no value>");
    } else if (value.kind() == Kind::kFunction) {
      Fail(fmt::format("can't print {} of type func", statement.ToString()));
    } else if (value.kind() == Kind::kString) {
      out_.Append(value.AsString());
    } else {
      PrintValue(out_, value);
    }
    CheckOutput();
  }

  Flow WalkIfOrWith(const Value& dot, const Statement& statement) {
    const Depth depth(*this);
    const size_t mark = variables_.size();
    const Value value = EvaluatePipe(dot, statement.pipe.get());
    Flow flow = Flow::kNext;
    if (!value.IsTrue()) {
      flow = WalkList(dot, statement.else_body);
    } else {
      flow = WalkList(statement.type == StatementType::kWith ? value : dot, statement.body);
    }
    variables_.resize(mark);
    return flow;
  }

  Flow WalkRange(const Value& dot, const Statement& statement) {
    const Depth depth(*this);
    const size_t outer_mark = variables_.size();
    const Value range = EvaluatePipe(dot, statement.pipe.get());
    const size_t mark = variables_.size();
    // False when {{break}} ended the loop.
    const auto iterate = [&](const Value& index, const Value& element) {
      SetRangeVariables(*statement.pipe, index, element);
      const Flow flow = WalkList(element, statement.body);
      variables_.resize(mark);
      return flow != Flow::kBreak;
    };
    const bool ran = Iterate(*statement.pipe, range, iterate);
    const Flow flow = ran ? Flow::kNext : WalkList(dot, statement.else_body);
    variables_.resize(outer_mark);
    return flow;
  }

  void SetRangeVariables(const Pipe& pipe, const Value& index, const Value& element) {
    const auto& names = pipe.variables;
    if (names.empty()) return;
    const Value& first = names.size() > 1 ? index : element;
    if (pipe.is_assign) {
      Assign(names[0], first);
      if (names.size() > 1) Assign(names[1], element);
      return;
    }
    variables_[variables_.size() - names.size()].value = first;
    if (names.size() > 1) variables_.back().value = element;
  }

  // True when there was at least one element.
  template <typename Each>
  bool Iterate(const Pipe& pipe, const Value& range, const Each& each) {
    switch (range.kind()) {
      case Kind::kMissing:
      case Kind::kNil:
        return false;
      case Kind::kList: {
        int64_t index = 0;
        for (const Value& item : range.AsList().items()) {
          if (!each(Value::Int(index++), item)) break;
        }
        return !range.AsList().items().empty();
      }
      case Kind::kMap:
        for (const auto& [key, item] : range.AsMap().entries()) {
          if (!each(Value::String(key), item)) break;
        }
        return !range.AsMap().entries().empty();
      case Kind::kInt: {
        if (pipe.variables.size() > 1) {
          Fail(fmt::format("can't use {} to iterate over more than one variable", range.AsInt()));
        }
        for (int64_t i = 0; i < range.AsInt(); ++i) {
          const Value value = Value::Int(i, range.int_type());
          if (!each(value, value)) break;
        }
        return range.AsInt() > 0;
      }
      default: {
        BoundedText shown(256);
        PrintValue(shown, range);
        Fail("range can't iterate over " + shown.text());
      }
    }
  }

  void WalkTemplate(const Value& dot, const Statement& statement) {
    const Tree* tree = set_.FindTree(statement.text);
    if (tree == nullptr) Fail(fmt::format("template {} not defined", Quote(statement.text)));
    const Value data = EvaluatePipe(dot, statement.pipe.get());
    place_ = &statement;
    RunTree(*tree, data);
  }

  // --- pipelines ---

  Value EvaluatePipe(const Value& dot, const Pipe* pipe) {
    if (pipe == nullptr) return {};
    const Depth depth(*this);
    At(pipe);
    std::optional<Value> value;
    for (const Command& command : pipe->commands) value = EvaluateCommand(dot, command, value);
    for (const std::string& name : pipe->variables) {
      if (pipe->is_assign) {
        Assign(name, *value);
      } else {
        variables_.push_back({name, *value});
      }
    }
    return std::move(*value);
  }

  void RefuseArguments(std::span<const Operand> args, const std::optional<Value>& final) const {
    if (args.size() > 1 || final) Fail("can't give argument to non-function " + args[0].ToString());
  }

  // `final` is the value that the previous command of the pipeline gave.
  Value EvaluateCommand(const Value& dot, const Command& command, const std::optional<Value>& final) {
    const Operand& first = command.args[0];
    const std::span<const Operand> args(command.args);
    switch (first.type) {
      case OperandType::kField:
        return EvaluateField(dot, first, args, final);
      case OperandType::kChain:
        return EvaluateChain(dot, first, args, final);
      case OperandType::kVariable:
        return EvaluateVariable(dot, first, args, final);
      case OperandType::kIdentifier:
        return EvaluateFunction(dot, first, &command, args, final);
      case OperandType::kPipe:
        At(&first);
        RefuseArguments(args, final);
        return EvaluatePipe(dot, first.pipe.get());
      default:
        break;
    }
    At(&first);
    RefuseArguments(args, final);
    if (first.type == OperandType::kNil) Fail("nil is not a command");
    if (first.type == OperandType::kDot) return dot;
    return first.constant;
  }

  Value EvaluateField(const Value& dot, const Operand& field, std::span<const Operand> args,
                      const std::optional<Value>& final) {
    At(&field);
    return FieldChain(dot, dot, field, field.idents, args, final);
  }

  Value EvaluateChain(const Value& dot, const Operand& chain, std::span<const Operand> args,
                      const std::optional<Value>& final) {
    At(&chain);
    const Value base = EvaluateArg(dot, Param::Any(), *chain.base);
    return FieldChain(dot, base, chain, chain.idents, args, final);
  }

  Value EvaluateVariable(const Value& dot, const Operand& variable, std::span<const Operand> args,
                         const std::optional<Value>& final) {
    At(&variable);
    Value value = VariableValue(variable.idents[0]);
    if (variable.idents.size() == 1) {
      RefuseArguments(args, final);
      return value;
    }
    return FieldChain(dot, value, variable, std::span(variable.idents).subspan(1), args, final);
  }

  // ".A.B.C args": only the last name may be a method with arguments.
  Value FieldChain(const Value& dot, Value receiver, const Operand& node, std::span<const std::string> names,
                   std::span<const Operand> args, const std::optional<Value>& final) {
    for (const std::string& name : names.subspan(0, names.size() - 1)) {
      receiver = Member(dot, name, node, {}, std::nullopt, receiver);
    }
    return Member(dot, names.back(), node, args, final, receiver);
  }

  // A method, field or key of a value. `args` starts with the node itself.
  Value Member(const Value& dot, const std::string& name, const Operand& node, std::span<const Operand> args,
               const std::optional<Value>& final, const Value& receiver) {
    if (receiver.IsMissing()) {
      if (set_.options().missing_key == MissingKey::kError) {
        Fail(fmt::format("nil data; no entry for key {}", Quote(name)));
      }
      return {};
    }
    if (receiver.kind() == Kind::kNil) Fail(fmt::format("nil pointer evaluating interface {{}}.{}", name));
    if (const Function* method = FindMethod(receiver, name)) {
      const CallSite site{&node, name, args.empty() ? args : args.subspan(1)};
      return CallChecked(dot, *method, site, final, &receiver);
    }
    const bool has_args = args.size() > 1 || final.has_value();
    if (receiver.kind() == Kind::kStruct) {
      if (const Value* field = receiver.AsStruct().Find(name)) {
        if (has_args) Fail(fmt::format("{} has arguments but cannot be invoked as function", name));
        return *field;
      }
    }
    if (receiver.kind() == Kind::kMap) {
      if (has_args) Fail(fmt::format("{} is not a method but has arguments", name));
      return MapValue(receiver.AsMap(), name);
    }
    Fail(fmt::format("can't evaluate field {} in type {}", name, receiver.TypeName()));
  }

  Value MapValue(const Map& map, const std::string& key) const {
    const auto found = map.entries().find(key);
    if (found != map.entries().end()) return found->second;
    switch (set_.options().missing_key) {
      case MissingKey::kDefault:
        return {};
      case MissingKey::kZero:
        return map.type().has_string_elems ? Value::String("") : Value();
      case MissingKey::kError:
        break;
    }
    Fail(fmt::format("map has no entry for key {}", Quote(key)));
  }

  // --- calls ---

  const Function* FindFunction(std::string_view name, bool& is_builtin) const {
    is_builtin = false;
    const auto own = set_.functions().find(name);
    if (own != set_.functions().end()) return &own->second;
    const auto builtin = BuiltinFunctions().find(name);
    if (builtin != BuiltinFunctions().end()) {
      is_builtin = true;
      return &builtin->second;
    }
    // What escaping has put into pipelines; their names cannot be written in a template.
    const auto escaper = HtmlEscapers().find(name);
    return escaper == HtmlEscapers().end() ? nullptr : &escaper->second;
  }

  Value EvaluateFunction(const Value& dot, const Operand& node, Place place, std::span<const Operand> args,
                         const std::optional<Value>& final) {
    At(&node);
    bool is_builtin = false;
    const Function* function = FindFunction(node.text, is_builtin);
    if (function == nullptr) Fail(fmt::format("{} is not a defined function", Quote(node.text)));
    const CallSite site{place, node.text, args.empty() ? args : args.subspan(1)};
    if (is_builtin && (node.text == "and" || node.text == "or")) {
      CheckArity(*function, site, final.has_value());
      return ShortCircuit(dot, node.text == "or", site, final);
    }
    return CallChecked(dot, *function, site, final, nullptr);
  }

  void CheckArity(const Function& function, const CallSite& site, bool has_final) const {
    const size_t given = site.args.size() + (has_final ? 1 : 0);
    const size_t fixed = function.params.size() - (function.is_variadic ? 1 : 0);
    if (given < fixed || (!function.is_variadic && given > fixed)) {
      Fail(
          fmt::format("wrong number of args for {}: want {} got {}", site.name, ArgsWanted(function), given));
    }
  }

  Value ShortCircuit(const Value& dot, bool stop_at, const CallSite& site,
                     const std::optional<Value>& final) {
    Value value;
    for (const Operand& arg : site.args) {
      value = EvaluateArg(dot, Param::Any(), arg);
      if (value.IsTrue() == stop_at) return value;
    }
    return final ? *final : value;
  }

  Value CallChecked(const Value& dot, const Function& function, const CallSite& site,
                    const std::optional<Value>& final, const Value* receiver) {
    CheckArity(function, site, final.has_value());
    std::vector<Value> values;
    values.reserve(site.args.size() + 2);
    if (receiver != nullptr) values.push_back(*receiver);
    const auto param_at = [&](size_t i) {
      return function.is_variadic && i + 1 >= function.params.size() ? function.params.back()
                                                                     : function.params[i];
    };
    for (size_t i = 0; i < site.args.size(); ++i)
      values.push_back(EvaluateArg(dot, param_at(i), site.args[i]));
    if (final) values.push_back(Checked(*final, param_at(site.args.size())));
    core::Result<Value> result = function.body(*this, values);
    if (!result) {
      At(site.place);
      std::string message = result.error().message();
      // Go names the callee of the "call" function by its expression.
      if (site.name == "call" && message.starts_with("non-function ") && !site.args.empty()) {
        message.insert(std::string_view("non-function ").size(), site.args[0].ToString() + " ");
      }
      Fail(fmt::format("error calling {}: {}", site.name, message));
    }
    Charge(*result);
    return std::move(*result);
  }

  // --- arguments ---

  Value EvaluateArg(const Value& dot, Param param, const Operand& operand) {
    At(&operand);
    switch (operand.type) {
      case OperandType::kDot:
        return Checked(dot, param);
      case OperandType::kNil:
        if (param.kind != Param::Kind::kAny && param.kind != Param::Kind::kStrings) {
          Fail(fmt::format("cannot assign nil to {}", param.TypeName()));
        }
        return Value::Nil();
      case OperandType::kField:
        return Checked(EvaluateField(dot, operand, {}, std::nullopt), param);
      case OperandType::kVariable:
        return Checked(EvaluateVariable(dot, operand, {}, std::nullopt), param);
      case OperandType::kPipe:
        return Checked(EvaluatePipe(dot, operand.pipe.get()), param);
      case OperandType::kIdentifier:
        return Checked(EvaluateFunction(dot, operand, &operand, {}, std::nullopt), param);
      case OperandType::kChain:
        return Checked(EvaluateChain(dot, operand, {}, std::nullopt), param);
      default:
        return Constant(operand, param);
    }
  }

  // A literal, fitted to the parameter's type.
  Value Constant(const Operand& operand, Param param) const {
    const bool is_number = operand.type == OperandType::kNumber;
    switch (param.kind) {
      case Param::Kind::kAny:
        return operand.constant;
      case Param::Kind::kBool:
        if (operand.type != OperandType::kBool) Fail("expected bool; found " + operand.ToString());
        return operand.constant;
      case Param::Kind::kString:
        if (operand.type != OperandType::kString) Fail("expected string; found " + operand.ToString());
        return operand.constant;
      case Param::Kind::kInt:
      case Param::Kind::kDuration:
        if (!is_number || !operand.number.is_int) Fail("expected integer; found " + operand.ToString());
        return param.kind == Param::Kind::kInt ? Value::Int(operand.number.int_value)
                                               : Value::Duration(operand.number.int_value);
      case Param::Kind::kFloat:
        if (!is_number || !operand.number.is_float) Fail("expected float; found " + operand.ToString());
        return Value::Float(operand.number.float_value);
      default:
        Fail(fmt::format("can't handle {} for arg of type {}", operand.ToString(), param.TypeName()));
    }
  }

  // A value that must have the parameter's type.
  Value Checked(Value value, Param param) const {
    if (param.kind == Param::Kind::kAny) {
      return value.IsMissing() ? Value::Nil() : std::move(value);
    }
    if (value.IsNilOrMissing()) {
      if (param.kind == Param::Kind::kStrings) return Value::Strings({});
      Fail(fmt::format("invalid value; expected {}", param.TypeName()));
    }
    if (!Fits(value, param)) {
      Fail(fmt::format("wrong type for value; expected {}; got {}", param.TypeName(), value.TypeName()));
    }
    return value;
  }

  static bool Fits(const Value& value, Param param) {
    switch (param.kind) {
      case Param::Kind::kAny:
        return true;
      case Param::Kind::kBool:
        return value.kind() == Kind::kBool;
      case Param::Kind::kInt:
        return value.kind() == Kind::kInt && value.int_type() == IntType::kInt;
      case Param::Kind::kFloat:
        return value.kind() == Kind::kFloat;
      case Param::Kind::kString:
        return value.kind() == Kind::kString && value.text_type() == TextType::kPlain;
      case Param::Kind::kStrings:
        return value.kind() == Kind::kList && value.AsList().type().has_string_elems;
      case Param::Kind::kTime:
        return value.kind() == Kind::kTime;
      case Param::Kind::kDuration:
        return value.kind() == Kind::kInt && value.int_type() == IntType::kDuration;
      case Param::Kind::kTyped:
        return value.type() == param.type;
    }
    return false;
  }

  const TemplateSet& set_;
  const Limits& limits_;
  const Environment* environment_;
  BoundedText out_;
  const Tree* tree_ = nullptr;
  std::vector<Variable> variables_;
  Place place_;
  int64_t steps_ = 0;
  size_t allocated_ = 0;
  int depth_ = 0;
};

}  // namespace

core::Result<std::string> ExecuteTree(const TemplateSet& set, const Tree& tree, const Value& data,
                                      const Environment* environment) {
  try {
    return Executor(set, environment).Run(tree, data);
  } catch (const ExecutionError& error) {
    return tl::unexpected(core::Error(error.code, error.message));
  }
}

}  // namespace sextant::gotemplate
