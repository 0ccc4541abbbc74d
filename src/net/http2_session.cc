#include "net/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;

// RFC 9113 6.5.2: what each field costs on top of its text.
constexpr size_t kFieldOverheadBytes = 32;
// A header block may be so much longer than what is kept of it before the connection is given up.
constexpr size_t kMaxBlockExcess = 8;
constexpr size_t kMaxGoAwayText = 256;

const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }
std::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Fields that belong to a connection of HTTP/1.1 (RFC 9113 8.2.2).
bool IsOfConnection(std::string_view name) {
  for (std::string_view banned :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
    if (EqualsIgnoreCase(name, banned)) return true;
  }
  return false;
}

// Field names and values in the form of nghttp2. The text is kept here: views into it stay valid.
class FieldList {
 public:
  explicit FieldList(const HttpHeaders& fields) {
    size_t bytes = 0;
    for (size_t i = 0; i < fields.size(); ++i) bytes += fields.name(i).size() + fields.value(i).size();
    text_.reserve(bytes);
    fields_.reserve(fields.size() + 4);
  }

  // `name` and `value` must outlive the list.
  void AddView(std::string_view name, std::string_view value) {
    fields_.push_back({const_cast<uint8_t*>(Bytes(name)), const_cast<uint8_t*>(Bytes(value)), name.size(),
                       value.size(), NGHTTP2_NV_FLAG_NONE});
  }

  // Lower-case names, and values without line breaks, whoever made them.
  void AddAll(const HttpHeaders& fields) {
    for (size_t i = 0; i < fields.size(); ++i) {
      if (IsOfConnection(fields.name(i))) continue;
      size_t begin = text_.size();
      for (char c : fields.name(i)) text_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      size_t middle = text_.size();
      for (char c : fields.value(i)) text_ += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
      std::string_view text = text_;
      AddView(text.substr(begin, middle - begin), text.substr(middle));
    }
  }

  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return fields_.size(); }

 private:
  std::string text_;  // never grows above what was reserved
  std::vector<nghttp2_nv> fields_;
};

}  // namespace

struct Http2Session::Impl {
  ~Impl() { nghttp2_session_del(session); }

  static Http2Session& Self(void* user) { return *static_cast<Http2Session*>(user); }

