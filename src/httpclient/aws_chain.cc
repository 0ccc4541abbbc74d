#include "httpclient/aws_chain.h"

#include <algorithm>
#include <mutex>
#include <thread>

#include "core/run_program.h"
#include "httpclient/aws_metadata.h"
#include "httpclient/kept_value.h"
#include "httpclient/secret_file.h"
#include "httpclient/sigv4.h"
#include "httpclient/token.h"
#include "net/url.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr core::DurationMs kExpiryMarginMs = 30'000;
constexpr core::DurationMs kUnstatedLifeMs = 600'000;
constexpr core::DurationMs kProgramMs = 25'000;
constexpr core::DurationMs kMetadataMs = 5'000;
constexpr const char* kRolesPath = "iam/security-credentials/";
constexpr const char* kRoleSeconds = "900";
constexpr size_t kMaxAnswerBytes = 1 << 20;

using KeptKeys = KeptValue<AwsCredentials>;
using KeysDone = std::function<void(Result<AwsTemporaryKeys> keys)>;

class Chain final : public AwsChain, public std::enable_shared_from_this<Chain> {
 public:
  Chain(config::SigV4Config config, const core::Clock& clock, Environment environment)
      : config_(std::move(config)),
        clock_(clock),
        environment_(std::move(environment)),
        kept_(std::make_shared<KeptKeys>(clock)) {}
  ~Chain() override {
    if (!thread_.joinable()) return;
    // The last user may have been called by the program's thread, which is at its end then.
    thread_.get_id() == std::this_thread::get_id() ? thread_.detach() : thread_.join();
  }

  void Get(const net::FetchRequest& cause, const std::string& region, const Send& send, Use use) override {
    Result<AwsPlan> plan = Plan();
    if (!plan) return use(tl::unexpected(plan.error()));
    if (const auto* keys = std::get_if<AwsCredentials>(&plan->source);
        keys != nullptr && plan->roles.empty()) {
      if (keys->access_key.empty() || keys->secret_key.empty()) {
        return use(Fail(Code::kNotFound, "no AWS credentials in the environment"));
      }
      return use(*keys);
    }
    DropIfOther(*plan);
    if (std::optional<AwsCredentials> good = kept_->Good()) return use(*good);
    kept_->Wait([&](KeptKeys::Store store) { Begin(cause, region, send, *plan, std::move(store)); },
                std::move(use));
  }

 private:
  // One way through a plan.
  struct Run {
    net::FetchRequest cause;
    std::string region;
    Send send;
    AwsPlan plan;
    size_t next_role = 0;
    KeptKeys::Store store;
  };
  using RunPtr = std::shared_ptr<Run>;

  Result<AwsPlan> Plan() const {
    AwsPlan plan;
    if (!config_.access_key.empty()) {
      plan.source = AwsCredentials{config_.access_key, config_.secret_key.Reveal(), ""};
    } else {
      SEXTANT_ASSIGN(plan, PlanAwsCredentials(config_.profile, environment_));
    }
    if (!config_.role_arn.empty()) {
      plan.roles.push_back({config_.role_arn, config_.external_id, config_.session_name, config_.tags});
    }
    return plan;
  }

  // Changed files or variables: what was got before is another's.
  void DropIfOther(const AwsPlan& plan) {
    {
      std::lock_guard lock(mutex_);
      if (plan_ == plan) return;
      plan_ = plan;
    }
    kept_->Drop();
  }

  void Begin(const net::FetchRequest& cause, const std::string& region, const Send& send, AwsPlan plan,
             KeptKeys::Store store) {
    auto run = std::make_shared<Run>();
    run->cause.timeout_ms = cause.timeout_ms;
    run->region = region;
    run->send = send;
    run->plan = std::move(plan);
    run->store = std::move(store);
    KeysDone done = [self = shared_from_this(), run](Result<AwsTemporaryKeys> keys) {
      self->GoOn(run, std::move(keys));
    };
    std::visit([&](const auto& source) { Ask(run, source, std::move(done)); }, run->plan.source);
  }

