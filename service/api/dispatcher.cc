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

Result<JsonFields> fields_of(const Route& route, const JsonDocument& document,
                             const http::Request& request) {
  if (route.has_body && request.content_type != "application/json") {
    return refusal(Code::InvalidArgument, "content-type: must be application/json");
  }
  return JsonFields::of(document.root());
}

// Reads the request into the act that passes the door.
Result<Act> read(const Route& route, const Target& target, const http::Request& request) {
  static constexpr std::string_view kNoFields = "{}";
  const bool empty = request.body.empty();
  const JsonDocument document =
      TRY(JsonDocument::parse(empty ? as_bytes(kNoFields) : request.body.reveal()));
  if (empty) return route.decode(TRY(JsonFields::of(document.root())), target);
  return route.decode(TRY(fields_of(route, document, request)), target);
}

// A request that cannot be read passes the door as well, to be refused there on record.
Act refusing(std::string_view operation, Error error) {
  return [operation, error = std::move(error)](core::KeyService& door, const core::Call& call) {
    return door.refuse(call, operation, error).map([](Result<Secret> result) -> Result<Answer> {
      return std::move(result).error();
    });
  };
}

struct Plan {
  core::Lane lane;
  Act act;
  const Route* route = nullptr;  // null: no call
};

Plan plan(const http::Request& request) {
  if (const auto& no = request.rejection) {
    return {core::Lane::Host,
            refusing("unknown", refusal(http::code_of(no->status), std::string(no->advice))),
            nullptr};
  }
  Result<Match> found = match(request.method, request.path, request.query);
  if (!found) {
    return {core::Lane::Host, refusing("unknown", std::move(found).error()), nullptr};
  }
  if (found->route == nullptr) {
    return {core::Lane::Host,
            refusing("unknown", refusal(Code::NotFound, "no such call; see /openapi.json")),
            nullptr};
  }
  const Route& route = *found->route;
  Result<Act> act = read(route, found->target, request);
  if (!act) return {core::Lane::Host, refusing(route.operation, std::move(act).error()), &route};
  if (route.lane != core::Lane::Batch) act->asks_for(route.work);
  return {route.lane, std::move(act).value(), &route};
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
  core::Call call = call_of(request);
  const std::size_t size = request.body.size();
  Plan planned = plan(request);
  const auto owed =
      std::make_shared<Debt>(meter_, planned.route, call, request.rejection, std::move(respond));
  core::Job job{.caller = account_of(*request.caller),
                .work = planned.act.next(),
                .steps = planned.act.steps(),
                .bytes = size,
                .deadline = request.deadline,
                .run = steps_of(backend_, std::move(planned.act), std::move(call), owed),
                .refuse = [owed](core::Refusal why) { owed->refuse(why); }};
  executors_.submit(planned.lane, std::move(job));
  return planned.lane == core::Lane::State ? http::Overdue::Unknown : http::Overdue::Unavailable;
}

}  // namespace kw::api