  static Http2Stream* StreamOf(nghttp2_session* session, int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Session& self = Self(user);
    self.is_in_header_ = true;
    self.block_bytes_ = 0;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      std::unique_ptr<Http2Stream> stream = self.owner_.NewStream();
      stream->id_ = frame->hd.stream_id;
      nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream.get());
      self.streams_[frame->hd.stream_id] = std::move(stream);
      return 0;
    }
    Http2Stream* stream = StreamOf(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    stream->header_bytes_ = 0;
    stream->header_fields_ = 0;
    stream->is_in_trailers_ = stream->has_header_;
    if (!stream->is_in_trailers_) stream->headers.Clear();  // a preliminary answer came before
    return 0;
  }

  static int OnHeaderField(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name_bytes,
                           size_t name_size, const uint8_t* value_bytes, size_t value_size, uint8_t,
                           void* user) {
    Http2Session& self = Self(user);
    std::string_view name = View(name_bytes, name_size);
    std::string_view value = View(value_bytes, value_size);
    size_t size = name_size + value_size + kFieldOverheadBytes;
    self.block_bytes_ += size;
    if (self.block_bytes_ > kMaxBlockExcess * self.options_.max_header_bytes) {
      self.Flooded("http2_headers");
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    Http2Stream* stream = StreamOf(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    stream->header_bytes_ += size;
    stream->header_fields_ += 1;
    if (stream->header_bytes_ > self.options_.max_header_bytes) {
      stream->header_excess = "header_bytes";
    } else if (stream->header_fields_ > self.options_.max_header_fields + 4) {  // the pseudo fields
      stream->header_excess = "header_fields";
    } else if (stream->is_in_trailers_) {
      stream->trailers.Add(name, value);
    } else if (name.starts_with(':')) {
      SetPseudo(*stream, name, value);
    } else {
      stream->headers.Add(name, value);
    }
    return 0;
  }

  static void SetPseudo(Http2Stream& stream, std::string_view name, std::string_view value) {
    if (name == ":method") {
      stream.method = value;
    } else if (name == ":scheme") {
      stream.scheme = value;
    } else if (name == ":authority") {
      stream.authority = value;
    } else if (name == ":path") {
      stream.path = value;
    } else if (name == ":status") {
      std::from_chars(value.data(), value.data() + value.size(), stream.status);
    }
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Session& self = Self(user);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        self.is_in_header_ = false;
        OnHeadersFrame(self, StreamOf(session, frame->hd.stream_id), frame);
        break;
      case NGHTTP2_DATA: {
        Http2Stream* stream = StreamOf(session, frame->hd.stream_id);
        bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (frame->hd.length == 0 && !ends) self.OnControl();
        if (stream != nullptr && ends) EndOfPeer(self, *stream);
        break;
      }
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
          self.owner_.OnPong();
        } else {
          self.OnControl();
        }
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
          self.has_settings_ = true;
          self.OnControl();
        }
        break;
      case NGHTTP2_PRIORITY:
        self.OnControl();
        break;
      case NGHTTP2_RST_STREAM:
        if (self.options_.is_server &&
            !self.TakeToken(self.resets_, self.options_.reset_burst, self.options_.resets_per_second)) {
          self.Flooded("http2_resets");
        }
        break;
      case NGHTTP2_GOAWAY:
        self.owner_.OnGoAway(
            frame->goaway.last_stream_id,
            View(frame->goaway.opaque_data, std::min<size_t>(frame->goaway.opaque_data_len, kMaxGoAwayText)));
        break;
      default:
        break;
    }
    return self.is_flooded_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static void OnHeadersFrame(Http2Session& self, Http2Stream* stream, const nghttp2_frame* frame) {
    if (stream == nullptr) return;
    bool is_preliminary = !self.options_.is_server && stream->status >= 100 && stream->status < 200;
    if (!stream->has_header_ && !is_preliminary) {
      stream->has_header_ = true;
      self.owner_.OnHeader(*stream);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) EndOfPeer(self, *stream);
  }

  static void EndOfPeer(Http2Session& self, Http2Stream& stream) {
    stream.has_all_of_peer = true;
    self.owner_.OnEnd(stream);
  }

  static int OnDataChunk(nghttp2_session* session, uint8_t, int32_t stream_id, const uint8_t* data,
                         size_t size, void* user) {
    if (Http2Stream* stream = StreamOf(session, stream_id))
      Self(user).owner_.OnData(*stream, View(data, size));
    return 0;
  }

  static int OnStreamClose(nghttp2_session*, int32_t stream_id, uint32_t error, void* user) {
    Http2Session& self = Self(user);
    auto it = self.streams_.find(stream_id);
    if (it == self.streams_.end()) return 0;
    self.owner_.OnClosed(*it->second, static_cast<Http2Error>(error));
    self.streams_.erase(it);
    return 0;
  }

  // A request that could not be sent: the peer takes no more.
  static int OnFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    return OnStreamClose(session, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM, user);
  }

  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    Self(user).BrokenProtocol();
    return 0;
  }

  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Session& self = Self(user);
    // nghttp2 ends connections by itself where a frame is wrong.
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
      self.BrokenProtocol();
    bool is_last = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                   (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!is_last || !self.options_.is_server) return 0;
    Http2Stream* stream = StreamOf(session, frame->hd.stream_id);
    if (stream != nullptr && !stream->has_all_of_peer) self.owner_.OnAnsweredEarly(*stream);
    return 0;
  }

  static ssize_t ReadBody(nghttp2_session* session, int32_t stream_id, uint8_t* out, size_t size,
                          uint32_t* flags, nghttp2_data_source* source, void* user) {
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    size_t filled = 0;
    while (filled < size && !stream.pieces_.empty()) {
      Http2Stream::Piece& piece = stream.pieces_.front();
      std::string_view rest = piece.rest().substr(0, size - filled);
      memcpy(out + filled, rest.data(), rest.size());
      filled += rest.size();
      piece.offset += rest.size();
      if (piece.rest().empty()) stream.pieces_.pop_front();
    }
    stream.unsent_bytes_ -= filled;
    stream.sent_bytes_ += filled;
    bool is_last = stream.is_ended_ && stream.pieces_.empty();
    if (filled == 0 && !is_last) {
      stream.is_deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (is_last) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!stream.trailers_to_send_.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        FieldList fields(stream.trailers_to_send_);
        fields.AddAll(stream.trailers_to_send_);
        nghttp2_submit_trailer(session, stream_id, fields.data(), fields.size());
      }
    }
    if (filled > 0) Self(user).owner_.OnSent(stream, filled);
    return static_cast<ssize_t>(filled);
  }

  static nghttp2_data_provider Provider(Http2Stream& stream) {
    nghttp2_data_provider provider{};
    provider.source.ptr = &stream;
    provider.read_callback = ReadBody;
    return provider;
  }

  nghttp2_session* session = nullptr;
};