  // Assumes the next role, or is at the end.
  void GoOn(const RunPtr& run, Result<AwsTemporaryKeys> keys) {
    if (!keys) return run->store(tl::unexpected(keys.error()));
    if (run->next_role < run->plan.roles.size()) {
      const AwsRole& role = run->plan.roles[run->next_role++];
      return Assume(run, role, keys->keys, [self = shared_from_this(), run](Result<AwsTemporaryKeys> next) {
        self->GoOn(run, std::move(next));
      });
    }
    core::DurationMs life_ms =
        keys->expires_ms == 0 ? kUnstatedLifeMs : keys->expires_ms - kExpiryMarginMs - clock_.NowMs();
    run->store(KeptKeys::Got{std::move(keys->keys), life_ms});
  }

  // ---- Sources.

  void Ask(const RunPtr&, const AwsCredentials& keys, const KeysDone& done) {
    done(AwsTemporaryKeys{keys, 0});
  }

  void Ask(const RunPtr& run, const AwsWebIdentity& identity, const KeysDone& done) {
    Result<std::string> token =
        ReadSecretFile(identity.token_file).map_error(core::AddContext("the AWS web identity token"));
    if (!token) return done(tl::unexpected(token.error()));
    net::QueryParams form;
    form.Add("Action", "AssumeRoleWithWebIdentity");
    form.Add("RoleArn", identity.role_arn);
    form.Add("RoleSessionName", SessionName(identity.session_name));
    form.Add("WebIdentityToken", std::move(*token));
    form.Add("Version", "2011-06-15");
    AskSts(run, FormRequest(run->cause, StsUrl(run->region), form),
           fmt::format("assuming the role {} with a web identity", identity.role_arn), done);
  }

  void Ask(const RunPtr& run, const AwsCredentialProcess& process, const KeysDone&) {
    std::thread ended;
    {
      std::lock_guard lock(mutex_);
      ended = std::move(thread_);
      // It does not keep this object, whose end waits for it.
      thread_ = std::thread([weak = weak_from_this(), run, command = process.command] {
        auto output = core::RunProgram({"/bin/sh", {"-c", command}}, kProgramMs);
        Result<AwsTemporaryKeys> keys =
            output ? ReadAwsKeysJson(output->out) : tl::unexpected(output.error());
        std::shared_ptr<Chain> self = weak.lock();
        if (self == nullptr) return run->store(Fail(Code::kCancelled, "it is not needed any more"));
        self->GoOn(run, std::move(keys).map_error(core::AddContext("credential_process")));
      });
    }
    if (!ended.joinable()) return;
    // Whoever was called by the last one may ask for the next.
    ended.get_id() == std::this_thread::get_id() ? ended.detach() : ended.join();
  }

