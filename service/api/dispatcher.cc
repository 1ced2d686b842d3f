// SPDX-License-Identifier: Apache-2.0
#include "service/api/dispatcher.h"

#include "base/log.h"
#include "service/api/open_routes.h"
#include "service/api/problem_body.h"
#include "service/api/routes.h"
#include "service/http/problem.h"

namespace kw::api {
namespace {

core::Call call_of(const http::Request& request) {
  return {.caller = request.caller,
          .id = request.id,
          .source = request.source,
          .started = Clock::now(),
          .deadline = request.deadline};
}

// Text is what a request's act is read from, and a batch's parts are later.
struct Text {
  Secret body;
  JsonDocument document;
};

Result<Text> read_text(Secret body) {
  static constexpr std::string_view kNoFields = "{}";
  const ByteView bytes = body.empty() ? as_bytes(kNoFields) : body.reveal();
  JsonDocument document = TRY(JsonDocument::parse(bytes));
  return Text{std::move(body), std::move(document)};
}

// Reads the request into the act that passes the door.
Result<Act> read_act(const Route& route, const Target& target, http::Request& request) {
  const bool has_fields = !request.body.empty();
  Text read = TRY(read_text(std::move(request.body)));
  const auto text = std::make_shared<const Text>(std::move(read));
  if (has_fields && route.has_body && request.content_type != "application/json") {
    return refusal(Code::InvalidArgument, "content-type: must be application/json");
  }
  JsonFields fields = TRY(JsonFields::of(text->document.root()));
  Act act = TRY(route.decode(std::move(fields), target));
  if (route.lane == core::Lane::Batch) act.keep(text);
  return act;
}

// A request that cannot be read passes the door as well, to be refused there on record.
Act refusing(std::string_view operation, Error error) {
  return [operation, error = std::move(error)](core::KeyService& door, const core::Call& call) {
    return door.refuse(call, operation, error).map([](Result<Secret> result) -> Result<Answer> {
      return std::move(result).error();
    });
  };
}

// Finds what is asked for. Errors: what match() says, and NotFound.
Result<Match> find(const http::Request& request) {
  if (const auto& no = request.rejection) {
    return refusal(http::code_of(no->status), std::string(no->advice));
  }
  Match found = TRY(match(request.method, request.path, request.query));
  if (found.route != nullptr) return found;
  return refusal(Code::NotFound, "no such call; see /openapi.json");
}

struct Plan {
  core::Lane lane;
  Act act;
};

Plan plan(const Match& match, http::Request& request) {
  const Route& route = *match.route;
  Result<Act> act = read_act(route, match.target, request);
  if (!act) return {core::Lane::Host, refusing(route.operation, std::move(act).error())};
  if (route.lane != core::Lane::Batch) act->asks_for(route.work);
  return {route.lane, std::move(act).value()};
}

// Whose share of the queues a request takes: the principal's, who may have many certificates. A
// subject proves nothing alone.
std::string account_of(const identity::Caller& caller) {
  if (!caller.spiffe_ids().empty()) return caller.spiffe_ids().front();
  return caller.dns_names().empty() ? caller.spki() : caller.dns_names().front();
}

Error error_of(core::Refusal why) {
  switch (why) {
    case core::Refusal::OwnShare:
      return refusal(Code::ResourceExhausted, "too many of your own requests wait already");
    case core::Refusal::QueueFull:
      return Error(Code::Unavailable, "the queue is full");
    case core::Refusal::NoTime:
      return Error(Code::Unavailable, "it would wait in the queue for too long");
    case core::Refusal::Late:
      break;
  }
  return Error(Code::Unavailable, "too late in the queue");
}

// What the service itself could not do is for operators to see; what a caller did is on record.
void log_failure(const RequestId& id, const Error& error) {
  const bool ours = error.code() == Code::Internal || error.code() == Code::Unavailable;
  if (ours) log_error(Severity::Error, "request " + id.text(), error);
}

// A head that was no request has a status of HTTP's own, unless its refusal could not be recorded.
http::Reply problem_of(const Error& error, const std::optional<http::Rejection>& no,
                       const RequestId& id) {
  const bool is_it = no && error.code() == http::code_of(no->status);
  return is_it ? http::problem(no->status, no->advice, id) : http::problem(error, id);
}

http::Reply reply_to(Result<Answer> result, const std::optional<core::Receipt>& receipt,
                     const std::optional<http::Rejection>& no, const RequestId& id) {
  http::Reply reply;
  if (result) {
    reply.status = result->status;
    reply.content_type = result->content_type;
    reply.body = std::move(result->body);
  } else {
    log_failure(id, result.error());
    reply = problem_of(result.error(), no, id);
  }
  if (receipt) reply.headers.emplace_back("Keyward-Receipt", receipt_text(*receipt));
  return reply;
}

// Debt is the answer that is owed to one request, and what is counted once it is paid.
class Debt {
 public:
  Debt(RequestMeter& meter, const Route* route, const core::Call& call,
       const std::optional<http::Rejection>& rejection, http::Respond respond)
      : meter_(meter),
        place_(meter.place_of(route)),
        rejection_(rejection),
        id_(call.id),
        began_(call.started),
        respond_(std::move(respond)) {}