Http2Session::Http2Session(const Http2Options& options, Owner& owner)
    : options_(options),
      owner_(owner),
      impl_(std::make_unique<Impl>()),
      resets_{options.reset_burst},
      controls_{options.control_burst} {
  nghttp2_session_callbacks* callbacks = nullptr;
  SEXTANT_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Impl::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Impl::OnHeaderField);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Impl::OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Impl::OnDataChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Impl::OnStreamClose);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, Impl::OnInvalidFrame);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Impl::OnFrameNotSent);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Impl::OnFrameSent);
  nghttp2_option* option = nullptr;
  SEXTANT_CHECK(nghttp2_option_new(&option) == 0);
  // Closed streams would be kept for priorities, which are not used.
  nghttp2_option_set_no_closed_streams(option, 1);
  // Until the peer has said what it allows.
  nghttp2_option_set_peer_max_concurrent_streams(option, 100);
  int made = options_.is_server ? nghttp2_session_server_new2(&impl_->session, callbacks, this, option)
                                : nghttp2_session_client_new2(&impl_->session, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  SEXTANT_CHECK(made == 0);

  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, options_.max_frame_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options_.max_header_bytes)},
  };
  if (options_.is_server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  SEXTANT_CHECK(
      nghttp2_submit_settings(impl_->session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  SEXTANT_CHECK(
      nghttp2_session_set_local_window_size(impl_->session, NGHTTP2_FLAG_NONE, 0,
                                            static_cast<int32_t>(options_.connection_window_bytes)) == 0);
}

Http2Session::~Http2Session() = default;

bool Http2Session::TakeToken(Bucket& bucket, double burst, double per_second) {
  double gained = static_cast<double>(now_ns_ - bucket.filled_ns) * 1e-9 * per_second;
  bucket.tokens = std::min(burst, bucket.tokens + std::max(gained, 0.0));
  bucket.filled_ns = now_ns_;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

void Http2Session::OnControl() {
  if (!TakeToken(controls_, options_.control_burst, options_.controls_per_second)) Flooded("http2_controls");
}

void Http2Session::Flooded(std::string_view reason) {
  if (is_flooded_) return;
  is_flooded_ = true;
  owner_.OnRefused(reason);
}

void Http2Session::BrokenProtocol() {
  if (has_refused_ || is_flooded_) return;
  has_refused_ = true;
  owner_.OnRefused("http2_protocol");
}

core::Status Http2Session::Receive(std::string_view bytes, int64_t now_ns) {
  now_ns_ = now_ns;
  ssize_t used = nghttp2_session_mem_recv(impl_->session, Bytes(bytes), bytes.size());
  if (used == static_cast<ssize_t>(bytes.size())) return {};
  if (used == NGHTTP2_ERR_FLOODED) Flooded("http2_controls");
  if (is_flooded_) {
    nghttp2_session_terminate_session(impl_->session, NGHTTP2_ENHANCE_YOUR_CALM);
    return Fail(Code::kResourceExhausted, "the peer floods the connection");
  }
  if (used >= 0) return Fail(Code::kInternal, "HTTP/2: the session stopped reading");
  BrokenProtocol();
  nghttp2_session_terminate_session(impl_->session, NGHTTP2_PROTOCOL_ERROR);
  return Fail(Code::kInvalidArgument, "HTTP/2: {}", nghttp2_strerror(static_cast<int>(used)));
}

void Http2Session::Produce(std::string& out, size_t max_bytes) {
  while (out.size() < max_bytes) {
    const uint8_t* bytes = nullptr;
    ssize_t size = nghttp2_session_mem_send(impl_->session, &bytes);
    if (size <= 0) return;
    out.append(View(bytes, static_cast<size_t>(size)));
  }
}

bool Http2Session::is_finished() const {
  return nghttp2_session_want_read(impl_->session) == 0 && nghttp2_session_want_write(impl_->session) == 0;
}

Http2Stream* Http2Session::Open(std::unique_ptr<Http2Stream> stream, std::string_view method,
                                std::string_view scheme, std::string_view authority, std::string_view path,
                                const HttpHeaders& fields) {
  FieldList list(fields);
  list.AddView(":method", method);
  list.AddView(":scheme", scheme);
  list.AddView(":authority", authority);
  list.AddView(":path", path);
  list.AddAll(fields);
  stream->is_begun_ = true;
  nghttp2_data_provider provider = Impl::Provider(*stream);
  int32_t id =
      nghttp2_submit_request(impl_->session, nullptr, list.data(), list.size(), &provider, stream.get());
  if (id < 0) return nullptr;
  stream->id_ = id;
  return (streams_[id] = std::move(stream)).get();
}

void Http2Session::Begin(Http2Stream& stream, int status, const HttpHeaders& fields, bool ends) {
  if (stream.is_begun_) return;
  stream.is_begun_ = true;
  stream.is_ended_ = ends;
  char code[16];
  auto end = std::to_chars(code, code + sizeof code, status).ptr;
  FieldList list(fields);
  list.AddView(":status", std::string_view(code, static_cast<size_t>(end - code)));
  list.AddAll(fields);
  nghttp2_data_provider provider = Impl::Provider(stream);
  nghttp2_submit_response(impl_->session, stream.id_, list.data(), list.size(), ends ? nullptr : &provider);
}

void Http2Session::Inform(Http2Stream& stream, int status) {
  std::string code = std::to_string(status);
  FieldList list({});
  list.AddView(":status", code);
  nghttp2_submit_headers(impl_->session, NGHTTP2_FLAG_NONE, stream.id_, nullptr, list.data(), list.size(),
                         nullptr);
}

void Http2Session::Append(Http2Stream& stream, std::string owned, std::string_view borrowed) {
  size_t size = borrowed.empty() ? owned.size() : borrowed.size();
  if (size == 0 || stream.is_ended_) return;
  stream.unsent_bytes_ += size;
  stream.pieces_.push_back({std::move(owned), borrowed, 0});
  if (!stream.is_deferred_) return;
  stream.is_deferred_ = false;
  nghttp2_session_resume_data(impl_->session, stream.id_);
}

void Http2Session::End(Http2Stream& stream, HttpHeaders trailers) {
  if (stream.is_ended_) return;
  stream.is_ended_ = true;
  stream.trailers_to_send_ = std::move(trailers);
  if (!stream.is_deferred_) return;
  stream.is_deferred_ = false;
  nghttp2_session_resume_data(impl_->session, stream.id_);
}

void Http2Session::Reset(Http2Stream& stream, Http2Error error) {
  nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, stream.id_, static_cast<uint32_t>(error));
}

void Http2Session::GoAway(Http2Error error, std::string_view text) {
  nghttp2_submit_goaway(impl_->session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(impl_->session), static_cast<uint32_t>(error),
                        Bytes(text), text.size());
}

void Http2Session::Terminate(Http2Error error) {
  nghttp2_session_terminate_session(impl_->session, static_cast<uint32_t>(error));
}

void Http2Session::Ping() { nghttp2_submit_ping(impl_->session, NGHTTP2_FLAG_NONE, nullptr); }

Http2Stream* Http2Session::Find(int32_t id) {
  auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second.get();
}

void Http2Session::ForEach(const std::function<void(Http2Stream&)>& visit) {
  for (auto& [id, stream] : streams_) visit(*stream);
}

}  // namespace sextant::net
