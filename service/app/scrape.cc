// SPDX-License-Identifier: Apache-2.0
#include "service/app/scrape.h"

#include "service/api/open_routes.h"
#include "service/http/problem.h"

namespace kw::app {
namespace {

constexpr std::chrono::milliseconds kPageServesFor{200};

}  // namespace

http::Reply Scrape::answer(const http::Request& request) {
  if (request.path == "/metrics") return metrics();
  if (auto health = api::answer_health(backend_, request.path)) return *std::move(health);
  return http::problem(
      refusal(Code::NotFound, "there are /metrics, /healthz and /readyz; the API is elsewhere"),
      request.id);
}

http::Reply Scrape::metrics() {
  if (text_.empty() || has_passed(good_until_)) {
    telemetry::Page page;
    describe_(page);
    text_ = page.text();
    good_until_ = deadline_in(kPageServesFor);
  }
  http::Reply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = text_;
  return reply;
}

}  // namespace kw::app