  void pay(Result<Answer> result, const std::optional<core::Receipt>& receipt) {
    count(result);
    respond_(reply_to(std::move(result), receipt, rejection_, id_));
  }

  // The service or the caller is too busy; not a line for each, when there are many.
  void refuse(core::Refusal why) {
    const Error error = error_of(why);
    count(error);
    respond_(http::problem(error, id_));
  }

 private:
  void count(const Result<Answer>& result) noexcept {
    const auto failure = result ? std::nullopt : std::optional(result.error().code());
    meter_.note(place_, failure, Clock::now() - began_);
  }

  RequestMeter& meter_;
  const RequestMeter::Place place_;
  const std::optional<http::Rejection> rejection_;
  const RequestId id_;
  const Clock::time_point began_;
  http::Respond respond_;
};

// The steps of an act; the last one pays.
Task<std::optional<core::Work>(core::KeyService&)> steps_of(core::Backend& backend, Act act,
                                                            core::Call call,
                                                            std::shared_ptr<Debt> owed) {
  return [&backend, act = std::move(act), call = std::move(call),
          owed = std::move(owed)](core::KeyService& door) mutable -> std::optional<core::Work> {
    std::optional<core::Sealed<Answer>> answer = act.step(door, call);
    if (!answer) return act.next();
    backend.release<Answer>(*std::move(answer),
                            [owed](Result<Answer> result, std::optional<core::Receipt> receipt) {
                              owed->pay(std::move(result), receipt);
                            });
    return std::nullopt;
  };
}

// Errand is a request on its way through the queues: whose share of them it takes, what it holds in
// memory, and the answer that is owed.
struct Errand {
  std::string account;
  std::size_t bytes;
  core::Call call;
  std::shared_ptr<Debt> owed;
};

// All of the job but what it does.
core::Job job_of(const Errand& errand) {
  core::Job job;
  job.caller = errand.account;
  job.bytes = errand.bytes;
  job.deadline = errand.call.deadline;
  job.refuse = [owed = errand.owed](core::Refusal why) { owed->refuse(why); };
  return job;
}

void submit(core::Backend& backend, core::Executors& executors, Plan plan, Errand errand) {
  core::Job job = job_of(errand);
  job.work = plan.act.next();
  job.steps = plan.act.steps();
  job.run = steps_of(backend, std::move(plan.act), std::move(errand.call), std::move(errand.owed));
  executors.submit(plan.lane, std::move(job));
}

// A batch takes long to read. An executor does it, in a step of its own.
void submit_unread(core::Backend& backend, core::Executors& executors, Match match,
                   http::Request request, Errand errand) {
  core::Job job = job_of(errand);
  job.run = [&backend, &executors, match = std::move(match), request = std::move(request),
             errand = std::move(errand)](core::KeyService&) mutable -> std::optional<core::Work> {
    submit(backend, executors, plan(match, request), std::move(errand));
    return std::nullopt;
  };
  executors.submit(core::Lane::Batch, std::move(job));
}

}  // namespace

http::Overdue Dispatcher::dispatch(http::Request request, http::Respond respond) {
  if (std::optional<http::Reply> open = answer_open_route(backend_, request)) {
    respond(*std::move(open));
    return http::Overdue::Unavailable;
  }
  if (request.caller == nullptr) {
    backend_.count_unauthenticated();
    respond(http::problem(refusal(Code::Unauthenticated, "a client certificate is needed"),
                          request.id));
    return http::Overdue::Unavailable;
  }
  Result<Match> found = find(request);
  const Route* const route = found ? found->route : nullptr;
  core::Call call = call_of(request);
  const auto owed =
      std::make_shared<Debt>(meter_, route, call, request.rejection, std::move(respond));
  Errand errand{account_of(*request.caller), request.body.size(), std::move(call), owed};
  if (route != nullptr && route->lane == core::Lane::Batch) {
    submit_unread(backend_, executors_, *std::move(found), std::move(request), std::move(errand));
    return http::Overdue::Unavailable;
  }
  Plan planned = found ? plan(*found, request)
                       : Plan{core::Lane::Host, refusing("unknown", std::move(found).error())};
  const bool changes_state = planned.lane == core::Lane::State;
  submit(backend_, executors_, std::move(planned), std::move(errand));
  return changes_state ? http::Overdue::Unknown : http::Overdue::Unavailable;
}

}  // namespace kw::api