  void Ask(const RunPtr& run, const AwsContainerEndpoint& endpoint, const KeysDone& done) {
    net::FetchRequest request = GetRequest(*run, endpoint.url);
    std::string token = endpoint.token;
    if (!endpoint.token_file.empty()) {
      Result<std::string> read = ReadSecretFile(endpoint.token_file)
                                     .map_error(core::AddContext("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
      if (!read) return done(tl::unexpected(read.error()));
      token = std::move(*read);
    }
    if (!token.empty()) request.headers.Set("Authorization", token);
    run->send(std::move(request), [done](const Result<net::FetchResponse>& answer) {
      done(AwsBodyOf(answer)
               .and_then([](const std::string& body) { return ReadAwsKeysJson(body); })
               .map_error(core::AddContext("the container's AWS credentials")));
    });
  }

  void Ask(const RunPtr& run, const AwsInstanceMetadata& metadata, const KeysDone& done) {
    AwsMetadata::Open(metadata, run->cause.timeout_ms, run->send,
                      [done](Result<std::shared_ptr<const AwsMetadata>> session) {
                        if (!session) return done(tl::unexpected(NoMetadata(session.error())));
                        AskRole(*session, done);
                      });
  }

  static core::Error NoMetadata(const core::Error& error) {
    return error.WithContext(
        "no AWS credentials in the environment or the profile, and the instance's metadata give none");
  }

  static void AskRole(const std::shared_ptr<const AwsMetadata>& session, const KeysDone& done) {
    session->Get(kRolesPath, [session, done](Result<std::string> names) {
      if (!names) return done(tl::unexpected(NoMetadata(names.error())));
      std::string name = names->substr(0, names->find_first_of("\r\n"));
      if (name.empty()) {
        return done(tl::unexpected(NoMetadata({Code::kNotFound, "the instance has no role"})));
      }
      session->Get(kRolesPath + net::PathEscape(name), [done](Result<std::string> body) {
        done(std::move(body)
                 .and_then([](const std::string& json) { return ReadAwsKeysJson(json); })
                 .map_error(core::AddContext("the instance's AWS credentials")));
      });
    });
  }

  static net::FetchRequest GetRequest(const Run& run, std::string url) {
    net::FetchRequest request;
    request.url = std::move(url);
    request.timeout_ms = std::min(run.cause.timeout_ms, kMetadataMs);
    request.max_body_bytes = kMaxAnswerBytes;
    request.follow_redirects = false;
    return request;
  }

  // ---- STS.

  std::string SessionName(const std::string& wanted) const {
    return wanted.empty() ? fmt::format("sextant-{}", clock_.NowMs()) : wanted;
  }

  std::string StsUrl(const std::string& region) const {
    for (const char* variable : {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}) {
      if (std::string url = environment_(variable); !url.empty()) return url;
    }
    // The government's endpoints are FIPS 140 without saying so.
    bool says_fips = config_.use_fips_sts_endpoint && !region.starts_with("us-gov-");
    return fmt::format("https://sts{}.{}.amazonaws.com{}/", says_fips ? "-fips" : "", region,
                       region.starts_with("cn-") ? ".cn" : "");
  }

  void AskSts(const RunPtr& run, net::FetchRequest request, const std::string& what, const KeysDone& done) {
    run->send(std::move(request), [done, what](const Result<net::FetchResponse>& answer) {
      done(AwsBodyOf(answer)
               .and_then([](const std::string& body) { return ReadStsAnswer(body); })
               .map_error(core::AddContext("{}", what)));
    });
  }

  void Assume(const RunPtr& run, const AwsRole& role, const AwsCredentials& keys, const KeysDone& done) {
    net::QueryParams form;
    form.Add("Action", "AssumeRole");
    form.Add("RoleArn", role.arn);
    form.Add("RoleSessionName", SessionName(role.session_name));
    form.Add("DurationSeconds", kRoleSeconds);
    if (!role.external_id.empty()) form.Add("ExternalId", role.external_id);
    int index = 0;
    for (const auto& [key, value] : role.tags) {
      const std::string prefix = fmt::format("Tags.member.{}.", ++index);
      form.Add(prefix + "Key", key);
      form.Add(prefix + "Value", value);
    }
    form.Add("Version", "2011-06-15");
    net::FetchRequest request = FormRequest(run->cause, StsUrl(run->region), form);
    if (auto is_signed = SignAwsRequest(keys, {run->region, "sts"}, clock_.NowMs(), request); !is_signed) {
      return done(tl::unexpected(is_signed.error()));
    }
    AskSts(run, std::move(request), fmt::format("assuming the role {}", role.arn), done);
  }

  const config::SigV4Config config_;
  const core::Clock& clock_;
  const Environment environment_;
  const std::shared_ptr<KeptKeys> kept_;

  std::mutex mutex_;  // guards what follows
  AwsPlan plan_;      // of what is kept
  std::thread thread_;
};

}  // namespace

std::shared_ptr<AwsChain> MakeAwsChain(config::SigV4Config config, const core::Clock& clock,
                                       Environment environment) {
  return std::make_shared<Chain>(std::move(config), clock, std::move(environment));
}

}  // namespace sextant::httpclient
